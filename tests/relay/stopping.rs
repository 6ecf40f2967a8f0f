//! Processes that are told to stop while they work.

use std::time::Duration;

use pinrelay::pinterest::sandbox::{Fault, Stage, When};

use super::account::Account;
use super::process::Signal;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_in_the_middle_leaves_no_doubt_to_the_next() {
    let mut shop = Shop::open(Broker::shared().await, "stopping", 31, Terms::slow()).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 40, spread_ms: 0, at: Stage::AfterTaking })]);
    shop.sell(6_000).await;
    let first = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| 1_500 <= stats.processed).await;
    first.leave(Duration::from_secs(10)).await;
    let stats = shop.desk.stats();
    assert!(stats.processed < 4_500, "nothing was left for the next: {stats:?}");

    let second = shop.spawn("a");
    shop.settled().await;
    second.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_process_at_once_and_nothing_is_lost() {
    let terms = Terms { times: SLOW_DRAIN, pipeline: "answer_timeout: 20s", ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "second-signal", 32, terms).await;
    // Nobody gets an answer while the process lives.
    shop.desk.faults([(When::Always, Fault::Delay { ms: 15_000, spread_ms: 0, at: Stage::AfterTaking })]);
    let mut relay = shop.spawn("a");
    shop.sell(4_000).await;
    shop.desk.until(PATIENCE, |stats| 500 <= stats.processed).await;
    relay.signal(Signal::Terminate);
    relay.signal(Signal::Interrupt);
    // The drain would take until the answers come.
    assert_eq!(relay.ended(Duration::from_secs(3)).await.code(), Some(130));

    shop.desk.faults([]);
    let next = shop.spawn("a");
    shop.settled().await;
    next.leave(PATIENCE).await;
    let account = Account::of(&shop).await;
    account.assert_sound();
    assert!(0 < account.marked && 0 < account.in_doubt, "no post was under way: {:?}", account.marked);
}

const SLOW_DRAIN: &str = "session_timeout: 6s, transaction_timeout: 2s, drain_deadline: 30s, termination_grace: 1m";

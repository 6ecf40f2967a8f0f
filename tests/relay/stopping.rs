//! Processes that are told to stop while they work.

use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use tokio::time::Instant;

use super::account::Account;
use super::process::Signal;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_in_the_middle_leaves_no_doubt_to_the_next() {
    let mut shop = Shop::open(Broker::shared().await, "stopping", 31, Terms::slow()).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 150, spread_ms: 0, at: Stage::AfterTaking })]);
    shop.sell(6_000).await;
    let first = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| 1_500 <= stats.processed).await;
    first.leave(PATIENCE).await;
    let stats = shop.desk.stats();
    assert!(stats.processed < 4_500, "nothing was left for the next: {stats:?}");

    shop.desk.faults([]);
    let second = shop.spawn("a");
    shop.settled().await;
    second.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_process_at_once_and_nothing_is_lost() {
    const OF_EACH: usize = 500;
    // A call waits until it has all of them, or for three seconds.
    let lane = "batch_events: 1000, concurrency: 4, linger: 3s";
    let terms = Terms { times: SLOW_DRAIN, pipeline: "answer_timeout: 70s", lane, ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "second-signal", 32, terms).await;
    // Nobody gets an answer while the process lives.
    shop.desk.faults([(When::Always, Fault::Delay { ms: 60_000, spread_ms: 0, at: Stage::AfterTaking })]);
    // Of the one feed a post whose answer is lost goes again, of the other it does not.
    for feed in [DemoFeed::Order, DemoFeed::InStorePurchase] {
        shop.sell_events(feed, OF_EACH).await;
    }
    let mut relay = shop.spawn("a");
    let one_feed = u64::try_from(OF_EACH).unwrap();
    shop.desk.until(PATIENCE, |stats| one_feed < stats.processed).await;
    relay.signal(Signal::Terminate);
    relay.signal(Signal::Interrupt);
    // The drain would take until the answers come.
    assert_eq!(relay.ended(Duration::from_secs(20)).await.code(), Some(130));

    shop.desk.faults([]);
    let next = shop.spawn("a");
    shop.settled().await;
    next.leave(PATIENCE).await;
    let account = Account::of(&shop).await;
    account.assert_sound();
    let (marked, in_doubt) = (account.marked, account.in_doubt);
    assert!(0 < marked && 0 < in_doubt, "no post of one feed was under way: {marked} marked, {in_doubt} in doubt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_leaves_for_good_leaves_its_partitions_to_the_others_at_once() {
    // Whoever waits for the session waits for longer than this test.
    let terms = Terms { times: LONG_SESSION, ..Terms::slow() };
    let mut shop = Shop::open(Broker::shared().await, "leaving", 33, terms).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 40, spread_ms: 0, at: Stage::AfterTaking })]);
    let (staying, going) = (shop.spawn("a"), shop.spawn("b"));
    let [_, given_up] = shop.shared_by(["a", "b"]).await;
    shop.sell(4_000).await;
    shop.desk.until(PATIENCE, |stats| 500 <= stats.processed).await;
    going.will_leave().await;
    going.leave(PATIENCE).await;
    let (gone, before) = (Instant::now(), shop.committed().await);
    shop.shared_by(["a"]).await;
    shop.moves_on(&given_up, &before).await;
    println!("its partitions go on {:?} after its end, and the session lasts for 5 min", gone.elapsed());
    assert!(gone.elapsed() < PATIENCE, "it took {:?}", gone.elapsed());
    shop.settled().await;
    staying.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_stop_is_for_good_the_group_has_no_member_left_when_the_last_one_has_stopped() {
    for (name, times, members) in [("stops-to-leave", LEAVES, 0), ("stops-to-stay", LONG_SESSION, 1)] {
        let mut shop = Shop::open(Broker::shared().await, name, 34, Terms { times, ..Terms::default() }).await;
        shop.sell(100).await;
        let relay = shop.spawn("a");
        shop.settled().await;
        relay.leave(PATIENCE).await;
        assert_eq!(shop.members().await, members, "{name}");
    }
}

const LEAVES: &str =
    "on_stop: leave, session_timeout: 5m, transaction_timeout: 15s, drain_deadline: 30s, termination_grace: 1m";

const LONG_SESSION: &str = "session_timeout: 5m, transaction_timeout: 15s, drain_deadline: 30s, termination_grace: 1m";

const SLOW_DRAIN: &str = "session_timeout: 100s, transaction_timeout: 15s, drain_deadline: 80s, termination_grace: 2m";

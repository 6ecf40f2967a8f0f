//! The broker is away for twenty seconds while records are under way.

use std::collections::BTreeSet;
use std::time::Duration;

use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::process::{Relay, Signal};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

const AWAY: Duration = Duration::from_secs(20);

/// A session and a transaction outlive the outage.
///
/// A broker that is alone and comes back aborts what has timed out before its partitions have leaders again, and then
/// leaves out the abort markers ("likely deleted already"): Kafka 4.3.1 shows such records with the producer's next
/// commit. Three replicas, which the protocol assumes, have a leader all the time.
fn terms() -> Terms {
    Terms {
        times: "session_timeout: 100s, transaction_timeout: 75s, drain_deadline: 20s, termination_grace: 2m",
        pipeline: "answer_timeout: 15s, connect_timeout: 10s",
        ..Terms::slow()
    }
}

/// A process that is told to stop ends within 33 s.
fn brief() -> Terms {
    Terms {
        times: "session_timeout: 45s, transaction_timeout: 30s, drain_deadline: 3s, termination_grace: 60s",
        pipeline: "answer_timeout: 2s, connect_timeout: 1s",
        ..Terms::slow()
    }
}

/// Without drain deadline and transaction time-out, and without the 30 s that a request to a broker may take.
const AT_ONCE: Duration = Duration::from_secs(20);

/// In the middle of the work, so that transactions and posts are under way.
async fn at_work<'b>(broker: &'b Broker, name: &str, terms: Terms) -> (Shop<'b>, Relay) {
    let mut shop = Shop::open(broker, name, 51, terms).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 50, spread_ms: 0, at: Stage::AfterTaking })]);
    shop.sell(6_000).await;
    let relay = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| 1_000 <= stats.processed).await;
    (shop, relay)
}

async fn comes_to_its_end(shop: Shop<'_>, mut relay: Relay, began: Instant) -> String {
    shop.settled().await;
    assert_eq!(relay.has_ended(), None, "the process lives through it");
    relay.leave(PATIENCE).await;
    let account = Account::of(&shop).await;
    account.assert_sound();
    assert_eq!(account.in_doubt, 0, "Pinterest answered all the time, and the process remembers");
    let log = shop.logs().concat();
    let said: Vec<&str> =
        log.lines().filter_map(|line| line.split_once(" librdkafka: ")).map(|(_, said)| words(said)).collect();
    let different: BTreeSet<&str> = said.iter().copied().collect();
    let minutes = usize::try_from(began.elapsed().as_secs() / 60).unwrap();
    assert!(said.len() <= different.len() * (1 + minutes), "the same is said once a minute: {said:#?}");
    log
}

/// Without the thread in front, and what differs each time behind.
fn words(said: &str) -> &str {
    let said = said.split_once("]: ").map_or(said, |(_, said)| said);
    said.split(" (after ").next().unwrap_or(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_frozen_for_twenty_seconds_costs_nothing_but_time() {
    let broker = Broker::start_to_be_frozen().await;
    let began = Instant::now();
    let (shop, relay) = at_work(&broker, "frozen", terms()).await;
    broker.pause().await;
    sleep(AWAY).await;
    broker.unpause().await;
    comes_to_its_end(shop, relay, began).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_dead_for_twenty_seconds_costs_nothing_but_time() {
    let broker = Broker::start().await;
    let began = Instant::now();
    let (shop, relay) = at_work(&broker, "dead", terms()).await;
    broker.kill().await;
    sleep(AWAY).await;
    broker.restart().await;
    let log = comes_to_its_end(shop, relay, began).await;
    assert!(log.contains(": Connect to "), "that the broker is away is said: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_a_process_that_is_told_to_stop_ends_and_nothing_is_lost() {
    let broker = Broker::start_to_be_frozen().await;
    let (mut shop, mut relay) = at_work(&broker, "frozen-and-stopped", brief()).await;
    broker.pause().await;
    relay.signal(Signal::Terminate);
    relay.signal(Signal::Interrupt);
    assert_eq!(relay.ended(AT_ONCE).await.code(), Some(130));

    // It has nothing yet that could come to rest.
    let mut next = shop.spawn("a");
    next.starts().await;
    next.signal(Signal::Terminate);
    assert_eq!(next.ended(AT_ONCE).await.code(), Some(0));

    broker.unpause().await;
    let mut relay = shop.spawn("a");
    let processed = shop.desk.stats().processed;
    shop.desk.until(PATIENCE, |stats| processed + 500 < stats.processed).await;
    broker.pause().await;
    relay.signal(Signal::Terminate);
    // Its grace, which is what a stop may take.
    assert_eq!(relay.ended(Duration::from_mins(1)).await.code(), Some(0));

    broker.unpause().await;
    let mut relay = shop.spawn("a");
    let processed = shop.desk.stats().processed;
    shop.desk.until(PATIENCE, |stats| processed + 500 < stats.processed).await;
    broker.pause().await;
    relay.signal(Signal::Terminate);
    // By now it waits for the broker alone, and the second signal ends that.
    sleep(Duration::from_secs(5)).await;
    relay.signal(Signal::Interrupt);
    assert_eq!(relay.ended(AT_ONCE).await.code(), Some(130));

    broker.unpause().await;
    let last = shop.spawn("a");
    shop.settled().await;
    last.leave(PATIENCE).await;
    Account::of(&shop).await.assert_sound();
}

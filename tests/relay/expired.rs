//! A process is frozen in the middle of a transaction, until the broker has given that up.

use std::time::Duration;

use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::process::{Relay, Signal};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

/// How long the broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Between two questions.
const AGAIN: Duration = Duration::from_millis(20);

/// Membership and posts outlive the transaction.
fn terms() -> Terms {
    Terms {
        times: "session_timeout: 60s, transaction_timeout: 2s, drain_deadline: 70s, termination_grace: 80s",
        pipeline: "answer_timeout: 60s, connect_timeout: 1s",
        ..Terms::slow()
    }
}

/// Records of the audit topic behind the first one whose transaction has not ended, over all partitions.
async fn unended(shop: &Shop<'_>) -> i64 {
    let (config, topic) = (shop.broker.client(), shop.audit_topic());
    let asking = spawn_blocking(move || {
        let ends = |isolation: &str| {
            let client: BaseConsumer = config.clone().set("isolation.level", isolation).create().unwrap();
            let metadata = client.fetch_metadata(Some(&topic), ANSWER).unwrap();
            let partitions = metadata.topics()[0].partitions().iter();
            partitions.map(|partition| client.fetch_watermarks(&topic, partition.id(), ANSWER).unwrap().1).sum::<i64>()
        };
        ends("read_uncommitted") - ends("read_committed")
    });
    asking.await.unwrap()
}

async fn visible(shop: &Shop<'_>) -> usize {
    shop.broker.read_all(&shop.audit_topic()).await.len()
}

/// Leaves the process frozen; rows that it had written are gone.
async fn freeze_until_a_transaction_is_given_up(shop: &mut Shop<'_>, relay: &Relay) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no freeze has met an open transaction");
        shop.sell(200).await;
        relay.signal(Signal::Stop);
        let before = visible(shop).await;
        if 0 < unended(shop).await {
            while 0 < unended(shop).await {
                assert!(Instant::now() < deadline, "the broker does not give the transaction up");
                sleep(AGAIN).await;
            }
            // If the call to commit was on its way already, the rows are there now.
            if visible(shop).await == before {
                return;
            }
        }
        relay.signal(Signal::Continue);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_in_a_transaction_that_the_broker_gave_up_is_committed_later_and_posted_once() {
    let mut shop = Shop::open(Broker::shared().await, "expired", 36, terms()).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 20, spread_ms: 0, at: Stage::AfterTaking })]);
    let mut relay = shop.spawn("a");
    shop.sell(1_000).await;
    shop.desk.until(PATIENCE, |stats| 200 <= stats.processed).await;
    freeze_until_a_transaction_is_given_up(&mut shop, &relay).await;
    relay.signal(Signal::Continue);
    shop.settled().await;
    assert_eq!(relay.has_ended(), None, "the process lives through it");
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
    assert_eq!(shop.desk.posted_again(), [].into(), "an id was posted twice");
    let log = shop.logs().concat();
    assert!(log.contains("a new transactional producer is needed"), "the broker has put the old one out: {log}");
}

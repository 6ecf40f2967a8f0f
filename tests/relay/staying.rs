//! Some partitions go to another process and must wait for their answers; those that stay go on.

use std::collections::HashSet;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};

use super::account::{Account, place};
use super::shop::{PATIENCE, Place, Shop, Terms};
use super::support::Broker;

/// Nobody gives up before the test lets the answers come; what is sold together is posted together.
fn terms() -> Terms {
    Terms {
        times: "session_timeout: 45s, transaction_timeout: 5s, drain_deadline: 90s, termination_grace: 2m",
        pipeline: "answer_timeout: 80s, connect_timeout: 10s",
        lane: "linger: 1s, concurrency: 4, backoff_min: 50ms, backoff_max: 1s",
        ..Terms::default()
    }
}

async fn sell_to_all(shop: &mut Shop<'_>) -> Vec<Place> {
    let mut sold = Vec::new();
    for feed in DemoFeed::ALL {
        sold.extend(shop.sell_events(feed, 30).await.into_iter().map(|(place, _)| place));
    }
    sold
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_stay_get_their_rows_while_those_that_go_wait_for_their_answers() {
    let mut shop = Shop::open(Broker::shared().await, "staying", 34, terms()).await;
    // For ever: it ends when the desk closes.
    shop.desk.faults([(When::Always, Fault::Delay { ms: 3_600_000, spread_ms: 0, at: Stage::AfterTaking })]);
    let first = shop.spawn("a");
    let unanswered = sell_to_all(&mut shop).await;
    let posted = u64::try_from(unanswered.len()).unwrap();
    shop.desk.until(PATIENCE, |stats| stats.processed == posted).await;
    shop.desk.faults([]);

    let second = shop.spawn("b");
    let staying = shop.keeps("a").await;
    let since: Vec<Place> = sell_to_all(&mut shop).await;
    let (of_staying, waiting): (HashSet<Place>, HashSet<Place>) = (
        since.into_iter().filter(|(feed, partition, _)| staying.contains(&(*feed, *partition))).collect(),
        unanswered.into_iter().filter(|(feed, partition, _)| !staying.contains(&(*feed, *partition))).collect(),
    );
    let covered: HashSet<_> = of_staying.iter().map(|(feed, partition, _)| (*feed, *partition)).collect();
    assert_eq!(covered.len(), staying.len(), "each of {staying:?} has new records");
    assert!(!waiting.is_empty(), "nothing waits for an answer beside {staying:?}");

    let enough = move |messages: &[_]| {
        let rows: HashSet<Place> = messages.iter().map(place).collect();
        of_staying.is_subset(&rows)
    };
    let seen = shop.broker.read_until(&shop.audit_topic(), PATIENCE, enough).await;
    let answered: Vec<Place> = seen.iter().map(place).filter(|place| waiting.contains(place)).collect();
    assert!(answered.is_empty(), "the partitions that go were at rest before those that stay went on: {answered:?}");

    shop.desk.close().await;
    shop.desk.reopen().await;
    shop.settled().await;
    first.leave(PATIENCE).await;
    second.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

//! Events that are older than an hour when they are read, and what each feed says of them.

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind;
use pinrelay::kafka::audit;
use pinrelay::mapping::{Overrides, Plan, fingerprint};
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use pinrelay::run::clock;
use rdkafka::Message;
use serde_json::Value;

use super::account::Account;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

const HOUR_MS: i64 = 3_600_000;

/// The sample of the feed, as it happened so long ago, with an id of its own.
fn record(feed: DemoFeed, id: &str, age_ms: i64) -> Vec<u8> {
    let at_ms = clock::wall().0 - age_ms;
    let (sample, id_field, time_field, at) = match feed {
        DemoFeed::Order => (include_str!("../../schemas/samples/order.json"), "tag_event_id", "placed_at", at_ms),
        DemoFeed::Install => {
            (include_str!("../../schemas/samples/install.json"), "install_id", "installed_at", at_ms * 1_000)
        }
        DemoFeed::InStorePurchase => {
            let sample = include_str!("../../schemas/samples/in_store_purchase.json");
            (sample, "transaction_id", "purchased_at", at_ms / 1_000)
        }
    };
    let mut record: Value = serde_json::from_str(sample).unwrap();
    record[id_field] = id.into();
    record[time_field] = at.into();
    let plan = Plan::compile(feed.name(), feed.schema(), &[], &Overrides::new()).unwrap();
    let head = [&[0xc3, 0x01][..], &fingerprint(feed.schema()).unwrap()].concat();
    [head, plan.encode(&record).unwrap()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_event_is_sent_skipped_or_held_as_its_feed_says_and_its_row_has_its_age() {
    let feed = |feed| match feed {
        DemoFeed::Order => "late: hold",
        DemoFeed::Install => "late: skip",
        DemoFeed::InStorePurchase => "late: send",
    };
    let mut shop = Shop::open(Broker::shared().await, "late", 15, Terms { feed, ..Terms::default() }).await;
    let relay = shop.spawn("a");
    for (feed, id, age_ms, outcome) in [
        (DemoFeed::Install, "late", 2 * HOUR_MS, OutcomeKind::Skipped),
        (DemoFeed::Install, "timely", 1_000, OutcomeKind::Delivered),
        (DemoFeed::InStorePurchase, "late", 2 * HOUR_MS, OutcomeKind::Delivered),
        // Their first answer is lost: the late order never goes again, the timely one does.
        (DemoFeed::Order, "late", 2 * HOUR_MS, OutcomeKind::InDoubt),
        (DemoFeed::Order, "timely", 1_000, OutcomeKind::Delivered),
    ] {
        if feed == DemoFeed::Order {
            shop.desk.faults([(When::Next(1), Fault::Lose { at: Stage::AfterTaking })]);
        }
        shop.put(feed, 0, record(feed, id, age_ms), outcome).await;
        shop.settled().await;
    }
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_sound();

    let messages = shop.broker.read_all(&shop.audit_topic()).await;
    let mut rows = Vec::new();
    for message in &messages {
        let row = audit::read(message.payload().unwrap()).unwrap();
        // Half an hour is far beyond what the test takes, and far from the hour that counts.
        let hours = row.age_at_post_ms.map(|age_ms| (age_ms + HOUR_MS / 2) / HOUR_MS);
        let id = row.event_id.unwrap_or_default().to_owned();
        rows.push((row.feed.to_owned(), id, row.reason.to_owned(), row.late, hours, row.possibly_redelivered));
    }
    rows.sort();
    let row = |feed: &str, id: &str, reason: &str, late, hours, is_redelivered| {
        (feed.to_owned(), id.to_owned(), reason.to_owned(), late, hours, is_redelivered)
    };
    assert_eq!(
        rows,
        [
            row("in_store_purchase", "till-late", "processed", Some(true), Some(2), false),
            row("install", "late", "late", None, None, false),
            row("install", "timely", "processed", Some(false), Some(0), false),
            row("order", "late", "answer_lost", Some(true), Some(2), false),
            row("order", "timely", "processed", Some(false), Some(0), true),
        ]
    );
}

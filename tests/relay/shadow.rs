//! A lane in shadow mode, and the same group when it has left that.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind::{self, Delivered, Duplicate, Refused, Skipped};
use pinrelay::kafka::audit;
use rdkafka::Message;

use super::account::Account;
use super::shop::{PATIENCE, Place, Shop, Terms};
use super::support::Broker;

const RECORDS: usize = 4_000;

/// One event in a call, and a call a second: were these posted, or paced as if they were, they would take an hour.
const SHADOW: &str = "shadow: true, batch_events: 1, calls_per_minute: 60";

/// What a row says of a record and of its event.
struct Said {
    outcome: OutcomeKind,
    reason: String,
    detail: Option<String>,
    event: Event,
}

/// What two rows say alike if they speak of one event.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    key: Option<String>,
    /// Id, name, action source, value, currency.
    facts: [Option<String>; 5],
    identity_parameters: Vec<String>,
}

/// The rows by their records, each of which has one.
async fn said(shop: &Shop<'_>) -> HashMap<Place, Said> {
    let mut said = HashMap::new();
    for message in shop.broker.read_all(&shop.audit_topic()).await {
        let row = audit::read(message.payload().unwrap()).unwrap();
        let feed = DemoFeed::ALL.into_iter().find(|feed| feed.name() == row.feed).unwrap();
        let place = (feed, row.source_partition, row.source_offset);
        let facts = [row.event_id, row.event_name, row.action_source, row.value, row.currency];
        let event = Event {
            key: row.event_key.map(str::to_owned),
            facts: facts.map(|fact| fact.map(str::to_owned)),
            identity_parameters: row.identity_parameters.iter().map(|name| (*name).to_owned()).collect(),
        };
        let detail = row.detail.map(str::to_owned);
        let one = Said { outcome: row.outcome, reason: row.reason.to_owned(), detail, event };
        assert!(said.insert(place, one).is_none(), "two rows of {place:?}");
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shadow_mode_says_of_every_record_at_full_volume_what_it_would_send_and_leaves_its_ids_to_the_live_lane() {
    let terms = Terms { lane: SHADOW, ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "shadow", 66, terms).await;
    shop.sell(RECORDS).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;

    assert_eq!(shop.desk.stats().requests, 0, "nothing is asked or posted");
    assert_eq!(shop.committed().await, *shop.ends());
    let ends = shop.ends().clone();
    let planned = shop.planned.clone();
    let shadows = said(&shop).await;
    assert_eq!(shadows.len(), RECORDS);
    let mut details: BTreeMap<DemoFeed, BTreeSet<&str>> = BTreeMap::new();
    for (place, planned) in &planned {
        let said = &shadows[place];
        if matches!(planned, Delivered | Refused | Duplicate) {
            // No key is in the window, so that a duplicate is one more event that would be sent.
            assert_eq!((said.outcome, said.reason.as_str()), (Skipped, "shadow"), "{place:?}");
            let detail = said.detail.as_deref().expect("it says what would be sent");
            details.entry(place.0).or_default().insert(detail);
            let [id, name, source, ..] = &said.event.facts;
            assert!(id.is_some() && name.is_some() && source.is_some() && said.event.key.is_some(), "{place:?}");
            assert!(!said.event.identity_parameters.is_empty(), "{place:?}");
        } else {
            assert_eq!((said.outcome, said.reason == "shadow"), (*planned, false), "{place:?}");
        }
    }
    insta::assert_debug_snapshot!(details, @r#"
    {
        Order: {
            "custom_data(content_ids contents currency num_items order_id value), event_source_url, language, opt_out",
            "custom_data(content_ids contents currency num_items order_id value), language, opt_out",
        },
        Install: {
            "app_id, app_name, app_version, device_brand, device_model, device_type, language, opt_out, os_version, wifi",
        },
        InStorePurchase: {
            "custom_data(content_ids contents currency num_items order_id value)",
        },
    }
    "#);

    shop.lane_is_now(Terms::default().lane);
    shop.sell_again().await;
    for (place, outcome) in &planned {
        if matches!(outcome, Delivered | Refused | Duplicate) {
            shop.planned.insert(*place, Skipped);
        }
    }
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;

    // As planned for a group that begins: each id is posted once.
    Account::of(&shop).await.assert_calm();
    let all = said(&shop).await;
    for ((feed, partition, offset), outcome) in planned {
        if matches!(outcome, Delivered | Refused) {
            let live = &all[&(feed, partition, ends[&(feed, partition)] + offset)];
            let shadow = &shadows[&(feed, partition, offset)];
            assert_eq!((live.outcome, &live.event), (outcome, &shadow.event), "{feed:?} {partition} {offset}");
        }
    }
}

//! Nothing goes wrong but the records.

use std::time::Duration;

use pinrelay::commands::demo::scenario::{DemoFeed, expected};
use pinrelay::domain::OutcomeKind;
use pinrelay::mapping::fingerprint;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;

use super::account::Account;
use super::process::{binary, run, text};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, Input};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_feeds_end_in_the_audit_topic_with_exactly_one_row_for_each_record() {
    let (seed, records) = (11, 6_000);
    let mut shop = Shop::open(Broker::shared().await, "three-feeds", seed, Terms::default()).await;
    let relay = shop.spawn("a");
    shop.sell(records / 2).await;
    shop.settled().await;
    shop.sell(records / 2).await;
    shop.settled().await;
    relay.leave(PATIENCE).await;

    let log = shop.logs().concat();
    let alarms = log.lines().filter(|line| line.contains("ERROR ") || line.contains(" WARN ")).filter(is_own);
    assert_eq!(alarms.count(), 0, "nothing went wrong, says the audit topic:\n{log}");
    let account = Account::of(&shop).await;
    account.assert_calm();
    let planned = expected(seed, u64::try_from(records).unwrap());
    for feed in DemoFeed::ALL {
        for outcome in OutcomeKind::ALL {
            let found = u64::try_from(account.count(feed, outcome)).unwrap();
            assert_eq!(found, planned.get(feed, outcome), "{feed:?} {}", outcome.as_str());
        }
    }
}

/// Not of the client library, which tells of each connection that it had to open twice; and no warning of what talks to
/// brokers: a busy one may be late with any answer, and then it is asked again.
fn is_own(alarm: &&str) -> bool {
    let of_brokers = [" pinrelay::kafka::", " a restore is tried again"];
    !alarm.contains(" librdkafka: ")
        && (alarm.contains("ERROR ") || !of_brokers.iter().any(|words| alarm.contains(words)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_agrees_on_a_real_broker_and_a_plain_reader_counts_the_same_rows() {
    let broker = Broker::shared().await;
    let mut demo = binary();
    demo.args(["demo", "--records", "10000", "--seed", "5", "--json", "--bootstrap", &broker.bootstrap()]);
    let demo = run(demo).await;
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    let report: Value = serde_json::from_slice(&demo.stdout).unwrap();
    assert_eq!((&report["agrees"], &report["transactions"]), (&Value::Bool(true), &Value::Bool(true)));

    let client = broker.client();
    let topics = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = client.create().unwrap();
        let metadata = client.fetch_metadata(None, PATIENCE).unwrap();
        let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
        names.filter(|name| name.starts_with("pinrelay-demo-") && name.ends_with(".delivery-results")).collect()
    });
    let topics: Vec<String> = topics.await.unwrap();
    let [audit] = topics.as_slice() else { panic!("one demo has one audit topic: {topics:?}") };
    assert_eq!(broker.read_all(audit).await.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_record_in_the_middle_ends_as_undecodable_and_holds_nothing_up() {
    let mut shop = Shop::open(Broker::shared().await, "poison", 13, Terms::default()).await;
    let relay = shop.spawn("a");
    let mut random = StdRng::seed_from_u64(13);
    shop.sell(1_000).await;
    let before = shop.planned.len();
    let poison = poison(&mut random);
    let n_poison = poison.len();
    for (number, value) in (0..).zip(poison) {
        shop.put(DemoFeed::Order, number % 4, value, OutcomeKind::Undecodable).await;
    }
    shop.sell(1_000).await;
    shop.settled().await;
    relay.leave(PATIENCE).await;

    assert_eq!(shop.planned.len(), before + n_poison + 1_000);
    Account::of(&shop).await.assert_calm();
}

/// Bytes of no format; behind the right fingerprint; a length without end behind it; nothing at all.
fn poison(random: &mut StdRng) -> Vec<Vec<u8>> {
    let mut bytes = |n: usize| (0..n).map(|_| random.random()).collect::<Vec<u8>>();
    let head = [&[0xc3, 0x01][..], &fingerprint(DemoFeed::Order.schema()).unwrap()].concat();
    let framed = |rest: Vec<u8>| [head.clone(), rest].concat();
    let endless = framed([0xff; 9].to_vec());
    [bytes(64), bytes(100_000), framed(bytes(64)), framed(bytes(100_000)), endless, head.clone(), Vec::new()].into()
}

/// With and without key and value, and with headers that nobody reads, that are wrong, or that are empty or large.
fn odd() -> impl Iterator<Item = Input> {
    let values = [None, Some(Vec::new()), Some(vec![0xff; 100])];
    let keys = [None, Some(Vec::new()), Some(vec![0xfe; 70_000])];
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let headers = [
        vec![],
        vec![header("", b""), header("traceparent", b"00-nonsense"), header("traceparent", &[0xff; 55])],
        vec![header("__value_schema_id", &[1; 3]), header("shop", &[0; 100_000]), header("shop", b"again")],
    ];
    values.into_iter().flat_map(move |value| {
        let headers = headers.clone();
        keys.clone().into_iter().flat_map(move |key| {
            let value = value.clone();
            headers.clone().into_iter().map(move |headers| Input {
                partition: 1,
                key: key.clone(),
                value: value.clone(),
                headers,
            })
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_without_value_or_key_and_with_odd_headers_have_their_row_like_any_other() {
    let mut shop = Shop::open(Broker::shared().await, "odd-records", 15, Terms::default()).await;
    let relay = shop.spawn("a");
    shop.sell(500).await;
    for input in odd() {
        let outcome = if input.value.is_none() { OutcomeKind::Skipped } else { OutcomeKind::Undecodable };
        shop.put_as(DemoFeed::Order, input, outcome).await;
    }
    // The same headers beside events that are sent.
    for input in odd().filter(|input| input.key.is_none() && input.value.is_none()) {
        shop.headers = input.headers;
        shop.sell(200).await;
    }
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_work_leaves_at_once() {
    let times = "session_timeout: 5m, transaction_timeout: 15s, drain_deadline: 60s, termination_grace: 2m";
    let mut shop = Shop::open(Broker::shared().await, "idle", 14, Terms { times, ..Terms::default() }).await;
    let relay = shop.spawn("a");
    shop.shared_by(["a"]).await;
    // Far less than the drain deadline and a session.
    relay.leave(Duration::from_secs(20)).await;
}

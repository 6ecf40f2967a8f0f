//! Three lanes: one whose Pinterest cannot be reached, one with 60 calls a minute, one that is fine; and many in test
//! mode, which have one budget together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::config::process_environment;
use pinrelay::domain::OutcomeKind;
use pinrelay::kafka::audit;
use rdkafka::Message;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::desk::AD_ACCOUNT;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

const LIMITED_ACCOUNT: &str = "549755885176";
const LIMITED_CALLS: u32 = 60;

/// Orders of the fine lane: four seconds at its budget, 30 calls of 100 a second.
const ORDERS: usize = 12_000;

/// What the fine lane keeps of its speed.
const LEAST_RATIO: f64 = 0.95;

/// Far above what the process needs with `waiting_bytes` below, and far below what all records would take.
const MOST_MEMORY_MIB: u64 = 512;

fn terms() -> Terms {
    Terms {
        pipeline: "answer_timeout: 20s, connect_timeout: 10s, waiting_bytes: 64MiB",
        lane: "batch_events: 100, calls_per_minute: 1800",
        more_lanes: |url| {
            let lane = "token: {file: token}, batch_events: 100, backoff_min: 50ms, backoff_max: 1s";
            format!(
                "  - {{name: limited, ad_account_id: \"{LIMITED_ACCOUNT}\", base_url: \"{url}\", \
                 calls_per_minute: {LIMITED_CALLS}, {lane}}}\n  \
                 - {{name: dead, ad_account_id: \"549755885177\", base_url: \"http://127.0.0.1:1/v5\", {lane}}}\n"
            )
        },
        lane_of: |feed| match feed {
            DemoFeed::Order => "main",
            DemoFeed::Install => "limited",
            DemoFeed::InStorePurchase => "dead",
        },
        ..Terms::default()
    }
}

/// Events of the fine lane in a second, from the first that arrived to the last.
async fn speed(shop: &Shop<'_>) -> f64 {
    let delivered = shop.planned.iter().filter(|((feed, ..), planned)| {
        *feed == DemoFeed::Order && matches!(planned, OutcomeKind::Delivered | OutcomeKind::Refused)
    });
    let delivered = delivered.count();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let arrivals = shop.desk.arrivals_of(AD_ACCOUNT);
        if let (Some(first), Some(last)) = (arrivals.first(), arrivals.last())
            && delivered <= arrivals.len()
        {
            let seconds = Duration::from_millis((last - first).unsigned_abs()).as_secs_f64();
            return f64::from(u32::try_from(arrivals.len()).unwrap()) / seconds;
        }
        assert!(Instant::now() < deadline, "{} of {delivered} arrived", arrivals.len());
        sleep(Duration::from_millis(50)).await;
    }
}

/// How long records are written in the second part; `scripts/soak-lanes` sets it.
fn minutes() -> u64 {
    process_environment("RELAY_LANES_MINUTES").map_or(0, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fine_lane_goes_on_beside_a_dead_and_a_limited_one_and_memory_is_bounded() {
    let broker = Broker::shared().await;
    let mut alone = Shop::open(broker, "lane-alone", 61, terms()).await;
    alone.sell_of(DemoFeed::Order, ORDERS).await;
    let relay = alone.spawn("a");
    let speed_alone = speed(&alone).await;
    relay.leave(PATIENCE).await;

    let mut shop = Shop::open(broker, "lane-beside", 62, terms()).await;
    shop.desk.limit(LIMITED_ACCOUNT, LIMITED_CALLS);
    for feed in [DemoFeed::Install, DemoFeed::InStorePurchase] {
        shop.sell_of(feed, 10_000).await;
    }
    shop.sell_of(DemoFeed::Order, ORDERS).await;
    let relay = shop.spawn("a");
    let speed_beside = speed(&shop).await;
    println!(
        "measured: the fine lane: {speed_alone:.0} events/s alone, {speed_beside:.0} beside a dead and a limited one, \
         ratio {:.3}; memory at most {} MiB",
        speed_beside / speed_alone,
        relay.most_memory_mib()
    );
    // The long run has the machine to itself.
    assert!(minutes() == 0 || LEAST_RATIO <= speed_beside / speed_alone, "the fine lane is slower than alone");

    for minute in 0..minutes() {
        let end = Instant::now() + Duration::from_mins(1);
        while Instant::now() < end {
            for feed in DemoFeed::ALL {
                shop.sell_of(feed, 1000).await;
            }
            sleep(Duration::from_secs(1)).await;
        }
        let arrived = shop.desk.arrivals_of(AD_ACCOUNT).len();
        println!(
            "minute {}: {arrived} events of the fine lane, memory at most {} MiB",
            minute + 1,
            relay.most_memory_mib()
        );
    }
    // Those that are not posted, too.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let committed = shop.committed().await;
        let mut orders = shop.ends().iter().filter(|((feed, _), _)| *feed == DemoFeed::Order);
        if orders.all(|(partition, end)| committed.get(partition) == Some(end)) {
            break;
        }
        assert!(Instant::now() < deadline, "orders are left: {committed:?}");
        sleep(Duration::from_millis(50)).await;
    }
    let memory = relay.most_memory_mib();
    relay.leave(PATIENCE).await;

    let account = Account::of(&shop).await;
    let missing: BTreeSet<DemoFeed> = account.missing.iter().map(|(feed, ..)| *feed).collect();
    assert_eq!(missing, BTreeSet::from([DemoFeed::Install, DemoFeed::InStorePurchase]), "the fine lane is done");
    assert!(account.doubled.is_empty() && account.in_doubt == 0, "{account:?}");
    assert!(shop.desk.arrivals_of(LIMITED_ACCOUNT).len() > 100, "the limited lane goes on, too");
    let statuses = shop.desk.stats().requests_by_status;
    // A call that a busy machine holds up for a second comes into the budget of the next minute, and the question of
    // the start is one more.
    assert!(statuses.get(&429).copied().unwrap_or_default() <= minutes() + 1, "{statuses:?}");
    assert!(memory <= MOST_MEMORY_MIB, "{memory} MiB");
}

/// A lane each for so many ad accounts: far more than the test calls of a second.
const TRIAL_ACCOUNTS: u64 = 14;

/// Test requests that Pinterest answers in a second, and events that it looks at in each.
const TEST_CALLS_A_SECOND: usize = 10;
const TEST_EVENTS_A_CALL: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_in_test_mode_keep_to_one_budget_together_and_their_rows_say_that_they_tested() {
    let terms = Terms {
        lane: "test: true",
        more_lanes: |url| {
            let trial = |n| {
                let account = 549_755_885_176 + n;
                format!(
                    "  - {{name: trial-{n}, ad_account_id: \"{account}\", base_url: \"{url}\", \
                     token: {{file: token}}, test: true}}\n"
                )
            };
            (0..TRIAL_ACCOUNTS).map(trial).collect()
        },
        lane_of: |feed| match feed {
            DemoFeed::Order => "main",
            DemoFeed::Install => "trial-0",
            DemoFeed::InStorePurchase => "trial-1",
        },
        ..Terms::default()
    };
    let mut shop = Shop::open(Broker::shared().await, "lanes-of-tests", 63, terms).await;
    shop.sell(1_000).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;

    let statuses = shop.desk.stats().requests_by_status;
    // A few that a busy machine delivers all at once are too many for their second. Three lanes with a budget each begin
    // with 24 calls in the first second, of which 14 are refused.
    let refused = statuses.get(&429).copied().unwrap_or_default();
    assert!(10 * refused <= statuses.values().sum(), "{statuses:?}");
    let arrivals = shop.desk.arrivals();
    assert!(arrivals.iter().all(|arrival| arrival.test));
    let accounts: BTreeSet<_> = arrivals.iter().map(|arrival| &arrival.account).collect();
    assert_eq!(accounts.len(), 3, "each feed's lane has posted");
    let mut calls: BTreeMap<u64, (i64, usize)> = BTreeMap::new();
    for arrival in &arrivals {
        calls.entry(arrival.request).or_insert((arrival.at_ms, 0)).1 += 1;
    }
    assert!(calls.values().all(|(_, events)| *events <= TEST_EVENTS_A_CALL), "{calls:?}");
    let times: Vec<i64> = calls.values().map(|(at, _)| *at).collect();
    let lasted_ms = times.iter().max().unwrap() - times.iter().min().unwrap();
    let at_least_ms = i64::try_from((calls.len() - 1) * 1_000 / TEST_CALLS_A_SECOND).unwrap();
    println!("{} test events in {} calls within {lasted_ms} ms", arrivals.len(), calls.len());
    // Over all of them: within one second a busy machine may deliver those of two.
    assert!(2 * TEST_CALLS_A_SECOND < calls.len() && at_least_ms <= lasted_ms, "{times:?}");

    let rows = shop.broker.read_all(&shop.audit_topic()).await;
    assert_eq!(rows.len(), shop.planned.len());
    for row in &rows {
        let row = audit::read(row.payload().unwrap()).unwrap();
        assert_eq!(row.test, row.ad_account_id.is_some(), "{} {}", row.feed, row.reason);
        assert!(row.test || row.outcome != OutcomeKind::Delivered);
    }
}

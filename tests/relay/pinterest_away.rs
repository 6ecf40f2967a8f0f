//! Pinterest is away until so many calls have met it.

use std::collections::BTreeMap;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind;
use pinrelay::pinterest::sandbox::{Fault, Stage, Stats, When};
use tokio::time::timeout;

use super::account::Account;
use super::metrics::Page;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, free_port};

/// With the waits below, the longest wait is reached and several of them pass.
const CALLS_AWAY: u64 = 12;

/// `batch_events` and `concurrency` of the terms below.
const UNDER_WAY: u64 = 100 * 2;

fn terms() -> Terms {
    Terms { lane: "batch_events: 100, concurrency: 2, backoff_min: 100ms, backoff_max: 2s", ..Terms::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_pinterest_refuses_connections_records_wait_and_nothing_is_in_doubt() {
    let port = free_port();
    let terms = Terms { watch: format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n"), ..terms() };
    let mut shop = Shop::open(Broker::shared().await, "refusing", 41, terms).await;
    let relay = shop.spawn("a");
    shop.sell(2_000).await;
    shop.settled().await;

    shop.desk.close().await;
    shop.sell(4_000).await;
    let refused = async || Page::get(port).await.sum("pinrelay_requests_total", &[r#"status="unreachable""#]);
    timeout(PATIENCE, async { while refused().await < CALLS_AWAY {} }).await.expect("calls meet the outage");
    shop.desk.reopen().await;
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_pinterest_answers_503_only_what_was_under_way_comes_in_doubt() {
    for (name, at) in [("unavailable-before", Stage::BeforeTaking), ("unavailable-after", Stage::AfterTaking)] {
        let mut shop = Shop::open(Broker::shared().await, name, 42, terms()).await;
        shop.desk.faults([(When::Always, Fault::Delay { ms: 100, spread_ms: 0, at: Stage::AfterTaking })]);
        shop.sell(8_000).await;
        let relay = shop.spawn("a");
        shop.desk.until(PATIENCE, |stats| 1_000 <= stats.processed).await;
        let answer = Fault::Answer { status: 503, headers: BTreeMap::new(), body: String::new(), at };
        shop.desk.faults([(When::Always, answer)]);
        let unavailable = |stats: &Stats| stats.requests_by_status.get(&503).is_some_and(|calls| CALLS_AWAY <= *calls);
        shop.desk.until(PATIENCE, unavailable).await;
        shop.desk.faults([]);
        shop.settled().await;
        relay.leave(PATIENCE).await;

        let account = Account::of(&shop).await;
        // Under `resend` all is delivered: the checker knows no doubt there but that of a refusal.
        account.assert_sound();
        let unavailable = shop.desk.stats().requests_by_status[&503];
        let held = u64::try_from(account.count(DemoFeed::InStorePurchase, OutcomeKind::InDoubt)).unwrap();
        assert!(held <= UNDER_WAY + unavailable, "{held} in doubt, {unavailable} answers 503");
        // Which of the two depends on the feeds whose events were under way.
        assert!(0 < account.marked + held, "what goes again is marked, and what may not is in doubt");
    }
}

//! What Pinterest refuses: tokens, and whole requests for one event in them.

use std::fs;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind;
use pinrelay::pinterest::sandbox::Stats;

use super::account::Account;
use super::desk::TOKEN;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

const NEW_TOKEN: &str = "another-token-of-the-tests";
const PLACE_IN_ADS_MANAGER: &str = "Ads Manager > Conversions > Conversions API > Set up API > Generate new token";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_revoked_and_replaced_and_no_event_is_lost_refused_or_in_doubt() {
    let mut shop = Shop::open(Broker::shared().await, "rotated", 51, Terms::default()).await;
    let relay = shop.spawn("a");
    shop.sell(1_000).await;
    shop.settled().await;
    assert!(!shop.logs().concat().contains(PLACE_IN_ADS_MANAGER), "the token was right at the start");

    shop.desk.accept(NEW_TOKEN);
    shop.sell(1_000).await;
    let refused = |stats: &Stats| stats.requests_by_status.get(&401).copied().unwrap_or(0);
    shop.desk.until(PATIENCE, |stats| 3 <= refused(stats)).await;
    fs::write(shop.folder().join("token"), NEW_TOKEN).unwrap();
    shop.settled().await;
    // The very process that met the refusals.
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
    println!("{} requests were refused with 401 meanwhile", refused(&shop.desk.stats()));
    let logs = shop.logs().concat();
    assert!(logs.contains(PLACE_IN_ADS_MANAGER), "{logs}");
    assert!(!logs.contains(TOKEN) && !logs.contains(NEW_TOKEN), "{logs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_told_at_the_start_with_the_place_to_make_another_and_costs_nothing() {
    let mut shop = Shop::open(Broker::shared().await, "wrong-token", 52, Terms::default()).await;
    shop.desk.accept(NEW_TOKEN);
    let relay = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| stats.requests_by_status.contains_key(&401)).await;
    shop.sell(500).await;
    fs::write(shop.folder().join("token"), NEW_TOKEN).unwrap();
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
    let logs = shop.logs().concat();
    assert!(logs.contains(PLACE_IN_ADS_MANAGER), "{logs}");
    assert!(!logs.contains(TOKEN) && !logs.contains(NEW_TOKEN), "{logs}");
}

/// Of a request with `n` events of which `k` are culprits: most calls that it and the search take.
fn most_calls(n: usize, k: usize) -> usize {
    let depth = usize::try_from(n.next_power_of_two().trailing_zeros()).unwrap();
    1 + (2 * k * depth).min(2 * n - 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poisonous_events_are_refused_alone_and_every_other_event_is_delivered_once() {
    const EVENTS: usize = 1_000;
    // One batch takes them all, and waits for the last.
    let lane = "batch_events: 1000, concurrency: 1, linger: 10s, calls_per_minute: 60000";
    for culprits in [1, 2, 500] {
        let name = format!("poisonous-{culprits}");
        let mut shop = Shop::open(Broker::shared().await, &name, 53, Terms { lane, ..Terms::default() }).await;
        let sold = shop.sell_events(DemoFeed::Install, EVENTS).await;
        let poisonous: Vec<_> = sold.iter().step_by(EVENTS / culprits).collect();
        shop.planned.extend(poisonous.iter().map(|(place, _)| (*place, OutcomeKind::Refused)));
        shop.desk.refuse_requests_with(poisonous.iter().map(|(_, id)| id.clone()));
        let relay = shop.spawn("a");
        shop.settled().await;
        relay.leave(PATIENCE).await;

        let account = Account::of(&shop).await;
        assert!(account.missing.is_empty() && account.doubled.is_empty(), "{account:?}");
        assert_eq!((account.in_doubt, account.rows.len()), (0, EVENTS));
        for row in &account.rows {
            assert_eq!(row.outcome, shop.planned[&row.place], "{row:?}");
            // Of the call in which it was alone.
            let message = "Invalid request: the script refuses data[0]";
            let detail = (row.outcome == OutcomeKind::Refused).then_some(message);
            assert_eq!(row.detail.as_deref(), detail, "{row:?}");
        }
        let stats = shop.desk.stats();
        assert_eq!(
            (stats.processed, stats.keys_taken_again),
            (u64::try_from(EVENTS - culprits).unwrap(), 0),
            "taken once each"
        );
        let asked_at_the_start = 1;
        let calls = usize::try_from(stats.requests).unwrap() - asked_at_the_start;
        let most = most_calls(EVENTS, culprits);
        println!("measured: {culprits} poisonous of {EVENTS} events: {calls} calls, at most {most}");
        assert!(calls <= most, "{calls} calls, at most {most}");
    }
}

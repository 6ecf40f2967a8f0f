//! What Pinterest refuses: tokens, and whole requests for one event in them.

use std::fs;

use pinrelay::domain::OutcomeKind;

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

    shop.desk.accept(NEW_TOKEN);
    shop.sell(1_000).await;
    let refused =
        |stats: &pinrelay::pinterest::sandbox::Stats| stats.requests_by_status.get(&401).copied().unwrap_or(0);
    shop.desk.until(PATIENCE, |stats| 3 <= refused(stats)).await;
    fs::write(shop.folder().join("token"), NEW_TOKEN).unwrap();
    shop.settled().await;
    // The very process that met the refusals.
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
    println!("{} requests were refused with 401 meanwhile", refused(&shop.desk.stats()));
    let logs = shop.logs().concat();
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

/// Of a request with `n` events of which `k` are culprits: most calls that finding them takes.
fn most_calls(n: u64, k: u64) -> u64 {
    let depth = u64::from(n.next_power_of_two().trailing_zeros());
    1 + (2 * k * depth).min(2 * n - 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poisonous_events_are_refused_alone_and_every_other_event_is_delivered_once() {
    let lane = "batch_events: 1000, concurrency: 1, linger: 2s, backoff_min: 50ms, backoff_max: 1s";
    let mut shop = Shop::open(Broker::shared().await, "poisonous", 53, Terms { lane, ..Terms::default() }).await;
    shop.desk.refuse_whole_requests();
    shop.sell(1_000).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;

    let account = Account::of(&shop).await;
    // Halves are posts of their own, so that the checker's count of posts says nothing here.
    assert!(account.missing.is_empty() && account.doubled.is_empty(), "{account:?}");
    assert_eq!((account.in_doubt, account.rows.len()), (0, 1_000));
    for row in &account.rows {
        assert_eq!(row.outcome, shop.planned[&row.place], "{row:?}");
    }
    let refused = account.rows.iter().filter(|row| row.outcome == OutcomeKind::Refused).count();
    let delivered = account.rows.iter().filter(|row| row.outcome == OutcomeKind::Delivered).count();
    assert!(0 < refused, "some of a thousand are poisonous");
    let stats = shop.desk.stats();
    let taken = usize::try_from(stats.processed).unwrap();
    assert_eq!((taken, stats.keys_taken_again), (delivered, 0), "each good event is taken once");
    // How many first batches the thousand came in is the relay's to choose; each has its own bound.
    let [n, k] = [refused + delivered, refused].map(|count| u64::try_from(count).unwrap());
    let asked = 1;
    let calls = stats.requests - asked;
    println!("{k} poisonous of {n} events: {calls} calls, {} at most in one batch", most_calls(n, k));
    assert!(calls < 2 * n, "{calls} calls for {n} events");
}

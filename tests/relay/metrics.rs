//! What a real process shows at `/metrics`.

use pinrelay::domain::OutcomeKind;
use pinrelay::telemetry::{Kind, Metric};

use super::account::Account;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, free_port};

/// A page of a relay, as text in Prometheus' format.
pub(crate) struct Page(String);

impl Page {
    pub(crate) async fn get(port: u16) -> Self {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.expect("the page answers");
        assert_eq!(answer.status().as_u16(), 200);
        Self(answer.text().await.expect("the page is text"))
    }

    /// The sum of the samples of a name that carry these labels; all of them counts.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        let lines = self.0.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    fn has(&self, metric: Metric) -> bool {
        let suffix = if matches!(metric.kind(), Kind::Histogram(_)) { "_bucket" } else { "" };
        let name = format!("{}{suffix}", metric.prometheus_name());
        self.0.lines().any(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' '])))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_there_and_they_agree_with_the_rows_and_with_what_pinterest_saw() {
    let port = free_port();
    let terms = Terms { watch: format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n"), ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "metrics", 81, terms).await;
    shop.sell(2_000).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    // Rows are visible a moment before the process knows that they are.
    let page = loop {
        let page = Page::get(port).await;
        if page.sum("pinrelay_records_total", &[]) == 2_000 {
            break page;
        }
        tokio::task::yield_now().await;
    };
    relay.leave(PATIENCE).await;

    // Optional values are dropped only where there is something wrong with them.
    for metric in Metric::ALL.iter().filter(|metric| **metric != Metric::ValuesDropped) {
        assert!(page.has(*metric), "{} is missing in\n{}", metric.prometheus_name(), page.0);
    }
    let account = Account::of(&shop).await;
    account.assert_calm();
    for outcome in OutcomeKind::ALL {
        let rows = account.rows.iter().filter(|row| row.outcome == outcome).count();
        let label = format!("outcome=\"{}\"", outcome.as_str());
        assert_eq!(page.sum("pinrelay_records_total", &[&label]), u64::try_from(rows).unwrap(), "{label}");
    }
    let stats = shop.desk.stats();
    let delivered = page.sum("pinrelay_records_total", &["outcome=\"delivered\""]);
    assert_eq!(page.sum("pinrelay_events_total", &["status=\"processed\""]), delivered);
    assert_eq!(page.sum("pinrelay_event_age_seconds_count", &[]), delivered);
    // One more asked at the start whether token and ad account are known.
    let requests = stats.requests_by_status.values().sum::<u64>() - 1;
    assert_eq!(page.sum("pinrelay_requests_total", &[]), requests);
    assert_eq!(page.sum("pinrelay_request_duration_seconds_count", &[]), requests);
    let emails = page.sum("pinrelay_events_identity_total", &["parameter=\"em\""]);
    assert!(0 < emails && emails <= delivered, "{emails} of {delivered} with an e-mail address");
    assert_eq!(page.sum("pinrelay_partitions", &["state=\"reading\""]), page.sum("pinrelay_partitions", &[]));
    assert_eq!(
        page.sum("pinrelay_partitions_moved_total", &["change=\"assigned\""]),
        page.sum("pinrelay_partitions", &[])
    );
    assert!(0 < page.sum("pinrelay_transactions_total", &["fate=\"committed\""]));
    assert_eq!(page.sum("pinrelay_lane_halted", &[]), 0);
    assert_eq!(
        (page.sum("pinrelay_records_behind", &[]), page.sum("pinrelay_records_oldest_age_seconds", &[])),
        (0, 0)
    );
}

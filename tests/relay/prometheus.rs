//! A real Prometheus scrapes a real process, takes the rules of the chart, and answers questions.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::helm::{self, chart, items};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, free_port};

/// Killed when it is dropped.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes the pages of that port each second.
    fn start(scraped: u16) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let rules = chart().join("files/alerts.yaml");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - {{job_name: pinrelay, static_configs: [{{targets: [\"127.0.0.1:{scraped}\"], \
             labels: {{namespace: conv}}}}]}}\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let mut prometheus = helm::tool("prometheus");
        prometheus.arg(format!("--config.file={}", file.display()));
        prometheus.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child = prometheus.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("scripts/setup fetches it");
        Self { child, port, _folder: folder }
    }

    /// Asks until the answer is good; Prometheus takes a second to begin, and one for each scrape.
    async fn until(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = reqwest::get(format!("http://127.0.0.1:{}/api/v1/{path}", self.port)).await;
            let text = match answer {
                Ok(answer) => answer.text().await.unwrap(),
                Err(error) => error.to_string(),
            };
            let found: Value = serde_json::from_str(&text).unwrap_or_default();
            if found["status"] == "success" && good(&found["data"]) {
                return found["data"].clone();
            }
            assert!(Instant::now() < deadline, "{path}: {text}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn value(&self, query: &str, expected: &str) {
        self.until(&format!("query?query={query}"), |data| data["result"][0]["value"][1] == expected).await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_a_process_evaluates_the_rules_and_answers() {
    let port = free_port();
    let terms = Terms { watch: format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n"), ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "prometheus", 84, terms).await;
    shop.sell(1_000).await;
    let relay = shop.spawn("a");
    let prometheus = Prometheus::start(port);
    prometheus.value("sum(pinrelay_records_total)", "1000").await;
    prometheus.value("sum(pinrelay_records_behind)", "0").await;
    prometheus.value("min(pinrelay_restore_progress_ratio)", "1").await;
    prometheus.value("pinrelay_window_length_seconds", "172800").await;
    let target = prometheus.until("targets", |data| data["activeTargets"][0]["health"] == "up").await;
    assert_eq!(target["activeTargets"][0]["lastError"], "");

    // Before the first scrape the alarm about an absent process has begun to wait.
    let calm = |data: &Value| {
        let rules = items(&data["groups"][0]["rules"]);
        !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok" && rule["state"] == "inactive")
    };
    let rules = prometheus.until("rules", calm).await;
    let rules = items(&rules["groups"][0]["rules"]);
    let source = fs::read_to_string(chart().join("files/alerts.yaml")).unwrap();
    assert_eq!(rules.len(), source.matches("- alert:").count());
    relay.leave(PATIENCE).await;
    // What ends is missed: the alarm about it begins to wait.
    let absent = |data: &Value| {
        items(&data["groups"][0]["rules"])
            .iter()
            .any(|rule| rule["name"] == "PinrelayAbsent" && rule["state"] == "pending")
    };
    prometheus.until("rules", absent).await;
}

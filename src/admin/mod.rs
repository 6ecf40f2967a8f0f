//! Health and status over HTTP, on a port of its own.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the loop turns, else 503: restart the process |
//! | `/readyz` | 200 once every assigned partition is restored, else 503 with the reasons |
//! | `/metrics` | text: what was measured |
//! | `/status` | JSON: partitions, lanes, records accounted for, how old events were when they were posted |
//!
//! A lane that cannot post is an alarm and shows in `/status`; it makes the process neither dead nor unready, because a
//! restart would not help it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::domain::BootTime;

/// A loop that has not turned for so long is stuck: it wakes at least once a second.
const STUCK: Duration = Duration::from_secs(30);

/// What the pages show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// When the loop turned last.
    pub turned: BootTime,
    pub status: Status,
}

/// The answer of `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    pub partitions: Vec<Partition>,
    pub lanes: Vec<Lane>,
    pub records: Vec<Records>,
    pub age_at_delivery: Vec<AgeAtDelivery>,
    pub sent_by_two_partitions: SentByTwo,
    pub kafka_credentials: Credentials,
}

/// How it went with credentials that changed on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// How often new clients took over.
    pub renewed: u64,
    /// Why those on disk are not in use, or of no use.
    pub refused: Option<String>,
}

/// Events that more than one partition has delivered, as a sample of the keys tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SentByTwo {
    pub sampled_keys: u64,
    /// Of so many keys one is in the sample.
    pub one_key_in: u8,
    /// Feed and partition of the last key, twice.
    pub last: Option<[String; 2]>,
}

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    pub feed: String,
    pub partition: i32,
    pub state: PartitionState,
    /// Behind the last record that was read.
    pub position: i64,
    /// Records between the committed offset and the reader.
    pub unaccounted: usize,
    /// How much of the changelog is read, while it is being restored.
    pub restored_percent: Option<u8>,
    pub window_keys: usize,
    pub window_evicted: u64,
    /// How far back every key is known.
    pub window_covers_seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    Restoring,
    Reading,
}

/// One ad account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    pub lane: String,
    /// Events in no request.
    pub queued: usize,
    /// Requests without an answer.
    pub requests: usize,
    /// Why it sends one event at a time.
    pub trouble: Option<String>,
}

/// Records of a feed that have their committed audit row, by outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Records {
    pub feed: String,
    pub outcome: &'static str,
    pub count: u64,
}

/// How old the delivered events of a feed were when they were posted, since the process began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgeAtDelivery {
    pub feed: String,
    pub events: u64,
    /// Those that Pinterest counts as offline.
    pub over_an_hour: u64,
    /// Half of them were so old at most; absent beyond seven days.
    pub half_within_seconds: Option<u64>,
    /// 99 of 100.
    pub most_within_seconds: Option<u64>,
}

/// Where the pages take from what they show.
#[derive(Clone)]
pub struct Sources {
    pub picture: watch::Receiver<Picture>,
    pub metrics: MetricsPage,
    pub clock: fn() -> BootTime,
}

/// The page `/metrics`.
#[derive(Clone)]
pub struct MetricsPage {
    pub content_type: &'static str,
    pub text: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Serves the pages until `shutdown`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    sources: Sources,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let pages = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(sources);
    axum::serve(listener, pages).with_graceful_shutdown(shutdown).await
}

async fn livez(State(sources): State<Sources>) -> (StatusCode, String) {
    answer(dead(&sources.picture.borrow(), (sources.clock)()).as_slice())
}

async fn readyz(State(sources): State<Sources>) -> (StatusCode, String) {
    answer(&unready(&sources.picture.borrow()))
}

async fn status(State(sources): State<Sources>) -> Json<Status> {
    Json(sources.picture.borrow().status.clone())
}

fn answer(reasons: &[String]) -> (StatusCode, String) {
    if reasons.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}

async fn metrics(State(sources): State<Sources>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, sources.metrics.content_type)], (sources.metrics.text)())
}

fn dead(picture: &Picture, now: BootTime) -> Option<String> {
    let still = now.since(picture.turned);
    (STUCK < still).then(|| format!("the loop has not turned for {} s", still.as_secs()))
}

fn unready(picture: &Picture) -> Vec<String> {
    let partitions = &picture.status.partitions;
    if partitions.is_empty() {
        return vec!["no partition is assigned".to_owned()];
    }
    partitions
        .iter()
        .filter(|partition| partition.state == PartitionState::Restoring)
        .map(|partition| {
            let percent = partition.restored_percent.unwrap_or_default();
            format!("{}/{} is being restored ({percent} %)", partition.feed, partition.partition)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(states: &[PartitionState]) -> Picture {
        let partition = |(state, number): (&PartitionState, i32)| Partition {
            feed: "order".to_owned(),
            partition: number,
            state: *state,
            position: 7,
            unaccounted: 0,
            restored_percent: (*state == PartitionState::Restoring).then_some(41),
            window_keys: 3,
            window_evicted: 0,
            window_covers_seconds: 172_800,
        };
        let partitions = states.iter().zip(0..).map(partition).collect();
        Picture { turned: BootTime(10_000), status: Status { partitions, ..Status::default() } }
    }

    #[test]
    fn a_process_is_alive_while_its_loop_turns() {
        for (now, alive) in [(10_000, true), (40_000, true), (40_001, false)] {
            assert_eq!(dead(&picture(&[]), BootTime(now)).is_none(), alive, "at {now} ms");
        }
    }

    #[test]
    fn a_process_is_ready_when_everything_that_it_was_given_is_restored() {
        use PartitionState::{Reading, Restoring};
        for (states, reasons) in [
            (&[][..], "no partition is assigned"),
            (&[Reading, Restoring], "order/1 is being restored (41 %)"),
            (&[Reading, Reading], ""),
        ] {
            assert_eq!(unready(&picture(states)).join(","), reasons);
        }
    }

    #[tokio::test]
    async fn the_pages_answer_over_http() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (pictures, picture_of) = watch::channel(picture(&[PartitionState::Restoring]));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let metrics = MetricsPage { content_type: "text/plain", text: Arc::new(|| "a 1\n".to_owned()) };
        let sources = Sources { picture: picture_of, metrics, clock: || BootTime(10_000) };
        let serving = tokio::spawn(serve(listener, sources, async {
            stopped.await.ok();
        }));
        let get = async |path: &str| {
            let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("a body"))
        };
        assert_eq!(get("/livez").await, (200, "ok\n".to_owned()));
        assert_eq!(get("/readyz").await, (503, "order/0 is being restored (41 %)\n".to_owned()));
        pictures.send_replace(picture(&[PartitionState::Reading]));
        assert_eq!(get("/readyz").await.0, 200);
        insta::assert_snapshot!(get("/status").await.1, @r#"{"partitions":[{"feed":"order","partition":0,"state":"reading","position":7,"unaccounted":0,"restored_percent":null,"window_keys":3,"window_evicted":0,"window_covers_seconds":172800}],"lanes":[],"records":[],"age_at_delivery":[],"sent_by_two_partitions":{"sampled_keys":0,"one_key_in":0,"last":null},"kafka_credentials":{"renewed":0,"refused":null}}"#);
        assert_eq!(get("/metrics").await, (200, "a 1\n".to_owned()));
        stop.send(()).expect("it serves");
        serving.await.expect("no panic").expect("no fault");
    }
}

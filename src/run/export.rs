//! Sends metrics at intervals, and spans as they come, to the collector.
//!
//! Nothing waits for it: when the collector is slow or away, spans beyond the room for them are dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::select;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::telemetry::otlp::{Collector, NotSent};
use crate::telemetry::span::Span;

use super::{Names, Progress, clock};

/// Spans that wait: some seconds of a sampled feed, at about half a kilobyte each.
const ROOM: usize = 8192;

/// Spans in one request: the collector's own batches have as many.
const AT_A_TIME: usize = 512;

/// How long the first span of a request waits for others.
const LINGER: Duration = Duration::from_secs(1);

/// Takes spans for the collector.
#[derive(Clone, Debug)]
pub struct SpanSender {
    spans: Sender<Span>,
    dropped: Arc<AtomicU64>,
}

impl SpanSender {
    pub(super) fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans for which there was no room, or that the collector did not take.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What is sent to one collector.
#[derive(Debug)]
pub struct Exporter {
    collector: Collector,
    names: Names,
    every: Duration,
    spans: Receiver<Span>,
    dropped: Arc<AtomicU64>,
    health: Health,
}

/// Whether the last request arrived: a failure is logged when it begins, not each time that it is met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    Failing,
}

impl Exporter {
    #[must_use]
    pub fn new(collector: Collector, names: Names, every: Duration) -> (Self, SpanSender) {
        let (sender, spans) = channel(ROOM);
        let dropped = Arc::default();
        let to_it = SpanSender { spans: sender, dropped: Arc::clone(&dropped) };
        (Self { collector, names, every, spans, dropped, health: Health::Well }, to_it)
    }

    /// Runs until the loop has ended, then sends what is left.
    pub async fn run(mut self, mut progress: watch::Receiver<Progress>) {
        let mut metrics = interval(self.every);
        metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut traces = interval(LINGER);
        traces.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                _ = metrics.tick() => self.send_metrics(&progress).await,
                _ = traces.tick() => self.send_spans().await,
                () = ended(&mut progress) => break,
            }
        }
        self.send_spans().await;
        self.send_metrics(&progress).await;
    }

    async fn send_metrics(&mut self, progress: &watch::Receiver<Progress>) {
        let reading = self.names.reading(&progress.borrow(), clock::wall());
        let sent = self.collector.send_reading(&reading, clock::wall()).await;
        self.tell(sent);
    }

    async fn send_spans(&mut self) {
        let mut spans = Vec::new();
        while let Ok(span) = self.spans.try_recv() {
            spans.push(span);
        }
        for some in spans.chunks(AT_A_TIME) {
            let sent = self.collector.send_spans(some).await;
            if sent.is_err() {
                self.dropped.fetch_add(u64::try_from(some.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
            self.tell(sent);
        }
    }

    fn tell(&mut self, sent: Result<(), NotSent>) {
        match (sent, self.health) {
            (Ok(()), Health::Well) | (Err(_), Health::Failing) => {}
            (Ok(()), Health::Failing) => {
                tracing::info!("the collector takes metrics and traces again");
                self.health = Health::Well;
            }
            (Err(error), Health::Well) => {
                tracing::warn!(%error, "the collector does not take metrics and traces");
                self.health = Health::Failing;
            }
        }
    }
}

/// Returns when the loop has ended.
async fn ended(progress: &mut watch::Receiver<Progress>) {
    while progress.changed().await.is_ok() {}
}

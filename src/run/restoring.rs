//! Brings partitions back, each on a thread of its own, tries again while Kafka is away, and gives up loudly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::domain::{BootTime, ChangelogOffset, Epoch, NextOffset, PartitionId};
use crate::kafka::consumer::ConsumerRemote;
use crate::kafka::message::Assignment;
use crate::kafka::repeats::repeats;
use crate::kafka::restore::{Halt, Replayed, RestoreError, Restorer};
use crate::pipeline::{Replay, Restored, Settings};

use super::clock;

/// Waits between tries: a broker that is away comes back in seconds.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Between two log lines about a restore that goes on.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Between two looks at a token for Kafka, which counts for minutes at least.
const AUTHORIZE_EVERY: Duration = Duration::from_secs(2);

/// Keeps the readers' token of OAUTHBEARER fresh for as long as there are any.
pub(super) async fn authorize(restorer: Weak<Restorer>) {
    while let Some(restorer) = restorer.upgrade() {
        restorer.authorize();
        drop(restorer);
        sleep(AUTHORIZE_EVERY).await;
    }
}

/// The end of a restore. A partition that is gone has none.
#[derive(Debug)]
pub(super) struct Restoration {
    pub(super) partition: PartitionId,
    pub(super) epoch: Epoch,
    pub(super) result: Result<Box<Restored>, Failed>,
}

/// Why a partition is not restored, by what must be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// A person must decide.
    #[error(transparent)]
    Halt(Halt),
    /// Start the process again; the text says what may stand in the way.
    #[error("a restore has made no headway for {} s: {cause}", .since.as_secs())]
    Stuck { since: Duration, cause: String },
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headway {
    /// Changelog positions read, over all tries at most, and to be read.
    pub read: u64,
    pub to_read: u64,
    /// Keys in the window so far.
    pub keys: usize,
}

impl Headway {
    /// Of 100; none before it is known how much there is.
    #[must_use]
    pub fn percent(&self) -> u8 {
        let percent = (self.read.min(self.to_read) * 100).checked_div(self.to_read);
        percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or_default()
    }
}

/// Shared by the thread that restores and those that look.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<(Headway, BootTime)>);

impl Watched {
    fn begun(at: BootTime) -> Self {
        Self(Mutex::new((Headway::default(), at)))
    }

    pub(super) fn headway(&self) -> Headway {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn stands_since(&self) -> BootTime {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Headway is what no try has reached before.
    fn reached(&self, now: BootTime, headway: Headway) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.0.read < headway.read || watched.0.to_read != headway.to_read {
            *watched = (headway, now);
        }
    }
}

/// What a restore needs of its surroundings.
pub(super) struct Restoring {
    pub(super) restorer: Arc<Restorer>,
    pub(super) consumer: ConsumerRemote,
    pub(super) settings: Arc<Settings>,
    pub(super) patience: Duration,
    pub(super) done: UnboundedSender<Restoration>,
}

impl Restoring {
    /// `held` is cleared when the epoch ends.
    pub(super) fn start(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        assignment: Assignment,
        held: Arc<AtomicBool>,
    ) -> Arc<Watched> {
        let (restorer, consumer) = (Arc::clone(&self.restorer), self.consumer.clone());
        let (settings, done, patience) = (Arc::clone(&self.settings), self.done.clone(), self.patience);
        let watched = Arc::new(Watched::begun(clock::boot()));
        let shown = Arc::clone(&watched);
        tokio::spawn(async move {
            let attempt = Arc::new(Attempt { restorer, consumer, settings, partition, assignment, held, watched });
            let mut wait = FIRST_WAIT;
            loop {
                let task = {
                    let attempt = Arc::clone(&attempt);
                    move || attempt.restore()
                };
                let ended = spawn_blocking(task).await.expect("a restore does not panic, and nothing cancels it");
                let since = clock::boot().since(attempt.watched.stands_since());
                let result = match ended {
                    Ok(state) => Ok(Box::new(state)),
                    Err(RestoreError::Halt(halt)) => Err(Failed::Halt(halt)),
                    Err(RestoreError::Gone) => return,
                    Err(RestoreError::Retry(cause)) if patience <= since => Err(Failed::Stuck { since, cause }),
                    Err(RestoreError::Retry(cause)) => {
                        if let Some(repeats) = repeats(&format!("restoring {partition}: {cause}")) {
                            tracing::warn!(%partition, cause, repeats, "a restore is tried again");
                        }
                        sleep(wait).await;
                        wait = LONGEST_WAIT.min(wait * 2);
                        continue;
                    }
                };
                // Nobody listens any more only while the process stops.
                if done.send(Restoration { partition, epoch, result }).is_err() {
                    tracing::debug!(%partition, "a restore ended after the loop");
                }
                return;
            }
        });
        shown
    }
}

/// One try after the other at one partition.
struct Attempt {
    restorer: Arc<Restorer>,
    consumer: ConsumerRemote,
    settings: Arc<Settings>,
    partition: PartitionId,
    assignment: Assignment,
    held: Arc<AtomicBool>,
    watched: Arc<Watched>,
}

impl Attempt {
    fn restore(&self) -> Result<Restored, RestoreError> {
        let (partition, assignment) = (self.partition, self.assignment);
        let began = clock::boot();
        let mut told = began;
        let mut range = (ChangelogOffset(0), ChangelogOffset(0));
        let mut replay = Replay::new(&self.settings, NextOffset(0), ChangelogOffset(0));
        let is_held = || self.held.load(Ordering::Relaxed);
        let commit_start = |at, metadata| self.consumer.commit_start(partition, assignment, at, metadata);
        self.restorer.restore(partition, is_held, commit_start, |step| match step {
            Replayed::Begin { next_offset, end } => replay = Replay::new(&self.settings, next_offset, end),
            Replayed::Lost { until } => replay.lost(until),
            Replayed::Reading { from, to } => range = (from, to),
            Replayed::Entries { position, appended, entries } => {
                replay.apply(position, appended, entries);
                let now = clock::boot();
                let headway = Headway {
                    read: distance(range.0, ChangelogOffset(position.0 + 1)),
                    to_read: distance(range.0, range.1),
                    keys: replay.window_keys(),
                };
                self.watched.reached(now, headway);
                if TELL_EVERY <= now.since(told) {
                    told = now;
                    let Headway { keys, .. } = headway;
                    tracing::info!(%partition, percent = headway.percent(), window.keys = keys, "a partition is being restored");
                }
            }
        })?;
        let restored = replay.finish(clock::wall());
        tracing::info!(
            %partition,
            next_offset = %restored.next_offset(),
            window.keys = restored.window_keys(),
            open_intents = restored.open_intents(),
            took_ms = clock::boot().since(began).as_millis(),
            "a partition is restored"
        );
        Ok(restored)
    }
}

fn distance(from: ChangelogOffset, to: ChangelogOffset) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headway(read: u64, to_read: u64) -> Headway {
        Headway { read, to_read, keys: 0 }
    }

    #[test]
    fn what_a_try_reads_again_is_no_headway() {
        let watched = Watched::begun(BootTime(1));
        for (at, read, since) in [(2, 10, 2), (3, 20, 3), (4, 10, 3), (5, 20, 3), (6, 21, 6)] {
            watched.reached(BootTime(at), headway(read, 100));
            assert_eq!(watched.stands_since(), BootTime(since), "at {at}");
        }
        assert_eq!(watched.headway(), headway(21, 100));
    }

    #[test]
    fn percents_end_at_100_and_begin_at_0() {
        for (read, to_read, percent) in [(0, 0, 0), (0, 7, 0), (5, 10, 50), (999, 1000, 99), (12, 10, 100)] {
            assert_eq!(headway(read, to_read).percent(), percent, "{read} of {to_read}");
        }
    }
}

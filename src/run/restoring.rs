//! Brings partitions back, each on a thread of its own, and tries again while Kafka is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::domain::{ChangelogOffset, Epoch, NextOffset, PartitionId};
use crate::kafka::consumer::ConsumerRemote;
use crate::kafka::message::Assignment;
use crate::kafka::restore::{Halt, Replayed, RestoreError, Restorer};
use crate::pipeline::{Replay, Restored, Settings};

use super::clock;

/// Waits between tries: a broker that is away comes back in seconds.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The end of a restore. A partition that is gone has none.
#[derive(Debug)]
pub(super) struct Restoration {
    pub(super) partition: PartitionId,
    pub(super) epoch: Epoch,
    pub(super) result: Result<Box<Restored>, Halt>,
}

/// What a restore needs of its surroundings.
pub(super) struct Restoring {
    pub(super) restorer: Arc<Restorer>,
    pub(super) consumer: ConsumerRemote,
    pub(super) settings: Arc<Settings>,
    pub(super) done: UnboundedSender<Restoration>,
}

impl Restoring {
    /// `held` is cleared when the epoch ends.
    pub(super) fn start(&self, partition: PartitionId, epoch: Epoch, assignment: Assignment, held: Arc<AtomicBool>) {
        let (restorer, consumer) = (Arc::clone(&self.restorer), self.consumer.clone());
        let (settings, done) = (Arc::clone(&self.settings), self.done.clone());
        tokio::spawn(async move {
            let attempt = Arc::new(Attempt { restorer, consumer, settings, partition, assignment, held });
            let mut wait = FIRST_WAIT;
            loop {
                let task = {
                    let attempt = Arc::clone(&attempt);
                    move || attempt.restore()
                };
                let ended = spawn_blocking(task).await.expect("a restore does not panic, and nothing cancels it");
                let result = match ended {
                    Ok(state) => Ok(Box::new(state)),
                    Err(RestoreError::Halt(halt)) => Err(halt),
                    Err(RestoreError::Gone) => return,
                    Err(RestoreError::Retry(cause)) => {
                        tracing::warn!(%partition, cause, wait_ms = wait.as_millis(), "a restore is tried again");
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
}

impl Attempt {
    fn restore(&self) -> Result<Restored, RestoreError> {
        let (partition, assignment) = (self.partition, self.assignment);
        let mut replay = Replay::new(&self.settings, NextOffset(0), ChangelogOffset(0));
        let is_held = || self.held.load(Ordering::Relaxed);
        let commit_start = |at, metadata| self.consumer.commit_start(partition, assignment, at, metadata);
        self.restorer.restore(partition, is_held, commit_start, |step| match step {
            Replayed::Begin { next_offset, end } => replay = Replay::new(&self.settings, next_offset, end),
            Replayed::Lost { until } => replay.lost(until),
            Replayed::Entries { position, appended, entries } => replay.apply(position, appended, entries),
        })?;
        let restored = replay.finish(clock::wall());
        tracing::info!(
            %partition,
            next_offset = %restored.next_offset(),
            window.keys = restored.window_keys(),
            open_intents = restored.open_intents(),
            "a partition is restored"
        );
        Ok(restored)
    }
}

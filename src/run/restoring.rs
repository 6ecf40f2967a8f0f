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
            let mut wait = FIRST_WAIT;
            loop {
                let task = {
                    let (restorer, consumer) = (Arc::clone(&restorer), consumer.clone());
                    let (settings, held) = (Arc::clone(&settings), Arc::clone(&held));
                    move || restore(&restorer, &consumer, &settings, partition, assignment, &held)
                };
                let result = spawn_blocking(task).await.expect("a restore does not panic, and nothing cancels it");
                let result = match result {
                    Ok(restored) => Ok(Box::new(restored)),
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

fn restore(
    restorer: &Restorer,
    consumer: &ConsumerRemote,
    settings: &Settings,
    partition: PartitionId,
    assignment: Assignment,
    held: &AtomicBool,
) -> Result<Restored, RestoreError> {
    let mut replay = Replay::new(settings, NextOffset(0), ChangelogOffset(0));
    let is_held = || held.load(Ordering::Relaxed);
    let commit_start = |at, metadata| consumer.commit_start(partition, assignment, at, metadata);
    restorer.restore(partition, is_held, commit_start, |replayed| match replayed {
        Replayed::Begin { next_offset, end } => replay = Replay::new(settings, next_offset, end),
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

//! What the core can say about itself, for people and metrics.

use std::time::Duration;

use crate::domain::{LaneId, NextOffset, PartitionId, UnixMillis};

use super::Pipeline;
use super::lane::{Mode, Trouble};
use super::partition::Phase;
use super::pending::Pending;
use super::sample::Suspected;

/// A look at the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub partitions: Vec<PartitionStatus>,
    pub lanes: Vec<LaneStatus>,
    pub suspected: Suspected,
}

/// A look at one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    pub partition: PartitionId,
    pub restoring: bool,
    /// Records between the committed offset and the reader.
    pub span: usize,
    /// Of those, records that are not settled.
    pub open: usize,
    /// When Kafka took the first of these, or this process, where Kafka did not say it.
    pub oldest: Option<UnixMillis>,
    /// Behind the last record that was read.
    pub position: NextOffset,
    pub window_keys: usize,
    /// Keys dropped before their time because the window's bound was reached.
    pub window_evicted: u64,
    /// How far back every key is known: the window's length, unless its bound does not reach so far.
    pub window_covers: Duration,
}

/// A look at one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    pub lane: LaneId,
    /// Events in no batch.
    pub queued: usize,
    /// Batches posted and not answered.
    pub posted: usize,
    /// Events in those.
    pub posted_events: usize,
    /// Why it sends one event at a time, if it does.
    pub trouble: Option<Trouble>,
}

impl Pipeline {
    /// Cheap: a few numbers for each partition and lane.
    #[must_use]
    pub fn status(&self, now: UnixMillis) -> Status {
        let partitions = self.partitions.values().map(|partition| PartitionStatus {
            partition: partition.id,
            restoring: partition.phase == Phase::Restoring,
            span: partition.ledger.len(),
            open: partition.ledger.n_open(),
            oldest: partition.ledger.first_open().map(Pending::since),
            position: partition.ledger.position(),
            window_keys: partition.window.len(),
            window_evicted: partition.window.evicted(),
            window_covers: partition.window.covers(now),
        });
        let lanes = self.lanes.iter().zip(0..).map(|(lane, number)| LaneStatus {
            lane: LaneId(number),
            queued: lane.queue.len(),
            posted: lane.posted(),
            posted_events: lane.posted_events(),
            trouble: match lane.mode {
                Mode::Probing { cause, .. } => Some(cause),
                Mode::Open | Mode::Paused { .. } => None,
            },
        });
        Status { partitions: partitions.collect(), lanes: lanes.collect(), suspected: self.sample.suspected() }
    }
}

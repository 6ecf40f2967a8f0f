//! What the core can say about itself, for people and metrics.

use std::time::Duration;

use crate::domain::{BootTime, LaneId, NextOffset, Now, PartitionId, UnixMillis};

use super::Pipeline;
use super::lane::{Lane, Mode, Trouble};
use super::partition::Phase;
use super::pending::Pending;
use super::sample::Suspected;

/// A look at the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub partitions: Vec<PartitionStatus>,
    pub lanes: Vec<LaneStatus>,
    /// How long a delivered key is to be known.
    pub window: Duration,
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
    /// From one call to the next, spread evenly: the budget of calls as it is now.
    pub interval: Duration,
    /// Calls that may be under way now, if nothing is wrong with the lane.
    pub level: usize,
    /// The most that the level rises to.
    pub most: usize,
    /// Why it sends one event at a time, if it does.
    pub trouble: Option<Trouble>,
}

impl Pipeline {
    /// Cheap: a few numbers for each partition and lane.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let partitions = self.partitions.values().map(|partition| PartitionStatus {
            partition: partition.id,
            restoring: partition.phase == Phase::Restoring,
            span: partition.ledger.len(),
            open: partition.ledger.n_open(),
            oldest: partition.ledger.first_open().map(Pending::since),
            position: partition.ledger.position(),
            window_keys: partition.window.len(),
            window_evicted: partition.window.evicted(),
            window_covers: partition.window.covers(now.wall),
        });
        let lanes = self.lanes.iter().zip(0..).map(|(lane, number)| LaneStatus {
            lane: LaneId(number),
            queued: lane.queue.len(),
            posted: lane.posted(),
            posted_events: lane.posted_events(),
            interval: self.interval(lane, now.boot),
            level: lane.concurrency.level(),
            most: lane.settings.concurrency,
            trouble: match lane.mode {
                Mode::Probing { cause, .. } => Some(cause),
                Mode::Open | Mode::Paused { .. } => None,
            },
        });
        Status {
            partitions: partitions.collect(),
            lanes: lanes.collect(),
            window: self.settings.window,
            suspected: self.sample.suspected(),
        }
    }

    fn interval(&self, lane: &Lane, now: BootTime) -> Duration {
        let own = lane.pace.interval(now);
        self.shared_pace(lane).map_or(own, |shared| own.max(shared.interval(now)))
    }
}

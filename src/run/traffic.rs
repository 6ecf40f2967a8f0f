//! What went to Pinterest and Kafka and came back, and what the group moved: counted as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{Answer, FeedId, LaneId};
use crate::telemetry::Histogram;
use crate::telemetry::histogram::DURATIONS;
use crate::telemetry::label::{Change, CommitEnd, EventStatus, RequestStatus};

/// Posts, transactions and rebalances that have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    pub lanes: BTreeMap<LaneId, LaneTraffic>,
    pub transactions: BTreeMap<CommitEnd, u64>,
    pub transaction_durations: Histogram,
    /// Partitions by what happened to them.
    pub moved: BTreeMap<(FeedId, Change), u64>,
}

/// The posts of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneTraffic {
    pub requests: BTreeMap<RequestStatus, u64>,
    pub events: BTreeMap<EventStatus, u64>,
    pub durations: Histogram,
}

impl Traffic {
    pub(super) fn answered(&mut self, lane: LaneId, events: usize, answer: &Answer, took: Duration) {
        let lane = self.lanes.entry(lane).or_default();
        *lane.requests.entry(RequestStatus::of(answer)).or_insert(0) += 1;
        for (status, count) in EventStatus::of(answer, u64::try_from(events).unwrap_or(u64::MAX)) {
            *lane.events.entry(status).or_insert(0) += count;
        }
        lane.durations.record(took);
    }

    pub(super) fn transaction_ended(&mut self, end: CommitEnd, took: Duration) {
        *self.transactions.entry(end).or_insert(0) += 1;
        self.transaction_durations.record(took);
    }

    /// How it ended is found out next.
    pub(super) fn transaction_unknown(&mut self) {
        *self.transactions.entry(CommitEnd::Unknown).or_insert(0) += 1;
    }

    pub(super) fn moved(&mut self, feed: FeedId, change: Change) {
        *self.moved.entry((feed, change)).or_insert(0) += 1;
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
            transactions: BTreeMap::new(),
            transaction_durations: Histogram::new(&DURATIONS),
            moved: BTreeMap::new(),
        }
    }
}

impl Default for LaneTraffic {
    fn default() -> Self {
        Self { requests: BTreeMap::new(), events: BTreeMap::new(), durations: Histogram::new(&DURATIONS) }
    }
}

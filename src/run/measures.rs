//! The loop's progress as metrics, with the names that people know.

use std::time::Duration;

use crate::domain::{FeedId, Identity, LaneId, Reason, UnixMillis};
use crate::mapping::Warning;
use crate::pipeline::{PartitionStatus, Status, Trouble};
use crate::telemetry::label::{Cause, Change, CommitEnd, EventStatus, PartitionState, Peer, RequestStatus};
use crate::telemetry::{Metric, Reading, Value};

use super::totals::FeedTotals;
use super::traffic::LaneTraffic;
use super::{Names, Notes, Progress};

const MINUTE: Duration = Duration::from_mins(1);

impl Names {
    /// What `progress` measures. Series of closed labels are there before the first event.
    #[must_use]
    pub fn reading(&self, progress: &Progress, now: UnixMillis) -> Reading {
        let mut reading = Reading::default();
        reading.add(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1_u64.into());
        reading.add(
            Metric::StartTime,
            &[],
            Duration::from_millis(progress.started.0.unsigned_abs()).as_secs_f64().into(),
        );
        let nothing = FeedTotals::default();
        for (id, name) in (0..).map(FeedId).zip(&self.feeds) {
            let totals = progress.totals.feeds().find(|(feed, _)| *feed == id).map_or(&nothing, |(_, totals)| totals);
            add_feed(&mut reading, name, totals);
            for change in Change::ALL {
                let count = progress.traffic.moved.get(&(id, change)).copied().unwrap_or(0);
                reading.add(Metric::PartitionsMoved, &[name, change.as_str()], count.into());
            }
        }
        for (name, notes) in self.feeds.iter().zip(&progress.notes) {
            add_notes(&mut reading, name, notes);
        }
        for (name, since) in self.lanes.iter().zip(&progress.tokens) {
            reading.add(Metric::TokenAge, &[name], now.since(*since).as_secs_f64().into());
        }
        for peer in Peer::ALL {
            let is_unusable = progress.credentials.is_unusable(peer);
            reading.add(Metric::CredentialUnusable, &[peer.as_str()], u64::from(is_unusable).into());
        }
        reading.add(Metric::SpansDropped, &[], progress.spans_dropped.into());
        let nothing = LaneTraffic::default();
        for (id, name) in (0..).map(LaneId).zip(&self.lanes) {
            add_lane(&mut reading, name, progress.traffic.lanes.get(&id).unwrap_or(&nothing));
        }
        for end in CommitEnd::ALL {
            let count = progress.traffic.transactions.get(&end).copied().unwrap_or(0);
            reading.add(Metric::Transactions, &[end.as_str()], count.into());
        }
        reading.add(Metric::TransactionDuration, &[], (&progress.traffic.transaction_durations).into());
        if let Some(status) = &progress.status {
            self.add_status(&mut reading, progress, status, now);
        }
        reading
    }

    fn add_status(&self, reading: &mut Reading, progress: &Progress, status: &Status, now: UnixMillis) {
        for (id, feed) in (0..).map(FeedId).zip(&self.feeds) {
            for state in PartitionState::ALL {
                let partitions = status.partitions.iter().filter(|partition| partition.partition.feed == id);
                let count = partitions.filter(|partition| state_of(partition) == state).count();
                reading.add(Metric::Partitions, &[feed, state.as_str()], count.into());
            }
        }
        reading.add(Metric::WindowLength, &[], status.window.as_secs_f64().into());
        reading.add(Metric::KeysSentTwice, &[], status.suspected.keys.into());
        for partition in &status.partitions {
            let (feed, number) = (self.feed(partition.partition.feed), partition.partition.number.to_string());
            let mut add = |metric, value: Value| reading.add(metric, &[&feed, &number], value);
            add(Metric::RecordsUnaccounted, partition.span.into());
            add(Metric::RecordsBehind, behind(progress, partition).into());
            let oldest = oldest(progress, partition).map_or(Duration::ZERO, |oldest| now.since(oldest));
            add(Metric::OldestAge, oldest.as_secs_f64().into());
            add(Metric::WindowKeys, partition.window_keys.into());
            add(Metric::WindowEvicted, partition.window_evicted.into());
            add(Metric::WindowCovered, partition.window_covers.as_secs_f64().into());
            let restoring = progress.restoring.get(&partition.partition);
            let since = restoring.map_or(Duration::ZERO, |since| progress.turned.since(*since));
            add(Metric::RestoreDuration, since.as_secs_f64().into());
            add(Metric::RestoreProgress, restored(progress, partition).into());
        }
        for lane in &status.lanes {
            let name = self.lane(lane.lane);
            reading.add(Metric::EventsQueued, &[&name], lane.queued.into());
            reading.add(Metric::EventsInFlight, &[&name], lane.posted_events.into());
            reading.add(Metric::RequestsInFlight, &[&name], lane.posted.into());
            let budget = MINUTE.as_secs_f64() / lane.interval.as_secs_f64();
            reading.add(Metric::RequestsBudget, &[&name], budget.into());
            reading.add(Metric::RequestsConcurrency, &[&name], lane.level.into());
            reading.add(Metric::RequestsConcurrencyLimit, &[&name], lane.most.into());
            for cause in Cause::ALL {
                let holds = lane.trouble.map(cause_of) == Some(cause);
                reading.add(Metric::LaneHalted, &[&name, cause.as_str()], u64::from(holds).into());
            }
        }
    }
}

fn add_feed(reading: &mut Reading, feed: &str, totals: &FeedTotals) {
    for reason in Reason::ALL {
        let count = totals.reasons.get(reason).copied().unwrap_or(0);
        reading.add(Metric::Records, &[feed, reason.kind().as_str(), reason.code()], count.into());
    }
    reading.add(Metric::RecordsRedelivered, &[feed], totals.redelivered.into());
    reading.add(Metric::RecordDuration, &[feed], (&totals.durations).into());
    reading.add(Metric::EventAge, &[feed], (&totals.ages).into());
    reading.add(Metric::EventsLate, &[feed], totals.late.into());
    for parameter in Identity::ALL {
        let with = totals.identities().filter(|(set, _)| set.contains(parameter));
        let count: u64 = with.map(|(_, count)| count).sum();
        reading.add(Metric::EventsIdentity, &[feed, parameter.as_str()], count.into());
    }
}

/// The part of its changelog that is read.
fn restored(progress: &Progress, partition: &PartitionStatus) -> f64 {
    match progress.restores.get(&partition.partition) {
        Some(headway) => f64::from(headway.percent()) / 100.0,
        None if partition.restoring => 0.0,
        None => 1.0,
    }
}

/// Records without an audit row.
fn behind(progress: &Progress, partition: &PartitionStatus) -> u64 {
    let end = progress.ends.get(&partition.partition).map_or(partition.position, |end| end.end);
    let unread = u64::try_from(end.0.saturating_sub(partition.position.0)).unwrap_or(0);
    unread + u64::try_from(partition.open).unwrap_or(u64::MAX)
}

/// The oldest record without an audit row, as far as it is known.
fn oldest(progress: &Progress, partition: &PartitionStatus) -> Option<UnixMillis> {
    let waiting = progress.waiting.get(&partition.partition).copied();
    // What the last look at the end saw may have been read since.
    let end = progress.ends.get(&partition.partition).filter(|end| partition.position < end.end);
    partition.oldest.or(waiting).or(end.and_then(|end| end.standing_since))
}

fn add_notes(reading: &mut Reading, feed: &str, notes: &Notes) {
    for ((target, cause), count) in &notes.dropped {
        reading.add(Metric::ValuesDropped, &[feed, target.path(), cause.code()], (*count).into());
    }
    for warning in Warning::ALL {
        let count = notes.warnings.get(&warning).copied().unwrap_or(0);
        reading.add(Metric::EventsWarned, &[feed, warning.code()], count.into());
    }
}

fn add_lane(reading: &mut Reading, lane: &str, traffic: &LaneTraffic) {
    for status in RequestStatus::ALL {
        let count = traffic.requests.get(&status).copied().unwrap_or(0);
        reading.add(Metric::Requests, &[lane, status.as_str()], count.into());
    }
    for status in EventStatus::ALL {
        let count = traffic.events.get(&status).copied().unwrap_or(0);
        reading.add(Metric::Events, &[lane, status.as_str()], count.into());
    }
    reading.add(Metric::RequestDuration, &[lane], (&traffic.durations).into());
}

const fn state_of(partition: &PartitionStatus) -> PartitionState {
    if partition.restoring { PartitionState::Restoring } else { PartitionState::Reading }
}

pub(super) fn cause_of(trouble: Trouble) -> Cause {
    match trouble {
        Trouble::Ambiguous => Cause::Ambiguous,
        Trouble::NotTaken(cause) => cause.into(),
    }
}

#[cfg(test)]
#[path = "measures_tests.rs"]
mod tests;

//! Tells in the log when a lane gets into trouble and when it is out of it: once each, and repeats within a minute as a
//! number.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::{BootTime, LaneId};
use crate::pipeline::{LaneStatus, Trouble};
use crate::telemetry::label::RequestStatus;

use super::measures::cause_of;
use super::{Traffic, picture};

/// A lane that gets into trouble again and again is told of so often at most.
const QUIET: Duration = Duration::from_mins(1);

/// What was told of each lane.
#[derive(Debug, Default)]
pub(super) struct Troubles(HashMap<LaneId, Lane>);

#[derive(Debug, Default)]
struct Lane {
    present: Option<Present>,
    told_at: Option<BootTime>,
    /// Since that.
    untold: u32,
}

#[derive(Clone, Copy, Debug)]
struct Present {
    since: BootTime,
    failed_before: u64,
    telling: Telling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Told,
    Counted,
}

/// Something worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// `repeats`: how often it was so since the last line.
    Began { lane: LaneId, trouble: Trouble, repeats: u32 },
    /// `failed`: calls that brought no verdict meanwhile.
    Ended { lane: LaneId, lasted: Duration, failed: u64 },
}

impl Troubles {
    pub(super) fn look(&mut self, lanes: &[LaneStatus], traffic: &Traffic, now: BootTime) -> Vec<Line> {
        lanes.iter().filter_map(|status| self.look_at(status, failed(traffic, status.lane), now)).collect()
    }

    fn look_at(&mut self, status: &LaneStatus, failed: u64, now: BootTime) -> Option<Line> {
        let lane = self.0.entry(status.lane).or_default();
        match (lane.present, status.trouble) {
            (None, None) | (Some(_), Some(_)) => None,
            (None, Some(trouble)) => {
                let is_quiet = lane.told_at.is_some_and(|told| now.since(told) < QUIET);
                let telling = if is_quiet { Telling::Counted } else { Telling::Told };
                lane.present = Some(Present { since: now, failed_before: failed, telling });
                if is_quiet {
                    lane.untold += 1;
                    return None;
                }
                lane.told_at = Some(now);
                Some(Line::Began { lane: status.lane, trouble, repeats: std::mem::take(&mut lane.untold) })
            }
            (Some(present), None) => {
                lane.present = None;
                let (lasted, failed) = (now.since(present.since), failed - present.failed_before);
                (present.telling == Telling::Told).then_some(Line::Ended { lane: status.lane, lasted, failed })
            }
        }
    }
}

impl Line {
    pub(super) fn log(self, name: &str) {
        match self {
            Self::Began { lane: _, trouble, repeats } => {
                let (cause, trouble) = (cause_of(trouble).as_str(), picture::words(trouble));
                tracing::warn!(
                    lane = name,
                    cause,
                    trouble,
                    repeats,
                    "a lane sends one event at a time until it gets through"
                );
            }
            Self::Ended { lane: _, lasted, failed } => {
                let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(lane = name, lasted_ms, failed_requests = failed, "a lane gets through again");
            }
        }
    }

    pub(super) const fn lane(&self) -> LaneId {
        match self {
            Self::Began { lane, .. } | Self::Ended { lane, .. } => *lane,
        }
    }
}

/// Calls of the lane that brought no verdict.
fn failed(traffic: &Traffic, lane: LaneId) -> u64 {
    let requests = traffic.lanes.get(&lane).map(|lane| &lane.requests);
    let failed = requests.into_iter().flatten().filter(|(status, _)| **status != RequestStatus::Verdicts);
    failed.map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: LaneId = LaneId(0);

    fn status(trouble: Option<Trouble>) -> [LaneStatus; 1] {
        [LaneStatus {
            lane: LANE,
            queued: 0,
            posted: 0,
            posted_events: 0,
            interval: Duration::ZERO,
            level: 1,
            most: 1,
            trouble,
        }]
    }

    #[test]
    fn trouble_is_told_once_and_repeats_within_a_minute_are_counted() {
        let trouble = Some(Trouble::Ambiguous);
        let began = |repeats| vec![Line::Began { lane: LANE, trouble: Trouble::Ambiguous, repeats }];
        let ended = |seconds, failed| vec![Line::Ended { lane: LANE, lasted: Duration::from_secs(seconds), failed }];
        let (mut troubles, mut traffic) = (Troubles::default(), Traffic::default());
        // Seconds, trouble, calls that have failed by then, and what is told.
        for (at, trouble, failed, lines) in [
            (0, None, 0, vec![]),
            (1, trouble, 1, began(0)),
            (5, trouble, 3, vec![]),
            (9, None, 4, ended(8, 3)),
            (20, trouble, 5, vec![]),
            (21, None, 5, vec![]),
            (30, trouble, 6, vec![]),
            (31, None, 6, vec![]),
            (61, trouble, 7, began(2)),
            (62, None, 7, ended(1, 0)),
        ] {
            traffic.lanes.entry(LANE).or_default().requests = [(RequestStatus::Ambiguous, failed)].into();
            let told = troubles.look(&status(trouble), &traffic, BootTime(at * 1000));
            assert_eq!(told, lines, "at {at} s");
        }
    }
}

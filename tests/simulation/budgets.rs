//! R12: how many calls the core asks for.

use std::num::NonZeroU32;

use pinrelay::domain::{CallLimit, LaneId};
use pinrelay::pipeline::Effect;

use crate::checker::Law;
use crate::world::World;

/// What a call is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Budget {
    Own(LaneId),
    Shared(usize),
}

impl World {
    /// No window of time holds more calls than the process's part of the limit, at the least one.
    pub(crate) fn spaced(&mut self, slot: usize, effects: &[Effect]) {
        for effect in effects {
            let Effect::Post(batch) = effect else { continue };
            let settings = &self.scenario.settings;
            let lane = &settings.lanes[usize::from(batch.lane.0)];
            let own = Some((Budget::Own(batch.lane), lane.calls));
            let shared = lane.shares.map(|shares| (Budget::Shared(shares), settings.shared_limits[shares]));
            for (budget, limit) in own.into_iter().chain(shared) {
                let most = part(limit, settings.processes);
                let window = u64::try_from(limit.per.as_millis()).expect("short");
                let (now, calls) = (self.now, self.processes[slot].calls.entry(budget).or_default());
                calls.push_back(now);
                while calls.front().is_some_and(|first| *first + window <= now) {
                    calls.pop_front();
                }
                let count = calls.len();
                if most < count {
                    let what = format!("process {slot} makes {count} calls of {budget:?} in {window} ms, not {most}");
                    self.checker.blame(now, Law::Pace, what);
                }
            }
        }
    }
}

fn part(limit: CallLimit, processes: NonZeroU32) -> usize {
    usize::try_from(limit.calls.get() / processes).expect("fits").max(1)
}

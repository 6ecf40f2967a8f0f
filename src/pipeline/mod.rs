//! The decisions: what is sent, what is suppressed, what is written, what is committed.
//!
//! One owned value, [`Pipeline`]. Inputs come in with the time, effects go out as values; it never blocks, never fails
//! and never reads a clock. Each rule lives in a file of its own and this one only composes them:
//!
//! | file | what it decides |
//! |---|---|
//! | `partition` | one record: settled already, in doubt, duplicate, waiting, or on its way |
//! | `claims`, `window`, `ledger` | who holds a key, which keys were delivered, which offsets may be committed |
//! | `lane`, `posting` | when a batch is formed and posted, and what an answer does to its events |
//! | `pace`, `concurrency` | when the next call may go, and how many may be under way |
//! | `tick` | what a transaction holds, when it begins, and what its end means |
//! | `rewriting` | when what a restore needs is written again |
//! | `shadow` | how the events of a lane end that does not post |
//! | `leaving` | how a partition comes to rest |
//! | `sample` | whether partitions seem to send the same events |
//! | `replay` | how the state comes back from the changelog |
//!
//! What it does *not* do: decode, map, encode, talk to Kafka or Pinterest, or decide who owns a partition.

pub mod input;
pub mod replay;
pub mod rules;
pub mod settings;

mod claims;
mod concurrency;
mod lane;
mod leaving;
mod ledger;
mod pace;
mod partition;
mod pending;
mod positions;
mod posting;
mod rewriting;
mod sample;
mod shadow;
mod status;
#[cfg(test)]
mod test_events;
#[cfg(test)]
mod tests;
mod tick;
mod window;

pub use input::{Batch, Effect, Input};
pub use lane::Trouble;
pub use replay::{OpenIntent, Replay, Restored};
pub use rules::{Rule, Rules};
pub use sample::Suspected;
pub use settings::{LaneSettings, Settings};
pub use status::{LaneStatus, PartitionStatus, Status};

use std::collections::BTreeMap;

use crate::domain::{BootTime, Epoch, NextOffset, Now, PartitionId, Record};

use lane::{ANY_COMPANY, Element, Lane};
use pace::Pace;
use partition::{Partition, Phase, Queued};
use sample::Sample;
use tick::{Tick, Ticked};

/// The accounting core.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    partitions: BTreeMap<PartitionId, Partition>,
    lanes: Vec<Lane>,
    /// Of the budgets that lanes spend together.
    shared_paces: Vec<Pace>,
    /// The lane that has the first turn: the one behind the last that spent a shared budget.
    first_lane: usize,
    /// When the last step was.
    stepped: BootTime,
    tick: Tick,
    sample: Sample,
    last_epoch: u64,
    last_batch: u64,
    random: Random,
}

impl Pipeline {
    /// `seed` spreads the backoff of several processes.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            lanes: settings.lanes.iter().map(|lane| Lane::new(lane.clone(), settings.processes)).collect(),
            shared_paces: settings.shared_limits.iter().map(|limit| Pace::new(*limit, settings.processes)).collect(),
            first_lane: 0,
            tick: Tick::new(settings.tick_max),
            stepped: BootTime::default(),
            sample: Sample::new(settings.window),
            settings,
            partitions: BTreeMap::new(),
            last_epoch: 0,
            last_batch: 0,
            random: Random(seed),
        }
    }

    /// Takes one input at `now`; appends what must happen.
    ///
    /// Records are only taken in: batches, transactions and releases follow with the next other input, at the latest
    /// with the [`Input::Woke`] that [`Pipeline::next_wakeup`] then asks for. A record costs no look at the rest.
    pub fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        self.stepped = now.boot;
        match input {
            Input::Record { partition, epoch, record } => return self.record(now, partition, epoch, *record),
            Input::Reached { partition, epoch, position } => return self.reached(now, partition, epoch, position),
            Input::Assigned(partition) => self.assigned(partition, effects),
            Input::Restored { partition, epoch, restored } => {
                let (mut queued, rewrite_after) = (Queued::new(), self.settings.rewrite_after);
                if let Some(living) = self.living(partition, epoch)
                    && living.phase == Phase::Restoring
                {
                    let oldest = restored.oldest;
                    living.restored(now, *restored, &mut queued);
                    living.inherit_age(now, oldest, rewrite_after);
                }
                self.enqueue(now, partition, queued);
            }
            Input::Revoked(partitions) => self.leave(now, &partitions, effects),
            Input::Lost(partitions) => partitions.into_iter().for_each(|partition| self.drop_partition(partition)),
            Input::Posted { batch, answered } => self.answered(now, batch, answered),
            Input::Ended { transaction, fate } => self.ended(now, transaction, fate),
            Input::Unknown(transaction) => self.unknown(transaction, effects),
            Input::Woke => {}
            Input::Drain => {
                let all: Vec<_> = self.partitions.keys().copied().collect();
                self.leave(now, &all, effects);
            }
        }
        self.post_what_is_ready(now, effects);
        if self.tick(now, effects) == Ticked::Began {
            // Batches that turned out to need no new intents.
            self.post_what_is_ready(now, effects);
        }
        self.release(now, effects);
    }

    /// When the core next wants [`Input::Woke`]. Waking it early does nothing.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<BootTime> {
        let lanes = self.lanes.iter().filter_map(|lane| {
            let slot = |others| self.slot(lane, self.stepped, others);
            lane.next_wakeup(slot(0), slot(lane.prepared()), self.tick.lead())
        });
        let leaving = self.partitions.values().filter_map(|partition| match partition.phase {
            Phase::Leaving { deadline } => Some(deadline),
            Phase::Restoring | Phase::Reading => None,
        });
        lanes.chain(leaving).chain(self.tick_due()).chain(self.rewrite_due()).min()
    }

    /// Whether another record of this partition may be taken. The shell pauses it while it may not.
    #[must_use]
    pub fn has_room(&self, partition: PartitionId) -> bool {
        let part = self.settings.waiting_bytes / self.partitions.len().max(1);
        self.partitions.get(&partition).is_some_and(|partition| partition.has_room(self.settings.span, part))
    }

    /// Whether nothing is assigned any more: after [`Input::Drain`], the moment to stop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    fn assigned(&mut self, partition: PartitionId, effects: &mut Vec<Effect>) {
        self.drop_partition(partition);
        self.last_epoch += 1;
        let epoch = Epoch(self.last_epoch);
        self.partitions.insert(partition, Partition::restoring(partition, epoch, self.settings.rules));
        effects.push(Effect::Restore { partition, epoch });
    }

    fn record(&mut self, now: Now, id: PartitionId, epoch: Epoch, record: Record) {
        let Some(partition) = self.living(id, epoch) else { return };
        if partition.phase != Phase::Reading {
            return;
        }
        let mut queued = Queued::new();
        partition.admit(now, record, &mut queued);
        let settled = partition.has_moved();
        self.enqueue(now, id, queued);
        if settled {
            self.tick.something_waits_since(now.boot);
        }
    }

    fn reached(&mut self, now: Now, id: PartitionId, epoch: Epoch, position: NextOffset) {
        let Some(partition) = self.living(id, epoch) else { return };
        if partition.phase != Phase::Reading {
            return;
        }
        let mut queued = Queued::new();
        partition.reached(now, position, &mut queued);
        let settled = partition.has_moved();
        self.enqueue(now, id, queued);
        if settled {
            self.tick.something_waits_since(now.boot);
        }
    }

    /// The partition, if this is its present epoch (P1).
    fn living(&mut self, partition: PartitionId, epoch: Epoch) -> Option<&mut Partition> {
        let strict = self.settings.rules.holds(Rule::DeadEpochsDiscarded);
        self.partitions.get_mut(&partition).filter(|living| living.epoch == epoch || !strict)
    }

    /// Lets events join the end of their lane's queue; those of a leaving partition are taken back instead, and those
    /// of a lane in shadow mode end here.
    fn enqueue(&mut self, now: Now, id: PartitionId, mut queued: Queued) {
        let mut next = 0;
        while let Some((lane, offset)) = queued.get(next).copied() {
            next += 1;
            let is_shadow = self.is_shadow(lane);
            let Some(partition) = self.partitions.get_mut(&id) else { return };
            if matches!(partition.phase, Phase::Leaving { .. }) {
                partition.take_back(offset);
                continue;
            }
            if is_shadow {
                if let Some(outcome) = partition.ledger.pending(offset).map(shadow::outcome) {
                    // Whoever waited behind it comes to the end of the list.
                    partition.settle(now, offset, outcome, &mut queued);
                    self.tick.something_waits_since(now.boot);
                }
                continue;
            }
            let bytes = partition.ledger.pending(offset).map_or(0, |pending| pending.event.body.len() + 1);
            let element =
                Element { partition: id, epoch: partition.epoch, offset, bytes, since: now.boot, company: ANY_COMPANY };
            if let Some(lane) = self.lanes.get_mut(usize::from(lane.0)) {
                lane.queue.push(element);
            }
        }
    }
}

/// `SplitMix64`: small, seeded, good enough to spread waiting times.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // The upper 32 bits fill the fraction of an f64 exactly.
        f64::from(u32::try_from(z >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0
    }
}

//! The tick: what a transaction holds, when it begins, what its end means (T1–T6).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{
    BootTime, ChangelogEntry, Epoch, Fate, NextOffset, Now, Offset, OutcomeKind, OwnEntries, PartitionId, ReadFrom,
    Transaction, TransactionId, TransactionPart, Written,
};

use super::lane::{BatchStage, Mode};
use super::ledger::Told;
use super::partition::{Partition, Passed, Phase, Settled};
use super::posting::pending_of;
use super::rules::{Rule, Rules};
use super::{Effect, Pipeline};

/// As many outcomes as this are written without waiting for more: the shortest tick (20 ms) at 50,000 records/s.
const MANY_OUTCOMES: usize = 1000;

/// The transaction under way, and when the next one may begin.
#[derive(Debug)]
pub(super) struct Tick {
    under_way: Option<UnderWay>,
    last_began: Option<BootTime>,
    /// Since when something waits for the next one.
    waiting_since: Option<BootTime>,
    last_id: u64,
    /// How long a transaction takes: the longest of late.
    takes: Duration,
}

/// What the core remembers of a transaction while the shell has it.
#[derive(Debug)]
struct UnderWay {
    id: TransactionId,
    began: BootTime,
    parts: Vec<PartUnderWay>,
}

#[derive(Debug)]
struct PartUnderWay {
    partition: PartitionId,
    epoch: Epoch,
    next_offset: NextOffset,
    /// Outcomes at or above the watermark: a restore needs them.
    outcomes_above: Vec<(Offset, Told)>,
    intents: Vec<Offset>,
    /// Written again (P7).
    again: Vec<Offset>,
}

/// Whether a tick began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticked {
    Not,
    Began,
}

impl Tick {
    /// `takes`: how long a transaction takes, for all that is known before the first one.
    pub(super) const fn new(takes: Duration) -> Self {
        Self { under_way: None, last_began: None, waiting_since: None, last_id: 0, takes }
    }

    /// Something is there for the next transaction, at the latest from now on.
    pub(super) fn something_waits_since(&mut self, now: BootTime) {
        self.waiting_since.get_or_insert(now);
    }

    /// How long before its call a batch is to be formed, so that its intents are committed by then: it may meet a
    /// transaction that has just begun.
    pub(super) fn lead(&self) -> Duration {
        self.takes * 2
    }

    pub(super) fn writes_for(&self, partition: PartitionId) -> bool {
        self.under_way.as_ref().is_some_and(|t| t.parts.iter().any(|part| part.partition == partition))
    }
}

impl Pipeline {
    /// Begins a transaction if something waits and the time has come (T2).
    pub(super) fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) -> Ticked {
        self.partitions.values_mut().for_each(Partition::forget_standstill);
        if !self.something_waits(now.boot) {
            self.tick.waiting_since = None;
            return Ticked::Not;
        }
        self.tick.something_waits_since(now.boot);
        if self.tick_due().is_none_or(|due| now.boot < due) {
            return Ticked::Not;
        }
        effects.extend(self.begin(now).map(Effect::Commit));
        Ticked::Began
    }

    /// When the next transaction may begin; never while one is under way.
    pub(super) fn tick_due(&self) -> Option<BootTime> {
        let since = self.tick.waiting_since.filter(|_| self.tick.under_way.is_none())?;
        let earliest = self.tick.last_began.map_or(since, |last| last.after(self.settings.tick_min));
        let wanted = if self.is_urgent() { since } else { since.after(self.settings.tick_max) };
        Some(wanted.max(earliest))
    }

    fn something_waits(&self, now: BootTime) -> bool {
        self.has_unwritten_batch() || self.partitions.values().any(|partition| partition.has_to_write(now))
    }

    /// When the next partition must write again what a restore needs of it; never while a transaction is under way.
    pub(super) fn rewrite_due(&self) -> Option<BootTime> {
        let idle = self.tick.under_way.is_none();
        self.partitions.values().filter(|_| idle).filter_map(Partition::rewrite_due).min()
    }

    fn is_urgent(&self) -> bool {
        let mut outcomes = 0;
        self.has_unwritten_batch()
            || self.partitions.values().any(|partition| {
                outcomes += partition.outbox.len();
                MANY_OUTCOMES <= outcomes || matches!(partition.phase, Phase::Leaving { .. })
            })
    }

    fn has_unwritten_batch(&self) -> bool {
        self.lanes.iter().flat_map(|lane| &lane.batches).any(|batch| batch.stage == BatchStage::Unwritten)
    }

    fn begin(&mut self, now: Now) -> Option<Transaction> {
        let id = TransactionId(self.tick.last_id + 1);
        let mut intents = self.take_intents(id, now);
        let (mut parts, mut remembered) = (Vec::new(), Vec::new());
        for partition in self.partitions.values_mut() {
            let own_intents = intents.remove(&partition.id).unwrap_or_default();
            if !partition.has_to_write(now.boot) && own_intents.is_empty() {
                continue;
            }
            let (part, memory) = write_part(partition, own_intents, now, self.settings.rules);
            let delivered = part.rows.iter().filter(|row| row.outcome.kind() == OutcomeKind::Delivered);
            for key in delivered.filter_map(|row| row.key) {
                self.sample.delivered(key, part.partition, now.wall);
            }
            parts.push(part);
            remembered.push(memory);
        }
        if parts.is_empty() {
            return None;
        }
        self.tick.last_id = id.0;
        self.tick.last_began = Some(now.boot);
        self.tick.waiting_since = None;
        self.tick.under_way = Some(UnderWay { id, began: now.boot, parts: remembered });
        Some(Transaction { id, parts })
    }

    /// Marks the batches whose intents this transaction writes, and gathers those intents by partition.
    fn take_intents(&mut self, id: TransactionId, now: Now) -> BTreeMap<PartitionId, Vec<ChangelogEntry>> {
        let mut intents: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let fresh_for = self.settings.post_deadline / 2;
        for batch in self.lanes.iter_mut().flat_map(|lane| &mut lane.batches) {
            if batch.stage != BatchStage::Unwritten {
                continue;
            }
            let mut oldest_committed = Some(now.boot);
            for element in &batch.elements {
                let Some(pending) = pending_of(&mut self.partitions, element) else { continue };
                let fresh = pending.intent.committed.filter(|since| now.boot.since(*since) < fresh_for);
                if let Some(since) = fresh {
                    oldest_committed = oldest_committed.map(|oldest| oldest.min(since));
                    continue;
                }
                oldest_committed = None;
                pending.intent.in_flight = Some(id);
                let intent =
                    ChangelogEntry::Intent { offset: element.offset, key: pending.event.key, policy: pending.policy };
                intents.entry(element.partition).or_default().push(intent);
            }
            batch.stage = oldest_committed.map_or(BatchStage::Writing(id), |since| BatchStage::Ready { since });
        }
        intents
    }

    /// The end of a transaction is certain.
    pub(super) fn ended(&mut self, now: Now, id: TransactionId, fate: Fate) {
        let Some(under_way) = self.tick.under_way.take_if(|under_way| under_way.id == id) else { return };
        let took = now.boot.since(under_way.began).max(self.settings.tick_min);
        self.tick.takes = took.max(self.tick.takes * 7 / 8);
        match fate {
            Fate::Committed(written) => self.committed(&under_way, &written),
            Fate::Aborted(transaction) => self.aborted(&under_way, transaction),
        }
        self.batches_written(now, &under_way);
    }

    /// Nothing begins until it is known how the transaction ended (T5).
    pub(super) fn unknown(&mut self, id: TransactionId, effects: &mut Vec<Effect>) {
        if self.tick.under_way.as_ref().is_some_and(|under_way| under_way.id == id) {
            effects.push(Effect::Resolve(id));
        }
    }

    fn committed(&mut self, under_way: &UnderWay, written: &[Written]) {
        for part in &under_way.parts {
            let Some(partition) = self.partitions.get_mut(&part.partition).filter(|p| p.epoch == part.epoch) else {
                continue;
            };
            partition.ledger.committed(part.next_offset);
            partition.committed = part.next_offset;
            if let Some(written) = written.iter().find(|written| written.partition == part.partition) {
                entries_committed(partition, part, *written, under_way.began, self.settings.rules);
            }
            partition.plan_rewriting(&part.again, under_way.began.after(self.settings.rewrite_after));
        }
    }

    fn aborted(&mut self, under_way: &UnderWay, transaction: Transaction) {
        for (part, remembered) in transaction.parts.into_iter().zip(&under_way.parts) {
            let Some(partition) = self.partitions.get_mut(&part.partition).filter(|p| p.epoch == part.epoch) else {
                continue;
            };
            if partition.committed < part.next_offset {
                partition.passed = Passed::Something;
            }
            for offset in &remembered.intents {
                if let Some(pending) = partition.ledger.pending_mut(*offset) {
                    pending.intent.in_flight = None;
                }
            }
            if self.settings.rules.holds(Rule::AbortKeepsOutcomes) {
                put_back(partition, part);
            }
        }
    }

    /// Batches whose intents were in the transaction: ready if they are committed now, else written again.
    fn batches_written(&mut self, now: Now, under_way: &UnderWay) {
        for index in 0..self.lanes.len() {
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            let probing = matches!(lane.mode, Mode::Probing { .. });
            for batch in &mut lane.batches {
                if batch.stage != BatchStage::Writing(under_way.id) {
                    continue;
                }
                let mut since = Some(now.boot);
                batch.elements.retain(|element| {
                    let Some(partition) = self.partitions.get_mut(&element.partition) else { return false };
                    if partition.epoch != element.epoch {
                        return false;
                    }
                    if matches!(partition.phase, Phase::Leaving { .. }) {
                        partition.take_back(element.offset);
                        return false;
                    }
                    let committed = partition.ledger.pending(element.offset).and_then(|p| p.intent.committed);
                    since = since.zip(committed).map(|(a, b)| a.min(b));
                    true
                });
                batch.stage = since.map_or(BatchStage::Unwritten, |since| BatchStage::Ready { since });
            }
            lane.batches.retain(|batch| !batch.elements.is_empty());
            if probing {
                self.dissolve(index);
            }
        }
    }
}

/// The entries of one part are in the changelog.
fn entries_committed(partition: &mut Partition, part: &PartUnderWay, written: Written, began: BootTime, rules: Rules) {
    partition.end = written.end;
    for (offset, told) in &part.outcomes_above {
        if rules.holds(Rule::LedgerCountsOutcomes) {
            partition.ledger.outcome_written(*offset, written.first, *told);
        }
    }
    for offset in &part.again {
        partition.written_again(*offset, written.first);
    }
    for offset in &part.intents {
        let Some(pending) = partition.ledger.pending_mut(*offset) else { continue };
        pending.intent.in_flight = None;
        pending.intent.committed = Some(began);
        if rules.holds(Rule::LedgerCountsIntents) {
            partition.ledger.written(*offset, written.first);
        }
    }
}

fn write_part(
    partition: &mut Partition,
    intents: Vec<ChangelogEntry>,
    now: Now,
    rules: Rules,
) -> (TransactionPart, PartUnderWay) {
    let watermark =
        if rules.holds(Rule::CommitPrefix) { partition.ledger.watermark() } else { partition.ledger.position() };
    partition.ledger.pass(watermark);
    partition.passed = Passed::Nothing;
    partition.window.expire(now.wall);
    let rewrites = partition.rewrite_due().is_some_and(|due| due <= now.boot);
    let (old_outcomes, old_intents) = if rewrites { partition.needed_entries() } else { Default::default() };
    let outbox = std::mem::take(&mut partition.outbox);
    let withdrawals = std::mem::take(&mut partition.withdrawals);
    let above = outbox.iter().filter(|settled| !watermark.is_past(settled.row.offset));
    let outcomes_above: Vec<_> = above.map(|settled| (settled.row.offset, settled.told())).collect();
    let again: Vec<_> = old_outcomes.iter().chain(&old_intents).map(ChangelogEntry::offset).collect();
    let own_entries = if intents.is_empty() && outcomes_above.is_empty() && again.is_empty() {
        OwnEntries::NotNeeded
    } else {
        OwnEntries::Needed
    };
    // Whatever is needed is in this transaction, if it is written again.
    let earlier = partition.ledger.read_from().filter(|_| !rewrites);
    let nothing = Some(partition.end).filter(|_| !rules.holds(Rule::NothingNeeded));
    let memory = PartUnderWay {
        partition: partition.id,
        epoch: partition.epoch,
        next_offset: watermark,
        outcomes_above,
        intents: intents.iter().map(ChangelogEntry::offset).collect(),
        again,
    };
    let entries = old_outcomes
        .into_iter()
        .chain(outbox.iter().map(Settled::entry))
        .chain(withdrawals.into_iter().map(|offset| ChangelogEntry::Withdrawn { offset }))
        .chain(intents)
        .chain(old_intents)
        .collect();
    let part = TransactionPart {
        partition: partition.id,
        epoch: partition.epoch,
        rows: outbox.into_iter().map(|settled| settled.row).collect(),
        entries,
        next_offset: watermark,
        ledger_from: ReadFrom { earlier: earlier.or(nothing), own_entries },
        window_from: ReadFrom { earlier: partition.window.read_from(), own_entries: OwnEntries::NotNeeded },
        end_before: partition.end,
    };
    (part, memory)
}

/// Rows and withdrawals of an aborted transaction go before those that came since (T6).
fn put_back(partition: &mut Partition, part: TransactionPart) {
    let mut rows = part.rows.into_iter().peekable();
    let (mut outbox, mut withdrawals) = (Vec::new(), Vec::new());
    for entry in part.entries {
        match entry {
            // An outcome without row was only written again (P7).
            ChangelogEntry::Outcome { offset, at, .. } => {
                outbox.extend(rows.next_if(|row| row.offset == offset).map(|row| Settled { row, at }));
            }
            ChangelogEntry::Withdrawn { offset } => withdrawals.push(offset),
            ChangelogEntry::Intent { .. } => {}
        }
    }
    outbox.append(&mut partition.outbox);
    partition.outbox = outbox;
    withdrawals.append(&mut partition.withdrawals);
    partition.withdrawals = withdrawals;
}

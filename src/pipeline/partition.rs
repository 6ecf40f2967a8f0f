//! One epoch of one partition: admission, claims, settling.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::{
    BootTime, ChangelogEntry, ChangelogOffset, ConversionEvent, DuplicateOf, Epoch, EventFacts, EventKey,
    InDoubtPolicy, KeyState, LaneId, Mapped, NextOffset, Now, Offset, Outcome, PartitionId, Reason, Record, Redelivery,
    SettledKind, Settlement, UnixMillis,
};

use super::claims::{Claimed, Claims};
use super::ledger::{Ledger, Told};
use super::pending::{Doubt, Pending, RecordMeta, Stage};
use super::replay::{OpenIntent, Restored};
use super::rules::{Rule, Rules};
use super::window::{Window, WindowEntry};

/// The state of one assignment; nothing of it outlives the epoch (P1).
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) phase: Phase,
    pub(crate) ledger: Ledger,
    pub(crate) window: Window,
    claims: Claims,
    /// Restored intents whose records have not been read yet.
    pub(super) inherited: BTreeMap<Offset, OpenIntent>,
    /// Restored outcomes at or above the committed offset whose records have not been read yet.
    pub(super) already: BTreeMap<Offset, (ChangelogOffset, Told)>,
    /// Settled since the last transaction began, in settle order.
    pub(crate) outbox: Vec<Settled>,
    /// Intents to be taken back by the next transaction.
    pub(crate) withdrawals: Vec<Offset>,
    /// Position behind our last committed changelog entry.
    pub(crate) end: ChangelogOffset,
    /// The offset that is committed.
    pub(crate) committed: NextOffset,
    /// The reader has passed something that leaves no row (P6).
    pub(super) passed: Passed,
    /// When what a restore needs is to be written again; nothing if it needs nothing (P7).
    pub(super) rewrite_at: Option<BootTime>,
    pub(super) rules: Rules,
}

/// Whether the watermark may have moved without a row that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    Nothing,
    Something,
}

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Restoring,
    Reading,
    /// It is to be released when it has come to rest, at the latest then.
    Leaving {
        deadline: BootTime,
    },
}

/// A settled record that no transaction has taken yet.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) row: Settlement,
    /// The latest moment at which Pinterest may have taken it.
    pub(crate) at: UnixMillis,
}

impl Settled {
    pub(crate) const fn told(&self) -> Told {
        Told { kind: self.row.outcome.settled_kind(), redelivery: self.row.redelivery, at: self.at }
    }

    pub(crate) const fn entry(&self) -> ChangelogEntry {
        self.told().entry(self.row.offset)
    }
}

/// Events that are to join the queue of their lane.
pub(crate) type Queued = Vec<(LaneId, Offset)>;

/// Older than this, Pinterest counts an event as offline and cannot deduplicate it (help article "The Pinterest API for
/// Conversions": received in real time or within an hour).
pub(crate) const REPEATABLE_FOR: Duration = Duration::from_hours(1);

impl Partition {
    pub(crate) fn restoring(id: PartitionId, epoch: Epoch, rules: Rules) -> Self {
        Self {
            id,
            epoch,
            phase: Phase::Restoring,
            ledger: Ledger::new(NextOffset(0)),
            window: Window::new(Duration::ZERO, 0),
            claims: Claims::default(),
            inherited: BTreeMap::new(),
            already: BTreeMap::new(),
            outbox: Vec::new(),
            withdrawals: Vec::new(),
            end: ChangelogOffset(0),
            committed: NextOffset(0),
            passed: Passed::Nothing,
            rewrite_at: None,
            rules,
        }
    }

    /// Takes over what the changelog held.
    pub(crate) fn restored(&mut self, now: Now, restored: Restored, queued: &mut Queued) {
        self.ledger = Ledger::new(restored.next_offset);
        self.window = restored.window;
        self.end = restored.end;
        self.committed = restored.next_offset;
        let carried = self.rules.holds(Rule::RestoredPositionsCarried);
        for intent in restored.open {
            if self.rules.holds(Rule::InheritedHoldsClaim) {
                self.claims.ask(intent.key, intent.offset);
            }
            if carried {
                self.ledger.inherit(intent.position);
            }
            self.inherited.insert(intent.offset, intent);
        }
        for (offset, position, told) in restored.settled {
            if carried {
                self.ledger.inherit(position);
            }
            self.already.insert(offset, (position, told));
        }
        self.phase = Phase::Reading;
        if let Some(until) = restored.lost_until {
            self.settle_lost(now, until, queued);
        }
    }

    /// Settles what was deleted before it was read: one row for each run of records of which nothing is known (P5).
    fn settle_lost(&mut self, now: Now, until: NextOffset, queued: &mut Queued) {
        while self.ledger.position() < until {
            let start = Offset(self.ledger.position().0);
            let inherited = self.inherited.first_key_value().map(|(offset, _)| *offset);
            let already = self.already.first_key_value().map(|(offset, _)| *offset);
            let known = inherited.into_iter().chain(already).min().filter(|known| until.is_past(*known));
            let end = known.map_or(until, |known| NextOffset(known.0));
            if start.0 < end.0 {
                self.ledger.settled(start, None);
                self.ledger.reached(end);
                let row = Settlement {
                    range_end: Some(end),
                    outcome: Outcome::new(Reason::DeletedBeforeRead),
                    ..Settlement::of_nothing(start, now.wall)
                };
                self.outbox.push(Settled { row, at: now.wall });
            }
            if let Some(known) = known {
                self.pass_unseen(now, Offset(known.next().0), queued);
            }
        }
    }

    /// Whether another record may be taken, where `bytes` are for what waits.
    pub(crate) fn has_room(&self, span: usize, bytes: usize) -> bool {
        let waiting = self.ledger.open_bytes() + self.outbox.len() * Pending::BYTES_BESIDE_BODY;
        // The reader must be able to reach the highest restored intent (R7).
        let highest = self.inherited.last_key_value().filter(|_| self.rules.holds(Rule::InheritedWithinReach));
        let lies_ahead = highest.is_some_and(|(offset, _)| self.ledger.position().0 <= offset.0);
        self.phase == Phase::Reading && (lies_ahead || (self.ledger.len() < span && waiting < bytes))
    }

    /// Takes the next record.
    pub(crate) fn admit(&mut self, now: Now, record: Record, queued: &mut Queued) {
        let offset = record.offset;
        self.pass_unseen(now, offset, queued);
        if let Some(written) = self.already.remove(&offset)
            && self.rules.holds(Rule::SettledPassedOver)
        {
            self.ledger.settled(offset, Some(written));
            self.passed = Passed::Something;
            return;
        }
        let (meta, mapped) = RecordMeta::split(record);
        let inherited = self.inherited.remove(&offset).filter(|_| self.rules.holds(Rule::InheritedIsDoubt));
        match (inherited, mapped) {
            (Some(intent), Mapped::Settled { outcome, facts }) if !self.rules.holds(Rule::InheritedBeforeMapping) => {
                self.ledger.forget(Some(intent.position));
                self.end_unmapped(now, offset, meta, outcome, facts);
            }
            (Some(intent), mapped) => self.admit_inherited(now, meta, mapped, intent, queued),
            (None, Mapped::Settled { outcome, facts }) => self.end_unmapped(now, offset, meta, outcome, facts),
            (None, Mapped::Event(event)) => {
                let pending = Box::new(Pending::new(meta, event, Stage::Waiting));
                self.ledger.open(offset, pending, None);
                self.judge(now, offset, queued);
            }
        }
    }

    /// Everything before `position` has been read, or was not there.
    pub(crate) fn reached(&mut self, now: Now, position: NextOffset, queued: &mut Queued) {
        self.pass_unseen(now, Offset(position.0), queued);
        self.ledger.reached(position);
        self.passed = Passed::Something;
    }

    /// What was restored for offsets before `offset` will not be read: the records are gone (R7).
    fn pass_unseen(&mut self, now: Now, offset: Offset, queued: &mut Queued) {
        loop {
            let intent = self.inherited.first_key_value().map(|(gone, _)| *gone);
            let outcome = self.already.first_key_value().map(|(gone, _)| *gone);
            let Some(gone) = intent.into_iter().chain(outcome).min().filter(|gone| *gone < offset) else { return };
            if let Some(written) = self.already.remove(&gone) {
                self.ledger.settled(gone, Some(written));
            } else if let Some(intent) = self.inherited.remove(&gone) {
                self.settle_gone(now, intent, queued);
            }
        }
    }

    /// Settles a record of which only the intent is left.
    fn settle_gone(&mut self, now: Now, intent: OpenIntent, queued: &mut Queued) {
        let OpenIntent { offset, key, policy, position, taken_until } = intent;
        self.ledger.forget(Some(position));
        if !self.rules.holds(Rule::GoneSettledFromIntent) {
            let waiting = self.claims.release(&key, offset);
            self.judge_again(now, waiting, queued);
            return;
        }
        self.ledger.settled(offset, None);
        let row = Settlement {
            outcome: Outcome::new(Reason::RecordGone),
            redelivery: possibly_repeated(policy),
            key: Some(key),
            ..Settlement::of_nothing(offset, now.wall)
        };
        self.finish(now, row, key, policy, taken_until, Some(position), queued);
    }

    /// A former owner may have posted this record (R7).
    fn admit_inherited(&mut self, now: Now, meta: RecordMeta, mapped: Mapped, intent: OpenIntent, queued: &mut Queued) {
        let (offset, key) = (intent.offset, intent.key);
        let keeps_policy = self.rules.holds(Rule::InheritedPolicyKept);
        let (reason, mapped) = match mapped {
            Mapped::Event(event) if event.key != key => (Reason::KeyChanged, Mapped::Event(event)),
            Mapped::Event(event)
                if (intent.policy == InDoubtPolicy::Resend || !keeps_policy)
                    && event.policy == InDoubtPolicy::Resend =>
            {
                self.ledger.forget(Some(intent.position));
                let mut pending = Pending::new(meta, event, Stage::Queued);
                pending.doubt = Doubt::MayBeTaken;
                pending.redelivery = Redelivery::Possible;
                pending.taken_until = Some(intent.taken_until);
                let lane = pending.event.lane;
                self.ledger.open(offset, Box::new(pending), None);
                self.ledger.written(offset, intent.position);
                if !self.rules.holds(Rule::InheritedHoldsClaim) {
                    self.claims.ask(key, offset);
                }
                queued.push((lane, offset));
                return;
            }
            mapped @ (Mapped::Event(_) | Mapped::Settled { .. }) => (Reason::OwnerLost, mapped),
        };
        self.ledger.forget(Some(intent.position));
        self.ledger.settled(offset, None);
        let facts = match mapped {
            Mapped::Event(event) => Some(event.facts),
            Mapped::Settled { facts, .. } => facts,
        };
        let row = Settlement {
            outcome: Outcome::new(reason),
            redelivery: possibly_repeated(intent.policy),
            origin: meta.origin,
            timestamp: meta.timestamp,
            received: Some(meta.received),
            trace: meta.trace,
            key: Some(key),
            facts,
            ..Settlement::of_nothing(offset, now.wall)
        };
        self.finish(now, row, key, intent.policy, intent.taken_until, Some(intent.position), queued);
    }

    fn end_unmapped(
        &mut self,
        now: Now,
        offset: Offset,
        meta: RecordMeta,
        outcome: Outcome,
        facts: Option<Box<EventFacts>>,
    ) {
        self.ledger.settled(offset, None);
        let row = Settlement {
            outcome,
            origin: meta.origin,
            timestamp: meta.timestamp,
            received: Some(meta.received),
            trace: meta.trace,
            facts,
            ..Settlement::of_nothing(offset, now.wall)
        };
        self.outbox.push(Settled { row, at: now.wall });
    }

    /// Decides about a record that holds no claim: duplicate, waiting, or under way (R8, R9).
    pub(crate) fn judge(&mut self, now: Now, offset: Offset, queued: &mut Queued) {
        let Some(pending) = self.ledger.pending_mut(offset) else { return };
        let (key, lane) = (pending.event.key, pending.event.lane);
        let policy = effective_policy(&pending.event, now, self.rules);
        let known = self.window.get(&key, now.wall);
        if let Some(WindowEntry { offset: of, state, policy: other }) = known {
            let both_resend = policy == InDoubtPolicy::Resend
                && (other == InDoubtPolicy::Resend || !self.rules.holds(Rule::StricterPolicy));
            if state == KeyState::Delivered || !both_resend {
                let outcome = Outcome::duplicate(DuplicateOf { offset: of, state });
                self.settle(now, offset, outcome, queued);
                return;
            }
            if self.rules.holds(Rule::RepetitionMarked) {
                pending.redelivery = Redelivery::Possible;
            }
            // The attempt that it repeats may be taken after this one.
            pending.taken_until = pending.taken_until.max(self.window.latest(&key));
        }
        pending.policy = policy;
        if !self.rules.holds(Rule::WindowAfterDelivery) {
            let entry = WindowEntry { offset, state: KeyState::Delivered, policy };
            self.window.insert(key, entry, now.wall, None);
        }
        match self.claims.ask(key, offset) {
            Claimed::Waiting if self.rules.holds(Rule::DuplicatesWait) => pending.stage = Stage::Waiting,
            Claimed::Held | Claimed::Waiting => {
                pending.stage = Stage::Queued;
                queued.push((lane, offset));
            }
        }
    }

    /// Settles an open record, then those that waited behind its claim.
    pub(crate) fn settle(&mut self, now: Now, offset: Offset, outcome: Outcome, queued: &mut Queued) {
        let Some((pending, intent)) = self.ledger.settle(offset) else { return };
        let (key, policy) = (pending.event.key, pending.policy);
        let at = pending.taken_until.unwrap_or(now.wall);
        let row = pending.into_settlement(offset, outcome, now.wall);
        self.finish(now, row, key, policy, at, intent, queued);
    }

    #[expect(clippy::too_many_arguments, reason = "one private end for two beginnings: with and without a record")]
    fn finish(
        &mut self,
        now: Now,
        row: Settlement,
        key: EventKey,
        policy: InDoubtPolicy,
        at: UnixMillis,
        intent: Option<ChangelogOffset>,
        queued: &mut Queued,
    ) {
        let offset = row.offset;
        let state = match row.outcome.settled_kind() {
            SettledKind::Delivered => self.rules.holds(Rule::DeliveredInWindow).then_some(KeyState::Delivered),
            SettledKind::InDoubt => self.rules.holds(Rule::DoubtInWindow).then_some(KeyState::InDoubt),
            SettledKind::NotSent => None,
        };
        if let Some(state) = state {
            let intent = intent.filter(|_| self.rules.holds(Rule::WindowCountsIntents));
            self.window.insert(key, WindowEntry { offset, state, policy }, at, intent);
        }
        self.outbox.push(Settled { row, at });
        let waiting = self.claims.release(&key, offset);
        self.judge_again(now, waiting, queued);
    }

    fn judge_again(&mut self, now: Now, waiting: VecDeque<Offset>, queued: &mut Queued) {
        for offset in waiting {
            self.judge(now, offset, queued);
        }
    }

    /// Gives up a record because the partition leaves (P2): what was never in doubt leaves no trace.
    pub(crate) fn take_back(&mut self, offset: Offset) {
        let Some(pending) = self.ledger.pending_mut(offset) else { return };
        pending.stage = Stage::TakenBack;
        let clean = pending.doubt == Doubt::None || !self.rules.holds(Rule::DoubtNotWithdrawn);
        if pending.intent.committed.take().is_some() && clean && self.rules.holds(Rule::CleanWithdrawn) {
            self.withdrawals.push(offset);
            self.ledger.withdraw(offset);
        }
    }

    /// Whether nothing of it is under way: neither a post, nor a transaction, nor anything to be written.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.outbox.is_empty()
            && self.withdrawals.is_empty()
            && !self.ledger.open_offsets().any(|offset| {
                self.ledger.pending(offset).is_some_and(|pending| {
                    pending.intent.in_flight.is_some()
                        || (pending.stage == Stage::Posted && self.rules.holds(Rule::ReleaseWaitsForAnswers))
                })
            })
    }
}

/// The policy that counts now: what is too old to be deduplicated is never posted again.
pub(crate) fn effective_policy(event: &ConversionEvent, now: Now, rules: Rules) -> InDoubtPolicy {
    let old = REPEATABLE_FOR < now.wall.since(event.event_time.to_millis());
    if old && rules.holds(Rule::OldNotRepeated) { InDoubtPolicy::Hold } else { event.policy }
}

/// An intent under `resend` may have been posted by more than one former owner.
const fn possibly_repeated(policy: InDoubtPolicy) -> Redelivery {
    match policy {
        InDoubtPolicy::Resend => Redelivery::Possible,
        InDoubtPolicy::Hold => Redelivery::Impossible,
    }
}

//! What a restore needs is written again before the changelog's retention takes it (P7).
//!
//! A record may stay unsettled for longer than the changelog is kept: its lane is halted, or Pinterest is away. Its
//! intent, and the outcomes above it, are then copied to the end of the changelog, so that the oldest of them is never
//! older than a third of the retention. A copy changes nothing: for each offset the last entry counts (R1).

use std::time::Duration;

use crate::domain::{BootTime, ChangelogEntry, ChangelogOffset, Now, Offset, UnixMillis};

use super::ledger::Needed;
use super::partition::{Partition, Passed, Phase};
use super::rules::Rule;

impl Partition {
    /// `oldest`: when the oldest entry was written that the restore has found to be needed.
    pub(super) fn inherit_age(&mut self, now: Now, oldest: Option<UnixMillis>, rewrite_after: Duration) {
        let left = |oldest| rewrite_after.saturating_sub(now.wall.since(oldest));
        self.rewrite_at = oldest.map(|oldest| now.boot.after(left(oldest)));
    }

    /// When what a restore needs must be written again.
    pub(super) fn rewrite_due(&self) -> Option<BootTime> {
        let needed = self.phase == Phase::Reading
            && self.ledger.read_from().is_some()
            && self.rules.holds(Rule::LedgerWrittenAgain);
        self.rewrite_at.filter(|_| needed)
    }

    /// Whether a transaction must be written for the partition, intents of batches aside.
    pub(super) fn has_to_write(&self, now: BootTime) -> bool {
        !self.outbox.is_empty()
            || !self.withdrawals.is_empty()
            || (self.passed == Passed::Something && self.rules.holds(Rule::ProgressCommitted))
            || self.rewrite_due().is_some_and(|due| due <= now)
    }

    /// Whether the next transaction has something to say of the partition, at the latest from now on.
    pub(super) const fn has_moved(&self) -> bool {
        !self.outbox.is_empty() || matches!(self.passed, Passed::Something)
    }

    /// What was passed moves no offset while a record before it is open.
    pub(super) fn forget_standstill(&mut self) {
        if self.passed == Passed::Something && self.ledger.watermark() <= self.committed {
            self.passed = Passed::Nothing;
        }
    }

    /// Everything that a restore needs, outcomes apart from intents, but for intents that are being written anyway.
    pub(super) fn needed_entries(&self) -> (Vec<ChangelogEntry>, Vec<ChangelogEntry>) {
        let mut outcomes: Vec<_> = self.already.iter().map(|(offset, (_, told))| told.entry(*offset)).collect();
        let inherited = self.inherited.values();
        let mut intents: Vec<_> = inherited
            .map(|intent| ChangelogEntry::Intent { offset: intent.offset, key: intent.key, policy: intent.policy })
            .collect();
        for needed in self.ledger.needed() {
            match needed {
                Needed::Outcome(offset, told) => outcomes.push(told.entry(offset)),
                Needed::Intent(_, pending) if pending.intent.in_flight.is_some() => {}
                Needed::Intent(offset, pending) => {
                    intents.push(ChangelogEntry::Intent { offset, key: pending.event.key, policy: pending.policy });
                }
            }
        }
        (outcomes, intents)
    }

    /// The copy of an entry has been committed at `position`.
    pub(super) fn written_again(&mut self, offset: Offset, position: ChangelogOffset) {
        let inherited = self.inherited.get_mut(&offset).map(|intent| &mut intent.position);
        let already = self.already.get_mut(&offset).map(|(position, _)| position);
        match inherited.or(already) {
            Some(former) => {
                self.ledger.forget(Some(std::mem::replace(former, position)));
                self.ledger.inherit(position);
            }
            None => self.ledger.written_again(offset, position),
        }
    }

    /// A transaction has been committed; `again` are the copies in it, `next` is when they will be old.
    pub(super) fn plan_rewriting(&mut self, again: &[Offset], next: BootTime) {
        if self.ledger.read_from().is_none() {
            self.rewrite_at = None;
        } else if again.is_empty() {
            self.rewrite_at.get_or_insert(next);
        } else {
            self.rewrite_at = Some(next);
        }
    }
}

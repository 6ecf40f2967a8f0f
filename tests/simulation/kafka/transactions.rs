//! The transaction coordinator and the group's committed offsets.

use std::collections::BTreeSet;

use pinrelay::domain::{ChangelogEntry, Settlement, UnixMillis};

use super::Changelog;
use crate::scenario::{TRANSACTION_TIMEOUT, Time};

/// The commit metadata of P4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) ledger_from: Option<i64>,
    pub(crate) window_from: Option<i64>,
    pub(crate) end: i64,
    /// Process and number.
    pub(crate) stamp: (u64, u64),
    /// Which creation of the input topic it belongs to.
    pub(crate) topic: u32,
}

/// A committed offset; a person who sets it leaves it without metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) next: i64,
    pub(crate) metadata: Option<Metadata>,
}

/// An offset inside a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingOffset {
    pub(crate) partition: usize,
    pub(crate) stored: Stored,
    /// Whether the sender owned the partition when the broker took it.
    pub(crate) owned: bool,
    order: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another producer has the id, or the coordinator ended the transaction.
    Fenced,
    /// The markers of the last transaction are not all written: try again.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ongoing,
    Committed,
    Aborted,
}

/// A transaction as the brokers know it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) slot: usize,
    pub(crate) rows: Vec<(usize, Settlement)>,
    pub(crate) offsets: Vec<PendingOffset>,
    /// Changelog partitions with entries of it.
    touched: BTreeSet<usize>,
    state: State,
    missing_markers: usize,
}

/// Where a marker goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Changelog(usize),
    Offsets,
    /// The audit topic; readers are not modelled beyond the decision.
    Audit,
}

/// A decided transaction whose markers are to be written.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) transaction: usize,
    pub(crate) committed: bool,
    pub(crate) markers: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Empty,
    Ongoing { transaction: usize, begun: Time },
    Completing { transaction: usize },
}

#[derive(Debug)]
struct Coordinator {
    epoch: i32,
    phase: Phase,
    last_committed: Option<bool>,
}

#[derive(Debug)]
pub(crate) struct Transactions {
    coordinators: Vec<Coordinator>,
    pub(crate) known: Vec<Known>,
    /// By partition; the order in which the stored one was appended.
    stored: Vec<(Option<Stored>, u64)>,
    appended_offsets: u64,
    /// Transactions that are undecided or lack markers.
    unfinished: BTreeSet<usize>,
}

impl Transactions {
    pub(crate) fn new(starts: &[i64], processes: usize) -> Self {
        let coordinator = |_| Coordinator { epoch: 0, phase: Phase::Empty, last_committed: None };
        Self {
            coordinators: (0..processes).map(coordinator).collect(),
            known: Vec::new(),
            stored: starts.iter().map(|start| (Some(Stored { next: *start, metadata: None }), 0)).collect(),
            appended_offsets: 0,
            unfinished: BTreeSet::new(),
        }
    }

    pub(crate) fn is_committed(&self, transaction: usize) -> bool {
        self.known[transaction].state == State::Committed
    }

    /// The offset without those of open transactions; that of a partition that was never read if there is none.
    pub(crate) fn stored(&self, partition: usize) -> Stored {
        self.stored[partition].0.unwrap_or(Stored { next: 0, metadata: None })
    }

    /// Sets or deletes an offset outside a transaction.
    pub(crate) fn set(&mut self, partition: usize, stored: Option<Stored>) {
        self.stored[partition].0 = stored;
    }

    /// The offset, unless a transaction that holds one has no marker yet.
    #[expect(
        clippy::option_option,
        reason = "the outer layer says whether it is known, the inner one whether it is there"
    )]
    pub(crate) fn stable(&self, partition: usize) -> Option<Option<Stored>> {
        let holds = |offset: &PendingOffset| offset.partition == partition;
        let pending = self.unfinished.iter().any(|transaction| self.known[*transaction].offsets.iter().any(holds));
        (!pending).then(|| self.stored[partition].0)
    }

    fn current(&mut self, slot: usize, epoch: i32, now: Time) -> Result<usize, Refusal> {
        let coordinator = &mut self.coordinators[slot];
        if coordinator.epoch != epoch {
            return Err(Refusal::Fenced);
        }
        match coordinator.phase {
            Phase::Ongoing { transaction, .. } => Ok(transaction),
            Phase::Completing { .. } => Err(Refusal::Busy),
            Phase::Empty => {
                let transaction = self.known.len();
                coordinator.phase = Phase::Ongoing { transaction, begun: now };
                self.unfinished.insert(transaction);
                self.known.push(Known {
                    slot,
                    rows: Vec::new(),
                    offsets: Vec::new(),
                    touched: BTreeSet::new(),
                    state: State::Ongoing,
                    missing_markers: 0,
                });
                Ok(transaction)
            }
        }
    }

    pub(crate) fn add_rows(
        &mut self,
        slot: usize,
        epoch: i32,
        now: Time,
        rows: &[(usize, Settlement)],
    ) -> Result<(), Refusal> {
        let transaction = self.current(slot, epoch, now)?;
        self.known[transaction].rows.extend_from_slice(rows);
        Ok(())
    }

    /// Returns the positions of the first entry and behind the last one.
    #[expect(clippy::too_many_arguments, reason = "a produce request has that many fields")]
    pub(crate) fn add_entries(
        &mut self,
        slot: usize,
        epoch: i32,
        now: Time,
        appended: UnixMillis,
        log: &mut Changelog,
        partition: usize,
        packs: &[Vec<ChangelogEntry>],
        topic: u32,
    ) -> Result<(i64, i64), Refusal> {
        let transaction = self.current(slot, epoch, now)?;
        self.known[transaction].touched.insert(partition);
        let positions: Vec<i64> =
            packs.iter().map(|pack| log.append(transaction, appended, pack.clone(), topic)).collect();
        let first = positions.first().expect("a produce request is not empty");
        let last = positions.last().expect("a produce request is not empty");
        Ok((*first, last + 1))
    }

    pub(crate) fn add_offsets(
        &mut self,
        slot: usize,
        epoch: i32,
        now: Time,
        offsets: &[(usize, Stored, bool)],
    ) -> Result<(), Refusal> {
        let transaction = self.current(slot, epoch, now)?;
        for (partition, stored, owned) in offsets {
            self.appended_offsets += 1;
            self.known[transaction].offsets.push(PendingOffset {
                partition: *partition,
                stored: *stored,
                owned: *owned,
                order: self.appended_offsets,
            });
        }
        Ok(())
    }

    /// `EndTxn`. A decision if this call made it; nothing if an earlier call made the same one.
    pub(crate) fn end(&mut self, slot: usize, epoch: i32, committed: bool) -> Result<Option<Decision>, Refusal> {
        let coordinator = &self.coordinators[slot];
        if coordinator.epoch != epoch {
            return Err(Refusal::Fenced);
        }
        match coordinator.phase {
            Phase::Ongoing { .. } => Ok(Some(self.decide(slot, committed))),
            Phase::Completing { .. } | Phase::Empty if coordinator.last_committed == Some(committed) => Ok(None),
            // INVALID_TXN_STATE, which is fatal too.
            Phase::Completing { .. } | Phase::Empty => Err(Refusal::Fenced),
        }
    }

    /// `InitProducerId`: fences, ends an open transaction, and succeeds when nothing is left of it.
    pub(crate) fn init(&mut self, slot: usize) -> (Result<i32, Refusal>, Option<Decision>) {
        match self.coordinators[slot].phase {
            Phase::Ongoing { .. } => {
                self.coordinators[slot].epoch += 1;
                (Err(Refusal::Busy), Some(self.decide(slot, false)))
            }
            Phase::Completing { .. } => (Err(Refusal::Busy), None),
            Phase::Empty => {
                let coordinator = &mut self.coordinators[slot];
                coordinator.epoch += 1;
                coordinator.last_committed = None;
                (Ok(coordinator.epoch), None)
            }
        }
    }

    /// Transactions that have been open for too long are aborted, their producers fenced.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for slot in 0..self.coordinators.len() {
            if let Phase::Ongoing { begun, .. } = self.coordinators[slot].phase
                && begun + TRANSACTION_TIMEOUT < now
            {
                self.coordinators[slot].epoch += 1;
                decisions.push(self.decide(slot, false));
            }
        }
        decisions
    }

    fn decide(&mut self, slot: usize, committed: bool) -> Decision {
        let coordinator = &mut self.coordinators[slot];
        let Phase::Ongoing { transaction, .. } = coordinator.phase else {
            unreachable!("only an ongoing transaction is decided");
        };
        coordinator.phase = Phase::Completing { transaction };
        coordinator.last_committed = Some(committed);
        let known = &mut self.known[transaction];
        known.state = if committed { State::Committed } else { State::Aborted };
        let mut markers: Vec<Target> = known.touched.iter().map(|partition| Target::Changelog(*partition)).collect();
        markers.push(Target::Audit);
        if !known.offsets.is_empty() {
            markers.push(Target::Offsets);
        }
        known.missing_markers = markers.len();
        Decision { transaction, committed, markers }
    }

    /// A marker is written. Returns the partitions whose visible offset went back.
    pub(crate) fn mark(&mut self, transaction: usize, target: Target) -> Vec<usize> {
        let known = &mut self.known[transaction];
        known.missing_markers -= 1;
        if known.missing_markers == 0 {
            self.unfinished.remove(&transaction);
            let coordinator = &mut self.coordinators[known.slot];
            if coordinator.phase == (Phase::Completing { transaction }) {
                coordinator.phase = Phase::Empty;
            }
        }
        let mut back = Vec::new();
        if target == Target::Offsets && known.state == State::Committed {
            for offset in &known.offsets {
                let (stored, order) = &mut self.stored[offset.partition];
                if *order < offset.order {
                    if stored.is_some_and(|stored| offset.stored.next < stored.next) {
                        back.push(offset.partition);
                    }
                    *stored = Some(offset.stored);
                    *order = offset.order;
                }
            }
        }
        back
    }
}

//! Which offsets of a partition are settled, and so what may be committed.
//!
//! ```text
//!   committed        watermark              position
//!      │ settled, in    │ open  settled open    │
//!      │ a transaction  │                       │  not read yet
//!      ▼                ▼                       ▼
//!   ───┬───┬───┬───┬────┬────┬────┬────┬────────┬────
//! ```
//! Offsets have gaps (control markers, compaction), so the ledger runs over the records *seen* (P6).

use std::collections::VecDeque;

use crate::domain::{ChangelogEntry, ChangelogOffset, NextOffset, Offset, Redelivery, SettledKind, UnixMillis};

use super::pending::Pending;
use super::positions::Positions;

/// The ledger of one partition.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Records seen and not committed, in the order of offsets.
    slots: VecDeque<Slot>,
    /// Slots that are open.
    n_open: usize,
    /// Behind everything that the reader has passed.
    position: NextOffset,
    /// Where the changelog holds open intents and outcomes at or above the watermark (P4).
    positions: Positions,
    open_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    offset: Offset,
    state: SlotState,
    /// Where the changelog holds its intent or its outcome, once that is committed.
    written: Option<ChangelogOffset>,
}

#[derive(Debug)]
enum SlotState {
    Open(Box<Pending>),
    /// With what the changelog says of it, once it does.
    Settled(Option<Told>),
}

/// What an outcome in the changelog says, beside its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: SettledKind,
    pub(crate) redelivery: Redelivery,
    pub(crate) at: UnixMillis,
}

impl Told {
    pub(crate) const fn entry(self, offset: Offset) -> ChangelogEntry {
        let Self { kind, redelivery, at } = self;
        ChangelogEntry::Outcome { offset, kind, redelivery, at }
    }
}

/// A record of which a restore needs what the changelog holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needed<'a> {
    Intent(Offset, &'a Pending),
    Outcome(Offset, Told),
}

impl Ledger {
    /// `position`: the committed offset, where reading begins.
    pub(crate) fn new(position: NextOffset) -> Self {
        Self { slots: VecDeque::new(), n_open: 0, position, positions: Positions::default(), open_bytes: 0 }
    }

    /// Takes a record that is not settled yet. Offsets only grow.
    pub(crate) fn open(&mut self, offset: Offset, pending: Box<Pending>, intent: Option<ChangelogOffset>) {
        self.n_open += 1;
        self.open_bytes += pending.bytes();
        self.push(Slot { offset, state: SlotState::Open(pending), written: intent });
    }

    /// Takes a record that is settled as soon as it is seen. `written`: where a restored outcome stands.
    pub(crate) fn settled(&mut self, offset: Offset, written: Option<(ChangelogOffset, Told)>) {
        let (written, told) = written.unzip();
        self.push(Slot { offset, state: SlotState::Settled(told), written });
    }

    fn push(&mut self, slot: Slot) {
        assert!(self.position.0 <= slot.offset.0, "offsets of a partition only grow");
        self.position = slot.offset.next();
        self.slots.push_back(slot);
    }

    /// The reader has passed everything before `position`.
    pub(crate) fn reached(&mut self, position: NextOffset) {
        self.position = self.position.max(position);
    }

    pub(crate) fn pending(&self, offset: Offset) -> Option<&Pending> {
        match &self.slots.get(self.find(offset)?)?.state {
            SlotState::Open(pending) => Some(pending),
            SlotState::Settled(_) => None,
        }
    }

    pub(crate) fn pending_mut(&mut self, offset: Offset) -> Option<&mut Pending> {
        let index = self.find(offset)?;
        match &mut self.slots.get_mut(index)?.state {
            SlotState::Open(pending) => Some(pending),
            SlotState::Settled(_) => None,
        }
    }

    /// Memory that the open records take, about.
    pub(crate) const fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Offsets that are not settled, lowest first.
    pub(crate) fn open_offsets(&self) -> impl Iterator<Item = Offset> {
        self.slots.iter().filter(|slot| matches!(slot.state, SlotState::Open(_))).map(|slot| slot.offset)
    }

    /// Settles an open record. Its intent is needed by no ledger any more; gives back where that stands.
    pub(crate) fn settle(&mut self, offset: Offset) -> Option<(Box<Pending>, Option<ChangelogOffset>)> {
        let index = self.find(offset)?;
        let slot = self.slots.get_mut(index)?;
        match std::mem::replace(&mut slot.state, SlotState::Settled(None)) {
            SlotState::Open(pending) => {
                self.n_open -= 1;
                let intent = slot.written.take();
                self.forget(intent);
                self.open_bytes -= pending.bytes();
                Some((pending, intent))
            }
            SlotState::Settled(told) => {
                slot.state = SlotState::Settled(told);
                None
            }
        }
    }

    /// The intent of an open record is withdrawn.
    pub(crate) fn withdraw(&mut self, offset: Offset) {
        if let Some(index) = self.find(offset)
            && let Some(slot) = self.slots.get_mut(index)
        {
            let intent = slot.written.take();
            self.forget(intent);
        }
    }

    /// What may be committed once every outcome so far is written: the first open record, else the position.
    pub(crate) fn watermark(&self) -> NextOffset {
        let open = self.slots.iter().find(|slot| matches!(slot.state, SlotState::Open(_)));
        open.map_or(self.position, |slot| NextOffset(slot.offset.0))
    }

    /// Outcomes below `watermark` are needed by no restore that follows its commit.
    pub(crate) fn pass(&mut self, watermark: NextOffset) {
        for slot in self.slots.iter_mut().take_while(|slot| watermark.is_past(slot.offset)) {
            if let Some(position) = slot.written.take() {
                self.positions.remove(position);
            }
        }
    }

    /// `watermark` is committed: what lies before it is forgotten.
    pub(crate) fn committed(&mut self, watermark: NextOffset) {
        while let Some(slot) = self.slots.pop_front_if(|slot| watermark.is_past(slot.offset)) {
            self.forget(slot.written);
        }
    }

    /// The changelog holds the record's outcome from now on at `position`.
    pub(crate) fn outcome_written(&mut self, offset: Offset, position: ChangelogOffset, told: Told) {
        if let Some(index) = self.find(offset)
            && let Some(slot) = self.slots.get_mut(index)
        {
            slot.state = SlotState::Settled(Some(told));
        }
        self.written(offset, position);
    }

    /// What the changelog holds of the record is written again at `position`, unless it is needed no more (P7).
    pub(crate) fn written_again(&mut self, offset: Offset, position: ChangelogOffset) {
        if self.find(offset).and_then(|index| self.slots.get(index)).is_some_and(|slot| slot.written.is_some()) {
            self.written(offset, position);
        }
    }

    /// Every record seen of which a restore needs what the changelog holds, in the order of offsets.
    pub(crate) fn needed(&self) -> impl Iterator<Item = Needed<'_>> {
        self.slots.iter().filter(|slot| slot.written.is_some()).filter_map(|slot| match &slot.state {
            SlotState::Open(pending) => Some(Needed::Intent(slot.offset, pending)),
            SlotState::Settled(told) => told.map(|told| Needed::Outcome(slot.offset, told)),
        })
    }

    /// The changelog holds the record's intent or outcome from now on at `position`.
    pub(crate) fn written(&mut self, offset: Offset, position: ChangelogOffset) {
        if let Some(index) = self.find(offset)
            && let Some(slot) = self.slots.get_mut(index)
        {
            let before = slot.written.replace(position);
            self.positions.add(position);
            self.forget(before);
        }
    }

    /// Counts a position that is needed although its record has not been seen yet.
    pub(crate) fn inherit(&mut self, position: ChangelogOffset) {
        self.positions.add(position);
    }

    /// Takes back one [`Ledger::inherit`].
    pub(crate) fn forget(&mut self, position: Option<ChangelogOffset>) {
        if let Some(position) = position {
            self.positions.remove(position);
        }
    }

    /// From where the ledger would have to be read back.
    pub(crate) fn read_from(&self) -> Option<ChangelogOffset> {
        self.positions.min()
    }

    /// Records between the committed offset and the reader.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Records that are not settled.
    pub(crate) const fn n_open(&self) -> usize {
        self.n_open
    }

    /// The first of them.
    pub(crate) fn first_open(&self) -> Option<&Pending> {
        self.slots.iter().find_map(|slot| match &slot.state {
            SlotState::Open(pending) => Some(&**pending),
            SlotState::Settled(_) => None,
        })
    }

    pub(crate) const fn position(&self) -> NextOffset {
        self.position
    }

    fn find(&self, offset: Offset) -> Option<usize> {
        // Offsets without gaps make the distance from the first slot the index.
        let first = self.slots.front()?.offset;
        let guess = usize::try_from(offset.0.checked_sub(first.0)?).ok()?;
        if self.slots.get(guess).is_some_and(|slot| slot.offset == offset) {
            return Some(guess);
        }
        self.slots.binary_search_by_key(&offset, |slot| slot.offset).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::test_events::pending;

    const TOLD: Told = Told { kind: SettledKind::Delivered, redelivery: Redelivery::Impossible, at: UnixMillis(5) };

    fn ledger(offsets: &[i64]) -> Ledger {
        let mut ledger = Ledger::new(NextOffset(offsets[0]));
        for offset in offsets {
            ledger.open(Offset(*offset), Box::new(pending(1)), None);
        }
        ledger
    }

    #[test]
    fn the_watermark_stops_at_the_first_open_record_and_crosses_gaps() {
        let mut ledger = ledger(&[10, 11, 15, 16]);
        for (settle, watermark) in [(15, 10), (10, 11), (11, 16), (16, 17)] {
            assert!(ledger.settle(Offset(settle)).is_some());
            assert_eq!(ledger.watermark(), NextOffset(watermark), "after {settle}");
            assert_eq!(ledger.n_open(), ledger.open_offsets().count());
        }
        ledger.reached(NextOffset(20));
        assert_eq!(ledger.watermark(), NextOffset(20));
    }

    #[test]
    fn a_record_is_settled_once() {
        let mut ledger = ledger(&[1]);
        assert!(ledger.settle(Offset(1)).is_some());
        assert!(ledger.settle(Offset(1)).is_none());
        assert!(ledger.settle(Offset(2)).is_none());
    }

    #[test]
    fn open_records_are_counted_in_bytes_and_the_first_of_them_is_known() {
        let mut ledger = Ledger::new(NextOffset(1));
        for offset in 1..=4_u8 {
            ledger.open(Offset(offset.into()), Box::new(pending(offset)), None);
        }
        let each = ledger.open_bytes() / 4;
        assert!(0 < each);
        for (settle, first, n_open) in [(2, Some(1), 3), (1, Some(3), 2), (3, Some(4), 1), (4, None, 0)] {
            ledger.settle(Offset(settle));
            assert_eq!(ledger.first_open().map(|pending| pending.event.key.0[0]), first, "after {settle}");
            assert_eq!(ledger.open_bytes(), n_open * each, "after {settle}");
        }
    }

    #[test]
    fn what_a_restore_needs_are_open_intents_and_outcomes_above_the_watermark() {
        let mut ledger = ledger(&[1, 2, 3]);
        for offset in [1, 2, 3] {
            ledger.written(Offset(offset), ChangelogOffset(offset * 10));
        }
        ledger.settle(Offset(2));
        assert_eq!(ledger.read_from(), Some(ChangelogOffset(10)));
        ledger.outcome_written(Offset(2), ChangelogOffset(40), TOLD);
        ledger.settle(Offset(1));
        assert_eq!(ledger.read_from(), Some(ChangelogOffset(30)));
        ledger.settle(Offset(3));
        assert_eq!(ledger.read_from(), Some(ChangelogOffset(40)));
        ledger.pass(ledger.watermark());
        assert_eq!(ledger.read_from(), None);
        assert_eq!(ledger.len(), 3);
        ledger.committed(NextOffset(4));
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn a_renewed_intent_moves_its_position() {
        let mut ledger = ledger(&[1]);
        ledger.written(Offset(1), ChangelogOffset(5));
        ledger.written(Offset(1), ChangelogOffset(9));
        assert_eq!(ledger.read_from(), Some(ChangelogOffset(9)));
        ledger.withdraw(Offset(1));
        assert_eq!(ledger.read_from(), None);
    }

    #[test]
    fn what_is_written_again_moves_only_if_it_is_still_needed() {
        let mut ledger = ledger(&[1, 2, 3]);
        for offset in [1, 2, 3] {
            ledger.written(Offset(offset), ChangelogOffset(offset));
        }
        ledger.settle(Offset(2));
        ledger.outcome_written(Offset(2), ChangelogOffset(7), TOLD);
        let needed: Vec<_> = ledger
            .needed()
            .map(|needed| match needed {
                Needed::Intent(offset, pending) => (offset.0, pending.event.key.0[0], None),
                Needed::Outcome(offset, told) => (offset.0, 0, Some(told)),
            })
            .collect();
        assert_eq!(needed, [(1, 1, None), (2, 0, Some(TOLD)), (3, 1, None)]);
        ledger.withdraw(Offset(3));
        for offset in [1, 2, 3] {
            ledger.written_again(Offset(offset), ChangelogOffset(20));
        }
        assert_eq!(ledger.needed().count(), 2, "3 was withdrawn meanwhile");
        assert_eq!(ledger.read_from(), Some(ChangelogOffset(20)));
    }
}

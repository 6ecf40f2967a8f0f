//! Generations: keys of one bucket of time that come, are counted and go together.
//!
//! A bucket has as many generations as it takes for none of them to hold more than a sixteenth of the window's bound, so
//! that reaching the bound costs the window a small part of its reach; and for the offsets of each to lie so near to
//! each other that their difference fits into a slot.

use std::collections::BTreeMap;

use crate::domain::{ChangelogOffset, InDoubtPolicy, KeyState, Offset, UnixMillis};

use super::WindowEntry;
use super::shard::GenerationId;
use super::table::GENERATIONS;

/// Number of a bucket of time since 1970.
pub(super) type BucketId = i64;

/// The living generations, oldest first.
#[derive(Debug)]
pub(super) struct Generations {
    /// By bucket, then by age.
    living: BTreeMap<(BucketId, u64), GenerationId>,
    /// By id.
    all: Vec<Option<Generation>>,
    free: Vec<GenerationId>,
    /// Of the youngest generation.
    last_number: u64,
    most_keys: usize,
}

/// What is known of a generation.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) bucket: BucketId,
    number: u64,
    /// Its offsets are counted from here.
    base: Offset,
    /// The lowest position of an intent that holds one of the keys.
    pub(super) from: Option<ChangelogOffset>,
    /// The earliest moment of an entry.
    pub(super) earliest: UnixMillis,
    /// The latest moment of one of the keys.
    pub(super) latest: UnixMillis,
    /// Keys that have no later entry.
    pub(super) keys: usize,
    /// Entries so far.
    entries: usize,
}

impl Generations {
    /// Generations of a full window: what goes at a time when the bound is reached.
    pub(super) const OF_FULL_WINDOW: usize = 16;

    pub(super) fn new(max_keys: usize) -> Self {
        Self {
            living: BTreeMap::new(),
            all: Vec::new(),
            free: GENERATIONS.rev().collect(),
            last_number: 0,
            most_keys: (max_keys / Self::OF_FULL_WINDOW).max(1),
        }
    }

    /// The youngest generation of the bucket that takes an entry with this offset.
    pub(super) fn find(&self, bucket: BucketId, offset: Offset) -> Option<GenerationId> {
        let of_bucket = self.living.range((bucket, 0)..=(bucket, u64::MAX)).rev();
        of_bucket.map(|(_, id)| *id).find(|id| {
            let room = self.get(*id).filter(|generation| generation.entries < self.most_keys);
            room.is_some_and(|generation| difference(offset, generation.base).is_some())
        })
    }

    /// Begins a generation; `None` if there are as many as there can be.
    pub(super) fn begin(&mut self, bucket: BucketId, at: UnixMillis, base: Offset) -> Option<GenerationId> {
        let id = self.free.pop()?;
        self.last_number += 1;
        let number = self.last_number;
        let generation = Generation { bucket, number, base, from: None, earliest: at, latest: at, keys: 0, entries: 0 };
        let index = usize::from(id);
        if self.all.len() <= index {
            self.all.resize_with(index + 1, || None);
        }
        if let Some(place) = self.all.get_mut(index) {
            *place = Some(generation);
        }
        self.living.insert((bucket, number), id);
        Some(id)
    }

    /// Counts an entry that the generation takes.
    pub(super) fn count(&mut self, id: GenerationId, at: UnixMillis, intent: Option<ChangelogOffset>) {
        let Some(generation) = self.get_mut(id) else { return };
        generation.keys += 1;
        generation.entries += 1;
        generation.earliest = generation.earliest.min(at);
        generation.latest = generation.latest.max(at);
        generation.from = generation.from.into_iter().chain(intent).min();
    }

    /// A key of the generation has a later entry now.
    pub(super) fn uncount(&mut self, id: GenerationId) {
        if let Some(generation) = self.get_mut(id) {
            generation.keys -= 1;
        }
    }

    pub(super) fn oldest(&self) -> Option<(GenerationId, &Generation)> {
        let (_, id) = self.living.first_key_value()?;
        Some((*id, self.get(*id)?))
    }

    /// Ends a generation; its id is not used again before [`Generations::set_free`].
    pub(super) fn end(&mut self, id: GenerationId) -> Option<Generation> {
        let generation = self.all.get_mut(usize::from(id))?.take()?;
        self.living.remove(&(generation.bucket, generation.number));
        Some(generation)
    }

    pub(super) const fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    pub(super) fn set_free(&mut self, ids: Vec<GenerationId>) {
        self.free.extend(ids);
    }

    /// The lowest changelog position that a living generation needs.
    pub(super) fn read_from(&self) -> Option<ChangelogOffset> {
        self.all
            .iter()
            .flatten()
            .filter(|generation| 0 < generation.keys)
            .filter_map(|generation| generation.from)
            .min()
    }

    /// What a slot keeps of an entry; `None` if the offset is too far from the others of the generation.
    pub(super) fn pack(&self, id: GenerationId, entry: WindowEntry) -> Option<u32> {
        let difference = difference(entry.offset, self.get(id)?.base)?;
        let state = match entry.state {
            KeyState::Delivered => 0,
            KeyState::InDoubt => 1,
        };
        let policy = match entry.policy {
            InDoubtPolicy::Resend => 0,
            InDoubtPolicy::Hold => 2,
        };
        Some(difference << 2 | policy | state)
    }

    pub(super) fn unpack(&self, id: GenerationId, word: u32) -> Option<WindowEntry> {
        let difference = word >> 2;
        let base = self.get(id)?.base.0;
        Some(WindowEntry {
            offset: if difference == IMPORTED {
                Offset::imported(0)
            } else {
                Offset(base.wrapping_add(i64::from(difference) - HALF))
            },
            state: if word & 1 == 0 { KeyState::Delivered } else { KeyState::InDoubt },
            policy: if word & 2 == 0 { InDoubtPolicy::Resend } else { InDoubtPolicy::Hold },
        })
    }

    pub(super) fn get(&self, id: GenerationId) -> Option<&Generation> {
        self.all.get(usize::from(id))?.as_ref()
    }

    fn get_mut(&mut self, id: GenerationId) -> Option<&mut Generation> {
        self.all.get_mut(usize::from(id))?.as_mut()
    }
}

/// Half of what 30 bits count.
const HALF: i64 = 1 << 29;

/// Stands for every offset that is no record's.
const IMPORTED: u32 = 0;

/// From the base less [`HALF`] to the offset, in 30 bits.
fn difference(offset: Offset, base: Offset) -> Option<u32> {
    if offset.is_imported() {
        return Some(IMPORTED);
    }
    let difference = offset.0.checked_sub(base.0)?.checked_add(HALF)?;
    u32::try_from(difference).ok().filter(|difference| *difference != IMPORTED && i64::from(*difference) < 2 * HALF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(43_200_000);

    #[test]
    fn an_entry_comes_back_from_its_30_bits_of_offset_and_2_of_state() {
        let mut generations = Generations::new(100);
        let base = 7_000_000_000;
        let id = generations.begin(12, NOON, Offset(base)).unwrap();
        for offset in [base, base - HALF + 1, base + HALF - 1, base + 1, -1] {
            for state in [KeyState::Delivered, KeyState::InDoubt] {
                for policy in [InDoubtPolicy::Resend, InDoubtPolicy::Hold] {
                    let entry = WindowEntry { offset: Offset(offset), state, policy };
                    let word = generations.pack(id, entry).unwrap();
                    assert_eq!(generations.unpack(id, word), Some(entry));
                }
            }
        }
        for offset in [base - HALF, base + HALF, 0, i64::MAX] {
            let entry = WindowEntry { offset: Offset(offset), state: KeyState::Delivered, policy: InDoubtPolicy::Hold };
            assert_eq!(generations.pack(id, entry), None, "{offset}");
            assert_eq!(generations.find(12, Offset(offset)), None, "{offset}");
        }
    }

    #[test]
    fn whatever_number_an_imported_key_has_it_is_imported() {
        let mut generations = Generations::new(100);
        let id = generations.begin(12, NOON, Offset::imported(70_000_000)).unwrap();
        let entry = |offset| WindowEntry { offset, state: KeyState::Delivered, policy: InDoubtPolicy::Resend };
        for offset in [Offset(i64::MIN), Offset::imported(7)] {
            let word = generations.pack(id, entry(offset)).unwrap();
            assert_eq!(generations.unpack(id, word), Some(entry(Offset::imported(0))));
        }
        let word = generations.pack(id, entry(Offset(0))).unwrap();
        assert_eq!(generations.unpack(id, word), Some(entry(Offset(0))));
    }

    #[test]
    fn a_generation_takes_a_sixteenth_of_the_bound_and_those_of_other_buckets_nothing() {
        let mut generations = Generations::new(32);
        let id = generations.begin(12, NOON, Offset(5)).unwrap();
        assert_eq!((generations.find(12, Offset(6)), generations.find(13, Offset(6))), (Some(id), None));
        generations.count(id, NOON, None);
        generations.count(id, NOON, None);
        assert_eq!(generations.find(12, Offset(7)), None);
    }

    #[test]
    fn an_id_is_used_again_only_when_it_is_free() {
        let mut generations = Generations::new(32);
        let mut ids: Vec<_> = (0..255).map(|n| generations.begin(n, NOON, Offset(0)).unwrap()).collect();
        assert!(generations.begin(0, NOON, Offset(0)).is_none());
        let oldest = generations.oldest().map(|(id, _)| id).unwrap();
        assert!(generations.end(oldest).is_some());
        assert!(generations.begin(0, NOON, Offset(0)).is_none());
        generations.set_free(vec![oldest]);
        assert_eq!(generations.begin(0, NOON, Offset(0)), Some(oldest));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), ids.contains(&0)), (255, false));
    }
}

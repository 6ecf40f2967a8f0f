//! Keys by hash, in pages: at most 24 bytes a key, and no operation that touches more than two shards.
//!
//! A shard is a small hash table with linear probing. It grows by a page of two kilobytes, so that all memory comes in
//! blocks of one size and none of it is lost between them; when shards have become large, one more is split off
//! (linear hashing), so that the table grows by steps of microseconds however large it is.
//!
//! Keys are digests: their bits are the hash. The number of the shard holds the first byte of its keys, so that a slot
//! does without it.

use crate::domain::EventKey;

use super::shard::{EMPTY, Found, GenerationId, Packed, Shard, Slot};

/// Generations that there can be at a time: those of a byte without 0.
pub(super) const GENERATIONS: std::ops::RangeInclusive<GenerationId> = 1..=u8::MAX;

/// Shards to begin with: as many as the first byte of a key has values.
const FIRST_SHARDS: usize = 256;

/// Keys of a shard, on average. Twice as many are moved in about 10 µs.
const MEAN_KEYS: usize = 1000;

/// Keys of all generations by hash.
#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Shard>,
    /// Slots in use, those of the dead included.
    used: usize,
    alive: [bool; 256],
    /// Generations that died since the pass under way began.
    dead: Vec<GenerationId>,
    /// Generations that have no slot any more when the pass under way ends.
    leaving: Vec<GenerationId>,
    /// Shards before this one have been passed.
    swept: usize,
    scratch: Vec<Slot>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            shards: Vec::new(),
            used: 0,
            alive: [false; 256],
            dead: Vec::new(),
            leaving: Vec::new(),
            swept: 0,
            scratch: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, generation: GenerationId) {
        self.set_alive(generation, true);
    }

    /// Entries of the generation are not found from now on; their slots come free with the sweeping.
    pub(super) fn end(&mut self, generation: GenerationId) {
        self.set_alive(generation, false);
        self.dead.push(generation);
    }

    fn set_alive(&mut self, generation: GenerationId, alive: bool) {
        if let Some(flag) = self.alive.get_mut(usize::from(generation)) {
            *flag = alive;
        }
    }

    pub(super) fn get(&self, key: &EventKey) -> Option<Packed> {
        let (first, sought) = Slot::of(key, Packed { word: 0, generation: EMPTY });
        let shard = self.shards.get(self.shard_of(first, &sought)?)?;
        match shard.find(&sought) {
            Found::Taken(place) => self.living(shard.slot(place)?),
            Found::Free(_) | Found::Nowhere => None,
        }
    }

    /// The number of the shard of a key that begins with `first`.
    pub(super) fn shard_of(&self, first: u8, slot: &Slot) -> Option<usize> {
        shard_of(slot.hash(first), self.shards.len())
    }

    /// As many keys as these are about to come: a table without keys gets its shards at once.
    pub(super) fn expect(&mut self, keys: usize) {
        if self.used == 0 && 0 < keys {
            self.shards.resize_with(FIRST_SHARDS.max(keys.div_ceil(MEAN_KEYS)), Shard::default);
        }
    }

    /// Lets a shard grow at once by what is about to come.
    pub(super) fn make_room(&mut self, index: usize, more: usize) {
        if self.shards.get(index).is_some_and(|shard| !shard.has_room(more)) {
            self.rebuild(index, more);
        }
    }

    /// Sets what is kept for a key that begins with `first`; gives back what was.
    pub(super) fn put(&mut self, first: u8, new: Slot) -> Option<Packed> {
        if self.shards.is_empty() {
            self.shards.resize_with(FIRST_SHARDS, Shard::default);
        }
        let index = self.shard_of(first, &new)?;
        let shard = self.shards.get_mut(index)?;
        match shard.find(&new) {
            Found::Taken(place) => {
                let old = std::mem::replace(shard.slot_mut(place)?, new);
                return self.living(&old);
            }
            Found::Free(place) if shard.has_room(1) => *shard.slot_mut(place)? = new,
            Found::Free(_) | Found::Nowhere => {
                self.rebuild(index, 1);
                self.shards.get_mut(index)?.place(new);
            }
        }
        if let Some(shard) = self.shards.get_mut(index) {
            shard.used += 1;
        }
        self.used += 1;
        if self.shards.len() * MEAN_KEYS < self.used {
            self.split();
        }
        None
    }

    /// Whether slots of the dead are left.
    pub(super) fn has_dead(&self) -> bool {
        !(self.dead.is_empty() && self.leaving.is_empty())
    }

    /// Clears one shard of the dead; gives back the generations that have no slot any more.
    pub(super) fn sweep(&mut self) -> Vec<GenerationId> {
        if self.leaving.is_empty() {
            self.leaving = std::mem::take(&mut self.dead);
            self.swept = 0;
        }
        let slots = self.shards.get(self.swept).into_iter().flat_map(|shard| shard.pages.iter().flatten());
        if slots.filter(|slot| slot.generation != EMPTY).any(|slot| !self.is_alive(slot)) {
            self.rebuild(self.swept, 0);
        }
        self.swept += 1;
        if self.swept < self.shards.len() { Vec::new() } else { std::mem::take(&mut self.leaving) }
    }

    fn living(&self, slot: &Slot) -> Option<Packed> {
        self.is_alive(slot).then_some(slot.packed())
    }

    fn is_alive(&self, slot: &Slot) -> bool {
        self.alive.get(usize::from(slot.generation)).is_some_and(|alive| *alive)
    }

    /// Gives a shard as many slots as its living keys and `more` need, and clears it of the dead.
    fn rebuild(&mut self, index: usize, more: usize) {
        self.gather(index);
        let scratch = std::mem::take(&mut self.scratch);
        if let Some(shard) = self.shards.get_mut(index) {
            shard.fill(scratch.iter(), scratch.len(), more);
        }
        self.scratch = scratch;
    }

    /// Moves about half of the keys of the shard whose turn it is into a new one.
    fn split(&mut self) {
        let number = self.shards.len();
        let bit = (number + 1).next_power_of_two() / 2;
        let source = number - bit;
        self.gather(source);
        let scratch = std::mem::take(&mut self.scratch);
        // The lowest bits, those of the first byte, are the same for all of a shard.
        let goes = |slot: &&Slot| slot.hash(0) & bit != 0;
        let going = scratch.iter().filter(goes).count();
        let mut new = Shard::default();
        new.fill(scratch.iter().filter(goes), going, 0);
        if let Some(shard) = self.shards.get_mut(source) {
            shard.fill(scratch.iter().filter(|slot| !goes(slot)), scratch.len() - going, 0);
        }
        self.shards.push(new);
        self.scratch = scratch;
    }

    /// Puts the living of a shard aside and takes the dead off the count.
    fn gather(&mut self, index: usize) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if let Some(shard) = self.shards.get(index) {
            scratch.extend(shard.pages.iter().flatten().filter(|slot| self.is_alive(slot)));
            self.used -= shard.used - scratch.len();
        }
        self.scratch = scratch;
    }
}

/// Of `shards` the one that holds a key: as many bits of the hash as shards were split for. `None` if there are none.
fn shard_of(hash: usize, shards: usize) -> Option<usize> {
    let bits = shards.next_power_of_two();
    let index = hash & (bits - 1);
    if index < shards { Some(index) } else { index.checked_sub(bits / 2).filter(|index| *index < shards) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use sha2::{Digest, Sha256};

    use super::*;

    fn key(n: u32) -> EventKey {
        let digest: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
        EventKey(digest[..16].try_into().unwrap())
    }

    fn put(table: &mut Table, n: u32, packed: Packed) -> Option<Packed> {
        let (first, slot) = Slot::of(&key(n), packed);
        table.put(first, slot)
    }

    fn packed(word: u32, generation: GenerationId) -> Packed {
        Packed { word, generation }
    }

    /// Enough for each of the first shards to be split once, and some of them twice.
    const MANY: u32 = 600_000;

    #[test]
    fn every_key_is_found_through_growth_and_splits_and_no_other() {
        let mut table = Table::new();
        table.begin(1);
        for n in 0..MANY {
            assert_eq!(put(&mut table, n, packed(n, 1)), None);
        }
        for n in 0..MANY {
            assert_eq!(table.get(&key(n)), Some(packed(n, 1)), "{n}");
        }
        assert!((MANY..2 * MANY).all(|n| table.get(&key(n)).is_none()));
        assert!(table.shards.len() > 2 * FIRST_SHARDS, "{} shards", table.shards.len());
        let bytes = table.shards.iter().map(|shard| shard.slots() * 20 + shard.pages.len() * 16 + 40).sum::<usize>();
        let per_key = bytes / usize::try_from(MANY).unwrap();
        assert!(per_key < 24, "{per_key} bytes a key");
    }

    #[test]
    fn a_key_that_is_put_again_gives_back_what_was_kept() {
        let mut table = Table::new();
        table.begin(1);
        table.begin(2);
        assert_eq!(put(&mut table, 7, packed(1, 1)), None);
        assert_eq!(put(&mut table, 7, packed(2, 2)), Some(packed(1, 1)));
        table.end(2);
        assert_eq!(table.get(&key(7)), None);
        assert_eq!(put(&mut table, 7, packed(3, 1)), None);
        assert_eq!((table.get(&key(7)), table.used), (Some(packed(3, 1)), 1));
    }

    #[test]
    fn a_dead_generation_has_no_slot_when_the_pass_after_its_end_is_over() {
        let mut table = Table::new();
        let mut kept = HashMap::new();
        for generation in [1, 2, 3] {
            table.begin(generation);
        }
        for n in 0..100_000 {
            let generation = GenerationId::try_from(n % 3 + 1).unwrap();
            put(&mut table, n, packed(n, generation));
            kept.insert(n, generation);
        }
        table.end(1);
        table.sweep();
        // In the middle of the pass for the first.
        table.end(2);
        let mut free = Vec::new();
        for _ in 1..FIRST_SHARDS {
            free.extend(table.sweep());
        }
        assert_eq!(free, [1]);
        assert!(table.has_dead());
        for _ in 0..FIRST_SHARDS {
            free.extend(table.sweep());
        }
        assert_eq!((free, table.has_dead()), (vec![1, 2], false));
        assert_eq!(table.used, kept.values().filter(|generation| **generation == 3).count());
        for (n, generation) in kept {
            assert_eq!(table.get(&key(n)), (generation == 3).then_some(packed(n, 3)));
        }
        let slots: usize = table.shards.iter().map(Shard::slots).sum();
        assert!(slots < 2 * table.used, "{slots} slots for {} keys", table.used);
    }

    #[test]
    fn shards_are_numbered_without_gaps_whatever_their_number() {
        assert_eq!(shard_of(5, 0), None);
        for shards in FIRST_SHARDS..3 * FIRST_SHARDS {
            for hash in 0..2048 {
                let shard = shard_of(hash, shards).unwrap();
                assert!(shard < shards && shard % FIRST_SHARDS == hash % FIRST_SHARDS, "{hash} of {shards}: {shard}");
            }
        }
    }
}

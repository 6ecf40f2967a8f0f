//! One part of the table: a small hash table with linear probing, in pages.

use crate::domain::EventKey;

/// What is kept for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) word: u32,
    /// Whose entry it is: dead with its generation.
    pub(super) generation: GenerationId,
}

/// Names a generation; 0 stands for an empty slot.
pub(super) type GenerationId = u8;

pub(super) const EMPTY: GenerationId = 0;

/// A key without its first byte, and what is kept for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) word: u32,
    rest: [u8; 15],
    pub(super) generation: GenerationId,
}

const NO_ONE: Slot = Slot { word: 0, rest: [0; 15], generation: EMPTY };

const _: () = assert!(size_of::<Slot>() == 20, "a slot has no padding");

/// Slots of a page: with the allocator's 8 bytes, two kilobytes.
const PAGE: usize = 102;

/// Slots of a shard that does not fill a page.
const SMALL: [usize; 2] = [8, 24];

#[derive(Debug, Default)]
pub(super) struct Shard {
    /// Pages of [`PAGE`] slots, or a single one of the [`SMALL`] sizes. At least one slot is empty.
    pub(super) pages: Vec<Box<[Slot]>>,
    pub(super) used: usize,
}

/// The slot of a key, or the one that it would take.
pub(super) enum Found {
    Taken(Place),
    Free(Place),
    /// The shard has no slots yet.
    Nowhere,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    page: usize,
    index: usize,
}

impl Shard {
    pub(super) fn slots(&self) -> usize {
        match self.pages.as_slice() {
            [only] => only.len(),
            pages => pages.len() * PAGE,
        }
    }

    pub(super) fn has_room(&self, more: usize) -> bool {
        self.used + more <= most_used(self.slots())
    }

    pub(super) fn slot(&self, Place { page, index }: Place) -> Option<&Slot> {
        self.pages.get(page)?.get(index)
    }

    pub(super) fn slot_mut(&mut self, Place { page, index }: Place) -> Option<&mut Slot> {
        self.pages.get_mut(page)?.get_mut(index)
    }

    pub(super) fn find(&self, key: &Slot) -> Found {
        let slots = self.slots();
        if slots == 0 {
            return Found::Nowhere;
        }
        let start = scale(position(&key.rest), slots);
        let (mut page, mut from) = (start / PAGE, start % PAGE);
        loop {
            let slots = self.pages.get(page).map_or(&[][..], |slots| slots);
            for (index, slot) in slots.iter().enumerate().skip(from) {
                if slot.generation == EMPTY {
                    return Found::Free(Place { page, index });
                }
                if slot.rest == key.rest {
                    return Found::Taken(Place { page, index });
                }
            }
            page = (page + 1) % self.pages.len();
            from = 0;
        }
    }

    /// Takes a slot whose key is not here yet.
    pub(super) fn place(&mut self, new: Slot) {
        if let Found::Free(place) = self.find(&new)
            && let Some(slot) = self.slot_mut(place)
        {
            *slot = new;
        }
    }

    /// Holds these `count` keys from now on, with room for `more`.
    pub(super) fn fill<'a>(&mut self, slots: impl Iterator<Item = &'a Slot>, count: usize, more: usize) {
        let (pages, length) = pages_for(count + more);
        self.pages.retain(|page| page.len() == length);
        self.pages.truncate(pages);
        for page in &mut self.pages {
            page.fill(NO_ONE);
        }
        self.pages.resize_with(pages, || vec![NO_ONE; length].into_boxed_slice());
        self.pages.shrink_to_fit();
        slots.for_each(|slot| self.place(*slot));
        self.used = count;
    }
}

impl Slot {
    /// The key's first byte, and the slot with the rest of it.
    pub(super) fn of(key: &EventKey, Packed { word, generation }: Packed) -> (u8, Self) {
        let [first, rest @ ..] = key.0;
        (first, Self { word, rest, generation })
    }

    /// The part of the key that decides about its shard; the lowest bits are those of the first byte.
    pub(super) fn hash(&self, first: u8) -> usize {
        let [second, third, fourth, ..] = self.rest;
        usize::try_from(u32::from_le_bytes([first, second, third, fourth])).unwrap_or(0)
    }

    pub(super) const fn packed(&self) -> Packed {
        Packed { word: self.word, generation: self.generation }
    }
}

/// The part of a key that decides about its slot.
fn position(rest: &[u8; 15]) -> u64 {
    let [_, _, _, _, _, _, _, last @ ..] = *rest;
    u64::from_le_bytes(last)
}

/// The full range of a `u64` onto 0 to `slots` - 1, in order.
fn scale(position: u64, slots: usize) -> usize {
    let slots = u128::try_from(slots).unwrap_or(0);
    usize::try_from((u128::from(position) * slots) >> 64).unwrap_or(0)
}

/// Slots that may be in use before a shard grows. With 92 of 100, a key that is not there is known to be missing after
/// 40 slots on average, which is less than a kilobyte in a row.
const fn most_used(slots: usize) -> usize {
    slots * 23 / 25
}

/// How many pages of how many slots hold so many keys.
fn pages_for(keys: usize) -> (usize, usize) {
    if keys == 0 {
        return (0, PAGE);
    }
    if let Some(slots) = SMALL.into_iter().find(|slots| keys <= most_used(*slots)) {
        return (1, slots);
    }
    ((keys * 25).div_ceil(23 * PAGE), PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key whose search begins at this part of its shard, in 256ths; `n` tells it from others of that place.
    fn slot(part: u8, n: u8) -> Slot {
        let mut rest = [0; 15];
        (rest[7], rest[14]) = (n, part);
        Slot { word: u32::from(n), rest, generation: 1 }
    }

    fn shard(keys: &[Slot], more: usize) -> Shard {
        let mut shard = Shard::default();
        shard.fill(keys.iter(), keys.len(), more);
        shard
    }

    fn place(found: &Found) -> (&'static str, usize, usize) {
        match *found {
            Found::Taken(Place { page, index }) => ("taken", page, index),
            Found::Free(Place { page, index }) => ("free", page, index),
            Found::Nowhere => ("nowhere", 0, 0),
        }
    }

    #[test]
    fn a_shard_has_the_fewest_pages_of_which_eight_slots_of_a_hundred_stay_empty() {
        for (keys, pages) in [
            (0, (0, 102)),
            (1, (1, 8)),
            (7, (1, 8)),
            (8, (1, 24)),
            (22, (1, 24)),
            (23, (1, 102)),
            (93, (1, 102)),
            (94, (2, 102)),
            (187, (2, 102)),
            (188, (3, 102)),
            (2000, (22, 102)),
        ] {
            assert_eq!(pages_for(keys), pages, "{keys}");
        }
        for keys in 23..5000 {
            let (pages, _) = pages_for(keys);
            assert!(keys <= most_used(pages * PAGE) && most_used((pages - 1) * PAGE) < keys, "{keys}");
        }
    }

    #[test]
    fn a_shard_has_room_until_its_share_is_in_use() {
        let full = shard(&[1, 2, 3, 4, 5, 6, 7].map(|n| slot(0, n)), 0);
        assert_eq!((full.slots(), full.has_room(0), full.has_room(1)), (8, true, false));
        let ample = shard(&[1, 2, 3, 4, 5, 6, 7].map(|n| slot(0, n)), 1);
        assert_eq!((ample.slots(), ample.has_room(15), ample.has_room(16)), (24, true, false));
        assert!(Shard::default().has_room(0) && !Shard::default().has_room(1));
    }

    #[test]
    fn a_search_begins_in_proportion_to_the_key_and_goes_on_from_the_end_at_the_beginning() {
        let two_pages = shard(&[], 94);
        for (part, found) in [
            (0, ("free", 0, 0)),
            (0x40, ("free", 0, 51)),
            (0x80, ("free", 1, 0)),
            (0xc0, ("free", 1, 51)),
            (0xff, ("free", 1, 101)),
        ] {
            assert_eq!(place(&two_pages.find(&slot(part, 0))), found, "{part:#x}");
        }
        assert_eq!(place(&Shard::default().find(&slot(0, 0))), ("nowhere", 0, 0));

        let last = [1, 2, 3].map(|n| slot(0xff, n));
        let across = shard(&last, 94);
        let places = last.map(|key| place(&across.find(&key)));
        assert_eq!(places, [("taken", 1, 101), ("taken", 0, 0), ("taken", 0, 1)]);
        assert_eq!(place(&across.find(&slot(0xff, 4))), ("free", 0, 2));
        // The same on a single page.
        let around = shard(&last, 0);
        let places = last.map(|key| place(&around.find(&key)));
        assert_eq!(places, [("taken", 0, 7), ("taken", 0, 0), ("taken", 0, 1)]);
    }

    #[test]
    fn a_shard_that_is_filled_again_holds_what_it_is_given_alone() {
        let mut shard = shard(&[1, 2, 3].map(|n| slot(7, n)), 300);
        assert_eq!((shard.used, shard.pages.len(), shard.slots()), (3, 4, 408));
        let kept = [slot(7, 2), slot(9, 4)];
        shard.fill(kept.iter(), 2, 92);
        assert_eq!((shard.used, shard.pages.len(), shard.slots()), (2, 2, 204));
        assert!(kept.iter().all(|key| matches!(shard.find(key), Found::Taken(_))));
        assert!([1, 3].iter().all(|n| matches!(shard.find(&slot(7, *n)), Found::Free(_))));
        shard.fill(kept.iter(), 2, 0);
        assert_eq!((shard.pages.len(), shard.slots()), (1, 8), "pages of another size go");
        assert!(kept.iter().all(|key| matches!(shard.find(key), Found::Taken(_))));
    }

    #[test]
    fn the_lowest_bits_of_a_hash_are_the_first_byte_and_no_bit_of_it_places_the_key() {
        let mut key = [0; 16];
        (key[0], key[1], key[2], key[3]) = (0x11, 0x22, 0x33, 0x44);
        let (first, slot) = Slot::of(&EventKey(key), Packed { word: 5, generation: 3 });
        assert_eq!((first, slot.hash(first), slot.packed()), (0x11, 0x4433_2211, Packed { word: 5, generation: 3 }));
        assert_eq!(position(&slot.rest), 0);
    }
}

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
            page = if page + 1 < self.pages.len() { page + 1 } else { 0 };
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
    let mut pages = (keys * 25).div_ceil(23 * PAGE);
    while most_used(pages * PAGE) < keys {
        pages += 1;
    }
    (pages, PAGE)
}

//! Fills a window from a changelog, all keys of a shard at a time.
//!
//! The place of a key lies anywhere in the memory of a large window, and a shard that grows is built again each time.
//! So keys are put aside, by their first byte, and go into the table when all of them are known or the window's bound is
//! reached. What is put aside takes as much memory as the table, and is given back as the table is built.

use crate::domain::{ChangelogOffset, EventKey, UnixMillis};

use super::shard::Slot;
use super::{Window, WindowEntry};

/// A window that is restored. What it is told last of a key counts, as in a window that lives.
#[derive(Debug)]
pub(crate) struct Loading {
    window: Window,
    /// By the first byte of the key.
    aside: Vec<Aside>,
    n_aside: usize,
}

/// Entries of keys with one first byte, in the order in which they came. No block is large, so that the table can use
/// the memory that one leaves.
type Aside = Vec<Vec<Slot>>;

impl Loading {
    /// Entries of a block: 20 kB.
    const BLOCK: usize = 1000;

    /// What is put aside beyond the bound of keys, of which some may come twice: an eighth of it.
    const PART_ASIDE: usize = 8;

    pub(crate) fn new(window: Window) -> Self {
        Self { window, aside: vec![Vec::new(); usize::from(u8::MAX) + 1], n_aside: 0 }
    }

    /// As [`Window::insert`].
    pub(crate) fn insert(
        &mut self,
        key: EventKey,
        entry: WindowEntry,
        at: UnixMillis,
        intent: Option<ChangelogOffset>,
    ) {
        if self.window.must_end_generation(at, entry.offset) {
            self.put();
        }
        let Some(packed) = self.window.count(entry, at, intent) else { return };
        let (first, slot) = Slot::of(&key, packed);
        let Some(aside) = self.aside.get_mut(usize::from(first)) else { return };
        match aside.last_mut().filter(|block| block.len() < Self::BLOCK) {
            Some(block) => block.push(slot),
            None => aside.push(vec![slot]),
        }
        self.n_aside += 1;
        let room = self.window.max_keys.saturating_sub(self.window.keys);
        if room.max(self.window.max_keys / Self::PART_ASIDE) < self.n_aside {
            self.put();
        }
    }

    /// Keys so far; those that came twice may count twice for a while.
    pub(crate) fn len(&self) -> usize {
        self.window.len() + self.n_aside
    }

    /// All that the changelog holds is in; what has expired is cleared away.
    pub(crate) fn finish(mut self, now: UnixMillis) -> Window {
        self.put();
        self.window.expire(now);
        self.window.restored();
        self.window
    }

    /// Puts what is aside into the table.
    pub(super) fn put(&mut self) {
        self.window.table.expect(self.n_aside);
        self.n_aside = 0;
        let mut slots = Vec::new();
        for (first, aside) in (0..=u8::MAX).zip(&mut self.aside) {
            slots.extend(aside.drain(..).flatten());
            self.window.put_all(first, &mut slots);
            slots.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::domain::{InDoubtPolicy, KeyState, Offset};

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
    /// More than the shards that there are at first hold.
    const FIRST: i64 = 400_000;
    /// As many as fewer shards would hold.
    const ALL: i64 = FIRST + 300_000;

    fn key(n: i64) -> EventKey {
        let digest: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
        EventKey(digest[..16].try_into().unwrap())
    }

    fn entry(n: i64) -> WindowEntry {
        WindowEntry { offset: Offset(n), state: KeyState::Delivered, policy: InDoubtPolicy::Resend }
    }

    #[test]
    fn keys_are_put_aside_in_blocks_up_to_the_bound_and_later_by_eighths_of_it() {
        let mut loading = Loading::new(Window::new(Duration::from_hours(48), 16));
        let mut aside = Vec::new();
        for n in 0..24 {
            loading.insert(key(n), entry(n), NOW, None);
            aside.push(loading.n_aside);
        }
        assert_eq!(aside, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!((loading.window.len(), loading.len()), (16, 17));

        let mut loading = Loading::new(Window::new(Duration::from_hours(48), 10_000));
        for n in 0..2500_u16 {
            let mut key = [7; 16];
            key[14..].copy_from_slice(&n.to_be_bytes());
            loading.insert(EventKey(key), entry(i64::from(n)), NOW, None);
        }
        let blocks: Vec<Vec<usize>> = loading.aside.iter().map(|aside| aside.iter().map(Vec::len).collect()).collect();
        assert_eq!(blocks[7], [1000, 1000, 500]);
        assert_eq!((blocks.len(), blocks.concat().len(), loading.n_aside, loading.len()), (256, 3, 2500, 2500));
    }

    #[test]
    fn what_has_expired_is_gone_and_a_window_that_is_full_tells_how_far_it_reaches() {
        let (mut loading, hour) = (Loading::new(Window::new(Duration::from_hours(48), 16)), 3_600_000);
        for n in 0..16 {
            loading.insert(key(n), entry(n), UnixMillis(NOW.0 + n * hour), None);
        }
        let now = UnixMillis(NOW.0 + 50 * hour);
        let window = loading.finish(now);
        assert_eq!((window.len(), window.evicted()), (14, 0));
        assert_eq!(window.covers(now), Duration::from_hours(48));
        assert_eq!(window.covers(UnixMillis(NOW.0 + 20 * hour)), Duration::from_millis(18 * 3_600_000 + 1));
    }

    #[test]
    fn clocks_that_jump_over_more_buckets_than_there_are_generations_cost_the_oldest() {
        let mut loading = Loading::new(Window::new(Duration::from_hours(48), 10_000));
        for n in 0..300 {
            loading.insert(key(n), entry(n), UnixMillis(NOW.0 + n * 3_600_000), None);
        }
        loading.put();
        assert_eq!((loading.window.len(), loading.window.evicted()), (255, 45));
        let found = (0..300).map(|n| loading.window.get(&key(n), NOW));
        let expected = (0..300).map(|n| (45 <= n).then(|| entry(n)));
        assert!(found.eq(expected));
    }

    #[test]
    fn keys_that_come_when_a_large_table_was_built_find_it_whole() {
        let mut loading = Loading::new(Window::new(Duration::from_hours(48), 1_000_000));
        for n in 0..ALL {
            loading.insert(key(n), entry(n), NOW, None);
            if n == FIRST {
                loading.put();
            }
        }
        assert_eq!(loading.len(), usize::try_from(ALL).unwrap());
        let window = loading.finish(NOW);
        assert_eq!(window.len(), usize::try_from(ALL).unwrap());
        assert!((0..ALL).all(|n| window.get(&key(n), NOW).is_some_and(|entry| entry.offset == Offset(n))));
    }
}

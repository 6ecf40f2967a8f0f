//! The keys that were delivered, or may have been, within the last hours.
//!
//! Keys lie in buckets of a 48th of the window by the latest moment at which Pinterest may have taken them (R8); a
//! bucket expires as a whole, so a key suppresses its duplicates for the window and up to one bucket more.
//!
//! `table` holds the keys, a key at most once; `generations` counts them by bucket. What has gone is not found from that
//! moment on, and its memory is freed a shard at a time, so that no call takes long however many keys go at once.

mod generations;
mod loading;
#[cfg(test)]
mod model;
mod shard;
mod table;

use std::time::Duration;

use crate::domain::{ChangelogOffset, EventKey, InDoubtPolicy, KeyState, Offset, UnixMillis};

use generations::{BucketId, Generations};
pub(crate) use loading::Loading;
use shard::{GenerationId, Packed, Slot};
use table::Table;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowEntry {
    /// The record that was delivered or is in doubt.
    pub(crate) offset: Offset,
    pub(crate) state: KeyState,
    pub(crate) policy: InDoubtPolicy,
}

/// The window of one partition.
#[derive(Debug)]
pub(crate) struct Window {
    table: Table,
    generations: Generations,
    length: Duration,
    bucket_ms: i64,
    max_keys: usize,
    keys: usize,
    evicted: u64,
    /// The latest moment of a key that was dropped before its time, or may have been.
    evicted_until: Option<UnixMillis>,
    inserts_since_sweep: u32,
}

impl Window {
    /// Buckets in a window: Pinterest's 48 hours in steps of one.
    const BUCKETS: u32 = 48;

    /// Inserts between two shards that are swept: with a thousand keys a shard, all are swept before the next sixteenth
    /// of the keys goes.
    const SWEEP_EVERY: u32 = 64;

    /// Shards swept with each tick: about 20 µs.
    const SWEPT_BY_TICK: u32 = 4;

    pub(crate) fn new(length: Duration, max_keys: usize) -> Self {
        let bucket = i64::try_from((length / Self::BUCKETS).as_millis()).unwrap_or(i64::MAX);
        Self {
            table: Table::new(),
            generations: Generations::new(max_keys),
            length,
            bucket_ms: bucket.max(1),
            max_keys,
            keys: 0,
            evicted: 0,
            evicted_until: None,
            inserts_since_sweep: 0,
        }
    }

    /// `at`: the latest moment at which Pinterest may have taken it. `intent`: where the changelog holds the key.
    pub(crate) fn insert(
        &mut self,
        key: EventKey,
        entry: WindowEntry,
        at: UnixMillis,
        intent: Option<ChangelogOffset>,
    ) {
        let Some(packed) = self.count(entry, at, intent) else { return };
        let (first, slot) = Slot::of(&key, packed);
        self.put(first, slot);
        while self.max_keys < self.keys && self.evict() {}
    }

    /// Counts an entry in its generation; it has to be put into the table before another generation ends.
    fn count(&mut self, entry: WindowEntry, at: UnixMillis, intent: Option<ChangelogOffset>) -> Option<Packed> {
        let generation = self.generation(at, entry.offset);
        let word = self.generations.pack(generation, entry)?;
        self.generations.count(generation, at, intent);
        Some(Packed { word, generation })
    }

    fn put(&mut self, first: u8, slot: Slot) {
        match self.table.put(first, slot) {
            Some(before) => self.generations.uncount(before.generation),
            None => self.keys += 1,
        }
        self.inserts_since_sweep += 1;
        if Self::SWEEP_EVERY <= self.inserts_since_sweep {
            self.inserts_since_sweep = 0;
            self.sweep();
        }
    }

    /// Puts counted entries of keys that begin with `first` into the table, in their order for each key.
    fn put_all(&mut self, first: u8, slots: &mut [Slot]) {
        // Stable: of two entries of a key the later one counts.
        slots.sort_by_key(|slot| self.table.shard_of(first, slot));
        let mut left = &*slots;
        while let Some(shard) = left.first().and_then(|slot| self.table.shard_of(first, slot)) {
            let of_shard = left.iter().take_while(|slot| self.table.shard_of(first, slot) == Some(shard)).count();
            let (now, later) = left.split_at(of_shard);
            self.table.make_room(shard, now.len());
            for slot in now {
                self.put(first, *slot);
            }
            left = later;
        }
        while self.max_keys < self.keys && self.evict() {}
    }

    /// Looks at the time itself: what has expired is not found, whether it was cleared away or not.
    pub(crate) fn get(&self, key: &EventKey, now: UnixMillis) -> Option<WindowEntry> {
        let Packed { word, generation } = self.table.get(key)?;
        let bucket = self.generations.get(generation)?.bucket;
        if self.has_expired(bucket, now) { None } else { self.generations.unpack(generation, word) }
    }

    /// The latest moment at which Pinterest may have taken a key of this key's generation, and so this key.
    pub(crate) fn latest(&self, key: &EventKey) -> Option<UnixMillis> {
        let Packed { generation, .. } = self.table.get(key)?;
        Some(self.generations.get(generation)?.latest)
    }

    /// Clears away what has expired.
    pub(crate) fn expire(&mut self, now: UnixMillis) {
        while let Some((id, generation)) = self.generations.oldest()
            && self.has_expired(generation.bucket, now)
        {
            self.end(id);
        }
        for _ in 0..Self::SWEPT_BY_TICK {
            self.sweep();
        }
    }

    /// All that the changelog holds of it is in.
    ///
    /// The changelog does not say what a former owner dropped before its time. What it dropped was a sixteenth of the
    /// bound at most and older than what is left, so only a window that is nearly full may miss something, and nothing
    /// that is younger than its oldest key.
    pub(crate) fn restored(&mut self) {
        let parts = Generations::OF_FULL_WINDOW;
        let may_miss = self.max_keys.saturating_mul(parts - 2) <= self.keys.saturating_mul(parts);
        if may_miss && let Some((_, oldest)) = self.generations.oldest() {
            let before = UnixMillis(oldest.earliest.0.saturating_sub(1));
            self.evicted_until = self.evicted_until.max(Some(before));
        }
    }

    /// The lowest changelog position that holds a key of the window.
    pub(crate) fn read_from(&self) -> Option<ChangelogOffset> {
        self.generations.read_from()
    }

    pub(crate) const fn len(&self) -> usize {
        self.keys
    }

    /// Keys dropped before their time because the bound was reached.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How far back every key is known: the window's length, unless its bound does not reach so far.
    pub(crate) fn covers(&self, now: UnixMillis) -> Duration {
        self.evicted_until.map_or(self.length, |until| now.since(until).min(self.length))
    }

    /// Whether an entry needs a generation that can begin only when another one ends.
    fn must_end_generation(&self, at: UnixMillis, offset: Offset) -> bool {
        !self.generations.has_free() && self.takes(at, offset).is_none()
    }

    /// The generation that takes an entry, if it has begun.
    fn takes(&self, at: UnixMillis, offset: Offset) -> Option<GenerationId> {
        self.generations.find(self.bucket(at), offset)
    }

    const fn bucket(&self, at: UnixMillis) -> BucketId {
        at.0.div_euclid(self.bucket_ms)
    }

    /// The generation that takes an entry.
    fn generation(&mut self, at: UnixMillis, offset: Offset) -> GenerationId {
        if let Some(id) = self.takes(at, offset) {
            return id;
        }
        let bucket = self.bucket(at);
        loop {
            if let Some(id) = self.generations.begin(bucket, at, offset) {
                self.table.begin(id);
                return id;
            }
            // Only clocks that jump make so many buckets that all ids are in use.
            if !self.table.has_dead() {
                self.evict();
            }
            while self.table.has_dead() {
                self.sweep();
            }
        }
    }

    fn has_expired(&self, bucket: BucketId, now: UnixMillis) -> bool {
        let end = UnixMillis(bucket.saturating_add(1).saturating_mul(self.bucket_ms));
        end.after(self.length) <= now
    }

    /// Drops the oldest generation before its time.
    fn evict(&mut self) -> bool {
        let Some((id, generation)) = self.generations.oldest() else { return false };
        self.evicted += u64::try_from(generation.keys).unwrap_or(u64::MAX);
        self.evicted_until = self.evicted_until.max(Some(generation.latest));
        self.end(id);
        true
    }

    fn end(&mut self, id: GenerationId) {
        if let Some(generation) = self.generations.end(id) {
            self.keys -= generation.keys;
            self.table.end(id);
        }
    }

    fn sweep(&mut self) {
        if self.table.has_dead() {
            let free = self.table.sweep();
            self.generations.set_free(free);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn key(n: u8) -> EventKey {
        EventKey([n; 16])
    }

    fn entry(offset: i64, state: KeyState) -> WindowEntry {
        WindowEntry { offset: Offset(offset), state, policy: InDoubtPolicy::Resend }
    }

    fn window(max_keys: usize) -> Window {
        Window::new(Duration::from_hours(48), max_keys)
    }

    #[test]
    fn a_key_is_found_for_the_window_and_at_most_one_bucket_longer() {
        let mut window = window(10);
        window.insert(key(1), entry(5, KeyState::Delivered), UnixMillis(HOUR_MS / 2), None);
        for (hours, found) in [(0, true), (48, true), (49, false), (1000, false)] {
            assert_eq!(window.get(&key(1), UnixMillis(hours * HOUR_MS)).is_some(), found, "after {hours} h");
        }
        assert_eq!(window.get(&key(2), UnixMillis(0)), None);
    }

    #[test]
    fn a_key_seen_again_lives_by_its_last_time() {
        let mut window = window(10);
        window.insert(key(1), entry(5, KeyState::InDoubt), UnixMillis(0), Some(ChangelogOffset(1)));
        window.insert(key(1), entry(6, KeyState::Delivered), UnixMillis(10 * HOUR_MS), Some(ChangelogOffset(9)));
        assert_eq!(window.read_from(), Some(ChangelogOffset(9)), "nothing needs the first");
        let now = UnixMillis(50 * HOUR_MS);
        window.expire(now);
        assert_eq!(window.get(&key(1), now), Some(entry(6, KeyState::Delivered)));
        assert_eq!(window.read_from(), Some(ChangelogOffset(9)));
        window.expire(UnixMillis(59 * HOUR_MS));
        assert_eq!((window.len(), window.read_from()), (0, None));
    }

    #[test]
    fn the_position_is_that_of_the_oldest_intent_whatever_the_order_of_outcomes() {
        let mut window = window(100);
        window.insert(key(1), entry(5, KeyState::Delivered), UnixMillis(HOUR_MS), Some(ChangelogOffset(8)));
        window.insert(key(2), entry(4, KeyState::Delivered), UnixMillis(HOUR_MS), Some(ChangelogOffset(3)));
        assert_eq!(window.read_from(), Some(ChangelogOffset(3)));
    }

    #[test]
    fn over_its_bound_the_oldest_keys_go_and_are_counted() {
        let mut window = window(2);
        for n in 0..4_u8 {
            let at = UnixMillis(i64::from(n) * HOUR_MS);
            window.insert(key(n), entry(i64::from(n), KeyState::Delivered), at, None);
        }
        assert_eq!((window.len(), window.evicted()), (2, 2));
        assert_eq!(window.get(&key(1), UnixMillis(0)), None);
        assert!(window.get(&key(3), UnixMillis(0)).is_some());
    }

    #[test]
    fn more_keys_in_an_hour_than_the_bound_leave_most_of_the_bound_and_tell_how_far_it_reaches() {
        let mut window = window(160);
        for n in 0..=u8::MAX {
            let at = UnixMillis(i64::from(n) * 1000);
            window.insert(key(n), entry(i64::from(n), KeyState::Delivered), at, None);
            assert_eq!(window.covers(at) < Duration::from_hours(48), window.evicted() != 0, "after {n}");
        }
        // A sixteenth goes at a time.
        assert!((150..=160).contains(&window.len()), "{}", window.len());
        let now = UnixMillis(255_000);
        let covered = window.covers(now);
        assert!((Duration::from_secs(149)..Duration::from_secs(160)).contains(&covered), "{covered:?}");
        for n in 0..=u8::MAX {
            let at = UnixMillis(i64::from(n) * 1000);
            assert_eq!(window.get(&key(n), now).is_some(), now.since(at) < covered, "{n}");
        }
    }

    #[test]
    fn the_memory_of_keys_that_went_is_freed_a_shard_at_a_time_as_others_come() {
        let mut window = window(2048);
        let digest = |n: u16| {
            let mut key = [0; 16];
            key[..2].copy_from_slice(&n.to_be_bytes());
            EventKey(key)
        };
        for n in 0..=2048 {
            window.insert(digest(n), entry(i64::from(n), KeyState::Delivered), UnixMillis(0), None);
        }
        assert!(window.evicted() == 128 && window.table.has_dead());
        let mut inserts = 0;
        while window.table.has_dead() && inserts < 20_000 {
            window.insert(digest(2048), entry(2048, KeyState::Delivered), UnixMillis(0), None);
            inserts += 1;
        }
        // 256 shards, one for each 64 inserts.
        assert!((255 * 64..=256 * 64).contains(&inserts), "{inserts}");
    }

    #[test]
    fn a_restored_window_that_is_nearly_full_knows_every_key_as_far_back_as_it_says() {
        let now = UnixMillis(255_000);
        for (max_keys, keys) in [(160, 256), (160, 161), (256, 256), (292, 256), (293, 256), (1000, 256)] {
            let (mut former, mut restored) = (window(max_keys), window(max_keys));
            let moment = |n: u16| UnixMillis(i64::from(n) * 1000);
            let key = |n: u16| key(u8::try_from(n).unwrap());
            for n in 256 - keys..256 {
                former.insert(key(n), entry(i64::from(n), KeyState::Delivered), moment(n), None);
            }
            let kept: Vec<_> = (0..256).filter_map(|n| Some((n, former.get(&key(n), now)?))).collect();
            for (n, entry) in kept {
                restored.insert(key(n), entry, moment(n), None);
            }
            restored.restored();
            assert_eq!(restored.evicted(), 0);
            let nearly_full = max_keys * 14 <= former.len() * 16;
            assert_eq!(restored.covers(now) < Duration::from_hours(48), nearly_full, "{keys} of {max_keys}");
            assert!(!nearly_full || restored.covers(now) <= former.covers(now), "{keys} of {max_keys}");
            for n in 256 - keys..256 {
                let is_known = restored.get(&key(n), now).is_some();
                assert!(is_known || restored.covers(now) <= now.since(moment(n)), "{keys} of {max_keys}: {n}");
            }
        }
    }

    #[test]
    fn clocks_that_jump_over_more_buckets_than_there_are_generations_cost_the_oldest() {
        let mut window = window(1000);
        for n in 0..=u8::MAX {
            let at = UnixMillis(i64::from(n) * HOUR_MS);
            window.insert(key(n), entry(i64::from(n), KeyState::Delivered), at, None);
        }
        assert_eq!((window.len(), window.evicted()), (255, 1));
        assert!(window.get(&key(0), UnixMillis(0)).is_none());
        assert!((1..=u8::MAX).all(|n| window.get(&key(n), UnixMillis(0)).is_some()));
    }
}

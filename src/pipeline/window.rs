//! The keys that were delivered, or may have been, within the last hours.
//!
//! Keys lie in buckets of a 48th of the window by the latest moment at which Pinterest may have taken them (R8); a
//! bucket expires as a whole, so a key suppresses its duplicates for the window and up to one bucket more.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::domain::{ChangelogOffset, EventKey, InDoubtPolicy, KeyState, Offset, UnixMillis};

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
    keys: HashMap<EventKey, (WindowEntry, BucketId)>,
    buckets: BTreeMap<BucketId, Bucket>,
    length: Duration,
    bucket_ms: i64,
    max_keys: usize,
    evicted: u64,
}

type BucketId = i64;

#[derive(Debug, Default)]
struct Bucket {
    keys: Vec<EventKey>,
    /// The lowest position of an intent that holds one of the keys.
    from: Option<ChangelogOffset>,
}

impl Window {
    /// Buckets in a window: Pinterest's 48 hours in steps of one.
    const BUCKETS: u32 = 48;

    pub(crate) fn new(length: Duration, max_keys: usize) -> Self {
        let bucket = i64::try_from((length / Self::BUCKETS).as_millis()).unwrap_or(i64::MAX);
        Self { keys: HashMap::new(), buckets: BTreeMap::new(), length, bucket_ms: bucket.max(1), max_keys, evicted: 0 }
    }

    /// `at`: the latest moment at which Pinterest may have taken it. `intent`: where the changelog holds the key.
    pub(crate) fn insert(
        &mut self,
        key: EventKey,
        entry: WindowEntry,
        at: UnixMillis,
        intent: Option<ChangelogOffset>,
    ) {
        let id = at.0.div_euclid(self.bucket_ms);
        self.keys.insert(key, (entry, id));
        let bucket = self.buckets.entry(id).or_default();
        bucket.keys.push(key);
        bucket.from = bucket.from.into_iter().chain(intent).min();
        while self.max_keys < self.keys.len() {
            let before = self.keys.len();
            if !self.drop_oldest_bucket() {
                break;
            }
            self.evicted += u64::try_from(before - self.keys.len()).unwrap_or(u64::MAX);
        }
    }

    /// Looks at the time itself: what has expired is not found, whether it was cleared away or not.
    pub(crate) fn get(&self, key: &EventKey, now: UnixMillis) -> Option<WindowEntry> {
        let (entry, bucket) = self.keys.get(key)?;
        (!self.has_expired(*bucket, now)).then_some(*entry)
    }

    /// Clears away what has expired.
    pub(crate) fn expire(&mut self, now: UnixMillis) {
        while let Some((&id, _)) = self.buckets.first_key_value()
            && self.has_expired(id, now)
        {
            self.drop_oldest_bucket();
        }
    }

    /// The lowest changelog position that holds a key of the window.
    pub(crate) fn read_from(&self) -> Option<ChangelogOffset> {
        self.buckets.values().filter_map(|bucket| bucket.from).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Keys dropped before their time because the bound was reached.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn has_expired(&self, bucket: BucketId, now: UnixMillis) -> bool {
        let end = UnixMillis(bucket.saturating_add(1).saturating_mul(self.bucket_ms));
        end.after(self.length) <= now
    }

    fn drop_oldest_bucket(&mut self) -> bool {
        let Some((id, bucket)) = self.buckets.pop_first() else { return false };
        for key in bucket.keys {
            // A key that was seen again since lies in a later bucket, too.
            if self.keys.get(&key).is_some_and(|(_, newest)| *newest == id) {
                self.keys.remove(&key);
            }
        }
        true
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
        let now = UnixMillis(50 * HOUR_MS);
        window.expire(now);
        assert_eq!(window.get(&key(1), now), Some(entry(6, KeyState::Delivered)));
        assert_eq!(window.read_from(), Some(ChangelogOffset(9)));
        window.expire(UnixMillis(59 * HOUR_MS));
        assert_eq!((window.len(), window.read_from()), (0, None));
    }

    #[test]
    fn the_position_is_that_of_the_oldest_intent_whatever_the_order_of_outcomes() {
        let mut window = window(10);
        window.insert(key(1), entry(5, KeyState::Delivered), UnixMillis(HOUR_MS), Some(ChangelogOffset(8)));
        window.insert(key(2), entry(4, KeyState::Delivered), UnixMillis(HOUR_MS), Some(ChangelogOffset(3)));
        assert_eq!(window.read_from(), Some(ChangelogOffset(3)));
    }

    #[test]
    fn over_its_bound_the_oldest_bucket_goes_and_is_counted() {
        let mut window = window(2);
        for n in 0..4_u8 {
            let at = UnixMillis(i64::from(n) * HOUR_MS);
            window.insert(key(n), entry(i64::from(n), KeyState::Delivered), at, None);
        }
        assert_eq!((window.len(), window.evicted()), (2, 2));
        assert_eq!(window.get(&key(1), UnixMillis(0)), None);
        assert!(window.get(&key(3), UnixMillis(0)).is_some());
    }
}

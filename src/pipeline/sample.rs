//! Whether events go out from more than one partition: looked for in a sample, counted, and never acted upon.
//!
//! Duplicates are found within a partition of a feed and nowhere else. Producers that do not key by what makes a
//! conversion put two records of one into two partitions, and both are sent. A sample of the keys tells of that.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::domain::{EventKey, PartitionId, UnixMillis};

/// Keys delivered lately, from all partitions of the process.
#[derive(Debug)]
pub(crate) struct Sample {
    window: Duration,
    keys: HashMap<EventKey, Seen>,
    /// Oldest first.
    order: VecDeque<EventKey>,
    suspected: Suspected,
}

#[derive(Debug)]
struct Seen {
    partition: PartitionId,
    at: UnixMillis,
    /// A second partition has delivered it, and that is counted.
    counted: Option<PartitionId>,
}

/// What the sample has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspected {
    /// Keys of the sample that more than one partition has delivered within the window; [`Suspected::ONE_IN`] times as
    /// many are to be expected among all.
    pub keys: u64,
    /// The two partitions of the last one.
    pub last: Option<(PartitionId, PartitionId)>,
}

impl Suspected {
    /// Of so many keys one is in the sample.
    pub const ONE_IN: u8 = 64;
}

impl Sample {
    /// Keys held at most: about five megabytes, for the last four million events.
    const MOST: usize = 65_536;

    pub(crate) fn new(window: Duration) -> Self {
        Self { window, keys: HashMap::new(), order: VecDeque::new(), suspected: Suspected::default() }
    }

    /// An event was delivered. Told twice, it is one.
    pub(crate) fn delivered(&mut self, key: EventKey, partition: PartitionId, at: UnixMillis) {
        let [.., last] = key.0;
        if last % Suspected::ONE_IN != 0 {
            return;
        }
        let Some(seen) = self.keys.get_mut(&key) else {
            while Self::MOST <= self.order.len()
                && let Some(oldest) = self.order.pop_front()
            {
                self.keys.remove(&oldest);
            }
            self.order.push_back(key);
            self.keys.insert(key, Seen { partition, at, counted: None });
            return;
        };
        if seen.at.after(self.window) <= at {
            *seen = Seen { partition, at, counted: None };
        } else if seen.partition != partition && seen.counted.is_none() {
            seen.counted = Some(partition);
            self.suspected.keys += 1;
            self.suspected.last = Some((seen.partition, partition));
        }
    }

    pub(crate) const fn suspected(&self) -> Suspected {
        self.suspected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeedId;

    const DAY: Duration = Duration::from_hours(24);

    fn partition(feed: u16, number: i32) -> PartitionId {
        PartitionId { feed: FeedId(feed), number }
    }

    fn key(n: u32, last: u8) -> EventKey {
        let mut key = [last; 16];
        key[..4].copy_from_slice(&n.to_be_bytes());
        EventKey(key)
    }

    #[test]
    fn a_key_from_two_partitions_or_feeds_within_the_window_counts_once() {
        let mut sample = Sample::new(2 * DAY);
        for (at, from, count) in [
            (0, partition(0, 1), 0),
            (1, partition(0, 1), 0),
            (2, partition(1, 1), 1),
            (3, partition(0, 2), 1),
            // Two days later it is a new key.
            (2 * 86_400_000, partition(0, 3), 1),
            (2 * 86_400_000 + 1, partition(0, 1), 2),
        ] {
            sample.delivered(key(7, 64), from, UnixMillis(at));
            assert_eq!(sample.suspected().keys, count, "at {at}");
        }
        assert_eq!(sample.suspected().last, Some((partition(0, 3), partition(0, 1))));
    }

    #[test]
    fn one_key_in_64_is_looked_at_and_memory_is_bounded() {
        let mut sample = Sample::new(DAY);
        for last in 0..=u8::MAX {
            sample.delivered(key(1, last), partition(0, 0), UnixMillis(0));
            sample.delivered(key(1, last), partition(0, 1), UnixMillis(0));
        }
        assert_eq!(sample.suspected().keys, 4);
        for n in 0..100_000 {
            sample.delivered(key(n, 0), partition(0, 0), UnixMillis(0));
        }
        assert_eq!((sample.keys.len(), sample.order.len()), (Sample::MOST, Sample::MOST));
        sample.delivered(key(99_999, 0), partition(0, 1), UnixMillis(0));
        assert_eq!(sample.suspected().keys, 5, "the newest are kept");
    }
}

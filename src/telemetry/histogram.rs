//! Durations in buckets.

use std::time::Duration;

/// Bounds for what takes from milliseconds to a minute: requests, transactions, the way of a record.
pub const DURATIONS: [Duration; 14] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(5),
];

/// Bounds for the age of events: fine below the hour that Pinterest sets, coarse up to the seven days that it takes.
pub const AGES: [Duration; 14] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_mins(45),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(72),
    Duration::from_hours(168),
];

/// How many durations fell into each bucket, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [Duration],
    /// One more than bounds: the last counts what lies beyond all of them.
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    /// Empty. `bounds` grow, each is the most that its bucket takes.
    #[must_use]
    pub fn new(bounds: &'static [Duration]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: Duration::ZERO }
    }

    pub fn record(&mut self, duration: Duration) {
        let bucket = self.bounds.iter().take_while(|bound| **bound < duration).count();
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Counts what another one with the same bounds has counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    #[must_use]
    pub const fn bounds(&self) -> &'static [Duration] {
        self.bounds
    }

    /// For each bound, and then for what lies beyond all of them.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The least bound that so many thousandths of the durations keep to; none if that takes more than the last one, or
    /// there are no durations.
    #[must_use]
    pub fn bound_of(&self, thousandths: u64) -> Option<Duration> {
        let enough = (self.count() * thousandths).div_ceil(1000).max(1);
        let mut within = 0;
        let mut bounds = self.bounds.iter().zip(&self.counts);
        bounds.find_map(|(bound, count)| {
            within += count;
            (enough <= within).then_some(*bound)
        })
    }

    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_what_is_longer_to_the_next() {
        let mut histogram = Histogram::new(&BOUNDS);
        for ms in [0, 1000, 1001, 2000, 2001, 90_000] {
            histogram.record(Duration::from_millis(ms));
        }
        assert_eq!(histogram.counts(), [2, 2, 2]);
        assert_eq!((histogram.count(), histogram.sum()), (6, Duration::from_millis(96_002)));
        let mut both = histogram.clone();
        both.add(&histogram);
        assert_eq!((both.counts(), both.sum()), (&[4, 4, 4][..], Duration::from_millis(192_004)));
    }

    #[test]
    fn a_part_of_the_durations_keeps_to_a_bound_or_to_none() {
        let mut histogram = Histogram::new(&BOUNDS);
        assert_eq!(histogram.bound_of(500), None, "there are none");
        for _ in 0..98 {
            histogram.record(Duration::from_millis(500));
        }
        histogram.record(Duration::from_millis(1500));
        let [second, two] = BOUNDS;
        assert_eq!([0, 500, 990, 1000].map(|part| histogram.bound_of(part)), [second, second, two, two].map(Some));
        histogram.record(Duration::from_secs(3));
        assert_eq!([980, 990, 991].map(|part| histogram.bound_of(part)), [Some(second), Some(two), None]);
    }

    #[test]
    fn bounds_grow() {
        for bounds in [DURATIONS, AGES] {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }
}

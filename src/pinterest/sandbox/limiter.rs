//! Limits of calls, counted in the three ways that services count them. Knows no clock.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many calls of one account in so much time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub calls: u32,
    #[serde(default = "a_minute")]
    pub per_ms: u64,
    #[serde(default)]
    pub counted: Counting,
    /// The account that it is about; every account has one of its own where this is absent.
    #[serde(default)]
    pub account: Option<Box<str>>,
}

/// How calls are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// From zero at the start of each window; windows follow each other since 1970.
    #[default]
    Fixed,
    /// Those of the time just passed.
    Sliding,
    /// A bucket of this many calls that fills evenly.
    Bucket(u32),
}

const fn a_minute() -> u64 {
    60_000
}

impl Limit {
    /// A limit of calls a minute for every account.
    #[must_use]
    pub const fn per_minute(calls: u32, counted: Counting) -> Self {
        Self { calls, per_ms: a_minute(), counted, account: None }
    }

    /// Whether it allows no call at all, or has no window.
    pub(super) const fn is_empty(&self) -> bool {
        self.calls == 0 || self.per_ms == 0 || matches!(self.counted, Counting::Bucket(0))
    }
}

/// A limit and the calls of one account that count against it.
#[derive(Clone, Debug)]
pub struct Limiter {
    calls: u64,
    per_ms: u64,
    counted: Counted,
}

#[derive(Clone, Debug)]
enum Counted {
    Fixed {
        window: u64,
        used: u64,
    },
    Sliding {
        taken: VecDeque<u64>,
    },
    /// In millionths of a millisecond, so that the time of one call is a whole number.
    Bucket {
        size: u64,
        full_at_ns: u64,
    },
}

/// What became of a call, and what is left after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub passed: Passed,
    pub remaining: u64,
    /// Until all calls of the limit may be made again.
    pub reset: Duration,
}

/// Whether a call kept within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Yes,
    /// It does not count.
    No,
}

impl Limiter {
    #[must_use]
    pub fn new(limit: &Limit) -> Self {
        let counted = match limit.counted {
            Counting::Fixed => Counted::Fixed { window: 0, used: 0 },
            Counting::Sliding => Counted::Sliding { taken: VecDeque::new() },
            Counting::Bucket(size) => Counted::Bucket { size: size.into(), full_at_ns: 0 },
        };
        Self { calls: limit.calls.into(), per_ms: limit.per_ms.max(1), counted }
    }

    /// A call comes at that many milliseconds, since 1970 or any other time; never before an earlier one.
    pub fn call(&mut self, now_ms: u64) -> Standing {
        let (calls, per_ms) = (self.calls, self.per_ms);
        match &mut self.counted {
            Counted::Fixed { window, used } => {
                let present = now_ms / per_ms;
                if *window != present {
                    (*window, *used) = (present, 0);
                }
                let passed = passes(*used < calls);
                *used += u64::from(passed == Passed::Yes);
                let reset = Duration::from_millis((present + 1) * per_ms - now_ms);
                Standing { passed, remaining: calls - *used, reset }
            }
            Counted::Sliding { taken } => {
                while taken.front().is_some_and(|first| first + per_ms <= now_ms) {
                    taken.pop_front();
                }
                let count = |taken: &VecDeque<u64>| u64::try_from(taken.len()).unwrap_or(u64::MAX);
                let passed = passes(count(taken) < calls);
                if passed == Passed::Yes {
                    taken.push_back(now_ms);
                }
                let reset = taken.back().map_or(0, |last| last + per_ms - now_ms);
                Standing { passed, remaining: calls - count(taken), reset: Duration::from_millis(reset) }
            }
            Counted::Bucket { size, full_at_ns } => {
                let each_ns = per_ms * NANOS / calls.max(1);
                let empty_for_ns = full_at_ns.saturating_sub(now_ms * NANOS);
                let passed = passes(empty_for_ns <= (*size - 1) * each_ns);
                if passed == Passed::Yes {
                    *full_at_ns = (*full_at_ns).max(now_ms * NANOS) + each_ns;
                }
                let empty_for_ns = full_at_ns.saturating_sub(now_ms * NANOS);
                let remaining = *size - empty_for_ns.div_ceil(each_ns).min(*size);
                Standing { passed, remaining, reset: Duration::from_nanos(empty_for_ns) }
            }
        }
    }
}

/// In a millisecond.
const NANOS: u64 = 1_000_000;

const fn passes(within: bool) -> Passed {
    if within { Passed::Yes } else { Passed::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(calls: u32, counted: Counting) -> Limiter {
        Limiter::new(&Limit::per_minute(calls, counted))
    }

    /// Whether each call passes, what is left, and seconds until all is.
    fn story(limiter: &mut Limiter, seconds: &[u64]) -> Vec<(bool, u64, u64)> {
        let tell = |second: &u64| {
            let Standing { passed, remaining, reset } = limiter.call(second * 1000);
            (passed == Passed::Yes, remaining, reset.as_secs())
        };
        seconds.iter().map(tell).collect()
    }

    #[test]
    fn a_fixed_minute_begins_anew_on_the_minute() {
        assert_eq!(
            story(&mut limiter(2, Counting::Fixed), &[50, 59, 59, 60, 61, 119, 120]),
            [(true, 1, 10), (true, 0, 1), (false, 0, 1), (true, 1, 60), (true, 0, 59), (false, 0, 1), (true, 1, 60)]
        );
    }

    #[test]
    fn a_sliding_minute_counts_the_minute_just_passed() {
        assert_eq!(
            story(&mut limiter(2, Counting::Sliding), &[50, 59, 60, 109, 110, 111, 119]),
            [
                (true, 1, 60),
                (true, 0, 60),
                (false, 0, 59),
                (false, 0, 10),
                (true, 0, 60),
                (false, 0, 59),
                (true, 0, 60)
            ]
        );
    }

    #[test]
    fn a_bucket_fills_evenly_up_to_its_size() {
        assert_eq!(
            story(&mut limiter(6, Counting::Bucket(2)), &[0, 0, 0, 9, 10, 10, 100, 100, 100]),
            [
                (true, 1, 10),
                (true, 0, 20),
                (false, 0, 20),
                (false, 0, 11),
                (true, 0, 20),
                (false, 0, 20),
                (true, 1, 10),
                (true, 0, 20),
                (false, 0, 20)
            ]
        );
    }
}

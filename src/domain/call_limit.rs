//! How many calls an ad account may make.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many calls in so much time, of all processes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimit {
    pub calls: NonZeroU32,
    pub per: Duration,
}

impl CallLimit {
    /// Posts of all lanes in test mode. Pinterest grants an app ten test calls a second (its developer documentation of
    /// rate limits, September 2026): one is for [`Self::QUESTIONS`], and one is left over for calls that arrive in another
    /// second than the one they were sent in.
    pub const TEST_POSTS: Self = Self::per_second(NonZeroU32::new(8).expect("not zero"));

    /// Test calls without an event, which ask at a start whether token and ad account are accepted.
    pub const QUESTIONS: Self = Self::per_second(NonZeroU32::MIN);

    /// `None` if it would allow no call, or calls in no time.
    #[must_use]
    pub fn try_new(calls: u32, per: Duration) -> Option<Self> {
        NonZeroU32::new(calls).filter(|_| !per.is_zero()).map(|calls| Self { calls, per })
    }

    #[must_use]
    pub const fn per_minute(calls: NonZeroU32) -> Self {
        Self { calls, per: Duration::from_mins(1) }
    }

    const fn per_second(calls: NonZeroU32) -> Self {
        Self { calls, per: Duration::from_secs(1) }
    }

    /// From one call to the next where `processes` spend the limit evenly and each keeps to its whole part of it.
    #[must_use]
    pub fn interval(self, processes: NonZeroU32) -> Duration {
        match NonZeroU32::new(self.calls.get() / processes) {
            Some(own) => self.per / own.get(),
            None => self.per.saturating_mul(processes.get()) / self.calls.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_share_a_limit_and_none_takes_a_part_of_a_call() {
        for (calls, processes, micros) in [
            (60, 1, 1_000_000),
            (60, 3, 3_000_000),
            // 8.57 calls are 8.
            (60, 7, 7_500_000),
            // One call for three: each waits three minutes.
            (1, 3, 180_000_000),
            (2, 3, 90_000_000),
            (5000, 3, 36_014),
        ] {
            let limit = CallLimit::try_new(calls, Duration::from_mins(1)).expect("some calls in some time");
            let processes = NonZeroU32::new(processes).expect("some");
            assert_eq!(limit.interval(processes).as_micros(), micros, "{calls} calls, {processes} processes");
        }
        assert_eq!(CallLimit::try_new(0, Duration::from_mins(1)), None);
        assert_eq!(CallLimit::try_new(1, Duration::ZERO), None);
    }
}

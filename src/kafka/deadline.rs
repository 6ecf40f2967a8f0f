//! Waiting with an end: the one place of `kafka` that reads a clock.

use std::time::{Duration, Instant};

/// A moment by the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// The moment `duration` from now.
    pub(super) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// Zero once it has passed.
    pub(super) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

/// By the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "time-outs towards Kafka, and what is logged of it, decide nothing about a record"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

//! Points in time. Nothing here reads a clock: the shell does, and passes the result on.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the machine started, on a clock that counts suspends and never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub u64);

impl BootTime {
    /// The moment `duration` later; saturates at the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment `duration` earlier; saturates at the start of the machine.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970-01-01 UTC by the machine's wall clock; may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The moment `duration` later; saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(millis(duration)))
    }

    /// The moment `duration` earlier; saturates.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(millis(duration)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Seconds since 1970-01-01 UTC: the unit of Pinterest's `event_time`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// The same moment in milliseconds; saturates.
    #[must_use]
    pub const fn to_millis(self) -> UnixMillis {
        UnixMillis(self.0.saturating_mul(1000))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One reading of both clocks, taken by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub boot: BootTime,
    pub wall: UnixMillis,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_milliseconds_apart_and_saturate() {
        let ms = Duration::from_millis;
        let boot = BootTime(5);
        assert_eq!(
            (boot.after(ms(3)), boot.before(ms(3)), boot.before(ms(9))),
            (BootTime(8), BootTime(2), BootTime(0))
        );
        assert_eq!((boot.since(BootTime(2)), boot.since(BootTime(9))), (ms(3), ms(0)));
        assert_eq!(BootTime(u64::MAX).after(ms(1)), BootTime(u64::MAX));
        let wall = UnixMillis(5);
        assert_eq!((wall.after(ms(3)), wall.before(ms(9))), (UnixMillis(8), UnixMillis(-4)));
        assert_eq!((wall.since(UnixMillis(-2)), wall.since(UnixMillis(9))), (ms(7), ms(0)));
        assert_eq!(UnixMillis(i64::MAX).after(Duration::MAX), UnixMillis(i64::MAX));
        assert_eq!(UnixMillis(0).before(Duration::MAX), UnixMillis(i64::MIN));
        let seconds = UnixSeconds(-3);
        assert_eq!((seconds.to_millis(), seconds.to_string()), (UnixMillis(-3000), "-3".to_owned()));
    }
}

//! When the next call may go: a budget of calls, spread evenly (R12).
//!
//! What counts the calls on the other side is not known: a fixed minute, a sliding one, or a bucket that fills. Calls
//! that are spaced evenly keep within a budget whichever it is, and however the minute begins. A small allowance makes
//! up for wakings that come late.
//!
//! The budget is the least of what the configuration says and what the answers say. A 429 shows that the budget is
//! spent by others too: the pace then slows down, and comes back over minutes.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::{BootTime, CallLimit};

/// The pace of one budget.
#[derive(Debug)]
pub(crate) struct Pace {
    processes: NonZeroU32,
    configured: CallLimit,
    /// The last limit that an answer named.
    seen: Option<CallLimit>,
    eased: Option<Eased>,
    /// When the next call is due if all are spaced evenly, in nanoseconds of boot time.
    due_ns: u64,
}

/// A pace below the budget, after a 429.
#[derive(Clone, Copy, Debug)]
struct Eased {
    /// Thousandths of the budget.
    from: u32,
    since: BootTime,
}

/// Of the budget that a pace spends, in thousandths. What is left takes the allowance, and the calls that arrive in
/// another window than the one they were sent in: 75 of 5,000, which is 0.9 s of them.
const SPENT: u32 = 985;

/// The part of the limit's window by which calls may run ahead of their even spacing: 250 ms of a minute, longer than
/// two ticks and a late waking.
const ALLOWANCE: u32 = 240;

/// What is left of a pace after a 429, in thousandths.
const EASED_TO: u32 = 750;

/// A pace is never eased below this, in thousandths of the budget.
const LEAST: u32 = 20;

/// How much a pace gains in a minute without 429, in thousandths of the budget. Fixed-minute limiters show only once a
/// minute whether the last step was too much.
const GAINED_EACH_MINUTE: u32 = 100;

const WHOLE: u32 = 1000;
const NANOS_PER_MILLI: u64 = 1_000_000;

impl Pace {
    pub(crate) const fn new(configured: CallLimit, processes: NonZeroU32) -> Self {
        Self { processes, configured, seen: None, eased: None, due_ns: 0 }
    }

    /// The earliest moment for a call that `others` go before, from `now` on.
    pub(crate) fn slot(&self, now: BootTime, others: usize) -> BootTime {
        let (mut due, allowance) = (self.due_ns, self.allowance_ns());
        if 0 < others {
            let others = u64::try_from(others).unwrap_or(u64::MAX);
            due = due.max(nanos(now)).saturating_add(others.saturating_mul(self.interval_ns(now)));
        }
        BootTime(due.saturating_sub(allowance).div_ceil(NANOS_PER_MILLI)).max(now)
    }

    /// A call goes now.
    pub(crate) fn called(&mut self, now: BootTime) {
        self.due_ns = self.due_ns.max(nanos(now)).saturating_add(self.interval_ns(now));
    }

    /// An answer named the limit.
    pub(crate) const fn seen(&mut self, limit: CallLimit) {
        self.seen = Some(limit);
    }

    /// A call that was made at `called` was answered by 429. Several under way are one sign.
    pub(crate) fn throttled(&mut self, now: BootTime, called: BootTime) {
        if self.eased.is_some_and(|eased| called < eased.since) {
            return;
        }
        let from = (self.share(now) * EASED_TO / WHOLE).max(LEAST);
        self.eased = Some(Eased { from, since: now });
    }

    /// Thousandths of the budget that may be spent now, leaving the margin out of account.
    fn share(&self, now: BootTime) -> u32 {
        let Some(eased) = self.eased else { return WHOLE };
        let gained = now.since(eased.since).as_millis() * u128::from(GAINED_EACH_MINUTE) / 60_000;
        u32::try_from(gained).map_or(WHOLE, |gained| eased.from.saturating_add(gained)).min(WHOLE)
    }

    /// From one call to the next, spread evenly.
    pub(crate) fn interval(&self, now: BootTime) -> Duration {
        Duration::from_nanos(self.interval_ns(now))
    }

    fn interval_ns(&self, now: BootTime) -> u64 {
        let even = [Some(self.configured), self.seen].into_iter().flatten().map(|limit| limit.interval(self.processes));
        let slowest = even.max().map_or(u128::MAX, |interval| interval.as_nanos());
        let spaced = slowest.saturating_mul(u128::from(WHOLE) * u128::from(WHOLE))
            / (u128::from(SPENT) * u128::from(self.share(now)));
        u64::try_from(spaced).unwrap_or(u64::MAX)
    }

    fn allowance_ns(&self) -> u64 {
        let window = self.seen.map_or(self.configured.per, |seen| seen.per.min(self.configured.per));
        u64::try_from((window / ALLOWANCE).as_nanos()).unwrap_or(u64::MAX)
    }
}

const fn nanos(at: BootTime) -> u64 {
    at.0.saturating_mul(NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn limit(calls: u32, per: Duration) -> CallLimit {
        CallLimit::try_new(calls, per).expect("some calls in some time")
    }

    fn pace(calls: u32, processes: u32) -> Pace {
        Pace::new(limit(calls, MINUTE), NonZeroU32::new(processes).expect("some"))
    }

    /// When calls go that are looked after each `waking` milliseconds, for so long.
    fn calls(pace: &mut Pace, from: BootTime, lasting: Duration, waking: u64) -> Vec<u64> {
        let mut calls = Vec::new();
        let mut now = from;
        while now < from.after(lasting) {
            while pace.slot(now, 0) <= now {
                pace.called(now);
                calls.push(now.0);
            }
            now.0 += waking;
        }
        calls
    }

    /// The most calls of any window of that length.
    fn most_within(calls: &[u64], window: u64) -> usize {
        calls
            .iter()
            .enumerate()
            .map(|(n, first)| calls[n..].iter().take_while(|at| **at < first + window).count())
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_window_of_a_minute_holds_more_than_the_part_of_the_budget(
            budget in 1_u32..3000, processes in 1_u32..4, waking in 1_u64..400, idle in 0_u64..100_000,
        ) {
            prop_assume!(processes <= budget);
            let mut pace = pace(budget, processes);
            let calls = calls(&mut pace, BootTime(idle), Duration::from_mins(3), waking);
            let own = usize::try_from(budget / processes).expect("small");
            prop_assert!(most_within(&calls, 60_000) <= own);
        }
    }

    #[test]
    fn of_a_large_budget_98_percent_are_spent_though_wakings_are_late() {
        for (processes, waking) in [(1, 1), (1, 100), (3, 1), (3, 200)] {
            let calls = calls(&mut pace(5000, processes), BootTime(7), Duration::from_mins(10), waking).len();
            let all = calls * usize::try_from(processes).expect("small");
            assert!((49_000..=50_000).contains(&all), "{processes} processes, each {waking} ms: {all}");
        }
    }

    #[test]
    fn what_was_not_spent_is_lost_but_for_a_quarter_of_a_second() {
        let mut pace = pace(6000, 1);
        let first = calls(&mut pace, BootTime(1_000_000), Duration::from_millis(1), 1);
        assert_eq!(first.len(), 25);
    }

    #[test]
    fn the_slot_of_a_later_call_is_when_the_pace_comes_to_it() {
        let mut pace = pace(60, 1);
        let start = BootTime(5_000);
        assert_eq!(pace.slot(start, 0), start);
        for others in [1, 2, 3] {
            let foreseen = pace.slot(start, others);
            let mut ahead = Pace { due_ns: pace.due_ns, ..Pace::new(pace.configured, pace.processes) };
            let mut at = start;
            for _ in 0..others {
                at = ahead.slot(at, 0);
                ahead.called(at);
            }
            assert!(ahead.slot(at, 0).0.abs_diff(foreseen.0) <= 1, "{others} before");
        }
        pace.called(start);
        // A 60th of a minute at 98.5 % of the budget, less the allowance.
        assert_eq!(pace.slot(start, 0), BootTime(5_000 + 1016 - 250));
    }

    #[test]
    fn the_lesser_of_two_limits_counts_and_a_greater_one_lifts_nothing() {
        let mut pace = pace(600, 1);
        let spent = |pace: &mut Pace, minute: u64| calls(pace, BootTime(minute * 10_000_000), MINUTE, 1).len();
        assert_eq!(spent(&mut pace, 1), 594);
        pace.seen(limit(120_000, MINUTE));
        assert_eq!(spent(&mut pace, 2), 594);
        pace.seen(limit(60, MINUTE));
        assert_eq!(spent(&mut pace, 3), 60);
        pace.seen(limit(1, Duration::from_secs(1)));
        assert_eq!(spent(&mut pace, 4), 60);
    }

    #[test]
    fn a_429_slows_the_pace_down_once_for_all_calls_under_way_and_minutes_bring_it_back() {
        let mut pace = pace(6000, 1);
        let at = BootTime(1_000_000);
        let spent = |pace: &Pace, from: BootTime| {
            let mut copy = Pace {
                eased: pace.eased,
                due_ns: from.0 * NANOS_PER_MILLI,
                ..Pace::new(pace.configured, pace.processes)
            };
            calls(&mut copy, from, Duration::from_secs(1), 1).len()
        };
        assert_eq!(spent(&pace, at), 124);
        pace.throttled(at, at);
        assert_eq!(spent(&pace, at), 93);
        pace.throttled(at.after(Duration::from_secs(1)), BootTime(999_999));
        assert_eq!(spent(&pace, at), 93, "that call was under way");
        assert_eq!(spent(&pace, at.after(Duration::from_secs(90))), 111);
        pace.throttled(at.after(Duration::from_secs(90)), at.after(Duration::from_secs(89)));
        assert_eq!(spent(&pace, at.after(Duration::from_secs(90))), 84);
        assert_eq!(spent(&pace, at.after(Duration::from_mins(10))), 124);
        for again in 1..100 {
            let later = at.after(Duration::from_millis(600_000 + again));
            pace.throttled(later, later);
        }
        let slowest = at.after(Duration::from_millis(600_099));
        assert_eq!(pace.slot(slowest, 1).0 - slowest.0, 508 - 250, "it never stands still");
    }
}

//! How many calls may be under way at a time: a level that finds itself.
//!
//! With a budget of calls, as many are under way as the budget and Pinterest's latency make together, and a bound costs
//! nothing until it is reached. The level is about the case where Pinterest is slower than the budget: then calls pile
//! up until their answers are given up, and each that is given up is doubt. So the level rises only while calls wait
//! for it and answers are in time, by one for each answer at first, later by one for each round of them; it falls to
//! three quarters when answers take long, and to a half when one is no answer.
//!
//! A failure that a lone probe meets, too, has another cause than the number of calls: the level is then what it was.

use std::time::Duration;

use crate::domain::BootTime;

/// The level of one lane.
#[derive(Debug)]
pub(crate) struct Concurrency {
    least: usize,
    most: usize,
    level: usize,
    /// Answers in time since the level last rose.
    in_time: usize,
    rise: Rise,
    /// A call waited for the level since the last answer.
    wanted: Wanted,
    /// Answers to calls before then say nothing about the present level.
    lowered: Option<BootTime>,
    /// What the level was before the failure of which no probe has told yet.
    before: Option<usize>,
    /// Not to be risen above until then, because the level above it failed.
    ceiling: Option<(usize, BootTime)>,
}

/// How fast the level rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rise {
    /// Nothing is known to be too much: with each answer.
    Doubling,
    /// With each round of answers.
    Adding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    No,
    Yes,
}

/// Where a lane begins.
const FIRST: usize = 4;

/// The part of the answer time-out beyond which an answer took long: far above any healthy latency, and far enough
/// below the time-out that a level that is too high falls before answers are lost.
const LONG: u32 = 4;

/// How long a level that failed is not tried again; each try may leave a batch in doubt.
const CEILING: Duration = Duration::from_mins(1);

impl Concurrency {
    /// Between `least` and `most`, both at least 1.
    pub(crate) fn new(least: usize, most: usize) -> Self {
        Self {
            least,
            most,
            level: FIRST.max(least).min(most),
            in_time: 0,
            rise: Rise::Doubling,
            wanted: Wanted::No,
            lowered: None,
            before: None,
            ceiling: None,
        }
    }

    /// Most calls under way now.
    pub(crate) const fn level(&self) -> usize {
        self.level
    }

    /// A call waits for nothing but the level.
    pub(crate) const fn wanted(&mut self) {
        self.wanted = Wanted::Yes;
    }

    /// A call of `called` was answered.
    pub(crate) fn answered(&mut self, now: BootTime, called: BootTime, answer_timeout: Duration) {
        self.before = None;
        let wanted = std::mem::replace(&mut self.wanted, Wanted::No) == Wanted::Yes;
        if answer_timeout / LONG < now.since(called) {
            self.wanted = Wanted::No;
            if self.lowered.is_none_or(|at| at <= called) {
                self.lower(now, self.level * 3 / 4);
            }
        } else if wanted {
            self.in_time += 1;
            if self.rise == Rise::Doubling || self.level <= self.in_time {
                self.in_time = 0;
                self.level = self.highest(now).min(self.level + 1).max(self.level);
            } else {
                // Every answer of the round counts, not only those behind which a call waited.
                self.wanted = Wanted::Yes;
            }
        }
    }

    /// A call was answered by nothing that says what was taken, and a probe is to follow.
    pub(crate) fn failed(&mut self, now: BootTime) {
        self.before = Some(self.level);
        self.ceiling = Some((self.level.saturating_sub(1), now.after(CEILING)));
        self.lower(now, self.level / 2);
    }

    /// The same happened to a lone probe.
    pub(crate) fn failed_alone(&mut self) {
        if let Some(before) = self.before.take() {
            (self.level, self.ceiling) = (before, None);
        }
    }

    fn lower(&mut self, now: BootTime, level: usize) {
        self.level = level.max(self.least);
        (self.rise, self.in_time, self.lowered) = (Rise::Adding, 0, Some(now));
    }

    fn highest(&self, now: BootTime) -> usize {
        self.ceiling.filter(|(_, until)| now < *until).map_or(self.most, |(level, _)| level.min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);
    const QUICK: u64 = 20;
    const SLOW: u64 = 2600;

    /// A level, and a clock.
    struct Lane(Concurrency, BootTime);

    impl Lane {
        fn new() -> Self {
            Self(Concurrency::new(1, 16), BootTime(1_000_000))
        }

        /// So many answers that took so long, while calls waited.
        fn answers(&mut self, answers: usize, took: u64) -> usize {
            for _ in 0..answers {
                self.0.wanted();
                self.1 = self.1.after(Duration::from_millis(took));
                self.0.answered(self.1, self.1.before(Duration::from_millis(took)), TIMEOUT);
            }
            self.0.level()
        }
    }

    #[test]
    fn the_level_rises_with_each_answer_while_calls_wait_and_not_above_its_bound() {
        let mut lane = Lane::new();
        assert_eq!(lane.0.level(), 4);
        lane.0.answered(lane.1, lane.1, TIMEOUT);
        assert_eq!(lane.0.level(), 4, "no call waited");
        assert_eq!(lane.answers(4, QUICK), 8);
        assert_eq!(lane.answers(100, QUICK), 16);
    }

    #[test]
    fn only_an_answer_that_takes_more_than_a_quarter_of_the_time_out_takes_long() {
        for (took, level) in [(2500, 5), (2501, 3)] {
            assert_eq!(Lane::new().answers(1, took), level, "{took} ms");
        }
    }

    #[test]
    fn it_falls_once_for_all_calls_under_way_when_answers_take_long_and_rises_slowly_then() {
        let mut lane = Lane::new();
        lane.answers(12, QUICK);
        let called = lane.1.before(Duration::from_millis(SLOW));
        for _ in 0..10 {
            lane.0.answered(lane.1, called, TIMEOUT);
        }
        assert_eq!(lane.0.level(), 12);
        assert_eq!(lane.answers(11, QUICK), 12, "a round is not over");
        assert_eq!(lane.answers(1, QUICK), 13);
        assert_eq!(lane.answers(1, SLOW), 9);
        assert_eq!(lane.answers(100, SLOW), 1);
    }

    #[test]
    fn a_level_that_failed_is_halved_and_not_tried_again_for_a_minute() {
        let mut lane = Lane::new();
        lane.answers(6, QUICK);
        assert_eq!(lane.0.level(), 10);
        lane.0.failed(lane.1);
        assert_eq!(lane.0.level(), 5);
        let failed = lane.1;
        assert_eq!(lane.answers(200, QUICK), 9);
        // The round of 9 under way has 3; its last comes when the minute is over.
        lane.1 = failed.after(CEILING).before(Duration::from_millis(6 * QUICK));
        assert_eq!((lane.answers(5, QUICK), lane.answers(1, QUICK)), (9, 10));
    }

    #[test]
    fn a_failure_that_a_lone_probe_meets_too_is_not_about_the_level() {
        let mut lane = Lane::new();
        lane.answers(6, QUICK);
        lane.0.failed(lane.1);
        lane.0.failed_alone();
        assert_eq!(lane.0.level(), 10);
        lane.0.failed_alone();
        assert_eq!(lane.answers(10, QUICK), 11, "and it rises above it at once");
    }

    #[test]
    fn where_least_and_most_are_the_same_nothing_changes() {
        let mut lane = Lane(Concurrency::new(7, 7), BootTime(1_000_000));
        assert_eq!(lane.answers(10, QUICK), 7);
        lane.0.failed(lane.1);
        assert_eq!(lane.answers(10, SLOW), 7);
    }
}

//! Which lines are worth a line of the log: while a broker is away each client of librdkafka says the same every second,
//! and what is tried again and again fails again and again.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::deadline;

/// What was said is not said again for so long, but counted.
const QUIET: Duration = Duration::from_mins(1);

/// Of more different lines than this the older ones are forgotten, and said again.
const MOST: usize = 256;

/// What this process has said.
static SAID: LazyLock<Mutex<Repeats>> = LazyLock::new(Mutex::default);

/// How often a line was not said since it was said last; `None` if it is not worth another one now.
pub fn repeats(line: &str) -> Option<u64> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).say(line, deadline::now())
}

/// Lines that were said, and since when.
#[derive(Debug, Default)]
struct Repeats(HashMap<String, Said>);

#[derive(Clone, Copy, Debug)]
struct Said {
    at: Instant,
    repeats: u64,
}

impl Repeats {
    /// Whether a line is to be said, with how often it was not said since the last time.
    fn say(&mut self, line: &str, now: Instant) -> Option<u64> {
        let words = words(line);
        if let Some(said) = self.0.get_mut(words)
            && now.saturating_duration_since(said.at) < QUIET
        {
            said.repeats += 1;
            return None;
        }
        if MOST <= self.0.len() {
            self.0.retain(|_, said| now.saturating_duration_since(said.at) < QUIET);
        }
        if MOST <= self.0.len() {
            self.0.clear();
        }
        let before = self.0.insert(words.to_owned(), Said { at: now, repeats: 0 });
        Some(before.map_or(0, |said| said.repeats))
    }
}

/// A line of librdkafka without what differs each time: in front the thread, at the end how long it took and how many
/// like it librdkafka itself has left out.
pub(super) fn words(line: &str) -> &str {
    let line = if line.starts_with('[') { line.split_once("]: ").map_or(line, |(_, words)| words) } else { line };
    line.rsplit_once(" (after ").map_or(line, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_counted_for_a_minute_and_then_said_again_with_the_count() {
        let (mut repeats, start) = (Repeats::default(), deadline::now());
        let away =
            |ms| format!("[thrd:a:1/{ms}]: a:1/1: Connect to ipv4#10.0.0.1:1 failed (after {ms}ms in state CONNECT)");
        let at = |seconds| start + Duration::from_secs(seconds);
        let said: Vec<_> = [0, 1, 2, 59, 60, 61, 121].map(|second| repeats.say(&away(second), at(second))).into();
        assert_eq!(said, [Some(0), None, None, None, Some(3), None, Some(1)]);
        assert_eq!(repeats.say("[thrd:b:1/2]: b:1/2: Connect to ipv4#10.0.0.2:1 failed", at(121)), Some(0));
    }

    #[test]
    fn lines_that_are_always_new_do_not_add_up() {
        let (mut repeats, start) = (Repeats::default(), deadline::now());
        for n in 0..10_000 {
            assert_eq!(repeats.say(&format!("line {n}"), start), Some(0));
        }
        assert!(repeats.0.len() <= MOST);
    }
}

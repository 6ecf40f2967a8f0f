//! That a credential was refused, for as long as that says something about now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::deadline;

/// Whoever is refused tries again every few seconds: after a minute without another refusal it is over.
const LASTS: Duration = Duration::from_mins(1);

/// The last refusal; its clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Arc<Mutex<Option<Refusal>>>);

#[derive(Debug)]
struct Refusal {
    at: Instant,
    why: String,
}

impl Refusals {
    pub(super) fn note(&self, why: &str) {
        self.note_at(deadline::now(), why);
    }

    /// What was refused is taken.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why what is shown now is refused, if it is.
    pub(super) fn why(&self) -> Option<String> {
        self.why_at(deadline::now())
    }

    fn note_at(&self, at: Instant, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Refusal { at, why: why.to_owned() });
    }

    fn why_at(&self, now: Instant) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|last| now.saturating_duration_since(last.at) < LASTS).map(|last| last.why.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_over_a_minute_after_the_last_one_or_when_what_is_shown_is_taken() {
        let (refusals, start) = (Refusals::default(), deadline::now());
        let why = |seconds| refusals.why_at(start + Duration::from_secs(seconds));
        assert_eq!(why(0), None);
        refusals.note_at(start, "one");
        assert_eq!((why(0).as_deref(), why(59).as_deref(), why(60)), (Some("one"), Some("one"), None));
        refusals.clone().note_at(start + Duration::from_secs(30), "another");
        assert_eq!((why(89).as_deref(), why(90)), (Some("another"), None));
        refusals.end();
        assert_eq!(why(30), None);
    }
}

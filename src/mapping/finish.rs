//! From a draft to the event that is sent, or to the reason why there is none.

use super::draft::Draft;
use super::event_rules::EventRules;
use super::target::Target;
use crate::domain::{Mapped, Outcome, Reason, UnixMillis};

/// What became of a draft, and what was left out of the event.
pub struct Finished {
    pub mapped: Mapped,
    /// Optional values that no rule could make fit, in the order of the targets. Empty as a rule.
    pub dropped: Vec<(Target, DropReason)>,
}

/// Why a value was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Not what the rule demands.
    Malformed,
}

/// Applies what Pinterest says: derives, normalises, hashes, checks and encodes.
#[must_use]
pub fn finish(draft: &Draft<'_>, rules: &EventRules, now: UnixMillis) -> Finished {
    let _ = (draft, rules, now);
    Finished {
        mapped: Mapped::Settled { outcome: Outcome::with_detail(Reason::MissingRequired, "event_id"), facts: None },
        dropped: Vec::new(),
    }
}

//! A settled record with everything that its audit row says.

use super::answer::Attempt;
use super::changelog::Redelivery;
use super::event::EventFacts;
use super::ids::{BatchId, LaneId, NextOffset, Offset};
use super::key::EventKey;
use super::outcome::Outcome;
use super::reason::Reason;
use super::record::Origin;
use super::time::UnixMillis;
use super::trace::Trace;

/// One audit row, before it is encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    pub offset: Offset,
    /// Set only where the row stands for a range (`lost`): the position behind it.
    pub range_end: Option<NextOffset>,
    pub outcome: Outcome,
    pub redelivery: Redelivery,
    pub origin: Origin,
    /// The message's own timestamp. Absent, like all that follows, where only an intent was left of the record.
    pub timestamp: Option<UnixMillis>,
    pub received: Option<UnixMillis>,
    pub trace: Option<Box<Trace>>,
    pub key: Option<EventKey>,
    pub lane: Option<LaneId>,
    pub facts: Option<Box<EventFacts>>,
    /// The batch of the last post.
    pub batch: Option<BatchId>,
    /// When that post began.
    pub posted: Option<UnixMillis>,
    /// Oldest first, at most [`Settlement::MAX_ATTEMPTS`]; earlier ones are forgotten.
    pub attempts: Vec<Attempt>,
    /// When the outcome was decided.
    pub settled: UnixMillis,
}

impl Settlement {
    /// Attempts kept: enough to see a pattern, few enough for a row of a kilobyte.
    pub const MAX_ATTEMPTS: usize = 3;

    /// A row for an offset of which nothing else is known; the caller sets what is.
    #[must_use]
    pub const fn of_nothing(offset: Offset, settled: UnixMillis) -> Self {
        Self {
            offset,
            range_end: None,
            outcome: Outcome::new(Reason::RecordGone),
            redelivery: Redelivery::Impossible,
            origin: Origin::Live,
            timestamp: None,
            received: None,
            trace: None,
            key: None,
            lane: None,
            facts: None,
            batch: None,
            posted: None,
            attempts: Vec::new(),
            settled,
        }
    }
}

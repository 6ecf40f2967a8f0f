//! Lanes in shadow mode: everything is done but the post.

use crate::domain::{ForeignText, LaneId, LaneMode, Outcome, Reason};

use super::Pipeline;
use super::pending::{Doubt, Pending};

impl Pipeline {
    /// Whether the events of a lane end where they would be posted.
    pub(super) fn is_shadow(&self, lane: LaneId) -> bool {
        self.lanes.get(usize::from(lane.0)).is_some_and(|lane| lane.settings.mode == LaneMode::Shadow)
    }
}

/// How an event ends that would be posted now.
pub(super) fn outcome(pending: &Pending) -> Outcome {
    match pending.doubt {
        Doubt::None => {
            let detail = pending.event.facts.parameters.as_deref().map(ForeignText::new);
            Outcome { detail, ..Outcome::new(Reason::Shadow) }
        }
        // Its former owner was not in shadow mode, and may have posted it (R5).
        Doubt::MayBeTaken => Outcome::new(Reason::OwnerLost),
    }
}

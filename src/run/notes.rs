//! What mapping left out of events or warns of, counted.

use std::collections::BTreeMap;

use crate::mapping::{DropReason, Finished, Target, Warning};

/// Of the records of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Optional values that no rule could make fit.
    pub dropped: BTreeMap<(Target, DropReason), u64>,
    /// Events that Pinterest takes but does not serve in full.
    pub warnings: BTreeMap<Warning, u64>,
}

impl Notes {
    pub(super) fn count(&mut self, finished: &Finished) {
        for dropped in &finished.dropped {
            *self.dropped.entry(*dropped).or_insert(0) += 1;
        }
        for warning in &finished.warnings {
            *self.warnings.entry(*warning).or_insert(0) += 1;
        }
    }
}

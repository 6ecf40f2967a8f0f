//! The decisions: what is sent, what is suppressed, what is written, what is committed.
//!
//! One owned value, [`Pipeline`]. Inputs come in with the time, effects go out as values; it never blocks, never fails
//! and never reads a clock.

pub mod input;
pub mod replay;
pub mod settings;

pub use input::{Batch, Effect, Input};
pub use replay::{Replay, Restored};
pub use settings::{LaneSettings, Settings};

use crate::domain::{BootTime, Now, PartitionId};

/// The accounting core.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
}

impl Pipeline {
    /// `seed` spreads the backoff of several processes.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        let _ = seed;
        Self { settings }
    }

    /// Takes one input at `now`; appends what must happen.
    pub fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let _ = (now, input, effects, &self.settings);
    }

    /// When the core next wants [`Input::Woke`]. Waking it early does nothing.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<BootTime> {
        None
    }

    /// Whether another record of this partition may be taken. The shell pauses it while it may not.
    #[must_use]
    pub fn has_room(&self, partition: PartitionId) -> bool {
        let _ = partition;
        false
    }

    /// Whether nothing is assigned any more: after [`Input::Drain`], the moment to stop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
}

//! What the loop keeps of a partition that the group has given to this process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::{BootTime, Epoch, NextOffset, Record, UnixMillis};
use crate::kafka::Receipt;
use crate::kafka::message::Assignment;

use super::intake::Intake;
use super::restoring::Watched;

/// A partition that the group has given to us.
pub(super) struct Holding {
    pub(super) assignment: Assignment,
    /// When it was given.
    pub(super) since: BootTime,
    pub(super) epoch: Option<Epoch>,
    /// Cleared when the epoch ends: a restore under way then gives up.
    pub(super) held: Arc<AtomicBool>,
    /// Of the restore under way.
    pub(super) headway: Option<Arc<Watched>>,
    pub(super) intake: Option<Intake>,
    pub(super) inbox: VecDeque<Waiting>,
}

/// What the core has not taken yet.
pub(super) enum Waiting {
    /// The receipt keeps the consumer from reading on while there is no room for the records.
    Records {
        records: VecDeque<Record>,
        _receipt: Option<Receipt>,
    },
    Reached(NextOffset),
}

impl Holding {
    /// When Kafka took the first record that the core has not taken, or this process, where Kafka did not say it.
    pub(super) fn first_waiting(&self) -> Option<UnixMillis> {
        self.inbox.iter().find_map(|waiting| match waiting {
            Waiting::Records { records, .. } => {
                records.front().map(|record| record.timestamp.unwrap_or(record.received))
            }
            Waiting::Reached(_) => None,
        })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.store(false, Ordering::Relaxed);
    }
}

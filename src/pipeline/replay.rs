//! From changelog entries back to ledger, open intents and window (P3, P4).

use crate::domain::{ChangelogEntry, ChangelogOffset, EventKey, InDoubtPolicy, NextOffset, Offset, UnixMillis};

/// An intent without an outcome: the record may have been posted by a former owner (R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    pub offset: Offset,
    pub key: EventKey,
    pub policy: InDoubtPolicy,
    pub position: ChangelogOffset,
    /// When the broker appended it.
    pub appended: UnixMillis,
}

/// What is known of a partition when its epoch begins to read.
#[derive(Debug)]
pub struct Restored {}

/// Reads changelog entries in order of position.
#[derive(Debug)]
pub struct Replay {}

impl Replay {
    /// `next_offset`: the committed offset; `end`: from the commit's metadata, 0 where the changelog was never written.
    #[must_use]
    pub fn new(next_offset: NextOffset, end: ChangelogOffset) -> Self {
        let _ = (next_offset, end);
        Self {}
    }

    /// Takes the entries of one changelog record.
    pub fn apply(&mut self, position: ChangelogOffset, appended: UnixMillis, entries: &[ChangelogEntry]) {
        let _ = (position, appended, entries);
    }

    /// All entries up to the high watermark have been applied.
    #[must_use]
    pub fn finish(self) -> Restored {
        Restored {}
    }
}

//! What the changelog says about a record, and the two-valued words that go with it.

use super::ids::Offset;
use super::key::EventKey;
use super::time::UnixMillis;

/// What becomes of an event whose answer was lost. Settled when the event is claimed, written into its intent (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InDoubtPolicy {
    /// Post it again and mark its row: Pinterest deduplicates web and app events by id.
    Resend,
    /// Never post it again; its row says `in_doubt`. Pinterest cannot deduplicate offline events.
    Hold,
}

/// What is known of a key in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    Delivered,
    InDoubt,
}

/// Whether Pinterest may have taken the event more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redelivery {
    Impossible,
    Possible,
}

impl Redelivery {
    /// `Possible` if either is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

/// What a settled record means to the window and the ledger of the next owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettledKind {
    /// Its key belongs to the window as delivered.
    Delivered,
    /// Its key belongs to the window as in doubt.
    InDoubt,
    /// Its key, if it has one, is free.
    NotSent,
}

/// One entry of a changelog partition; the last entry for an offset counts (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangelogEntry {
    /// The record may be posted from the moment this is committed.
    Intent { offset: Offset, key: EventKey, policy: InDoubtPolicy },
    /// The record has its audit row. `at` is the latest moment at which Pinterest may have taken it (R8).
    Outcome { offset: Offset, kind: SettledKind, redelivery: Redelivery, at: UnixMillis },
    /// The intent is taken back: the event was never posted, or certainly not taken (R6).
    Withdrawn { offset: Offset },
}

impl ChangelogEntry {
    #[must_use]
    pub const fn offset(&self) -> Offset {
        match *self {
            Self::Intent { offset, .. } | Self::Outcome { offset, .. } | Self::Withdrawn { offset } => offset,
        }
    }
}

//! What one tick commits, and what became of it.

use super::changelog::ChangelogEntry;
use super::ids::{ChangelogOffset, Epoch, NextOffset, PartitionId, TransactionId};
use super::settlement::Settlement;

/// Audit rows, changelog entries and offsets that become visible together. Fixed when it begins (T1).
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    pub id: TransactionId,
    /// One part for each partition it writes for; never empty.
    pub parts: Vec<TransactionPart>,
}

/// The share of one partition in a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionPart {
    pub partition: PartitionId,
    pub epoch: Epoch,
    /// In settle order.
    pub rows: Vec<Settlement>,
    /// In this order into the partition's changelog: outcomes and withdrawals in settle order, then intents (R3).
    pub entries: Vec<ChangelogEntry>,
    /// Committed with the metadata below, moved or not (T1).
    pub next_offset: NextOffset,
    /// From where the ledger must be read back once this is committed; nothing if nothing is open (P4).
    pub ledger_from: ReadFrom,
    /// From where the window must be read back once this is committed (P4).
    pub window_from: ReadFrom,
    /// Position behind our last entry before this transaction: `end` of the metadata if there are no entries here.
    pub end_before: ChangelogOffset,
}

/// The earliest changelog position that a restore needs: the lower of a known one and this transaction's own entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFrom {
    pub earlier: Option<ChangelogOffset>,
    pub own_entries: OwnEntries,
}

/// Whether a restore needs the entries that the transaction itself writes for the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnEntries {
    Needed,
    NotNeeded,
}

impl ReadFrom {
    /// The position, once it is known where the transaction's own entries begin.
    #[must_use]
    pub fn resolve(self, own_first: Option<ChangelogOffset>) -> Option<ChangelogOffset> {
        let own = match self.own_entries {
            OwnEntries::Needed => own_first,
            OwnEntries::NotNeeded => None,
        };
        self.earlier.into_iter().chain(own).min()
    }
}

/// Where the entries of one part came to lie. Parts without entries have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub partition: PartitionId,
    /// Position of its first entry.
    pub first: ChangelogOffset,
    /// Position behind its last entry.
    pub end: ChangelogOffset,
}

/// How a transaction ended, once that is known for certain (T5).
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    Committed(Vec<Written>),
    /// Nothing of it is visible. The transaction comes back, so that its rows can go into the next one.
    Aborted(Transaction),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_reads_from_the_lower_of_what_was_needed_before_and_the_own_entries_if_they_are_needed() {
        use OwnEntries::{Needed, NotNeeded};
        for (earlier, own_entries, own_first, from) in [
            (Some(5), Needed, Some(3), Some(3)),
            (Some(3), Needed, Some(5), Some(3)),
            (Some(3), Needed, None, Some(3)),
            (None, Needed, Some(5), Some(5)),
            (Some(7), NotNeeded, Some(5), Some(7)),
            (None, NotNeeded, Some(5), None),
        ] {
            let [earlier, own_first, from] = [earlier, own_first, from].map(|position| position.map(ChangelogOffset));
            assert_eq!(ReadFrom { earlier, own_entries }.resolve(own_first), from, "{earlier:?}, {own_entries:?}");
        }
    }
}

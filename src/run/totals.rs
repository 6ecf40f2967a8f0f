//! What has been accounted for, counted when it is committed.

use std::collections::BTreeMap;

use crate::domain::{FeedId, OutcomeKind, Transaction};

/// Records by feed and outcome whose audit rows are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<(FeedId, OutcomeKind), u64>);

impl Totals {
    /// Counts the rows of a transaction.
    #[must_use]
    pub fn of(transaction: &Transaction) -> Self {
        let mut totals = Self::default();
        for part in &transaction.parts {
            for row in &part.rows {
                *totals.0.entry((part.partition.feed, row.outcome.kind())).or_insert(0) += 1;
            }
        }
        totals
    }

    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_insert(0) += count;
        }
    }

    /// All records together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (FeedId, OutcomeKind, u64)> {
        self.0.iter().map(|((feed, outcome), count)| (*feed, *outcome, *count))
    }
}

//! What has been accounted for, counted when it is committed.

use std::collections::BTreeMap;

use crate::domain::{
    FeedId, IdentitySet, OutcomeKind, Reason, Redelivery, Settlement, Transaction, UnixMillis, UnixSeconds,
};
use crate::kafka::audit::LATE_AFTER;
use crate::telemetry::Histogram;
use crate::telemetry::histogram::{AGES, DURATIONS};

/// Records whose audit rows are committed, by feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(Vec<FeedTotals>);

/// Those of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedTotals {
    pub reasons: BTreeMap<Reason, u64>,
    pub redelivered: u64,
    /// Of what was delivered: posted more than an hour after it happened.
    pub late: u64,
    /// Age of what was delivered when it was posted.
    pub ages: Histogram,
    /// From reading to the commit of the row.
    pub durations: Histogram,
    /// Of what was delivered. Sets are counted, because there are few of them and many records.
    identities: BTreeMap<IdentitySet, u64>,
}

/// What a transaction will have accounted for when it is committed.
#[derive(Debug, Default)]
pub(super) struct Accounting {
    totals: Totals,
    received: Vec<(FeedId, UnixMillis)>,
}

impl Totals {
    /// Counts what is committed since `now`.
    pub(super) fn commit(&mut self, accounting: &Accounting, now: UnixMillis) {
        for (feed, more) in (0..).map(FeedId).zip(&accounting.totals.0) {
            self.feed(feed).add(more);
        }
        for (feed, received) in &accounting.received {
            self.feed(*feed).durations.record(now.since(*received));
        }
    }

    /// All records together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().flat_map(|feed| feed.reasons.values()).sum()
    }

    /// Feeds of which nothing is accounted for yet may be missing.
    pub fn feeds(&self) -> impl Iterator<Item = (FeedId, &FeedTotals)> {
        (0..).map(FeedId).zip(&self.0)
    }

    fn feed(&mut self, feed: FeedId) -> &mut FeedTotals {
        let index = usize::from(feed.0);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, FeedTotals::default);
        }
        self.0.get_mut(index).expect("there are more than the index")
    }
}

impl Accounting {
    pub(super) fn of(transaction: &Transaction) -> Self {
        let mut accounting = Self::default();
        for part in &transaction.parts {
            let feed = accounting.totals.feed(part.partition.feed);
            for row in &part.rows {
                feed.count(row);
                accounting.received.extend(row.received.map(|received| (part.partition.feed, received)));
            }
        }
        accounting
    }
}

impl FeedTotals {
    /// Records by outcome; outcomes without one are left out.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<OutcomeKind, u64> {
        let mut outcomes = BTreeMap::new();
        for (reason, count) in &self.reasons {
            *outcomes.entry(reason.kind()).or_insert(0) += count;
        }
        outcomes
    }

    /// Delivered events with these parameters, by set.
    pub fn identities(&self) -> impl Iterator<Item = (IdentitySet, u64)> {
        self.identities.iter().map(|(set, count)| (*set, *count))
    }

    fn count(&mut self, row: &Settlement) {
        *self.reasons.entry(row.outcome.reason).or_insert(0) += 1;
        if row.redelivery == Redelivery::Possible {
            self.redelivered += 1;
        }
        if row.outcome.kind() != OutcomeKind::Delivered {
            return;
        }
        let Some(facts) = row.facts.as_deref() else { return };
        *self.identities.entry(facts.identity).or_insert(0) += 1;
        if let Some((posted, event)) = row.posted.zip(facts.event_time.map(UnixSeconds::to_millis)) {
            let age = posted.since(event);
            self.ages.record(age);
            self.late += u64::from(LATE_AFTER < age);
        }
    }

    fn add(&mut self, more: &Self) {
        for (reason, count) in &more.reasons {
            *self.reasons.entry(*reason).or_insert(0) += count;
        }
        for (set, count) in &more.identities {
            *self.identities.entry(*set).or_insert(0) += count;
        }
        self.redelivered += more.redelivered;
        self.late += more.late;
        self.ages.add(&more.ages);
        self.durations.add(&more.durations);
    }
}

impl Default for FeedTotals {
    fn default() -> Self {
        Self {
            reasons: BTreeMap::new(),
            redelivered: 0,
            late: 0,
            ages: Histogram::new(&AGES),
            durations: Histogram::new(&DURATIONS),
            identities: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{ChangelogOffset, Epoch, EventFacts, Identity, NextOffset, Offset, Outcome, OwnEntries};
    use crate::domain::{PartitionId, ReadFrom, TransactionId, TransactionPart};

    const HOUR: i64 = 3_600_000;

    pub(in crate::run) fn row(reason: Reason, posted: i64) -> Settlement {
        let mut identity = IdentitySet::default();
        identity.insert(Identity::Em);
        Settlement {
            outcome: Outcome::new(reason),
            received: Some(UnixMillis(1)),
            posted: Some(UnixMillis(posted)),
            facts: Some(Box::new(EventFacts { identity, event_time: Some(UnixSeconds(0)), ..EventFacts::default() })),
            ..Settlement::of_nothing(Offset(1), UnixMillis(0))
        }
    }

    pub(in crate::run) fn transaction(feed: u16, rows: Vec<Settlement>) -> Transaction {
        let nothing = ReadFrom { earlier: None, own_entries: OwnEntries::NotNeeded };
        let part = TransactionPart {
            partition: PartitionId { feed: FeedId(feed), number: 0 },
            epoch: Epoch(1),
            rows,
            entries: Vec::new(),
            next_offset: NextOffset(2),
            ledger_from: nothing,
            window_from: nothing,
            end_before: ChangelogOffset(0),
        };
        Transaction { id: TransactionId(1), parts: vec![part] }
    }

    #[test]
    fn what_is_committed_is_counted_by_feed_and_reason_with_age_and_identity_of_what_was_delivered() {
        let rows = vec![row(Reason::Processed, HOUR), row(Reason::Processed, HOUR + 1), row(Reason::Tombstone, HOUR)];
        let mut totals = Totals::default();
        for _ in 0..2 {
            totals.commit(&Accounting::of(&transaction(1, rows.clone())), UnixMillis(21));
        }
        let (feed, of_feed) = totals.feeds().last().expect("two feeds");
        assert_eq!((feed, totals.sum()), (FeedId(1), 6));
        assert_eq!(of_feed.reasons, [(Reason::Processed, 4), (Reason::Tombstone, 2)].into());
        assert_eq!(of_feed.outcomes(), [(OutcomeKind::Delivered, 4), (OutcomeKind::Skipped, 2)].into());
        assert_eq!((of_feed.late, of_feed.ages.count()), (2, 4));
        assert_eq!(
            of_feed.identities().map(|(set, count)| (set.iter().collect(), count)).collect::<Vec<_>>(),
            [(vec![Identity::Em], 4)]
        );
        assert_eq!((of_feed.durations.count(), of_feed.durations.sum().as_millis()), (6, 120));
    }
}

//! Names and numbers that must not be mixed up.

use std::fmt;

/// Position of a feed in the configuration's list of feeds, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u16);

/// One partition of one feed's topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    pub feed: FeedId,
    /// Kafka's partition number, from 0.
    pub number: i32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.feed.0, self.number)
    }
}

/// Offset *of* a record in its input partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// The position right behind this record: the only place where one is added.
    #[must_use]
    pub const fn next(self) -> NextOffset {
        NextOffset(self.0 + 1)
    }

    /// What stands in a changelog for the offset of a record where another sender has sent the event: no record has an
    /// offset below zero. `number` counts from 0.
    #[must_use]
    pub const fn imported(number: i64) -> Self {
        Self(-1 - number)
    }

    /// Whether it stands for no record of the partition.
    #[must_use]
    pub const fn is_imported(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Offset *after* the last settled record of an input partition: what Kafka commits, the next one to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextOffset(pub i64);

impl NextOffset {
    /// Whether everything up to and including `offset` lies before this position.
    #[must_use]
    pub const fn is_past(self, offset: Offset) -> bool {
        offset.0 < self.0
    }
}

impl fmt::Display for NextOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in a changelog partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangelogOffset(pub i64);

impl fmt::Display for ChangelogOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One assignment of one partition to this process, counted from 1 over the life of the process.
///
/// Records, answers and transaction parts carry it; what belongs to a dead epoch is discarded (P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Position of a lane (one Pinterest ad account) in the configuration's list of lanes, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u16);

/// A batch of this process, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A transaction of this process, counted from 1; part of the stamp in the commit metadata (P4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

/// A Pinterest ad account id: 1 to 18 ASCII digits (Pinterest's OpenAPI 5.23.0, `path_ad_account_id`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdAccountId(Box<str>);

impl AdAccountId {
    /// Most digits that an ad account id may have.
    pub const MAX_DIGITS: usize = 18;

    /// `None` unless `id` is 1 to 18 ASCII digits.
    #[must_use]
    pub fn try_new(id: &str) -> Option<Self> {
        let digits = !id.is_empty() && id.len() <= Self::MAX_DIGITS && id.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| Self(id.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_offset_is_past_its_record_and_not_past_the_one_after() {
        let next = Offset(41).next();
        assert!(next.is_past(Offset(41)));
        assert!(!next.is_past(Offset(42)));
    }

    #[test]
    fn an_ad_account_id_is_one_to_eighteen_digits() {
        for (id, valid) in [
            ("1", true),
            ("549755885175", true),
            ("123456789012345678", true),
            ("1234567890123456789", false),
            ("", false),
            ("54a", false),
            ("٣", false),
        ] {
            assert_eq!(AdAccountId::try_new(id).is_some(), valid, "{id:?}");
        }
    }

    #[test]
    fn offsets_below_zero_are_those_of_imported_events() {
        for number in [0, 1, 70_000] {
            assert_eq!(Offset::imported(number), Offset(-1 - number));
            assert!(Offset::imported(number).is_imported() && !Offset(number).is_imported(), "{number}");
        }
    }

    #[test]
    fn names_and_numbers_are_shown_as_kafka_and_pinterest_write_them() {
        let account = AdAccountId::try_new("549755885175").expect("digits");
        let shown = [
            PartitionId { feed: FeedId(2), number: 31 }.to_string(),
            Offset(41).to_string(),
            NextOffset(42).to_string(),
            ChangelogOffset(7).to_string(),
            account.to_string(),
            account.as_str().to_owned(),
        ];
        assert_eq!(shown, ["2/31", "41", "42", "7", "549755885175", "549755885175"]);
    }
}

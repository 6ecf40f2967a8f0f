//! What is to happen to each generated record, known before a byte of it is written.
//!
//! The lot of record *n* is a function of seed and *n* alone. So the expected counts need no pipeline, and a duplicate
//! can repeat any earlier record without anything being kept.

use std::collections::BTreeMap;

use super::dice::Dice;
use crate::domain::OutcomeKind;

/// Partitions of each of the demo's topics.
pub const PARTITIONS: u32 = 4;

/// The three feeds that the demo fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DemoFeed {
    Order,
    Install,
    InStorePurchase,
}

impl DemoFeed {
    pub const ALL: [Self; 3] = [Self::Order, Self::Install, Self::InStorePurchase];

    /// The feed's name in the configuration, and of its schema's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Install => "install",
            Self::InStorePurchase => "in_store_purchase",
        }
    }
}

/// What is to become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lot {
    /// A conversion that nothing is wrong with.
    Event,
    /// The conversion of an earlier record of the same partition once more.
    Duplicate {
        of: u64,
    },
    /// A conversion that the sandbox fails.
    Refused,
    Undecodable(Damage),
    Unmappable(Lack),
    Skipped(Skip),
}

/// How bytes are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    Truncated,
    Trailing,
    /// Not Avro at all.
    Foreign,
    /// A fingerprint that no file has.
    UnknownSchema,
}

/// What a record lacks to become an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nothing that Pinterest could recognise a person by.
    Identity,
    /// It will happen next week.
    InFuture,
}

/// Why a record is not to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// No value.
    Tombstone,
    NoConsent,
    /// A test order, a return: not a conversion.
    Filtered,
}

impl Lot {
    /// The outcome that its audit row must have.
    #[must_use]
    pub const fn outcome(self) -> OutcomeKind {
        match self {
            Self::Event => OutcomeKind::Delivered,
            Self::Duplicate { .. } => OutcomeKind::Duplicate,
            Self::Refused => OutcomeKind::Refused,
            Self::Undecodable(_) => OutcomeKind::Undecodable,
            Self::Unmappable(_) => OutcomeKind::Unmappable,
            Self::Skipped(_) => OutcomeKind::Skipped,
        }
    }
}

/// A record before its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// From 0, over all feeds.
    pub number: u64,
    pub feed: DemoFeed,
    pub partition: u32,
    pub lot: Lot,
}

/// Records in which each kind has its fixed share: 4 duplicates (8 %), and one each (2 %) of the bad kinds.
const BLOCK: u64 = 50;

/// Purposes of the dice, so that the answers to different questions are independent.
const PLACE: u64 = 1;
const SHUFFLE: u64 = 2;
const DETAIL: u64 = 3;

/// Distances at which duplicates follow: within one batch, while the first is under way, after its delivery.
const DISTANCES: [(u64, u64); 3] = [(1, 20), (200, 2000), (5000, 50_000)];

/// Plans record `number`.
#[must_use]
pub fn plan(seed: u64, number: u64) -> Planned {
    let lot = lot(seed, number);
    // A duplicate goes where its original went: duplicates are found within a partition.
    let mut dice = Dice::new(seed, if let Lot::Duplicate { of } = lot { of } else { number }, PLACE);
    let feed = match dice.below(10) {
        0..6 => DemoFeed::Order,
        6..8 => DemoFeed::Install,
        _ => DemoFeed::InStorePurchase,
    };
    // Installs carry no consent of their own and nothing that is filtered.
    let lot = match (feed, lot) {
        (DemoFeed::Install, Lot::Skipped(_)) => Lot::Skipped(Skip::Tombstone),
        _ => lot,
    };
    let partition = u32::try_from(dice.below(u64::from(PARTITIONS))).expect("below the number of partitions");
    Planned { number, feed, partition, lot }
}

/// How many records of a feed end in which outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(DemoFeed, OutcomeKind), u64>);

impl Counts {
    pub fn add(&mut self, feed: DemoFeed, outcome: OutcomeKind) {
        *self.0.entry((feed, outcome)).or_default() += 1;
    }

    #[must_use]
    pub fn get(&self, feed: DemoFeed, outcome: OutcomeKind) -> u64 {
        self.0.get(&(feed, outcome)).copied().unwrap_or(0)
    }

    /// Over all feeds.
    #[must_use]
    pub fn of(&self, outcome: OutcomeKind) -> u64 {
        DemoFeed::ALL.iter().map(|feed| self.get(*feed, outcome)).sum()
    }

    /// Over all feeds and outcomes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// The counts that the audit topic must show, from the plan alone.
#[must_use]
pub fn expected(seed: u64, records: u64) -> Counts {
    let mut counts = Counts::default();
    for number in 0..records {
        let planned = plan(seed, number);
        counts.add(planned.feed, planned.lot.outcome());
    }
    counts
}

fn lot(seed: u64, number: u64) -> Lot {
    let slot = slot(seed, number);
    if 4 <= slot {
        return unrepeated(seed, number, slot);
    }
    let mut dice = Dice::new(seed, number, DETAIL);
    let (nearest, farthest) = *dice.pick(&DISTANCES);
    let back = dice.from(nearest, farthest.min(number));
    // From there to the next older record that is delivered; nearly all are, so this takes a step or two.
    let mut candidate = number.checked_sub(back);
    while let Some(of) = candidate {
        if unrepeated(seed, of, self::slot(seed, of)) == Lot::Event && 4 <= self::slot(seed, of) {
            return Lot::Duplicate { of };
        }
        candidate = of.checked_sub(1);
    }
    // Too early for that distance.
    Lot::Event
}

/// The place of a record in its block, shuffled: a stride that is coprime to the block, from a drawn start.
fn slot(seed: u64, number: u64) -> u64 {
    let start = Dice::new(seed, number / BLOCK, SHUFFLE).below(BLOCK);
    (number % BLOCK * 7 + start) % BLOCK
}

/// The lot of a record in a slot that is not for duplicates.
fn unrepeated(seed: u64, number: u64, slot: u64) -> Lot {
    let mut dice = Dice::new(seed, number, DETAIL);
    match slot {
        4 => Lot::Refused,
        5 => {
            Lot::Undecodable(*dice.pick(&[Damage::Truncated, Damage::Trailing, Damage::Foreign, Damage::UnknownSchema]))
        }
        6 => Lot::Unmappable(*dice.pick(&[Lack::Identity, Lack::InFuture])),
        7 => Lot::Skipped(*dice.pick(&[Skip::Tombstone, Skip::NoConsent, Skip::Filtered])),
        _ => Lot::Event,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_has_its_share_whatever_the_seed() {
        for seed in 0..20 {
            let records = 10_000;
            let counts = expected(seed, records);
            assert_eq!(counts.total(), records);
            assert!(records / 20 <= counts.of(OutcomeKind::Duplicate), "seed {seed}: {counts:?}");
            for kind in [OutcomeKind::Refused, OutcomeKind::Undecodable, OutcomeKind::Unmappable, OutcomeKind::Skipped]
            {
                assert!(records / 100 <= counts.of(kind), "seed {seed}: {kind:?} {counts:?}");
            }
            for feed in DemoFeed::ALL {
                for kind in [OutcomeKind::Delivered, OutcomeKind::Duplicate, OutcomeKind::Undecodable] {
                    assert!(0 < counts.get(feed, kind), "seed {seed}: {feed:?} {kind:?}");
                }
            }
        }
    }

    #[test]
    fn duplicates_follow_in_the_same_batch_in_flight_and_after_delivery() {
        let distances: Vec<u64> = (0..100_000)
            .filter_map(|number| match plan(3, number).lot {
                Lot::Duplicate { of } => Some(number - of),
                Lot::Event | Lot::Refused | Lot::Undecodable(_) | Lot::Unmappable(_) | Lot::Skipped(_) => None,
            })
            .collect();
        for (nearest, farthest) in [(1, 50), (200, 2050), (5000, 60_000)] {
            let share = distances.iter().filter(|distance| (nearest..=farthest).contains(*distance)).count();
            assert!(distances.len() / 5 < share, "{nearest} to {farthest}: {share} of {}", distances.len());
        }
    }

    proptest! {
        #[test]
        fn a_duplicate_repeats_an_earlier_event_of_its_feed_and_partition(seed: u64, number in 0_u64..200_000) {
            let planned = plan(seed, number);
            if let Lot::Duplicate { of } = planned.lot {
                let original = plan(seed, of);
                prop_assert!(of < number);
                prop_assert_eq!(original.lot, Lot::Event);
                prop_assert_eq!((original.feed, original.partition), (planned.feed, planned.partition));
            }
            prop_assert!(planned.partition < PARTITIONS);
            prop_assert_eq!(planned, plan(seed, number));
        }
    }
}

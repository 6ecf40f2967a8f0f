//! The demo's records: what the scenario plans, as bytes for Kafka.

mod in_store_purchase;
mod install;
mod order;
#[cfg(test)]
mod tests;

use super::avro::Datum;
use super::dice::Dice;
use super::scenario::{self, Damage, DemoFeed, Lack, Lot, PARTITIONS, Planned, Skip};
use crate::domain::UnixMillis;
use crate::mapping::{NotASchema, fingerprint};

/// What the event ids begin with that the sandbox is to fail, as Pinterest sees them.
pub const REFUSED_EVENT_IDS: [&str; 2] = ["refuse-", "till-refuse-"];

/// A message to produce.
#[derive(Debug)]
pub struct GeneratedRecord {
    /// From 0, over all feeds.
    pub number: u64,
    pub feed: DemoFeed,
    pub partition: i32,
    pub key: Vec<u8>,
    /// Absent: a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Makes the bytes of planned records.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    seed: u64,
    /// When the demo began: events lie shortly before.
    now: UnixMillis,
    fingerprints: [[u8; 8]; 3],
}

/// What one event is made of, beside its planned lot.
struct Draw {
    dice: Dice,
    id: String,
    at: UnixMillis,
    identity: Presence,
    consent: Consent,
    purpose: Purpose,
}

/// Whether there is anything to recognise the person by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Given,
    Missing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    Given,
    Refused,
}

/// Whether the record is of a conversion, or of something that is filtered out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Conversion,
    Other,
}

/// Purpose of the dice; the scenario has its own.
const CONTENT: u64 = 100;

/// Events happened at most so long before the demo: within the hour in which Pinterest takes them as they are.
const OLDEST_MS: u64 = 45 * 60 * 1000;

/// How far ahead the events lie that are in the future.
const AHEAD_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Generator {
    /// # Errors
    /// A shipped schema cannot be read.
    pub fn try_new(seed: u64, now: UnixMillis) -> Result<Self, NotASchema> {
        let [order, install, in_store_purchase] = DemoFeed::ALL.map(|feed| fingerprint(feed.schema()));
        Ok(Self { seed, now, fingerprints: [order?, install?, in_store_purchase?] })
    }

    /// The first `records` records.
    pub fn generate(self, records: u64) -> impl Iterator<Item = GeneratedRecord> {
        (0..records).map(move |number| self.record(number))
    }

    /// As if it were `now`; everything else stays.
    #[must_use]
    pub const fn at(self, now: UnixMillis) -> Self {
        Self { now, ..self }
    }

    /// The record of this number.
    #[must_use]
    pub fn record(&self, number: u64) -> GeneratedRecord {
        let planned = scenario::plan(self.seed, number);
        let Planned { feed, partition, lot, .. } = planned;
        let draw = self.draw(planned);
        let key = draw.id.clone().into_bytes();
        let value = match lot {
            Lot::Skipped(Skip::Tombstone) => None,
            Lot::Undecodable(damage) => Some(self.damaged(feed, draw, damage)),
            Lot::Event | Lot::Duplicate { .. } | Lot::Refused | Lot::Unmappable(_) | Lot::Skipped(_) => {
                Some(self.value(feed, draw))
            }
        };
        let partition = i32::try_from(partition).expect("below the number of partitions");
        GeneratedRecord { number, feed, partition, key, value }
    }

    /// A duplicate draws what its original drew.
    fn draw(&self, planned: Planned) -> Draw {
        let number = if let Lot::Duplicate { of } = planned.lot { of } else { planned.number };
        let mut dice = Dice::new(self.seed, number, CONTENT);
        let age = i64::try_from(dice.below(OLDEST_MS)).unwrap_or(0);
        let ahead = i64::try_from(AHEAD_MS).unwrap_or(0);
        let at = if planned.lot == Lot::Unmappable(Lack::InFuture) {
            UnixMillis(self.now.0.saturating_add(ahead))
        } else {
            UnixMillis(self.now.0.saturating_sub(age))
        };
        let refused = if planned.lot == Lot::Refused { "refuse-" } else { "" };
        let id = format!("{refused}{:04x}-{number:09}", self.seed & 0xffff);
        let identity = if planned.lot == Lot::Unmappable(Lack::Identity) { Presence::Missing } else { Presence::Given };
        let consent = if planned.lot == Lot::Skipped(Skip::NoConsent) { Consent::Refused } else { Consent::Given };
        let purpose = if planned.lot == Lot::Skipped(Skip::Filtered) { Purpose::Other } else { Purpose::Conversion };
        Draw { dice, id, at, identity, consent, purpose }
    }

    fn value(&self, feed: DemoFeed, draw: Draw) -> Vec<u8> {
        let [order, install, in_store_purchase] = self.fingerprints;
        // 512 bytes hold nearly every record: the largest orders have about 700.
        match feed {
            DemoFeed::Order => order::write(draw, Datum::single_object(order, 512)),
            DemoFeed::Install => install::write(draw, Datum::single_object(install, 512)),
            DemoFeed::InStorePurchase => in_store_purchase::write(draw, Datum::single_object(in_store_purchase, 512)),
        }
    }

    fn damaged(&self, feed: DemoFeed, draw: Draw, damage: Damage) -> Vec<u8> {
        let foreign = format!("{{\"id\":\"{}\"}}", draw.id);
        let mut bytes = self.value(feed, draw);
        match damage {
            Damage::Truncated => bytes.truncate(bytes.len() / 2),
            Damage::Trailing => bytes.extend(b"\x00\x01\x02"),
            Damage::Foreign => bytes = foreign.into_bytes(),
            // The fingerprint stands behind the two bytes of the marker.
            Damage::UnknownSchema => bytes.iter_mut().skip(2).take(8).for_each(|byte| *byte = !*byte),
        }
        bytes
    }
}

impl DemoFeed {
    /// The shipped schema, which the demo's producers write with.
    #[must_use]
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Order => include_str!("../../../schemas/order.avsc"),
            Self::Install => include_str!("../../../schemas/install.avsc"),
            Self::InStorePurchase => include_str!("../../../schemas/in_store_purchase.avsc"),
        }
    }

    /// Partitions of its topic.
    #[must_use]
    pub const fn partitions(self) -> u32 {
        PARTITIONS
    }
}

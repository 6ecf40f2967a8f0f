//! What a record yields for a target: one value, as Avro's types let it be read.
//!
//! Nothing is decided here. Values may be personal, so they have no `Debug` and no `Display`.

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::domain::UnixMillis;

/// One value out of a record, borrowed from its bytes where that is possible. Null is no value.
// Tests print what they invented.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// Strings, enum symbols, UUIDs, and what a composition or a value table yields.
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// Decimals, and integers to which a scale was applied.
    Decimal(Decimal),
    /// Timestamps of every precision.
    Instant(UnixMillis),
    /// A day of the proleptic Gregorian calendar; `month` and `day` count from 1.
    Date {
        year: i32,
        month: u8,
        day: u8,
    },
    /// Text that the schema declares to be a SHA-256 hash already: it must be 64 hex digits.
    Hash(Cow<'a, str>),
}

impl Value<'_> {
    #[must_use]
    pub const fn kind(&self) -> ValueKind {
        match self {
            Self::Text(_) => ValueKind::Text,
            Self::Integer(_) => ValueKind::Integer,
            Self::Float(_) => ValueKind::Float,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Decimal(_) => ValueKind::Decimal,
            Self::Instant(_) => ValueKind::Instant,
            Self::Date { .. } => ValueKind::Date,
            Self::Hash(_) => ValueKind::Hash,
        }
    }

    /// The value in the clear, for a person who asked to see it.
    pub(super) fn reveal(&self) -> String {
        match self {
            Self::Text(text) | Self::Hash(text) => text.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Instant(moment) => jiff::Timestamp::from_millisecond(moment.0)
                .map_or_else(|_| moment.0.to_string(), |moment| moment.to_string()),
            Self::Date { year, month, day } => format!("{year:04}-{month:02}-{day:02}"),
        }
    }

    /// Whether it is text of nothing but white space, which counts as absent.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) | Self::Hash(text) => super::rules::texts::trimmed(text).is_empty(),
            Self::Integer(_)
            | Self::Float(_)
            | Self::Boolean(_)
            | Self::Decimal(_)
            | Self::Instant(_)
            | Self::Date { .. } => false,
        }
    }
}

/// The kind of a [`Value`]: what a plan knows about a field before it has seen a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    Text,
    Integer,
    Float,
    Boolean,
    Decimal,
    Instant,
    Date,
    Hash,
}

impl ValueKind {
    pub const ALL: [Self; 8] =
        [Self::Text, Self::Integer, Self::Float, Self::Boolean, Self::Decimal, Self::Instant, Self::Date, Self::Hash];

    /// The word for it in faults and in the reference.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Instant => "instant",
            Self::Date => "date",
            Self::Hash => "hash",
        }
    }
}

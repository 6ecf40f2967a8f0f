//! How a leaf of Avro's becomes a value: decided once for each field, when the plan is compiled.

use super::Reading;
use crate::mapping::schema::{Kind, Logical, Unit};
use crate::mapping::value::ValueKind;

/// The one step from what the bytes hold to a [`Value`](crate::mapping::Value).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Boolean,
    Integer,
    Float,
    /// An integer in minor units with this many decimal places.
    Scaled(u32),
    Instant(Unit),
    /// A count since 1970 of a clock in the zone that the annotation names.
    LocalInstant(Unit),
    /// A float that counts from 1970.
    FloatInstant(Unit),
    Date,
    Text,
    /// Text that counts from 1970.
    TextInstant(Unit),
    /// A date-time in text; the zone that the annotation names is that of those without an offset.
    TextTime,
    /// Two's-complement big-endian bytes with this many decimal places.
    Decimal(u32),
    /// Sixteen bytes.
    Uuid,
    /// Bytes that hold UTF-8.
    Utf8,
    /// Bytes that hold anything, as lower-case hex digits.
    Hex,
    Symbol,
}

/// What is wrong, and how to mend it.
pub(super) type Objection = (String, &'static str);

impl Step {
    /// `None` for null, which yields nothing.
    pub(crate) fn of(kind: &Kind, logical: Logical, reading: &Reading) -> Result<Option<Self>, Objection> {
        let step = match (kind, logical) {
            (_, Logical::Useless) => {
                return Err((
                    "times of day, durations, big-decimals and decimals of more than 28 places feed no target".into(),
                    "map another field",
                ));
            }
            (Kind::Null, _) => return Ok(None),
            (Kind::Boolean, _) => Self::Boolean,
            (Kind::Int | Kind::Long, Logical::Local(unit)) if reading.zone.is_some() => Self::LocalInstant(unit),
            (Kind::Int | Kind::Long, Logical::Timestamp(unit) | Logical::Local(unit)) => Self::Instant(unit),
            (Kind::Int | Kind::Long, Logical::Date) => Self::Date,
            (Kind::Int | Kind::Long, _) => Self::integer(reading)?,
            (Kind::Float | Kind::Double, _) => reading.unit.map_or(Self::Float, Self::FloatInstant),
            (Kind::Bytes | Kind::Fixed(_), Logical::Decimal { scale }) => Self::Decimal(scale),
            (Kind::Bytes, _) => Self::Utf8,
            (Kind::Fixed(_), Logical::Uuid) => Self::Uuid,
            (Kind::Fixed(_), _) => Self::Hex,
            (Kind::String, _) => Self::text(reading)?,
            (Kind::Enum(_), _) => Self::Symbol,
            (Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Record(_), _) => {
                return Err((format!("a {} yields no value", kind.word()), "annotate the fields within it"));
            }
        };
        step.check(kind, logical, reading)?;
        Ok(Some(step))
    }

    fn integer(reading: &Reading) -> Result<Self, Objection> {
        match (reading.scale, reading.unit) {
            (Some(_), Some(_)) => Err(("`scale` and `unit` exclude each other".into(), "keep the one that is meant")),
            (Some(scale), None) => Ok(Self::Scaled(scale)),
            (None, Some(unit)) => Ok(Self::Instant(unit)),
            (None, None) => Ok(Self::Integer),
        }
    }

    fn text(reading: &Reading) -> Result<Self, Objection> {
        match (reading.zone.is_some(), reading.unit) {
            (true, Some(_)) => Err(("`zone` and `unit` exclude each other".into(), "a count from 1970 needs no zone")),
            (true, None) => Ok(Self::TextTime),
            (false, Some(unit)) => Ok(Self::TextInstant(unit)),
            (false, None) => Ok(Self::Text),
        }
    }

    fn check(self, kind: &Kind, logical: Logical, reading: &Reading) -> Result<(), Objection> {
        let is_integer = matches!(self, Self::Integer | Self::Scaled(_));
        if reading.scale.is_some() && !is_integer {
            let what = format!("`scale` on a {}, which is no integer", kind.word());
            return Err((what, "remove it; only int and long are counts of minor units"));
        }
        if reading.zone.is_some() && !matches!(self, Self::LocalInstant(_) | Self::TextTime) {
            let what = format!("`zone` on a {}, which is no local time", kind.word());
            return Err((what, "remove it; only text and local timestamps have no zone of their own"));
        }
        let counts = matches!(self, Self::FloatInstant(_) | Self::TextInstant(_))
            || (matches!(self, Self::Instant(_)) && logical == Logical::None);
        if reading.unit.is_some() && !counts {
            let what = format!("`unit` on a {}, which is no count", kind.word());
            return Err((what, "remove it; only plain numbers and text need a unit to be a time"));
        }
        let is_text = matches!(self, Self::Text | Self::Utf8 | Self::Hex | Self::Uuid | Self::Symbol);
        if reading.hashed && !is_text {
            return Err((format!("`hashed` on a {}, which is no text", kind.word()), "remove it"));
        }
        if reading.prefix.is_some() && !(is_text || self == Self::Integer) {
            return Err((
                format!("`prefix` on a {}, which is neither text nor a plain integer", kind.word()),
                "remove it",
            ));
        }
        if reading.table.is_some() && !matches!(self, Self::Boolean | Self::Integer | Self::Text | Self::Symbol) {
            let what = format!("`values` on a {}", kind.word());
            return Err((what, "tables are for enums, strings, integers and booleans"));
        }
        Ok(())
    }

    /// The kind of value that a field yields. What a table yields is checked entry by entry.
    pub(crate) const fn yields(self, reading: &Reading) -> ValueKind {
        if reading.hashed {
            return ValueKind::Hash;
        }
        match self {
            Self::Integer if reading.prefix.is_some() => ValueKind::Text,
            Self::Integer => ValueKind::Integer,
            Self::Boolean => ValueKind::Boolean,
            Self::Float => ValueKind::Float,
            Self::Scaled(_) | Self::Decimal(_) => ValueKind::Decimal,
            Self::Instant(_)
            | Self::LocalInstant(_)
            | Self::FloatInstant(_)
            | Self::TextInstant(_)
            | Self::TextTime => ValueKind::Instant,
            Self::Date => ValueKind::Date,
            Self::Text | Self::Uuid | Self::Utf8 | Self::Hex | Self::Symbol => ValueKind::Text,
        }
    }

    /// The same step, heeding what the writer says about its own numbers: units and decimal places are the writer's
    /// where it names them, so that a producer that moves from milliseconds to microseconds is still understood.
    /// `None` where the two mean different things, such as a date that is promoted to a count of milliseconds.
    pub(crate) const fn as_written(self, writer: Logical) -> Option<Self> {
        match (self, writer) {
            (Self::Instant(_) | Self::LocalInstant(_), Logical::Timestamp(unit))
            | (Self::Instant(_), Logical::Local(unit)) => Some(Self::Instant(unit)),
            (Self::LocalInstant(_), Logical::Local(unit)) => Some(Self::LocalInstant(unit)),
            (Self::Decimal(_), Logical::Decimal { scale }) => Some(Self::Decimal(scale)),
            // Avro lets strings and bytes stand for each other; a number as text and a number as two's complement do not.
            (Self::Decimal(_), _)
            | (
                Self::Text | Self::TextInstant(_) | Self::TextTime | Self::Utf8 | Self::Hex,
                Logical::Decimal { .. } | Logical::Useless,
            )
            | (Self::Instant(_) | Self::LocalInstant(_), Logical::Date)
            | (Self::Instant(_) | Self::LocalInstant(_) | Self::Date, Logical::Useless) => None,
            (step, _) => Some(step),
        }
    }
}

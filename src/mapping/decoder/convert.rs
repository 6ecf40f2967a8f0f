//! From what the bytes hold to the value that a source wants.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use uuid::Uuid;

use super::Fault;
use super::compile::Feed;
use super::cursor::{malformed, utf8};
use crate::domain::UnixMillis;
use crate::mapping::plan::{Constant, Reading, Step};
use crate::mapping::rules::texts::trimmed;
use crate::mapping::schema::Unit;
use crate::mapping::value::Value;

/// A leaf as the reader schema's type, borrowed from the payload.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Position among the reader's symbols.
    Symbol(usize),
}

/// What most leaves hold: text that goes on as it is. `None` for every other, of which [`convert`] knows what comes.
#[inline]
pub(super) fn as_it_is<'a>(feed: &Feed, raw: Raw<'a>) -> Option<Value<'a>> {
    let Raw::Text(text) = raw else { return None };
    feed.takes_text_as_it_is.then_some(Value::Text(Cow::Borrowed(text)))
}

/// `None` where the source gets nothing.
pub(super) fn convert<'a>(feed: &'a Feed, raw: Raw<'a>) -> Result<Option<Value<'a>>, Fault> {
    let reading = &feed.source.reading;
    let Some(step) = feed.step else { return Ok(reading.default.as_ref().map(Constant::value)) };
    if let Raw::Symbol(symbol) = raw {
        let yielded = feed.symbols.get(symbol).and_then(Option::as_ref).map(Constant::value);
        return Ok(yielded.map(|value| if reading.table.is_some() { value } else { finish_text(feed, value) }));
    }
    if let Some(table) = &reading.table {
        let entry = match raw {
            Raw::Text(text) => table.get(text),
            Raw::Boolean(true) => table.get("true"),
            Raw::Boolean(false) => table.get("false"),
            Raw::Integer(integer) => table.get(&*integer.to_string()),
            Raw::Null | Raw::Float(_) | Raw::Bytes(_) | Raw::Symbol(_) => None,
        };
        let constant = match entry {
            Some(entry) => entry.as_ref(),
            None => reading.default.as_ref(),
        };
        return Ok(constant.map(Constant::value));
    }
    let value = match (step, raw) {
        (Step::Text, Raw::Text(text)) => Value::Text(text.into()),
        (Step::Boolean, Raw::Boolean(flag)) => Value::Boolean(flag),
        (Step::Integer, Raw::Integer(integer)) => Value::Integer(integer),
        (Step::Float, Raw::Float(float)) => Value::Float(float),
        (Step::Scaled(scale), Raw::Integer(integer)) => Value::Decimal(Decimal::new(integer, scale)),
        (Step::Instant(unit), Raw::Integer(count)) => Value::Instant(instant(count, unit)),
        (Step::LocalInstant(unit), Raw::Integer(count)) => local_instant(count, unit, reading.zone.as_ref()),
        (Step::FloatInstant(unit), Raw::Float(count)) => float_instant(count, unit),
        (Step::TextInstant(unit), Raw::Text(text)) => text_instant(text, unit),
        (Step::TextTime, Raw::Text(text)) => text_time(text, reading.zone.as_ref()),
        (Step::Date, Raw::Integer(days)) => date(days),
        (Step::Decimal(scale), Raw::Bytes(bytes)) => Value::Decimal(decimal(bytes, scale)),
        (Step::Utf8, Raw::Bytes(bytes)) => Value::Text(utf8(bytes)?.into()),
        (Step::Uuid, Raw::Bytes(bytes)) => {
            let uuid = Uuid::from_slice(bytes).map_err(|_| malformed("a UUID that is not 16 bytes long"))?;
            Value::Text(uuid.to_string().into())
        }
        (Step::Hex, Raw::Bytes(bytes)) => Value::Text(hex(bytes).into()),
        _ => return Err(malformed("a value that is not of its type")),
    };
    Ok(Some(finish_text(feed, value)))
}

/// Applies `prefix` and `hashed`.
#[inline]
fn finish_text<'a>(feed: &'a Feed, value: Value<'a>) -> Value<'a> {
    let reading = &feed.source.reading;
    if reading.prefix.is_none() && !reading.hashed { value } else { dress(reading, value) }
}

fn dress<'a>(reading: &Reading, mut value: Value<'a>) -> Value<'a> {
    // Text of nothing but white space is absent, and a prefix must not make an id of it that many records share.
    if let Some(prefix) = &reading.prefix
        && !value.is_blank()
    {
        if let Value::Text(text) = &value {
            value = Value::Text(format!("{prefix}{}", trimmed(text)).into());
        } else if let Value::Integer(integer) = value {
            value = Value::Text(format!("{prefix}{integer}").into());
        }
    }
    if reading.hashed
        && let Value::Text(text) = value
    {
        return Value::Hash(text);
    }
    value
}

/// A count since 1970 in whole milliseconds, rounded down; saturates.
fn instant(count: i64, unit: Unit) -> UnixMillis {
    UnixMillis(match unit {
        Unit::Seconds => count.saturating_mul(1000),
        Unit::Millis => count,
        Unit::Micros => count.div_euclid(1000),
        Unit::Nanos => count.div_euclid(1_000_000),
    })
}

/// What the clocks of the zone showed. At the hour that autumn repeats it is the first, at the one that spring skips the
/// one behind it.
fn local_instant(count: i64, unit: Unit, zone: Option<&TimeZone>) -> Value<'static> {
    let UnixMillis(millis) = instant(count, unit);
    let shown = Timestamp::from_millisecond(millis).ok().map(|moment| TimeZone::UTC.to_datetime(moment));
    let moment = shown.and_then(|shown| in_zone(shown, zone));
    Value::Instant(moment.unwrap_or(UnixMillis(millis)))
}

fn in_zone(shown: DateTime, zone: Option<&TimeZone>) -> Option<UnixMillis> {
    let moment = zone?.to_timestamp(shown).ok()?;
    Some(UnixMillis(moment.as_millisecond()))
}

/// A date-time with an offset, or one of the zone; what is neither stays text, which the target's rule refuses.
fn text_time<'a>(text: &'a str, zone: Option<&TimeZone>) -> Value<'a> {
    let trimmed = text.trim();
    let with_offset = trimmed.parse::<Timestamp>().ok().map(|moment| UnixMillis(moment.as_millisecond()));
    let moment = with_offset.or_else(|| in_zone(trimmed.parse().ok()?, zone));
    moment.map_or(Value::Text(text.into()), Value::Instant)
}

/// A count in text, with or without a fraction; what is none stays text.
fn text_instant(text: &str, unit: Unit) -> Value<'_> {
    let trimmed = text.trim();
    let count = match trimmed.parse::<i64>() {
        Ok(count) => Some(instant(count, unit)),
        Err(_) => trimmed.parse::<Decimal>().ok().and_then(|count| decimal_instant(count, unit)),
    };
    count.map_or(Value::Text(text.into()), Value::Instant)
}

/// A count in a float; what is no number stays one.
fn float_instant(count: f64, unit: Unit) -> Value<'static> {
    let moment = Decimal::try_from(count).ok().and_then(|count| decimal_instant(count, unit));
    moment.map_or(Value::Float(count), Value::Instant)
}

fn decimal_instant(count: Decimal, unit: Unit) -> Option<UnixMillis> {
    let millis = match unit {
        Unit::Seconds => count.checked_mul(Decimal::ONE_THOUSAND)?,
        Unit::Millis => count,
        Unit::Micros => count.checked_div(Decimal::ONE_THOUSAND)?,
        Unit::Nanos => count.checked_div(Decimal::from(1_000_000))?,
    };
    millis.floor().to_i64().map(UnixMillis)
}

/// Days since 1970-01-01 as a day of the proleptic Gregorian calendar. Years are counted from March, so that the leap
/// day is the last; 400 of them have 146,097 days.
fn date(days: i64) -> Value<'static> {
    const DAYS_BEFORE_1970: i64 = 719_468;
    let days = days.saturating_add(DAYS_BEFORE_1970);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months have 153 days, whichever of March to January they begin with.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Value::Date {
        year: i32::try_from(year).expect("2^31 days are fewer than 2^31 years"),
        month: u8::try_from(month).expect("a month is at most 12"),
        day: u8::try_from(day).expect("a day is at most 31"),
    }
}

/// Two's complement, most significant byte first, of any length that the number needs or exceeds. One of more than 28
/// digits becomes the greatest or least decimal, which is out of the range of every target.
fn decimal(bytes: &[u8], scale: u32) -> Decimal {
    let is_negative = bytes.first().is_some_and(|first| 0x80 <= *first);
    let fill = if is_negative { 0xff } else { 0 };
    let beyond = if is_negative { Decimal::MIN } else { Decimal::MAX };
    let mut word = [fill; 16];
    let (surplus, kept) = bytes.split_at(bytes.len().saturating_sub(word.len()));
    for (slot, byte) in word.iter_mut().rev().zip(kept.iter().rev()) {
        *slot = *byte;
    }
    let mut number = i128::from_be_bytes(word);
    if surplus.iter().any(|byte| *byte != fill) || (number < 0) != is_negative {
        return beyond;
    }
    let mut scale = scale;
    loop {
        if let Ok(decimal) = Decimal::try_from_i128_with_scale(number, scale) {
            return decimal;
        }
        if scale == 0 || number % 10 != 0 {
            return beyond;
        }
        number /= 10;
        scale -= 1;
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A float as the shortest decimal that names it, so that 19.99 stays 19.99.
pub(super) fn widen(float: f32) -> f64 {
    float.to_string().parse().unwrap_or_else(|_| f64::from(float))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "Avro promotes long to float by rounding")]
pub(super) const fn long_as_float(long: i64) -> f32 {
    long as f32
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "Avro promotes long to double by rounding")]
pub(super) const fn long_as_double(long: i64) -> f64 {
    long as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days_of_the_gregorian_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (-25_509, (1900, 2, 28)),
            (-25_508, (1900, 3, 1)),
            (20_781, (2026, 11, 24)),
            (i64::from(i32::MAX), (5_881_580, 7, 11)),
            (i64::from(i32::MIN), (-5_877_641, 6, 23)),
        ] {
            let (year, month, day) = expected;
            assert!(date(days) == Value::Date { year, month, day }, "{days}");
        }
    }

    #[test]
    fn decimals_are_twos_complement_of_any_length() {
        for (bytes, scale, text) in [
            (&[][..], 2, "0.00"),
            (&[0x04, 0xd2], 2, "12.34"),
            (&[0xff], 0, "-1"),
            (&[0x00, 0x80], 1, "12.8"),
            (&[0xff; 40], 0, "-1"),
            // More than 28 digits.
            (&[0x7f; 16], 0, "79228162514264337593543950335"),
            (&[0x7f; 16], 28, "79228162514264337593543950335"),
            (&[0x01; 17], 0, "79228162514264337593543950335"),
            (&[0x80; 16], 2, "-79228162514264337593543950335"),
            (&[0x80; 17], 2, "-79228162514264337593543950335"),
        ] {
            assert_eq!(decimal(bytes, scale).to_string(), text, "{bytes:?}");
        }
        let trailing_zeros = 10_i128.pow(30).to_be_bytes();
        assert_eq!(decimal(&trailing_zeros, 28), Decimal::from(100));
    }

    #[test]
    fn counts_of_every_unit_become_milliseconds_rounded_down() {
        for (count, unit, millis) in [
            (1_764_000_000, Unit::Seconds, 1_764_000_000_000),
            (i64::MAX, Unit::Seconds, i64::MAX),
            (5, Unit::Millis, 5),
            (-1, Unit::Micros, -1),
            (1_999, Unit::Micros, 1),
            (1_999_999, Unit::Nanos, 1),
        ] {
            assert_eq!(instant(count, unit), UnixMillis(millis), "{count} {unit:?}");
        }
    }

    #[test]
    fn times_and_counts_in_text_and_floats_are_moments_and_what_is_neither_stays_itself() {
        let moment = |millis| Value::Instant(UnixMillis(millis));
        let left = |text: &'static str| Value::Text(text.into());
        let vienna = TimeZone::get("Europe/Vienna").ok();
        for (text, expected) in [
            ("2026-11-24 06:58:00", moment(1_795_499_880_000)),
            (" 2026-11-24T06:58:00.421 ", moment(1_795_499_880_421)),
            // An offset of its own counts more than the zone.
            ("2026-11-24T05:58:00Z", moment(1_795_499_880_000)),
            ("2026-11-24T07:58:00+02:00", moment(1_795_499_880_000)),
            // Spring skips from two to three o'clock; autumn repeats that hour.
            ("2026-03-29 02:30:00", moment(1_774_747_800_000)),
            ("2026-10-25 02:30:00", moment(1_792_888_200_000)),
            ("yesterday", left("yesterday")),
        ] {
            assert_eq!(text_time(text, vienna.as_ref()), expected, "{text}");
        }
        for (text, expected) in [
            (" 1795499880", moment(1_795_499_880_000)),
            ("1795499880.4219", moment(1_795_499_880_421)),
            ("-0.0001", moment(-1)),
            ("99999999999999999999999999999", left("99999999999999999999999999999")),
            ("2026-11-24", left("2026-11-24")),
        ] {
            assert_eq!(text_instant(text, Unit::Seconds), expected, "{text}");
        }
        assert_eq!(float_instant(1_795_499_880.25, Unit::Seconds), moment(1_795_499_880_250));
        assert_eq!(float_instant(1_795_499_880_250.0, Unit::Millis), moment(1_795_499_880_250));
        assert!(matches!(float_instant(f64::NAN, Unit::Seconds), Value::Float(_)));
        assert_eq!(local_instant(1_795_503_480_000, Unit::Millis, vienna.as_ref()), moment(1_795_499_880_000));
        assert_eq!(local_instant(i64::MAX, Unit::Millis, vienna.as_ref()), moment(i64::MAX));
    }

    #[test]
    fn a_float_keeps_its_decimal_look() {
        assert!((widen(19.99) - 19.99).abs() < f64::EPSILON);
        assert!(widen(f32::NAN).is_nan() && widen(f32::INFINITY).is_infinite());
    }
}

//! Gender and birthday.

use std::borrow::Cow;

use jiff::civil::Date;

use super::texts::trimmed;
use super::times::day_of;
use super::{DropReason, Normal};
use crate::domain::UnixMillis;
use crate::mapping::value::Value;

/// The first year in which somebody may be born who buys today.
const FIRST_YEAR: i16 = 1900;

/// `ge`: `f`, `m` or `n`. Codes of other systems (ISO 5218's 1 and 2) need a value table.
pub(crate) fn gender(text: &str) -> Result<&'static str, DropReason> {
    let word: String =
        text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).take("nonbinary".len() + 1).collect();
    match word.as_str() {
        "f" | "female" | "woman" => Ok("f"),
        "m" | "male" | "man" => Ok("m"),
        "n" | "nonbinary" => Ok("n"),
        _ => Err(DropReason::NotListed),
    }
}

/// `db`: YYYYMMDD of a day since 1900 and not after `now`.
///
/// Text may be ISO 8601 with or without a time behind it, year first with slashes or dots, eight digits, or
/// `day.month.year`. With slashes and the year at the end, day and month cannot be told apart: dropped.
pub(crate) fn birthday<'v>(value: &'v Value<'_>, now: UnixMillis) -> Normal<'v> {
    let date = match value {
        Value::Date { year, month, day } => civil(i64::from(*year), i64::from(*month), i64::from(*day)),
        Value::Instant(moment) => day_of(*moment),
        Value::Integer(digits) => civil(digits / 10_000, digits / 100 % 100, digits % 100),
        Value::Text(text) => read(trimmed(text)),
        Value::Float(_) | Value::Boolean(_) | Value::Decimal(_) | Value::Hash(_) => return Err(DropReason::WrongKind),
    }
    .ok_or(DropReason::Malformed)?;
    // East of Greenwich today has begun already.
    let tomorrow = day_of(now).and_then(|today| today.tomorrow().ok()).unwrap_or(Date::MAX);
    if date.year() < FIRST_YEAR || tomorrow < date {
        return Err(DropReason::OutOfRange);
    }
    // Four digits of year, because none is before 1900.
    let digits = i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day());
    Ok(Cow::Owned(digits.to_string()))
}

fn read(text: &str) -> Option<Date> {
    let number = |digits: &str, width: usize| {
        (digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse::<i64>().ok())?
    };
    if let Some(digits) = number(text, 8) {
        return civil(digits / 10_000, digits / 100 % 100, digits % 100);
    }
    let date = text.split(['T', ' ']).next()?;
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    let mut parts = date.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    match separator {
        '-' | '/' | '.' if first.len() == 4 => civil(number(first, 4)?, number(second, 2)?, number(third, 2)?),
        '.' => civil(number(third, 4)?, number(second, second.len().min(2))?, number(first, first.len().min(2))?),
        _ => None,
    }
}

fn civil(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{check, owned};
    use super::*;

    /// 2026-03-01T12:00:00Z.
    const NOW: UnixMillis = UnixMillis(1_772_366_400_000);

    fn birthday_of(text: &str) -> Result<String, DropReason> {
        owned(birthday(&Value::Text(text.into()), NOW))
    }

    #[test]
    fn a_gender_is_one_letter() {
        let unknown = Err(DropReason::NotListed);
        check(
            |text| gender(text).map(str::to_owned),
            &[
                ("f", Ok("f")),
                ("FEMALE", Ok("f")),
                ("Woman", Ok("f")),
                (" M ", Ok("m")),
                ("male", Ok("m")),
                ("non-binary", Ok("n")),
                ("NON_BINARY", Ok("n")),
                ("Non binary", Ok("n")),
                ("unknown", unknown),
                ("1", unknown),
                ("nonbinaryx", unknown),
            ],
        );
    }

    #[test]
    fn a_birthday_is_eight_digits() {
        let bad = Err(DropReason::Malformed);
        let out = Err(DropReason::OutOfRange);
        check(
            birthday_of,
            &[
                ("19900314", Ok("19900314")),
                ("1990-03-14", Ok("19900314")),
                (" 1990/03/14 ", Ok("19900314")),
                ("1990.03.14", Ok("19900314")),
                ("1990-03-14T00:00:00Z", Ok("19900314")),
                ("1990-03-14 00:00:00", Ok("19900314")),
                ("14.03.1990", Ok("19900314")),
                ("4.3.1990", Ok("19900304")),
                ("2000-02-29", Ok("20000229")),
                ("1900-02-29", bad),
                ("1990-13-01", bad),
                ("14/03/1990", bad),
                ("March 14, 1990", bad),
                ("1990-3-14-1", bad),
                ("004.3.1990", bad),
                ("0000-00-00", bad),
                ("1899-12-31", out),
                ("2026-03-02", Ok("20260302")),
                ("2026-03-03", out),
            ],
        );
    }

    #[test]
    fn every_kind_of_value_gives_the_same_birthday() {
        for value in [
            Value::Date { year: 1990, month: 3, day: 14 },
            Value::Instant(UnixMillis(637_372_800_000)),
            Value::Integer(19_900_314),
            Value::Text("1990-03-14".into()),
        ] {
            assert_eq!(birthday(&value, NOW).as_deref(), Ok("19900314"));
        }
        assert_eq!(birthday(&Value::Boolean(true), NOW), Err(DropReason::WrongKind));
        assert_eq!(birthday(&Value::Integer(i64::MIN), NOW), Err(DropReason::Malformed));
        assert_eq!(birthday(&Value::Instant(UnixMillis(i64::MAX)), NOW), Err(DropReason::Malformed));
    }

    proptest! {
        #[test]
        fn text_yields_a_day_that_it_yields_again_or_nothing(text in "[0-9]{1,8}[-/.T ]?[0-9]{0,2}[-/.]?[0-9]{0,4}|\\PC{0,20}") {
            if let Ok(once) = birthday_of(&text) {
                prop_assert_eq!(once.len(), 8);
                prop_assert_eq!(birthday_of(&once), Ok(once));
            }
        }
    }
}

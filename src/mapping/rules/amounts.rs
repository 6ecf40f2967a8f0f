//! Amounts of money, whole numbers, currencies.

use std::borrow::Cow;

use iso_currency::Currency;
use rust_decimal::Decimal;

use super::texts::trimmed;
use super::{DropReason, Normal};
use crate::mapping::value::Value;

/// Amounts from here on are no amounts of money: a unit or a sign was mistaken. Pinterest warns of "unusually high
/// values" and reads a double, which is exact to 15 digits.
const TOO_LARGE: f64 = 1e15;

/// `value`, `item_price`, `predicted_ltv`: decimal text without exponent and without leading zeros; the scale that it
/// came with stays. Digits grouped by commas or a decimal comma are not understood: which it is cannot be told.
pub(crate) fn amount<'v>(value: &'v Value<'_>) -> Normal<'v> {
    match value {
        Value::Text(text) => {
            let text = trimmed(text);
            if is_canonical(text) { Ok(Cow::Borrowed(text)) } else { decimal(read(text)?) }
        }
        Value::Integer(number) => decimal(Decimal::from(*number)),
        Value::Decimal(number) => decimal(*number),
        Value::Float(number) if !number.is_finite() => Err(DropReason::Malformed),
        Value::Float(number) if TOO_LARGE <= number.abs() => Err(DropReason::OutOfRange),
        // The shortest text that reads back as the same number; Rust writes it without exponent. Adding zero makes -0 0.
        Value::Float(number) => Ok(Cow::Owned((number + 0.0).to_string())),
        Value::Boolean(_) | Value::Instant(_) | Value::Date { .. } | Value::Hash(_) => Err(DropReason::WrongKind),
    }
}

/// What nearly every amount looks like, found without parsing it.
fn is_canonical(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    whole.len() <= 15
        && fraction.len() <= 12
        && digits(whole)
        && digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && (unsigned.len() == text.len() || unsigned.bytes().any(|b| matches!(b, b'1'..=b'9')))
}

fn read(text: &str) -> Result<Decimal, DropReason> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    // The parser takes underscores between digits.
    if !plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) {
        return Err(DropReason::Malformed);
    }
    let number = if plain.contains(['e', 'E']) { Decimal::from_scientific(plain) } else { plain.parse() };
    number.map_err(|_| DropReason::Malformed)
}

fn decimal<'a>(mut number: Decimal) -> Normal<'a> {
    if Decimal::from(10_i64.pow(15)) <= number.abs() {
        return Err(DropReason::OutOfRange);
    }
    if number.is_zero() {
        number.set_sign_positive(true);
    }
    Ok(Cow::Owned(text_of(number)))
}

/// As `Decimal` displays itself, but without the formatting machinery, which costs as much as a hash; an order has an
/// amount for each of its items.
fn text_of(number: Decimal) -> String {
    let scale = usize::try_from(number.scale()).unwrap_or_default();
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number.mantissa().unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    // Sign, digits, point, and zeros before the digits of a small fraction.
    let mut text = String::with_capacity(digits.len().max(scale) + 3);
    if number.is_sign_negative() {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if 0 < scale {
        text.push('.');
        text.extend(std::iter::repeat_n('0', scale - fraction.len()));
        text.push_str(fraction);
    }
    text
}

/// Whether Pinterest warns of the amount: "should not contain … negative number or zero".
pub(crate) fn is_not_positive(amount: &str) -> bool {
    amount.starts_with('-') || amount.bytes().all(|b| matches!(b, b'0' | b'.'))
}

/// A whole number between `min` and `max`, whatever it was written as.
pub(crate) fn integer(value: &Value<'_>, min: i64, max: i64) -> Result<i64, DropReason> {
    let number = match value {
        Value::Integer(number) => *number,
        Value::Text(text) => match trimmed(text).parse() {
            Ok(number) => number,
            Err(_) => whole(read(trimmed(text))?)?,
        },
        Value::Decimal(number) => whole(*number)?,
        Value::Float(number) => whole(Decimal::try_from(*number).map_err(|_| DropReason::Malformed)?)?,
        Value::Boolean(_) | Value::Instant(_) | Value::Date { .. } | Value::Hash(_) => {
            return Err(DropReason::WrongKind);
        }
    };
    if (min..=max).contains(&number) { Ok(number) } else { Err(DropReason::OutOfRange) }
}

fn whole(number: Decimal) -> Result<i64, DropReason> {
    if !number.fract().is_zero() {
        return Err(DropReason::Malformed);
    }
    i64::try_from(number.trunc()).map_err(|_| DropReason::OutOfRange)
}

/// `currency`: an ISO 4217 code, upper case.
pub(crate) fn currency(text: &str) -> Result<&'static str, DropReason> {
    let code = trimmed(text);
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(DropReason::Malformed);
    }
    Currency::from_code(&code.to_ascii_uppercase()).map(|currency| currency.code()).ok_or(DropReason::NotListed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{check, owned};
    use super::*;

    fn amount_of(text: &str) -> Result<String, DropReason> {
        owned(amount(&Value::Text(text.into())))
    }

    #[test]
    fn an_amount_in_text_is_decimal_text_again() {
        let bad = Err(DropReason::Malformed);
        check(
            amount_of,
            &[
                ("72.39", Ok("72.39")),
                (" 72.390 ", Ok("72.390")),
                ("0", Ok("0")),
                ("0.00", Ok("0.00")),
                ("-0", Ok("0")),
                ("-0.5", Ok("-0.5")),
                ("+5", Ok("5")),
                ("007.50", Ok("7.50")),
                (".5", Ok("0.5")),
                ("1.5e3", Ok("1500")),
                ("2E-2", Ok("0.02")),
                ("12,50", bad),
                ("1,234.50", bad),
                ("1_000", bad),
                ("$5", bad),
                ("5 EUR", bad),
                ("NaN", bad),
                ("", bad),
                ("-", bad),
                ("1000000000000000", Err(DropReason::OutOfRange)),
            ],
        );
    }

    #[test]
    fn an_amount_of_any_kind_is_text_without_exponent() {
        for (value, expected) in [
            (Value::Integer(7), Ok("7")),
            (Value::Decimal(Decimal::new(7239, 2)), Ok("72.39")),
            (Value::Decimal(Decimal::new(7200, 2)), Ok("72.00")),
            (Value::Float(19.99), Ok("19.99")),
            (Value::Float(1e-7), Ok("0.0000001")),
            (Value::Float(-0.0), Ok("0")),
            (Value::Float(1e15), Err(DropReason::OutOfRange)),
            (Value::Integer(i64::MIN), Err(DropReason::OutOfRange)),
            // What the decoder makes of more than 28 digits.
            (Value::Decimal(Decimal::MAX), Err(DropReason::OutOfRange)),
            (Value::Decimal(Decimal::MIN), Err(DropReason::OutOfRange)),
            (Value::Float(f64::NAN), Err(DropReason::Malformed)),
            (Value::Boolean(true), Err(DropReason::WrongKind)),
        ] {
            assert_eq!(amount(&value).as_deref().map_err(|why| *why), expected);
        }
    }

    #[test]
    fn pinterest_warns_of_zero_and_below() {
        for (amount, warns) in [("0", true), ("0.00", true), ("-1", true), ("0.01", false), ("10", false)] {
            assert_eq!(is_not_positive(amount), warns, "{amount}");
        }
    }

    #[test]
    fn a_whole_number_is_whole_and_within_its_bounds() {
        for (value, expected) in [
            (Value::Integer(3), Ok(3)),
            (Value::Text(" 3 ".into()), Ok(3)),
            (Value::Text("3.00".into()), Ok(3)),
            (Value::Decimal(Decimal::new(300, 2)), Ok(3)),
            (Value::Float(3.0), Ok(3)),
            (Value::Float(2.5), Err(DropReason::Malformed)),
            (Value::Text("three".into()), Err(DropReason::Malformed)),
            (Value::Integer(-1), Err(DropReason::OutOfRange)),
            (Value::Integer(101), Err(DropReason::OutOfRange)),
            (Value::Decimal(Decimal::MAX), Err(DropReason::OutOfRange)),
            (Value::Decimal(Decimal::MIN), Err(DropReason::OutOfRange)),
            (Value::Text("99999999999999999999".into()), Err(DropReason::OutOfRange)),
        ] {
            assert_eq!(integer(&value, 0, 100), expected);
        }
    }

    #[test]
    fn a_currency_is_one_that_there_is() {
        check(
            |text| currency(text).map(str::to_owned),
            &[
                ("EUR", Ok("EUR")),
                (" usd", Ok("USD")),
                ("€", Err(DropReason::Malformed)),
                ("EURO", Err(DropReason::Malformed)),
                ("ZZZ", Err(DropReason::NotListed)),
            ],
        );
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_the_number_that_it_was(text in "[-+]?[0-9]{0,10}(\\.[0-9]{0,6})?([eE]-?[0-9]{1,2})?") {
            if let Ok(once) = amount_of(&text) {
                prop_assert!(is_canonical(&once) || 12 < once.len(), "{}", once);
                let (was, is): (f64, f64) = (text.parse().expect("a number"), once.parse().expect("a number"));
                prop_assert!((was - is).abs() <= 1e-9 * was.abs(), "{} became {}", text, once);
                prop_assert_eq!(amount_of(&once), Ok(once));
            }
        }

        #[test]
        fn a_decimal_is_written_as_it_displays_itself(number: i64, digits in 1_u32..19, scale in 0_u32..=28) {
            let number = Decimal::new(number % 10_i64.pow(digits), scale);
            prop_assert_eq!(text_of(number), number.to_string());
        }

        #[test]
        fn a_float_reads_back_as_itself(number in proptest::num::f64::ANY) {
            if let Ok(text) = amount(&Value::Float(number)) {
                prop_assert!(!text.contains(['e', 'E']));
                prop_assert!(text.parse::<f64>().is_ok_and(|read| read.total_cmp(&(number + 0.0)).is_eq()));
            }
        }
    }
}

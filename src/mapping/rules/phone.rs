//! Phone numbers.

use std::borrow::Cow;

use super::texts::trimmed;
use super::{DropReason, Normal};
use crate::mapping::event_rules::PhoneRegion;

/// Fewest and most digits of an international number, country code included. ITU-T E.164 names 15 as the most; the
/// shortest in use have 7 (Niue: 683 and four digits).
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Longest text that is looked at, in bytes: the longest number with separators and an extension has fewer.
const MAX_BYTES: usize = 64;

/// `ph`: the digits of country code, area code and number, without plus, symbols and leading zeros.
///
/// A number in E.164 form is taken as it is. Any other is read with the metadata of libphonenumber: an international
/// one by itself, a national one as one of `regions`, the first that it is valid in. A number that is neither is tried
/// as an international one that lost its plus.
pub(crate) fn phone(text: &str, regions: impl IntoIterator<Item = PhoneRegion>) -> Normal<'_> {
    let text = trimmed(text);
    if MAX_BYTES < text.len() {
        return Err(DropReason::TooLong);
    }
    if let Some(digits) = text.strip_prefix('+')
        && is_e164(digits)
    {
        return Ok(Cow::Borrowed(digits));
    }
    international(text)
        .or_else(|| regions.into_iter().find_map(|region| read(Some(region.id()), text)))
        .or_else(|| text.starts_with(|c: char| c.is_ascii_digit()).then(|| read(None, &format!("+{text}"))).flatten())
        .map(Cow::Owned)
        .ok_or(DropReason::Malformed)
}

fn is_e164(digits: &str) -> bool {
    E164_DIGITS.contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A number that says its country code, by a plus or by the commonest international prefix.
fn international(text: &str) -> Option<String> {
    match text.strip_prefix("00") {
        Some(rest) => read(None, &format!("+{rest}")),
        None if text.starts_with(['+', '＋']) => read(None, text),
        None => None,
    }
}

/// Only a number that the metadata knows as valid: a wrong one would never match, and may be another person's.
fn read(region: Option<phonenumber::country::Id>, text: &str) -> Option<String> {
    let number = phonenumber::parse(region, text).ok().filter(phonenumber::is_valid)?;
    let digits = format!("{}{}", number.code().value(), number.national());
    is_e164(&digits).then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::owned;
    use super::*;

    fn regions(codes: &[&str]) -> Vec<PhoneRegion> {
        codes.iter().map(|code| PhoneRegion::try_new(code).expect("a region")).collect()
    }

    #[test]
    fn a_number_becomes_the_digits_of_e164() {
        let bad = Err(DropReason::Malformed);
        for (text, places, expected) in [
            ("+491701234567", &[][..], Ok("491701234567")),
            (" +1 (650) 253-0000 ", &[], Ok("16502530000")),
            ("+49 (0)170 1234567", &[], Ok("491701234567")),
            ("0049 170 1234567", &[], Ok("491701234567")),
            ("0170 1234567", &["DE"], Ok("491701234567")),
            ("0170/1234567", &["DE"], Ok("491701234567")),
            ("(650) 253-0000", &["US"], Ok("16502530000")),
            ("1-650-253-0000", &["US"], Ok("16502530000")),
            ("020 7946 0018", &["GB"], Ok("442079460018")),
            ("+39 06 698 12345", &[], Ok("390669812345")),
            ("06 698 12345", &["IT"], Ok("390669812345")),
            ("0664 1234567", &["AT", "DE"], Ok("436641234567")),
            // A national number of the second region that cannot be one of the first.
            ("(650) 253-0000", &["FR", "US"], Ok("16502530000")),
            // The plus was lost on the way.
            ("491701234567", &[], Ok("491701234567")),
            ("491701234567", &["DE"], Ok("491701234567")),
            // A national number of nobody knows where.
            ("0170 1234567", &[], bad),
            ("12345", &["DE"], bad),
            ("n/a", &["DE"], bad),
            ("+000000000", &[], bad),
            ("+", &[], bad),
        ] {
            let places = regions(places);
            let got = owned(phone(text, places));
            assert_eq!(got.as_deref().map_err(|why| *why), expected, "{text:?}");
            if let Ok(digits) = got {
                assert!(is_e164(&digits), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_yields_e164_digits_or_nothing_and_reads_those_again(text in "\\+?[0-9 ()/.x＋-]{0,24}|\\PC{0,40}") {
            let regions = regions(&["US", "IT"]);
            if let Ok(digits) = phone(&text, regions.iter().copied()) {
                prop_assert!(is_e164(&digits), "{}", digits);
                prop_assert_eq!(owned(phone(&format!("+{digits}"), regions.iter().copied())), Ok(digits.to_string()));
            }
        }
    }
}

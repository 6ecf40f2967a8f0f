//! Phone numbers.

use std::borrow::Cow;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};

use super::texts::trimmed;
use super::{DropReason, Normal, calling_codes};
use crate::domain::is_invisible;
use crate::mapping::event_rules::PhoneRegion;

/// Fewest and most digits of an international number, country code included. ITU-T E.164 names 15 as the most; the
/// shortest in use have 7 (Niue: 683 and four digits).
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Longest text that is looked at, in bytes: the longest number with separators and an extension has fewer.
const MAX_BYTES: usize = 64;

/// `ph`: the digits of country code, area code and number, without plus, symbols and leading zeros.
///
/// A number in E.164 form is taken as it is if its country's numbers have as many digits; no more is asked, because
/// numbering plans grow faster than anybody's copy of them. Any other is read with the metadata of libphonenumber and must
/// be valid: an international one by itself, a national one as one of `regions`, the first that it is valid in. A number
/// that is neither is tried as an international one that lost its plus.
pub(crate) fn phone(text: &str, regions: impl IntoIterator<Item = PhoneRegion>) -> Normal<'_> {
    let text = trimmed(text);
    if MAX_BYTES < text.len() {
        return Err(DropReason::TooLong);
    }
    // What address books of scripts from right to left leave in numbers.
    if text.contains(is_invisible) {
        let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        return phone(&seen, regions).map(|digits| Cow::Owned(digits.into_owned()));
    }
    let text = bare(text);
    if let Some(digits) = text.strip_prefix('+')
        && is_e164(digits)
        && calling_codes::are_plain(digits)
    {
        return Ok(Cow::Borrowed(digits));
    }
    international(text)
        .or_else(|| regions.into_iter().find_map(|region| national(text, region)))
        .or_else(|| text.starts_with(|c: char| c.is_ascii_digit()).then(|| read(None, &format!("+{text}"))).flatten())
        .map(Cow::Owned)
        .ok_or(DropReason::Malformed)
}

/// The number of a link (RFC 3966), or the text as it is.
fn bare(text: &str) -> &str {
    match text.split_at_checked("tel:".len()) {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case("tel:") => trimmed(number),
        _ => text,
    }
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

/// A number of the region. One that begins with the region's own calling code and is valid without its plus is that
/// number, though it may be valid as a national one too: 4917 is a place in Germany, but few write its numbers so.
fn national(text: &str, region: PhoneRegion) -> Option<String> {
    let code = PHONE_NUMBER_UTIL.get_country_code_for_region(region.region())?;
    let lost_its_plus = text.starts_with(itoa::Buffer::new().format(code)).then(|| read(None, &format!("+{text}")));
    lost_its_plus.flatten().or_else(|| read(Some(region.region()), text))
}

/// Only a number that the metadata knows as valid: a wrong one would never match, and may be another person's.
fn read(region: Option<Region>, text: &str) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(text, region).ok().filter(|number| is_valid(number, region))?;
    let written = number.format_as(PhoneNumberFormat::E164);
    written.strip_prefix('+').filter(|digits| is_e164(digits)).map(str::to_owned)
}

/// Nearly every national number is one of the region that it is read for, which one look at the metadata tells; which of
/// the regions under a calling code a number is of takes several.
fn is_valid(number: &PhoneNumber, region: Option<Region>) -> bool {
    let is_of = |region| {
        PHONE_NUMBER_UTIL.get_country_code_for_region(region) == Some(number.country_code)
            && number.is_valid_for_region(region)
    };
    region.is_some_and(is_of) || number.is_valid()
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
            ("\u{202a}+49 170 1234567\u{202c}", &[], Ok("491701234567")),
            ("\u{200f}+491701234567", &[], Ok("491701234567")),
            ("tel:+49-170-1234567", &[], Ok("491701234567")),
            ("TEL:0170 1234567", &["DE"], Ok("491701234567")),
            // North America's area and exchange codes begin with 2 to 9.
            ("+10000000000", &[], bad),
            ("+16501530000", &[], bad),
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
            // As national numbers that begin with the calling code.
            ("391 971 9786", &["IT"], Ok("393919719786")),
            ("701 234 5678", &["KZ"], Ok("77012345678")),
            ("91234 56789", &["IN"], Ok("919123456789")),
            // A national number of nobody knows where.
            ("0170 1234567", &[], bad),
            ("12345", &["DE"], bad),
            ("n/a", &["DE"], bad),
            ("+000000000", &[], bad),
            // A trunk prefix that is not dialled from abroad, and a country that there is not.
            ("+4402079460018", &[], Ok("442079460018")),
            ("+999123456789", &[], bad),
            // Russia and Kazakhstan share a code.
            ("8 (912) 345-67-89", &["RU"], Ok("79123456789")),
            ("8 (701) 234 56 78", &["KZ"], Ok("77012345678")),
            ("011 15-2345-6789", &["AR"], Ok("5491123456789")),
            ("(11) 96123-4567", &["BR"], Ok("5511961234567")),
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

        #[test]
        fn asking_the_region_first_finds_the_same_numbers_valid(
            text in "0?[1-9][0-9]{5,11}",
            place in prop::sample::select(vec!["US", "CA", "GB", "GG", "IT", "VA", "RU", "KZ", "DE", "AU", "NO"]),
        ) {
            let region = PhoneRegion::try_new(place).expect("a region").region();
            if let Ok(number) = PHONE_NUMBER_UTIL.parse(&text, Some(region)) {
                prop_assert_eq!(is_valid(&number, Some(region)), number.is_valid());
            }
        }
    }
}

//! Names of people and places.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::codes::{COUNTRIES, COUNTRIES_WITH_LETTERED_POSTAL_CODES, find_code};
use super::texts::{is_longer, lower_nfc, seen, trimmed};
use super::{DropReason, Normal};

/// Longest name that is looked at, in characters.
const MAX_CHARS: usize = 200;
/// Longest postal code, in bytes: Brazil's and Iran's ten digits leave room for ZIP+4 and a hyphen.
const MAX_POSTAL_CODE: usize = 16;

/// `fn`, `ln`: lower case, composed, without invisible marks; runs of white space count as one.
pub(crate) fn name(text: &str) -> Normal<'_> {
    seen(text, visible_name)
}

fn visible_name(text: &str) -> Normal<'_> {
    let text = bounded(text)?;
    let lower = lower_nfc(text);
    if !lower.contains(char::is_whitespace) {
        return Ok(lower);
    }
    Ok(Cow::Owned(lower.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// `ct`: lower case, composed, nothing but letters, the marks on them, and digits, of every script.
pub(crate) fn city(text: &str) -> Normal<'_> {
    let lower = lower_nfc(bounded(text)?);
    let keeps = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let city = if lower.chars().all(keeps) {
        lower
    } else {
        // Composed again: a mark may have come to stand behind another letter.
        Cow::Owned(lower.chars().filter(|c| keeps(*c)).nfc().collect())
    };
    if city.contains(char::is_alphanumeric) { Ok(city) } else { Err(DropReason::Malformed) }
}

/// `st`: two letters, lower case. ISO 3166-2 codes (`US-CA`) give their second half.
pub(crate) fn state(text: &str) -> Normal<'_> {
    seen(text, visible_state)
}

fn visible_state(text: &str) -> Normal<'_> {
    let code = match text.split_once('-') {
        Some((country, state)) if is_two_letters(country) => state,
        _ => text,
    };
    two_letters(code)
}

/// `country`: ISO 3166 alpha-2, lower case. `UK` and `EL` are what Britons and the European Union write.
pub(crate) fn country(text: &str) -> Normal<'_> {
    seen(text, visible_country)
}

fn visible_country(text: &str) -> Normal<'_> {
    let code = two_letters(text)?;
    let code = match &*code {
        "uk" => Cow::Borrowed("gb"),
        "el" => Cow::Borrowed("gr"),
        _ => code,
    };
    if find_code(COUNTRIES, &code).is_some() { Ok(code) } else { Err(DropReason::NotListed) }
}

/// Every code that [`country`] yields.
pub(crate) fn countries() -> impl Iterator<Item = &'static str> {
    COUNTRIES.split(' ')
}

/// `zp`: digits; and letters, lower case, where `country` (as [`country`] yields it) writes its codes with them, or is
/// not known. Pinterest's words say "only digits", which would make one of all the codes of a British town.
pub(crate) fn postal_code<'a>(text: &'a str, country: Option<&str>) -> Normal<'a> {
    let text = trimmed(text);
    let letters = country.is_none_or(|code| find_code(COUNTRIES_WITH_LETTERED_POSTAL_CODES, code).is_some());
    let keeps = |c: char| c.is_ascii_digit() || (letters && c.is_ascii_lowercase());
    let code: Cow<'_, str> = if text.chars().all(keeps) {
        Cow::Borrowed(text)
    } else if is_longer(text, 4 * MAX_POSTAL_CODE) {
        return Err(DropReason::TooLong);
    } else {
        // NFKC: Japanese keyboards write full-width digits.
        Cow::Owned(text.nfkc().map(|c| c.to_ascii_lowercase()).filter(|c| keeps(*c)).collect())
    };
    match code.len() {
        _ if !code.contains(|c: char| c.is_ascii_digit()) => Err(DropReason::Malformed),
        0..=MAX_POSTAL_CODE => Ok(code),
        _ => Err(DropReason::TooLong),
    }
}

fn bounded(text: &str) -> Result<&str, DropReason> {
    let text = trimmed(text);
    match text {
        "" => Err(DropReason::Malformed),
        _ if is_longer(text, MAX_CHARS) => Err(DropReason::TooLong),
        _ => Ok(text),
    }
}

fn is_two_letters(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
}

fn two_letters(code: &str) -> Normal<'_> {
    if is_two_letters(code) { Ok(lower_nfc(code)) } else { Err(DropReason::Malformed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn a_name_keeps_its_letters_and_loses_its_case() {
        check(
            |text| owned(name(text)),
            &[
                ("ana", Ok("ana")),
                (" Ana  María ", Ok("ana maría")),
                ("ANA MARI\u{301}A", Ok("ana maría")),
                ("O'Neill-Smith", Ok("o'neill-smith")),
                ("Ünal\tİpek", Ok("ünal i̇pek")),
                ("Анна", Ok("анна")),
                ("Σοφίας", Ok("σοφίας")),
                ("田中", Ok("田中")),
                ("Ana\u{200b}", Ok("ana")),
                ("\u{feff}Ana", Ok("ana")),
                ("An\u{ad}a", Ok("ana")),
                ("\u{202b}\u{200f}Ana\u{202c} \u{2066}B\u{2069}", Ok("ana b")),
                // A joiner that spells a word stays, one at the end does not.
                (
                    "\u{639}\u{644}\u{6cc}\u{200c}\u{631}\u{636}\u{627}\u{200c}",
                    Ok("\u{639}\u{644}\u{6cc}\u{200c}\u{631}\u{636}\u{627}"),
                ),
                ("\u{200b}\u{feff}", Err(DropReason::Malformed)),
                (&"a".repeat(201), Err(DropReason::TooLong)),
            ],
        );
    }

    #[test]
    fn a_city_is_its_letters_in_every_script() {
        check(
            |text| owned(city(text)),
            &[
                ("Berlin", Ok("berlin")),
                ("New York", Ok("newyork")),
                ("São Paulo", Ok("sãopaulo")),
                ("Sa\u{303}o Paulo", Ok("sãopaulo")),
                ("Saint-Étienne", Ok("saintétienne")),
                ("'s-Hertogenbosch", Ok("shertogenbosch")),
                ("Frankfurt (Oder)", Ok("frankfurtoder")),
                ("München", Ok("münchen")),
                ("Санкт-Петербург", Ok("санктпетербург")),
                ("東京都・港区", Ok("東京都港区")),
                ("नई दिल्ली", Ok("नईदिल्ली")),
                ("St. John’s", Ok("stjohns")),
                ("\u{feff}New\u{ad} York\u{200b}", Ok("newyork")),
                ("---", Err(DropReason::Malformed)),
            ],
        );
    }

    #[test]
    fn a_state_is_two_letters() {
        let bad = Err(DropReason::Malformed);
        check(
            |text| owned(state(text)),
            &[
                ("CA", Ok("ca")),
                (" ny ", Ok("ny")),
                ("US-CA", Ok("ca")),
                ("\u{200f}CA\u{200b}", Ok("ca")),
                ("DE-BY", Ok("by")),
                ("California", bad),
                ("C1", bad),
                ("FR-75", bad),
                ("ÜÖ", bad),
            ],
        );
    }

    #[test]
    fn a_country_is_one_that_there_is() {
        check(
            |text| owned(country(text)),
            &[
                ("US", Ok("us")),
                (" de", Ok("de")),
                ("\u{feff}DE", Ok("de")),
                ("UK", Ok("gb")),
                ("EL", Ok("gr")),
                ("XX", Err(DropReason::NotListed)),
                ("USA", Err(DropReason::Malformed)),
                ("Germany", Err(DropReason::Malformed)),
            ],
        );
    }

    #[test]
    fn a_postal_code_keeps_letters_only_where_codes_have_them() {
        for (place, rows) in [
            (Some("us"), &[("94107-1234", Ok("941071234")), ("CA 94107", Ok("94107"))][..]),
            (Some("de"), &[("D-10115", Ok("10115")), ("none", Err(DropReason::Malformed))]),
            (Some("gb"), &[("SW1A 1AA", Ok("sw1a1aa")), ("ec1a1bb", Ok("ec1a1bb"))]),
            (Some("ca"), &[("K1A 0B1", Ok("k1a0b1"))]),
            (Some("kz"), &[("A15E3B2", Ok("a15e3b2")), ("040900", Ok("040900"))]),
            (Some("nl"), &[("1012 AB", Ok("1012ab"))]),
            (Some("jp"), &[("〒１００－０００１", Ok("1000001"))]),
            (None, &[("SW1A 1AA", Ok("sw1a1aa")), ("94107", Ok("94107"))]),
            (None, &[("12345678901234567", Err(DropReason::TooLong)), ("abc", Err(DropReason::Malformed))]),
        ] {
            check(|text| owned(postal_code(text, place)), rows);
        }
    }

    proptest! {
        #[test]
        fn every_rule_yields_its_results_again(text in "[A-Za-zÀ-ÿΑ-ωİ\u{300}-\u{345}'. -]{0,20}|\\PC{0,30}") {
            let rules: [fn(&str) -> Normal<'_>; 6] =
                [name, city, state, country, |text| postal_code(text, None), |text| postal_code(text, Some("us"))];
            for rule in rules {
                if let Ok(once) = rule(&text) {
                    prop_assert_eq!(owned(rule(&once)), Ok(once.to_string()));
                }
            }
        }

        #[test]
        fn composed_and_decomposed_forms_agree(text in "[A-Za-zÀ-ɏΑ-ωЀ-ӿḀ-ỿ가-힣 ]{1,20}|\\PC{0,20}") {
            let (composed, decomposed): (String, String) = (text.nfc().collect(), text.nfd().collect());
            for rule in [name, city] {
                prop_assert_eq!(owned(rule(&composed)), owned(rule(&decomposed)));
            }
        }
    }
}

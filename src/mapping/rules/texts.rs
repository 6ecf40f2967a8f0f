//! Plain texts, words out of a list, languages, flags.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::codes::{LANGUAGES, find_code};
use super::{DropReason, Normal};
use crate::domain::is_invisible;
use crate::mapping::value::Value;

/// Lower case and composed (NFC): the form in which names in every script hash alike however they were typed.
pub(crate) fn lower_nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    if is_below_the_marks(text) {
        return Cow::Owned(text.to_lowercase());
    }
    Cow::Owned(lower_nfc_of_any(text))
}

/// Whether every character stands before U+0300, as those of the languages of Western and Central Europe do. There both
/// the text and its lower case are composed already: nothing joins without a combining mark, and U+0300 is the first.
/// A UTF-8 sequence that begins with less than 0xcc stands for a character before it, and no later byte of one is more.
fn is_below_the_marks(text: &str) -> bool {
    text.bytes().all(|b| b < 0xcc)
}

/// Composed before, so that both forms of an input meet the same case rules; composed again, because lower case may come
/// apart (İ).
fn lower_nfc_of_any(text: &str) -> String {
    let composed: String = text.nfc().collect();
    composed.to_lowercase().nfc().collect()
}

/// What `rule` makes of the text without invisible marks, and without white space and joiners around it.
pub(crate) fn seen(text: &str, rule: fn(&str) -> Normal<'_>) -> Normal<'_> {
    if text.is_ascii() {
        return rule(trimmed(text));
    }
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '\u{200c}' | '\u{200d}');
    if !text.contains(is_invisible) {
        return rule(text.trim_matches(is_edge));
    }
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    rule(seen.trim_matches(is_edge)).map(|normal| Cow::Owned(normal.into_owned()))
}

/// The text without white space around it. Nearly every text begins and ends in a printable ASCII character, which two
/// bytes tell.
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Whether there is nothing in the text but ASCII that prints, without blanks: what most texts are, and told without
/// decoding a character.
pub(crate) fn is_ascii_graphic(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

/// The text of a value without white space around it; an integer as its digits.
pub(crate) fn raw<'v>(value: &'v Value<'_>) -> Normal<'v> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(trimmed(text))),
        Value::Integer(number) => Ok(Cow::Owned(number.to_string())),
        Value::Float(_)
        | Value::Boolean(_)
        | Value::Decimal(_)
        | Value::Instant(_)
        | Value::Date { .. }
        | Value::Hash(_) => Err(DropReason::WrongKind),
    }
}

/// The text of a value that nothing but text can feed.
pub(crate) fn words<'v>(value: &'v Value<'_>) -> Result<&'v str, DropReason> {
    if let Value::Text(text) = value { Ok(trimmed(text)) } else { Err(DropReason::WrongKind) }
}

/// Text as it is, at most `max_chars` characters. Too long a text is dropped, not cut: half a name is another name.
pub(crate) fn plain<'v>(value: &'v Value<'_>, max_chars: usize) -> Normal<'v> {
    let text = raw(value)?;
    // A zero is a damaged record's: no text of a person has one.
    if text.as_bytes().contains(&0) {
        return Err(DropReason::Malformed);
    }
    if is_longer(&text, max_chars) { Err(DropReason::TooLong) } else { Ok(text) }
}

/// JSON Schema counts characters; bytes answer nearly always.
pub(crate) fn is_longer(text: &str, max_chars: usize) -> bool {
    max_chars < text.len() && max_chars < text.chars().count()
}

/// The listed word that the text is in any case.
pub(crate) fn choice(text: &str, words: &[&'static str]) -> Result<&'static str, DropReason> {
    let text = text.trim();
    words.iter().copied().find(|word| word.eq_ignore_ascii_case(text)).ok_or(DropReason::NotListed)
}

/// Two letters of ISO 639-1; `de-CH`, `de_CH` and `DE` are `de`. Java's old codes become today's.
pub(crate) fn language(text: &str) -> Result<&'static str, DropReason> {
    let primary = trimmed(text).split(['-', '_']).next().unwrap_or_default();
    if primary.len() != 2 || !primary.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(DropReason::Malformed);
    }
    let today = match &*lower_nfc(primary) {
        "iw" => return Ok("he"),
        "in" => return Ok("id"),
        "ji" => return Ok("yi"),
        code => find_code(LANGUAGES, code),
    };
    today.ok_or(DropReason::NotListed)
}

/// A BCP 47 tag; Java and POSIX write it with underscores, and POSIX with a character set behind it.
pub(crate) fn locale(text: &str, max_chars: usize) -> Normal<'_> {
    let tag = text.trim().split('.').next().unwrap_or_default();
    if tag.is_empty() || !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err(DropReason::Malformed);
    }
    if max_chars < tag.len() {
        return Err(DropReason::TooLong);
    }
    Ok(if tag.contains('_') { Cow::Owned(tag.replace('_', "-")) } else { Cow::Borrowed(tag) })
}

/// True or false, as a boolean, as 1 or 0, or in words. Anything else has to be said with a value table.
pub(crate) fn flag(value: &Value<'_>) -> Result<bool, DropReason> {
    match value {
        Value::Boolean(flag) => Ok(*flag),
        Value::Integer(0) => Ok(false),
        Value::Integer(1) => Ok(true),
        Value::Text(text) => match text.trim() {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(DropReason::NotListed),
        },
        Value::Integer(_) => Err(DropReason::NotListed),
        Value::Float(_) | Value::Decimal(_) | Value::Instant(_) | Value::Date { .. } | Value::Hash(_) => {
            Err(DropReason::WrongKind)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn every_character_before_the_marks_is_lowered_as_any_text_is() {
        for c in '\0'..'\u{300}' {
            for text in [format!("{c}"), format!("é{c}a"), format!("i{c}İ"), format!("{c}{c}")] {
                assert!(text.is_ascii() || is_below_the_marks(&text));
                assert_eq!(lower_nfc(&text), lower_nfc_of_any(&text), "{text:?}");
            }
        }
        for text in ["e\u{300}", "Ω", "ệ", "田", "😀"] {
            assert!(!is_below_the_marks(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_is_lowered_and_composed_alike_in_every_script(
            text in "[A-Za-zÀ-ɏ ]{0,12}|[A-Za-zÀ-ÿĀ-ʯΑ-ω\u{300}-\u{345}]{0,12}|\\PC{0,20}",
        ) {
            prop_assert_eq!(lower_nfc(&text), lower_nfc_of_any(&text));
        }
    }

    #[test]
    fn a_language_is_two_letters_whatever_stands_behind_them() {
        check(
            |text| language(text).map(str::to_owned),
            &[
                ("en", Ok("en")),
                (" EN ", Ok("en")),
                ("en-US", Ok("en")),
                ("zh_Hant_TW", Ok("zh")),
                ("iw", Ok("he")),
                ("english", Err(DropReason::Malformed)),
                ("xx", Err(DropReason::NotListed)),
                ("e ", Err(DropReason::Malformed)),
            ],
        );
    }

    #[test]
    fn a_locale_is_a_bcp_47_tag() {
        check(
            |text| owned(locale(text, 35)),
            &[
                ("en-us", Ok("en-us")),
                ("de_CH", Ok("de-CH")),
                ("C.UTF-8", Ok("C")),
                ("en us", Err(DropReason::Malformed)),
                (&"a".repeat(36), Err(DropReason::TooLong)),
            ],
        );
    }

    #[test]
    fn trimming_leaves_what_str_trim_leaves() {
        for text in ["", " ", "a", " a", "a ", "ab", "\u{a0}ab\u{3000}", "ü b", "\u{1}a"] {
            assert_eq!(trimmed(text), text.trim(), "{text:?}");
        }
    }

    #[test]
    fn a_word_is_found_in_any_case_and_only_in_the_list() {
        assert_eq!(choice(" WiFi", &["wifi", "ethernet"]), Ok("wifi"));
        assert_eq!(choice("wlan", &["wifi", "ethernet"]), Err(DropReason::NotListed));
    }

    #[test]
    fn a_text_too_long_is_dropped_whole_and_counted_in_characters() {
        let text = Value::Text("üüü".into());
        assert_eq!(plain(&text, 3).as_deref(), Ok("üüü"));
        assert_eq!(plain(&text, 2), Err(DropReason::TooLong));
        assert_eq!(plain(&Value::Text("a\0b".into()), 9), Err(DropReason::Malformed));
        assert_eq!(plain(&Value::Integer(-42), 3).as_deref(), Ok("-42"));
        assert_eq!(plain(&Value::Boolean(true), 9), Err(DropReason::WrongKind));
    }

    #[test]
    fn a_flag_is_never_guessed() {
        for (value, expected) in [
            (Value::Boolean(true), Ok(true)),
            (Value::Integer(0), Ok(false)),
            (Value::Text(" TRUE ".into()), Ok(true)),
            (Value::Text("False".into()), Ok(false)),
            (Value::Integer(2), Err(DropReason::NotListed)),
            (Value::Text("yes".into()), Err(DropReason::NotListed)),
            (Value::Float(1.0), Err(DropReason::WrongKind)),
        ] {
            assert_eq!(flag(&value), expected);
        }
    }
}

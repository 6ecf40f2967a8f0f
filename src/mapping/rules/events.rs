//! What names an event, and how a person opted out.

use std::borrow::Cow;

use super::texts::{is_longer, raw, trimmed};
use super::{DropReason, Normal};
use crate::domain::body::EVENT_NAMES;
use crate::mapping::value::Value;

/// `event_name`: a documented one in any case, or an own one, which Pinterest takes with a warning: letters, digits,
/// `_` and `-`.
pub(crate) fn event_name<'v>(value: &'v Value<'_>, max_chars: usize) -> Normal<'v> {
    match raw(value)? {
        Cow::Borrowed(text) => documented_or_own(text, max_chars),
        Cow::Owned(text) => documented_or_own(&text, max_chars).map(|name| Cow::Owned(name.into_owned())),
    }
}

fn documented_or_own(text: &str, max_chars: usize) -> Normal<'_> {
    if let Some(name) = EVENT_NAMES.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(Cow::Borrowed(name));
    }
    if max_chars < text.len() {
        return Err(DropReason::TooLong);
    }
    let own = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if own { Ok(Cow::Borrowed(text)) } else { Err(DropReason::Malformed) }
}

/// `event_id`: as it is, without white space around it. Control characters in it are a damaged record's.
pub(crate) fn event_id<'v>(value: &'v Value<'_>, max_chars: usize) -> Normal<'v> {
    let text = raw(value)?;
    if text.contains(char::is_control) {
        return Err(DropReason::Malformed);
    }
    if is_longer(&text, max_chars) { Err(DropReason::TooLong) } else { Ok(text) }
}

/// `opt_out_type`: words joined by commas, upper case; true stands for `LDP`, false and `none` for none.
pub(crate) fn opt_out_type<'v>(value: &'v Value<'_>) -> Result<Option<Cow<'v, str>>, DropReason> {
    const LDP: Option<Cow<'_, str>> = Some(Cow::Borrowed("LDP"));
    match value {
        Value::Boolean(true) => Ok(LDP),
        Value::Boolean(false) => Ok(None),
        Value::Text(text) => match trimmed(text) {
            text if text.eq_ignore_ascii_case("ldp") || text.eq_ignore_ascii_case("true") => Ok(LDP),
            text if text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("none") => Ok(None),
            text => several(text).map(|words| Some(Cow::Owned(words))),
        },
        Value::Integer(_)
        | Value::Float(_)
        | Value::Decimal(_)
        | Value::Instant(_)
        | Value::Date { .. }
        | Value::Hash(_) => Err(DropReason::WrongKind),
    }
}

fn several(text: &str) -> Result<String, DropReason> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_uppercase()).collect();
    let is_word =
        |word: &String| (1..=32).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if words.len() <= 8 && words.iter().all(is_word) { Ok(words.join(",")) } else { Err(DropReason::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn every_documented_name_is_known_in_any_case() {
        assert!(EVENT_NAMES.is_sorted_by(|a, b| a < b));
        for name in EVENT_NAMES {
            for text in [name.to_owned(), name.to_uppercase(), format!(" {name} ")] {
                assert_eq!(event_name(&Value::Text(text.into()), 100).as_deref(), Ok(name));
            }
        }
    }

    #[test]
    fn an_own_name_is_kept_as_it_is() {
        check(
            |text| owned(event_name(&Value::Text(text.into()), 100)),
            &[
                ("Quiz-Done_2", Ok("Quiz-Done_2")),
                ("quiz done", Err(DropReason::Malformed)),
                ("quíz", Err(DropReason::Malformed)),
                ("", Err(DropReason::Malformed)),
                (&"x".repeat(101), Err(DropReason::TooLong)),
            ],
        );
    }

    #[test]
    fn an_event_id_is_only_trimmed() {
        check(
            |text| owned(event_id(&Value::Text(text.into()), 9)),
            &[
                (" Order-1 ", Ok("Order-1")),
                ("order\u{0}1", Err(DropReason::Malformed)),
                ("order-1234", Err(DropReason::TooLong)),
            ],
        );
        assert_eq!(event_id(&Value::Integer(42), 9).as_deref(), Ok("42"));
    }

    #[test]
    fn an_opt_out_type_is_words_or_a_flag() {
        for (value, expected) in [
            (Value::Boolean(true), Ok(Some("LDP"))),
            (Value::Boolean(false), Ok(None)),
            (Value::Text("ldp".into()), Ok(Some("LDP"))),
            (Value::Text("false".into()), Ok(None)),
            (Value::Text(" None ".into()), Ok(None)),
            (Value::Text("LDP, other_1".into()), Ok(Some("LDP,OTHER_1"))),
            (Value::Text("LDP,,".into()), Err(DropReason::Malformed)),
            (Value::Text("no sale".into()), Err(DropReason::Malformed)),
            (Value::Integer(1), Err(DropReason::WrongKind)),
        ] {
            assert_eq!(
                opt_out_type(&value).map(|words| words.map(Cow::into_owned)),
                expected.map(|w| w.map(str::to_owned))
            );
        }
    }
}

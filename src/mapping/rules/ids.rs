//! Ids of people and devices, and hashes that were made elsewhere.

use std::borrow::Cow;

use super::texts::trimmed;
use super::{DropReason, Normal};
use crate::domain::Hashed;

/// Hashes of nothing, which careless senders make: of empty text, and of the advertising id of zeros.
const EMPTY_HASHES: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "12b9377cbe7e5c94e8a70d9d23929523d14afa954793130f8a3959c7b849aca8",
];
const ZERO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// A hash made elsewhere: `None` unless the text is 64 hex digits, in either case.
pub(crate) fn hash(text: &str) -> Option<Result<Hashed, DropReason>> {
    let text = trimmed(text);
    let hashed = Hashed::from_hex(text)?;
    let of_nothing = EMPTY_HASHES.iter().any(|empty| empty.eq_ignore_ascii_case(text));
    Some(if of_nothing { Err(DropReason::Placeholder) } else { Ok(hashed) })
}

/// `external_id`: as it is, without white space around it. Pinterest's page tag hashes the same text, so that case
/// must stay.
pub(crate) fn external_id(text: &str) -> Normal<'_> {
    let text = trimmed(text);
    if text.is_empty() { Err(DropReason::Malformed) } else { Ok(Cow::Borrowed(text)) }
}

/// `hashed_maids`: a GAID or IDFA, before it is hashed.
///
/// Pinterest states no rule of case and shows an upper-case example. iOS gives its id in upper case, Android in lower
/// case, and measurement partners export both so; changing the case would part them from what Pinterest hashed. Zeros
/// are what a device gives whose owner limits tracking.
pub(crate) fn advertising_id(text: &str) -> Normal<'_> {
    let text = trimmed(text);
    if !is_uuid(text) {
        return Err(DropReason::Malformed);
    }
    if text == ZERO_ID { Err(DropReason::Placeholder) } else { Ok(Cow::Borrowed(text)) }
}

fn is_uuid(text: &str) -> bool {
    text.len() == ZERO_ID.len()
        && text.bytes().zip(ZERO_ID.bytes()).all(|(b, shape)| match shape {
            b'-' => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn an_external_id_is_only_trimmed() {
        check(|text| owned(external_id(text)), &[("Cust-0042", Ok("Cust-0042")), (" 42 \n", Ok("42"))]);
    }

    #[test]
    fn an_advertising_id_keeps_its_case_and_zeros_are_none() {
        let bad = Err(DropReason::Malformed);
        check(
            |text| owned(advertising_id(text)),
            &[
                (" AECE52E7-03EE-455A-B3C4-E57283966239", Ok("AECE52E7-03EE-455A-B3C4-E57283966239")),
                ("cdda802e-fb9c-47ad-9866-0794d394c912", Ok("cdda802e-fb9c-47ad-9866-0794d394c912")),
                (ZERO_ID, Err(DropReason::Placeholder)),
                ("cdda802efb9c47ad98660794d394c912", bad),
                ("cdda802e-fb9c-47ad-9866-0794d394c91g", bad),
                ("", bad),
            ],
        );
    }

    #[test]
    fn a_hash_is_64_hex_digits_of_either_case_and_not_of_nothing() {
        let hex = Hashed::of("ana@example.com").to_hex();
        for text in [hex.clone(), hex.to_uppercase(), format!(" {hex} ")] {
            assert!(hash(&text) == Some(Ok(Hashed::of("ana@example.com"))));
        }
        assert!(hash(&hex[1..]).is_none());
        for nothing in ["", ZERO_ID] {
            assert!(hash(&Hashed::of(nothing).to_hex().to_uppercase()) == Some(Err(DropReason::Placeholder)));
        }
    }
}

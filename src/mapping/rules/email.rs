//! E-mail addresses.

use std::borrow::Cow;

use super::texts::{is_ascii_graphic, lower_nfc};
use super::{DropReason, Normal};
use crate::domain::is_invisible;

/// Longest address, in bytes: 64 of local part, `@`, 255 of domain (RFC 5321, 4.5.3.1).
const MAX_BYTES: usize = 320;

/// `em`: lower case, without any white space, composed (NFC). It must have one `@`, something before it, and a domain
/// with a dot in it; more is for the mail server to say.
///
/// White space: <https://help.pinterest.com/en/business/article/enhanced-match> (read 2026-09).
pub(crate) fn email(text: &str) -> Normal<'_> {
    let dense: Cow<'_, str> = if is_ascii_graphic(text) || !text.contains(is_space) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| !is_space(*c)).collect())
    };
    if MAX_BYTES < dense.len() {
        return Err(DropReason::TooLong);
    }
    let address = match dense {
        Cow::Borrowed(dense) => lower_nfc(dense),
        Cow::Owned(dense) => Cow::Owned(lower_nfc(&dense).into_owned()),
    };
    let address = match bare(&address) {
        Some(bare) => Cow::Owned(bare.to_owned()),
        None => address,
    };
    if looks_like_an_address(&address) { Ok(address) } else { Err(DropReason::Malformed) }
}

/// The address of a link (RFC 6068), without what the link says of the message; `None` if it is no link.
fn bare(address: &str) -> Option<&str> {
    let behind = address.strip_prefix("mailto:")?.trim_start_matches("mailto:");
    Some(behind.split_once('?').map_or(behind, |(bare, _)| bare))
}

/// White space, and the marks that copying and pasting leaves behind and nobody sees.
fn is_space(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

fn looks_like_an_address(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let mut labels = domain.as_bytes().split(|b| *b == b'.');
    !local.is_empty()
        && !address.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '(' | ')'))
        && !domain.contains('@')
        && domain.as_bytes().contains(&b'.')
        && labels.all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn an_address_loses_case_and_white_space_and_nothing_else() {
        let bad = Err(DropReason::Malformed);
        check(
            |text| owned(email(text)),
            &[
                ("ana@example.com", Ok("ana@example.com")),
                ("  Ana.B+Shop@Example.COM\r\n", Ok("ana.b+shop@example.com")),
                ("ana @ example . com", Ok("ana@example.com")),
                ("ana\u{a0}@example.com\u{feff}", Ok("ana@example.com")),
                ("\u{202a}ana@exam\u{ad}ple.com\u{200f}", Ok("ana@example.com")),
                ("mailto:Ana@example.com", Ok("ana@example.com")),
                ("MAILTO:ana@example.com?subject=Hi", Ok("ana@example.com")),
                ("JÖRG@BÜCHER.example", Ok("jörg@bücher.example")),
                ("JO\u{308}RG@example.com", Ok("jörg@example.com")),
                ("ana", bad),
                ("@example.com", bad),
                ("ana@", bad),
                ("ana@localhost", bad),
                ("ana@example.", bad),
                ("ana@.example", bad),
                ("ana@b@example.com", bad),
                ("Ana <ana@example.com>", bad),
                ("ana@example.com,bo@example.com", bad),
                (&format!("{}@example.com", "a".repeat(320)), Err(DropReason::TooLong)),
            ],
        );
    }

    proptest! {
        #[test]
        fn what_it_yields_it_yields_again(text in "[A-Za-zÀ-ÿİΣς\u{300}-\u{310} @.\\PC]{0,20}@[A-ZÄa-z.]{1,10}") {
            if let Ok(once) = email(&text) {
                prop_assert_eq!(email(&once).map(Cow::into_owned), Ok(once.to_string()));
            }
        }

        #[test]
        fn composed_and_decomposed_forms_agree(local in "[A-Za-zÀ-ÿḀ-ỿ]{1,12}") {
            let composed = owned(email(&format!("{}@example.com", local.nfc())));
            let decomposed = owned(email(&format!("{}@example.com", local.nfd())));
            prop_assert_eq!(composed, decomposed);
        }
    }
}

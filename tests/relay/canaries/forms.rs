//! Looks for texts in bytes, in every form in which a text may come to be shown.

use sha2::{Digest, Sha256};

/// Shorter than this, what is left of a text when signs are dropped could be anything.
const MIN_LENGTH: usize = 9;

/// A text that must not be shown, and where it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canary {
    pub(super) place: String,
    pub(super) text: String,
}

/// All forms of some canaries, by their first two bytes.
pub(super) struct Search {
    canaries: Vec<Canary>,
    forms: Vec<Vec<(usize, Vec<u8>)>>,
}

impl Search {
    pub(super) fn of(canaries: Vec<Canary>) -> Self {
        let mut by_start = vec![Vec::new(); 1 << 16];
        for (n, canary) in canaries.iter().enumerate() {
            for form in forms(&canary.text) {
                by_start[start(&form)].push((n, form));
            }
        }
        Self { canaries, forms: by_start }
    }

    pub(super) fn canaries(&self) -> &[Canary] {
        &self.canaries
    }

    /// Whatever is shown, each canary once, with the text around it.
    pub(super) fn shown_by(&self, bytes: &[u8]) -> Vec<(&Canary, String)> {
        let lower = bytes.to_ascii_lowercase();
        let mut seen = vec![false; self.canaries.len()];
        let mut shown = Vec::new();
        for at in 0..lower.len().saturating_sub(1) {
            let rest = &lower[at..];
            for (n, form) in &self.forms[start(rest)] {
                if !seen[*n] && rest.starts_with(form) {
                    seen[*n] = true;
                    let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
                    shown.push((&self.canaries[*n], String::from_utf8_lossy(around).into_owned()));
                }
            }
        }
        shown
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// The text, its letters and digits, its letters, its digits after a country's code; each as it is, percent-encoded,
/// as hex digits, hashed; the text as base64. All in lower case.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let lower = text.to_lowercase();
    let only = |kept: fn(&char) -> bool| lower.chars().filter(kept).collect::<String>();
    let mut plain = vec![only(char::is_ascii_alphanumeric), only(char::is_ascii_alphabetic)];
    plain.extend(text.strip_prefix("+1").map(|rest| rest.chars().filter(char::is_ascii_digit).collect()));
    plain.retain(|text| MIN_LENGTH <= text.len());
    plain.push(lower);
    let mut forms = Vec::new();
    for text in plain {
        let encoded = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        });
        forms.push(encoded.collect::<String>().into_bytes());
        let hash = Sha256::digest(&text);
        // The search is in lower case.
        forms.extend([hash.to_ascii_lowercase(), hex(text.as_bytes()), hex(&hash), text.into_bytes()]);
    }
    // Letters of base64 are not the same in lower case: the text as it is, at each of the three alignments.
    forms.extend((0..3).map(|shift| base64(text.as_bytes(), shift).to_ascii_lowercase()));
    forms
}

pub(super) fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// The letters that depend on the text alone where `shift` bytes stand before it.
fn base64(text: &[u8], shift: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = [&[0; 2][..shift], text].concat();
    let letters = bytes.chunks_exact(3).flat_map(|three| {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        [18, 12, 6, 0].map(|by| LETTERS[usize::try_from(bits >> by & 63).unwrap()])
    });
    letters.skip(if shift == 0 { 0 } else { 4 }).collect()
}

#[test]
fn what_is_searched_for_is_found_in_every_form() {
    let canary = |text: &str| Canary { place: String::new(), text: text.to_owned() };
    let search = Search::of(vec![canary("Canary.Mail@example.com"), canary("+1 (212) 555-0107")]);
    let hashed = |text: &str| Sha256::digest(text).to_vec();
    for (canary, shown) in [
        (0, b"to canary.mail@example.com".to_vec()),
        (0, b"?em=canary.mail%40example.com".to_vec()),
        (0, b"63616E6172792E6D61696C406578616D706C652E636F6D".to_vec()),
        (0, b"Q2FuYXJ5Lk1haWxAZXhhbXBsZS5jb20=".to_vec()),
        (0, b"IENhbmFyeS5NYWlsQGV4YW1wbGUuY29t".to_vec()),
        (0, b"ICBDYW5hcnkuTWFpbEBleGFtcGxlLmNvbQ==".to_vec()),
        (0, hex(&hashed("canary.mail@example.com"))),
        (0, [b"x".to_vec(), hashed("canary.mail@example.com"), b"x".to_vec()].concat()),
        (1, b"tel:%2B1%20%28212%29%20555-0107".to_vec()),
        (1, b"12125550107".to_vec()),
        (1, b"0212 2125550107".to_vec()),
        (1, hashed("12125550107")),
    ] {
        let found = search.shown_by(&shown);
        let found: Vec<&Canary> = found.into_iter().map(|(canary, _)| canary).collect();
        assert_eq!(found, [&search.canaries()[canary]], "{}", String::from_utf8_lossy(&shown));
    }
    assert_eq!(search.shown_by(b"canary mail example com, 212 555"), []);
}

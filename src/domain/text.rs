//! Text from outside that may be shown: cut and masked.

use std::fmt;

/// Text that another system wrote, made fit for an audit row or a log line.
///
/// At most [`ForeignText::MAX_CHARS`] characters; control characters become spaces; runs that look like an e-mail
/// address, a number of seven or more digits, in one piece or in groups, or 64 hex digits become `***`, because
/// Pinterest's messages are known to echo the values that they complain about; and so do words of eight or more
/// characters that mix letters with digits, as passwords and tokens do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForeignText(Box<str>);

impl ForeignText {
    /// Longest text kept, in characters.
    pub const MAX_CHARS: usize = 256;
    /// A run of this many digits could be a phone number (the shortest national numbers have seven).
    const LONG_DIGITS: usize = 7;
    /// The shortest word with letters and digits that could be a password; Pinterest's own parameters have none so long.
    const LONG_MIXED: usize = 8;

    #[must_use]
    pub fn new(text: &str) -> Self {
        // Longer than what can be kept, so that a masked run that straddles the cut is still seen whole.
        let head: String =
            text.chars().take(4 * Self::MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let head = mask_grouped(&head);
        let mut out = String::with_capacity(head.len());
        for (n, word) in head.split(' ').enumerate() {
            if 0 < n {
                out.push(' ');
            }
            mask_word(word, &mut out);
        }
        if let Some((cut, _)) = out.char_indices().nth(Self::MAX_CHARS) {
            out.truncate(cut);
        }
        Self(out.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mark that nobody sees and that says nothing: what copying and pasting leaves behind, and what turns the direction of
/// writing. The joiners U+200C and U+200D are none: Persian and the scripts of India spell words with them.
/// (Unicode 16, `Default_Ignorable_Code_Point` and `Bidi_Control`.)
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Masks numbers whose digits stand in groups, as people write those of phones: the words that [`mask_word`] sees are
/// too short each.
fn mask_grouped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_numeric) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_numeric() && !stands_between_digits(c)).unwrap_or(from.len());
        let (group, behind) = from.split_at(end);
        let number = group.trim_end_matches(|c: char| !c.is_numeric());
        let is_split = number.contains(|c: char| c.is_whitespace() || !c.is_ascii());
        let is_long = ForeignText::LONG_DIGITS <= number.chars().filter(|c| c.is_numeric()).count();
        if is_split && is_long {
            out.push_str(before.trim_end_matches(['+', '(']));
            out.push_str("***");
            out.push_str(&group[number.len()..]);
        } else {
            out.push_str(before);
            out.push_str(group);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Separators of phone numbers, dashes of any width, and marks that are not seen.
fn stands_between_digits(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '/' | '+' | '\u{2010}'..='\u{2015}' | '\u{2212}')
        || is_invisible(c)
        || matches!(c, '\u{200c}' | '\u{200d}' | '\u{2061}'..='\u{2064}')
}

fn mask_word(word: &str, out: &mut String) {
    if word.contains('@') {
        out.push_str("***");
        return;
    }
    let mut run = String::new();
    for c in word.chars() {
        // Phone numbers are written with separators between their digits.
        if c.is_ascii_alphanumeric() || (!run.is_empty() && matches!(c, '-' | '.' | '(' | ')' | '/')) || c == '+' {
            run.push(c);
        } else {
            flush(&mut run, out);
            out.push(c);
        }
    }
    flush(&mut run, out);
}

fn flush(run: &mut String, out: &mut String) {
    let digits = run.chars().filter(char::is_ascii_digit).count();
    let longest_hex = run.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0);
    if ForeignText::LONG_DIGITS <= digits || 64 <= longest_hex || is_mixed(run) {
        out.push_str("***");
    } else {
        out.push_str(run);
    }
    run.clear();
}

/// Whether a part of the run between the separators of paths is a long word of letters and digits.
fn is_mixed(run: &str) -> bool {
    run.split(['.', '/', '(', ')']).any(|word| {
        let has = |class: fn(&char) -> bool| word.chars().any(|c| class(&c));
        ForeignText::LONG_MIXED <= word.len() && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_personal_is_masked_and_the_rest_is_kept() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (text, shown) in [
            ("Invalid event_name: subscription", "Invalid event_name: subscription"),
            ("'em' ('ana.b@example.com') is not hashed", "'em' *** is not hashed"),
            ("ph +49(30)123-4567 is not hashed", "ph *** is not hashed"),
            ("ph 5551234567, too", "ph ***, too"),
            ("code 4196 at index 12", "code 4196 at index 12"),
            ("ph +1 212 555 0146, too", "ph ***, too"),
            ("ph '(0)30 123 4567' is not hashed", "ph '***' is not hashed"),
            ("+49\u{a0}30\u{2013}123\u{2011}45 67.", "***."),
            ("\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667} is no number", "*** is no number"),
            ("12 of 1000 events", "12 of 1000 events"),
            ("data.12.user_data.em[0] is no sha256", "data.12.user_data.em[0] is no sha256"),
            ("'Kan4rien-Pass' and pina_c4n4ryT0ken", "'***' and pina_***"),
            (&format!("'{hash}' is unknown"), "'***' is unknown"),
            ("two\nlines\tand\u{0}more", "two lines and more"),
            ("", ""),
        ] {
            assert_eq!(ForeignText::new(text).as_str(), shown, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_256_characters_and_an_address_across_the_cut_is_masked_whole() {
        assert_eq!(ForeignText::new(&"ü".repeat(1000)).as_str().chars().count(), 256);
        let across = format!("{} someone@example.com", "x".repeat(250));
        assert!(!ForeignText::new(&across).as_str().contains("some"));
    }
}

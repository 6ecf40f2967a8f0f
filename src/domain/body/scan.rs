//! JSON, one token after the other, straight from the bytes: nothing is built of what is read.
//!
//! What bodies are made of is read here: brackets, plain text, whole numbers of a few digits. What is rarer is read by
//! `serde_json`: text with escapes, all other numbers, and values that are only passed over.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Number};

/// A JSON document, and how far it was read.
pub(super) struct Scanner<'j> {
    json: &'j str,
    at: usize,
    /// Whether the last token opened an object or a list.
    opened: bool,
}

/// A value; of an object or a list its beginning.
pub(super) enum Token<'j> {
    Null,
    Flag,
    /// A whole number of 64 bits.
    Whole(i64),
    /// Any other number.
    Number,
    Text(Text<'j>),
    /// Its elements follow by [`Scanner::has_element`].
    List,
    /// Its keys follow by [`Scanner::has_key`].
    Object,
}

/// A text as it stands in the document.
#[derive(Clone, Copy)]
pub(super) enum Text<'j> {
    /// Without its quotes.
    Plain(&'j str),
    /// With its quotes, and with escapes that were read once.
    Escaped(&'j str),
}

/// The bytes are no JSON document: what stands at this position cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) at: usize,
}

impl<'j> Text<'j> {
    /// What it says.
    #[inline]
    pub(super) fn read(self) -> Cow<'j, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Escaped(quoted) => Cow::Owned(serde_json::from_str(quoted).expect("it was read once")),
        }
    }
}

impl<'j> Scanner<'j> {
    pub(super) fn new(json: &'j [u8]) -> Result<Self, Malformed> {
        let json = str::from_utf8(json).map_err(|fault| Malformed { at: fault.valid_up_to() })?;
        Ok(Self { json, at: 0, opened: false })
    }

    #[inline]
    pub(super) fn value(&mut self) -> Result<Token<'j>, Malformed> {
        match self.peek() {
            Some(b'"') => self.text().map(Token::Text),
            Some(b'{') => Ok(self.open(Token::Object)),
            Some(b'[') => Ok(self.open(Token::List)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Token::Flag),
            Some(b'f') => self.word("false", Token::Flag),
            Some(b'n') => self.word("null", Token::Null),
            Some(_) | None => Err(self.malformed()),
        }
    }

    /// Whether the list goes on, with an element that is to be read next; else its end is read.
    #[inline]
    pub(super) fn has_element(&mut self) -> Result<bool, Malformed> {
        self.goes_on(b']')
    }

    /// Whether the object goes on, with a key that is to be read next and its colon and value behind it; else its end
    /// is read.
    #[inline]
    pub(super) fn has_key(&mut self) -> Result<bool, Malformed> {
        if !self.goes_on(b'}')? {
            return Ok(false);
        }
        if self.peek() == Some(b'"') { Ok(true) } else { Err(self.malformed()) }
    }

    /// Reads the key if it is this one, which needs no escapes, and written without them.
    #[inline]
    pub(super) fn reads_key(&mut self, name: &str) -> bool {
        let text = self.rest().as_bytes().get(1..).unwrap_or_default();
        // Most other keys are told by their length.
        let is_it = text.get(name.len()) == Some(&b'"') && text.starts_with(name.as_bytes());
        if is_it {
            self.at += name.len() + 2;
        }
        is_it
    }

    /// Reads the key, whatever it is.
    pub(super) fn key(&mut self) -> Result<Text<'j>, Malformed> {
        self.text()
    }

    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Malformed> {
        self.expect(b':')
    }

    /// Passes over a value, however deep it is.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        self.read_by_serde::<IgnoredAny>().map(drop)
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_none() { Ok(()) } else { Err(self.malformed()) }
    }

    #[inline]
    fn rest(&self) -> &'j str {
        self.json.get(self.at..).unwrap_or_default()
    }

    const fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.json.as_bytes().get(self.at).copied()?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn open(&mut self, token: Token<'j>) -> Token<'j> {
        self.at += 1;
        self.opened = true;
        token
    }

    #[inline]
    fn goes_on(&mut self, closing: u8) -> Result<bool, Malformed> {
        let is_first = std::mem::take(&mut self.opened);
        if self.peek() == Some(closing) {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn word(&mut self, word: &str, token: Token<'j>) -> Result<Token<'j>, Malformed> {
        if !self.rest().starts_with(word) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(token)
    }

    /// At its first quote.
    #[inline]
    fn text(&mut self) -> Result<Text<'j>, Malformed> {
        let text = self.rest().get(1..).unwrap_or_default();
        let length = plain_length(text.as_bytes());
        if text.as_bytes().get(length) != Some(&b'"') {
            return self.read_by_serde::<String>().map(Text::Escaped);
        }
        self.at += length + 2;
        Ok(Text::Plain(text.get(..length).unwrap_or_default()))
    }

    #[inline]
    fn number(&mut self) -> Result<Token<'j>, Malformed> {
        let text = self.rest().as_bytes();
        let (mut length, mut whole) = (0, 0);
        while let Some(digit @ b'0'..=b'9') = text.get(length)
            && length < SHORT_DIGITS
        {
            whole = whole * 10 + i64::from(digit - b'0');
            length += 1;
        }
        let is_plain = 0 < length && (length == 1 || text.first() != Some(&b'0'));
        if is_plain && !text.get(length).is_some_and(|byte| is_of_number(*byte)) {
            self.at += length;
            return Ok(Token::Whole(whole));
        }
        self.rare_number()
    }

    #[cold]
    fn rare_number(&mut self) -> Result<Token<'j>, Malformed> {
        let length = self.rest().bytes().take_while(|byte| is_of_number(*byte)).count();
        let number: Number =
            serde_json::from_str(self.rest().get(..length).unwrap_or_default()).map_err(|_| self.malformed())?;
        self.at += length;
        Ok(number.as_i64().map_or(Token::Number, Token::Whole))
    }

    /// Reads a value as `T`, and gives back how it is written.
    #[cold]
    fn read_by_serde<T: DeserializeOwned>(&mut self) -> Result<&'j str, Malformed> {
        let rest = self.rest();
        let mut values = Deserializer::from_str(rest).into_iter::<T>();
        if !matches!(values.next(), Some(Ok(_))) {
            return Err(self.malformed());
        }
        self.at += values.byte_offset();
        Ok(rest.get(..values.byte_offset()).unwrap_or_default())
    }
}

/// As many digits make no number beyond 64 bits.
const SHORT_DIGITS: usize = 18;

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// How many bytes of a text stand for themselves: up to a quote, a backslash or a control character (RFC 8259, 7).
#[inline]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    // The highest bit of each byte below `bound`, which is 0x80 at most; right up to the first of them.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHEST;
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let special = below(word, 0x20) | is(b'"') | is(b'\\');
        if special != 0 {
            return n * 8 + usize::try_from(special.trailing_zeros() / 8).unwrap_or(0);
        }
    }
    let is_special = |byte: &u8| matches!(byte, ..0x20 | b'"' | b'\\');
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;

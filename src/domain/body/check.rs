//! The checker that the table drives, while the bytes are read.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use crate::domain::{ForeignText, IdentitySet};

use super::fault::{BodyFault, Found};
use super::scan::{Malformed, Scanner, Token};
use super::table::{Also, EVENT, Field, Kind, Object, Presence, REQUEST, TextRule};
use super::{MAX_EVENTS, MAX_FAULTS};

/// A body that satisfies the table: 1 to 1,000 events in the order of the request.
pub struct CheckedRequest {
    events: Vec<Value>,
}

impl CheckedRequest {
    /// The elements of `data`; each satisfies [`check_event`].
    #[must_use]
    pub fn events(&self) -> &[Value] {
        &self.events
    }
}

impl fmt::Debug for CheckedRequest {
    /// Without the events, which hold IP addresses and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedRequest").field("n_events", &self.events.len()).finish()
    }
}

/// Checks a whole body, and reads its events.
///
/// # Errors
///
/// What is wrong with it, at most [`MAX_FAULTS`] of it, in the order of the body: of an object or a list as a whole behind
/// what is in it. Of bytes that are no JSON document, that alone. Pinterest refuses all of such a body.
pub fn check_request(json: &[u8]) -> Result<CheckedRequest, Vec<BodyFault>> {
    check(&REQUEST, json)?;
    let mut body: Value = serde_json::from_slice(json).expect("a checked body is a JSON document");
    let Some(Value::Array(events)) = body.get_mut("data").map(Value::take) else {
        unreachable!("a checked body has a list of events");
    };
    debug_assert!((1..=MAX_EVENTS).contains(&events.len()));
    Ok(CheckedRequest { events })
}

/// Checks one element of `data`, without building anything of it.
///
/// # Errors
///
/// As [`check_request`].
pub fn check_event(json: &[u8]) -> Result<(), Vec<BodyFault>> {
    check(&EVENT, json)
}

fn check(object: &'static Object, json: &[u8]) -> Result<(), Vec<BodyFault>> {
    let mut faults = Vec::new();
    let read = Scanner::new(json).and_then(|json| {
        let mut check = Check { json, faults: &mut faults };
        check.value(&Trail::Root, &Kind::Object(object), Presence::Required)?;
        check.json.end()
    });
    match read {
        Err(malformed) => Err(vec![not_json(json, malformed)]),
        Ok(()) if faults.is_empty() => Ok(()),
        Ok(()) => Err(faults),
    }
}

/// Lines and columns count from 1; at the end of the bytes it is their last column.
fn not_json(json: &[u8], malformed: Malformed) -> BodyFault {
    let read = json.get(..=malformed.at).unwrap_or(json);
    let mut lines = read.split(|byte| *byte == b'\n');
    let found = Found::NotJson { line: lines.clone().count(), column: lines.next_back().map_or(0, <[u8]>::len) };
    BodyFault { path: Trail::Root.to_string(), expected: "a JSON document".into(), found }
}

struct Check<'c> {
    json: Scanner<'c>,
    faults: &'c mut Vec<BodyFault>,
}

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Null,
    Value,
}

/// A field and its position in the table.
type Known = (usize, &'static Field);

impl Check<'_> {
    #[cold]
    fn fault(&mut self, trail: &Trail<'_>, expected: &dyn fmt::Display, found: Found) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(BodyFault { path: trail.to_string(), expected: expected.to_string(), found });
        }
    }

    fn value(&mut self, trail: &Trail<'_>, kind: &Kind, presence: Presence) -> Result<Given, Malformed> {
        match (*kind, self.json.value()?) {
            (Kind::Text(rule), Token::Text(text)) if rule.admits(&text.read()) => {}
            (Kind::Flag, Token::Flag) => {}
            (Kind::Whole { min, max }, Token::Whole(number)) if min <= number && number <= max => {}
            (Kind::Object(object), Token::Object) => self.object(trail, object)?,
            (Kind::Texts { each, min, max }, Token::List) => {
                let length = self.list(trail, &Kind::Text(each))?;
                self.length(trail, kind, length, min, max);
            }
            (Kind::Objects { each, min, max }, Token::List) => {
                let length = self.list(trail, &Kind::Object(each))?;
                self.length(trail, kind, length, min, max);
            }
            (_, Token::Null) => {
                if presence != Presence::Nullable {
                    self.fault(trail, kind, Found::Null);
                }
                return Ok(Given::Null);
            }
            (_, other) => {
                let found = self.found(&other)?;
                self.fault(trail, kind, found);
            }
        }
        Ok(Given::Value)
    }

    /// Reads a list to its end; how many elements it has.
    fn list(&mut self, trail: &Trail<'_>, each: &Kind) -> Result<usize, Malformed> {
        let mut length = 0;
        while self.json.has_element()? {
            self.value(&Trail::Index(trail, length), each, Presence::Required)?;
            length += 1;
        }
        Ok(length)
    }

    fn length(&mut self, trail: &Trail<'_>, kind: &Kind, length: usize, min: usize, max: usize) {
        if length < min || max < length {
            self.fault(trail, kind, Found::List(length));
        }
    }

    /// Reads an object to its end.
    fn object(&mut self, trail: &Trail<'_>, object: &'static Object) -> Result<(), Malformed> {
        let (mut met, mut next, mut identities) = (0_u32, 0, IdentitySet::default());
        while self.json.has_key()? {
            let Some((n, field)) = self.key(trail, object, next)? else { continue };
            let at = Trail::Key(trail, field.name);
            if met & (1 << n) != 0 {
                self.fault(&at, &"the key once", Found::Again);
            }
            met |= 1 << n;
            next = n + 1;
            let given = self.value(&at, &field.kind, field.presence)?;
            if let (Given::Value, Some(identity)) = (given, field.identity) {
                identities.insert(identity);
            }
        }
        for (n, field) in object.fields.iter().enumerate() {
            if field.presence == Presence::Required && met & (1 << n) == 0 {
                self.fault(&Trail::Key(trail, field.name), &field.kind, Found::Missing);
            }
        }
        if object.also == Also::Identity && !identities.suffices() {
            let expected = "em, hashed_maids, or client_ip_address with client_user_agent";
            self.fault(trail, &expected, Found::TooFewIdentities);
        }
        Ok(())
    }

    /// Reads a key; of one that the object may not have the value, too. It is looked for from `next` on: the keys of one
    /// writer follow each other as in the table.
    #[inline]
    fn key(&mut self, trail: &Trail<'_>, object: &'static Object, next: usize) -> Result<Option<Known>, Malformed> {
        let fields = || object.fields.iter().enumerate();
        let known = fields().skip(next).chain(fields().take(next)).find(|(_, field)| self.json.reads_key(field.name));
        if known.is_none() {
            return self.other_key(trail, object);
        }
        self.json.colon()?;
        Ok(known)
    }

    /// A key with escapes, or one that the object may not have.
    #[cold]
    fn other_key(&mut self, trail: &Trail<'_>, object: &'static Object) -> Result<Option<Known>, Malformed> {
        let key = self.json.key()?.read();
        self.json.colon()?;
        let known = object.fields.iter().enumerate().find(|(_, field)| field.name == key);
        if known.is_none() {
            self.fault(trail, &"no other keys", Found::UnknownKey(ForeignText::new(&key)));
            self.json.skip()?;
        }
        Ok(known)
    }

    /// What stands where something else is expected, read to its end.
    #[cold]
    fn found(&mut self, token: &Token<'_>) -> Result<Found, Malformed> {
        Ok(match token {
            Token::Null => Found::Null,
            Token::Flag => Found::Flag,
            Token::Whole(_) => Found::Whole,
            Token::Number => Found::Number,
            Token::Text(text) => Found::Text(text.read().chars().count()),
            Token::List => {
                let mut length = 0;
                while self.json.has_element()? {
                    self.json.skip()?;
                    length += 1;
                }
                Found::List(length)
            }
            Token::Object => {
                while self.json.has_key()? {
                    self.json.key()?;
                    self.json.colon()?;
                    self.json.skip()?;
                }
                Found::Object
            }
        })
    }
}

impl TextRule {
    /// Whether a text satisfies the rule.
    #[must_use]
    pub fn admits(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::NonEmpty => !text.is_empty(),
            // Bytes are no fewer than characters: most texts need no counting.
            Self::AtMost(chars) => text.len() <= chars || text.chars().count() <= chars,
            Self::OneOf(words) => words.contains(&text),
            Self::Hash => is_hash(text),
            Self::Decimal => is_decimal(text),
            Self::Currency => text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()),
            Self::Language => text.len() == 2 && text.bytes().all(|b| b.is_ascii_lowercase()),
            Self::IpAddress => text.parse::<IpAddr>().is_ok_and(|address| !address.is_unspecified()),
        }
    }
}

fn is_hash(text: &str) -> bool {
    let Ok(digits) = <&[u8; 64]>::try_from(text.as_bytes()) else { return false };
    // Without branches it becomes vector instructions.
    digits.iter().fold(true, |all, b| all & (b.is_ascii_digit() | matches!(b, b'a'..=b'f')))
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

/// Where the checker is; written out only for a fault.
enum Trail<'a> {
    Root,
    Key(&'a Self, &'static str),
    Index(&'a Self, usize),
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("(whole)"),
            Self::Key(Self::Root, name) => f.write_str(name),
            Self::Key(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, n) => write!(f, "{parent}[{n}]"),
        }
    }
}

#[cfg(test)]
#[path = "check_oracle.rs"]
mod oracle;

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

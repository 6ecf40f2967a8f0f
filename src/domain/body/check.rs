//! The checker that the table drives.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::domain::{ForeignText, Identity, IdentitySet};

use super::fault::{BodyFault, Found};
use super::table::{Also, EVENT, Kind, Object, Presence, REQUEST, TextRule};
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

/// Checks a whole body.
///
/// # Errors
///
/// What is wrong with it, at most [`MAX_FAULTS`] of it, in the order of the body; Pinterest refuses all of such a body.
pub fn check_request(json: &[u8]) -> Result<CheckedRequest, Vec<BodyFault>> {
    let mut body: Value = serde_json::from_slice(json).map_err(|fault| {
        let found = Found::NotJson { line: fault.line(), column: fault.column() };
        vec![BodyFault { path: Trail::Root.to_string(), expected: "a JSON document".into(), found }]
    })?;
    let mut check = Check::default();
    check.object(&Trail::Root, &REQUEST, &body);
    check.finish()?;
    let Some(Value::Array(events)) = body.get_mut("data").map(Value::take) else {
        unreachable!("a checked body has a list of events");
    };
    debug_assert!((1..=MAX_EVENTS).contains(&events.len()));
    Ok(CheckedRequest { events })
}

/// Checks one element of `data`.
///
/// # Errors
///
/// What is wrong with it, at most [`MAX_FAULTS`] of it, in the order of its keys.
pub fn check_event(event: &Value) -> Result<(), Vec<BodyFault>> {
    let mut check = Check::default();
    check.object(&Trail::Root, &EVENT, event);
    check.finish()
}

#[derive(Default)]
struct Check {
    faults: Vec<BodyFault>,
}

impl Check {
    fn finish(self) -> Result<(), Vec<BodyFault>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    fn is_full(&self) -> bool {
        MAX_FAULTS <= self.faults.len()
    }

    fn fault(&mut self, trail: &Trail<'_>, expected: impl fmt::Display, found: Found) {
        if !self.is_full() {
            self.faults.push(BodyFault { path: trail.to_string(), expected: expected.to_string(), found });
        }
    }

    fn object(&mut self, trail: &Trail<'_>, object: &Object, value: &Value) {
        let Value::Object(map) = value else {
            return self.fault(trail, "an object", Found::of(value));
        };
        for (key, value) in map {
            match object.field(key) {
                Some(field) if value.is_null() && field.presence == Presence::Nullable => {}
                Some(field) => self.value(&Trail::Key(trail, field.name), field.kind, value),
                None => self.fault(trail, "no other keys", Found::UnknownKey(ForeignText::new(key))),
            }
        }
        for field in object.fields {
            if field.presence == Presence::Required && !map.contains_key(field.name) {
                self.fault(&Trail::Key(trail, field.name), field.kind, Found::Missing);
            }
        }
        match object.also {
            Also::Nothing => {}
            Also::Identity if identities(map).suffices() => {}
            Also::Identity => {
                let expected = "em, hashed_maids, or client_ip_address with client_user_agent";
                self.fault(trail, expected, Found::TooFewIdentities);
            }
        }
    }

    fn value(&mut self, trail: &Trail<'_>, kind: Kind, value: &Value) {
        if self.is_full() {
            return;
        }
        match (kind, value) {
            (Kind::Text(rule), Value::String(text)) if rule.admits(text) => {}
            (Kind::Flag, Value::Bool(_)) => {}
            (Kind::Whole { min, max }, Value::Number(n)) if n.as_i64().is_some_and(|n| min <= n && n <= max) => {}
            (Kind::Object(object), _) => self.object(trail, object, value),
            (Kind::Texts { each, min, max }, Value::Array(list)) if (min..=max).contains(&list.len()) => {
                for (n, element) in list.iter().enumerate() {
                    self.value(&Trail::Index(trail, n), Kind::Text(each), element);
                }
            }
            (Kind::Objects { each, min, max }, Value::Array(list)) if (min..=max).contains(&list.len()) => {
                for (n, element) in list.iter().enumerate() {
                    self.value(&Trail::Index(trail, n), Kind::Object(each), element);
                }
            }
            (kind, value) => self.fault(trail, kind, Found::of(value)),
        }
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
            Self::Hash => text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            Self::Decimal => is_decimal(text),
            Self::Currency => text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()),
            Self::Language => text.len() == 2 && text.bytes().all(|b| b.is_ascii_lowercase()),
            Self::IpAddress => text.parse::<IpAddr>().is_ok_and(|address| !address.is_unspecified()),
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

fn identities(user_data: &Map<String, Value>) -> IdentitySet {
    let mut set = IdentitySet::default();
    for parameter in Identity::ALL {
        if user_data.get(parameter.as_str()).is_some_and(|value| !value.is_null()) {
            set.insert(parameter);
        }
    }
    set
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
#[path = "check_tests.rs"]
mod tests;

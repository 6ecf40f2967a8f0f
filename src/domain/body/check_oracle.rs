//! The same table, read over a tree of values: what the checker has to find.

use serde_json::Value;

use super::*;
use crate::domain::Identity;

/// What is wrong with an event, in no order.
pub(super) fn faults_of(event: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    value("", &Kind::Object(&EVENT), event, &mut faults);
    faults
}

fn tell(path: &str, expected: impl fmt::Display, found: Found, faults: &mut Vec<String>) {
    let path = if path.is_empty() { "(whole)" } else { path }.to_owned();
    faults.push(BodyFault { path, expected: expected.to_string(), found }.to_string());
}

fn value(path: &str, kind: &Kind, value: &Value, faults: &mut Vec<String>) {
    match (kind, value) {
        (Kind::Object(of), Value::Object(map)) => object(path, of, map, faults),
        (Kind::Texts { each, min, max }, Value::Array(elements)) => {
            list(path, kind, &Kind::Text(*each), *min..=*max, elements, faults);
        }
        (Kind::Objects { each, min, max }, Value::Array(elements)) => {
            list(path, kind, &Kind::Object(each), *min..=*max, elements, faults);
        }
        (Kind::Text(rule), Value::String(text)) if rule.admits(text) => {}
        (Kind::Flag, Value::Bool(_)) => {}
        (Kind::Whole { min, max }, Value::Number(n)) if n.as_i64().is_some_and(|n| (*min..=*max).contains(&n)) => {}
        _ => tell(path, kind, found(value), faults),
    }
}

fn list(
    path: &str,
    kind: &Kind,
    each: &Kind,
    length: std::ops::RangeInclusive<usize>,
    elements: &[Value],
    faults: &mut Vec<String>,
) {
    for (n, element) in elements.iter().enumerate() {
        value(&format!("{path}[{n}]"), each, element, faults);
    }
    if !length.contains(&elements.len()) {
        tell(path, kind, Found::List(elements.len()), faults);
    }
}

fn object(path: &str, object: &Object, map: &serde_json::Map<String, Value>, faults: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for key in map.keys().filter(|key| object.field(key).is_none()) {
        tell(path, "no other keys", Found::UnknownKey(ForeignText::new(key)), faults);
    }
    let mut identities = IdentitySet::default();
    for field in object.fields {
        match map.get(field.name) {
            None if field.presence == Presence::Required => {
                tell(&below(field.name), field.kind, Found::Missing, faults);
            }
            Some(Value::Null) if field.presence == Presence::Nullable => {}
            None => {}
            Some(given) => {
                let named = |identity: &Identity| identity.as_str() == field.name && !given.is_null();
                Identity::ALL.into_iter().filter(named).for_each(|identity| identities.insert(identity));
                value(&below(field.name), &field.kind, given, faults);
            }
        }
    }
    if object.also == Also::Identity && !identities.suffices() {
        let expected = "em, hashed_maids, or client_ip_address with client_user_agent";
        tell(path, expected, Found::TooFewIdentities, faults);
    }
}

fn found(value: &Value) -> Found {
    match value {
        Value::Null => Found::Null,
        Value::Bool(_) => Found::Flag,
        Value::Number(n) if n.is_i64() => Found::Whole,
        Value::Number(_) => Found::Number,
        Value::String(text) => Found::Text(text.chars().count()),
        Value::Array(list) => Found::List(list.len()),
        Value::Object(_) => Found::Object,
    }
}

//! A record in plain JSON, as people write it, encoded as Avro of the reader schema.
//!
//! Unions are untagged: the first branch that fits is taken; Avro's own tagged form is understood too. Beyond Avro's
//! JSON a timestamp may be a text as in RFC 3339, a local one as in `2026-11-24T09:30:00`, a date as in `2026-11-24`, a
//! decimal a number, and a fixed type hex digits, with the hyphens of a UUID if it is one. Bytes may be the text that they
//! are in UTF-8, where Avro's JSON for bytes would be none. A decimal in quotes is refused where the quoted text reads as
//! a number: to Avro it is the bytes of another. Keys that the schema does not declare are passed over, as they are in
//! the topic.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

use super::default::{self, block, bytes, end, latin1, long};
use crate::mapping::schema::{Kind, Logical, Schema, TypeId, Unit};

/// Deeper records are none that a person wrote; a recursive type needs an end.
const MAX_DEPTH: usize = 64;

/// Where a JSON value is no value of the schema. It names fields, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", place(path))]
pub struct Misfit {
    /// The field's path; empty for the record itself.
    pub path: Box<str>,
    pub expected: Box<str>,
    pub found: &'static str,
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

pub(super) fn encode(schema: &Schema, json: &Json) -> Result<Vec<u8>, Misfit> {
    let mut out = Vec::new();
    write(schema, schema.root(), json, &Trail { path: String::new(), depth: 0 }, &mut out)?;
    Ok(out)
}

struct Trail {
    path: String,
    depth: usize,
}

impl Trail {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, depth: self.depth + 1 }
    }

    fn inside(&self, mark: &str) -> Self {
        Self { path: format!("{}{mark}", self.path), depth: self.depth + 1 }
    }

    fn misfit(&self, expected: impl Into<Box<str>>, json: Option<&Json>) -> Misfit {
        Misfit { path: self.path.as_str().into(), expected: expected.into(), found: json.map_or("nothing", word) }
    }
}

fn word(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(text) if reads_as_number(text) => "a number in quotes",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn write(schema: &Schema, ty: TypeId, json: &Json, at: &Trail, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if MAX_DEPTH < at.depth {
        return Err(at.misfit(format!("at most {MAX_DEPTH} levels"), Some(json)));
    }
    match (&schema.get(ty).kind, json) {
        (Kind::Record(record), Json::Object(object)) => {
            for field in &record.fields {
                let at = at.field(&field.name);
                if let Some(json) = object.get(&*field.name) {
                    write(schema, field.ty, json, &at, out)?;
                } else {
                    let default = field.default.as_ref();
                    let bytes = default.and_then(|default| default::encode(schema, field.ty, default));
                    let bytes = bytes.ok_or_else(|| at.misfit("a value, because it has no default", None))?;
                    out.extend_from_slice(&bytes);
                }
            }
        }
        (Kind::Array(items), Json::Array(list)) => {
            block(list.len(), out);
            for (n, item) in list.iter().enumerate() {
                write(schema, *items, item, &at.inside(&format!("[{n}]")), out)?;
            }
            end(out);
        }
        (Kind::Map(values), Json::Object(object)) => {
            block(object.len(), out);
            for (key, json) in object {
                bytes(key.as_bytes(), out);
                write(schema, *values, json, &at.inside("{}"), out)?;
            }
            end(out);
        }
        (Kind::Union(branches), json) => return union(schema, branches, json, at, out),
        (kind, json) => {
            let logical = schema.get(ty).logical;
            let lenient = lenient(logical, kind, json);
            let encoded = match (logical, json) {
                (Logical::Decimal { .. }, Json::String(text)) if reads_as_number(text) => None,
                _ => default::encode(schema, ty, lenient.as_ref().unwrap_or(json)),
            };
            let encoded = encoded.ok_or_else(|| at.misfit(described(kind, logical), Some(json)))?;
            out.extend_from_slice(&encoded);
        }
    }
    Ok(())
}

/// The first branch that fits; else the one that an object names; else what is wrong with the one that fits farthest.
fn union(schema: &Schema, branches: &[TypeId], json: &Json, at: &Trail, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let start = out.len();
    let mut farthest: Option<Misfit> = None;
    for (n, branch) in branches.iter().enumerate() {
        number(n, out);
        match write(schema, *branch, json, at, out) {
            Ok(()) => return Ok(()),
            Err(misfit) => {
                out.truncate(start);
                if farthest.as_ref().is_none_or(|far| far.path.len() < misfit.path.len()) {
                    farthest = Some(misfit);
                }
            }
        }
    }
    if let Json::Object(object) = json
        && let (Some((tag, inner)), 1) = (object.iter().next(), object.len())
        && let Some(n) = branches.iter().position(|branch| is_called(&schema.get(*branch).kind, tag))
        && let Some(branch) = branches.get(n)
    {
        number(n, out);
        return write(schema, *branch, inner, at, out);
    }
    match farthest {
        Some(misfit) if at.path.len() < misfit.path.len() => Err(misfit),
        _ => {
            let words: Vec<_> = branches
                .iter()
                .map(|branch| described(&schema.get(*branch).kind, schema.get(*branch).logical))
                .collect();
            Err(at.misfit(words.join(" or "), Some(json)))
        }
    }
}

fn number(n: usize, out: &mut Vec<u8>) {
    long(i64::try_from(n).unwrap_or(i64::MAX), out);
}

fn is_called(kind: &Kind, tag: &str) -> bool {
    match kind.names() {
        Some(names) => *names.full == *tag || names.short() == tag,
        None => kind.word() == tag,
    }
}

fn described(kind: &Kind, logical: Logical) -> String {
    match (kind, logical) {
        (_, Logical::Timestamp(_)) => format!("{} or a time as in 2026-11-24T09:30:00Z", kind.word()),
        (_, Logical::Local(_)) => format!("{} or a local time as in 2026-11-24T09:30:00", kind.word()),
        (_, Logical::Date) => format!("{} or a day as in 2026-11-24", kind.word()),
        (_, Logical::Decimal { scale }) => {
            format!("a decimal number of at most {scale} places, or {} as Avro's JSON has them", kind.word())
        }
        (Kind::Fixed(_), Logical::Uuid) => "a UUID".to_owned(),
        (Kind::Fixed(fixed), _) => format!("{} bytes as {} hex digits", fixed.size, 2 * fixed.size),
        (Kind::Enum(symbols), _) => format!("one of {}", symbols.symbols.join(", ")),
        _ => kind.word().to_owned(),
    }
}

/// Whether the text is a number to a reader: a sign or none, and digits with what is written between them.
fn reads_as_number(text: &str) -> bool {
    let unsigned = text.trim().trim_start_matches(['+', '-']);
    unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'.' | b','))
}

/// What a person writes where Avro's JSON has a count or bytes.
fn lenient(logical: Logical, kind: &Kind, json: &Json) -> Option<Json> {
    match (logical, json) {
        (Logical::Timestamp(unit), Json::String(text)) => Some(count(text.parse().ok()?, unit)?.into()),
        (Logical::Local(unit), Json::String(text)) => {
            let local: DateTime = text.parse().ok()?;
            Some(count(TimeZone::UTC.to_timestamp(local).ok()?, unit)?.into())
        }
        (Logical::Date, Json::String(text)) => {
            let day: Date = text.parse().ok()?;
            Some(day.since(Date::constant(1970, 1, 1)).ok()?.get_days().into())
        }
        (Logical::Decimal { scale }, Json::Number(number)) => {
            let written: Decimal = number.to_string().parse().ok()?;
            let mut number = written;
            number.rescale(scale);
            // Rounded it would be another amount than the one that stands here.
            let bytes = (number == written).then(|| number.mantissa().to_be_bytes())?;
            Some(as_characters(&sized(&bytes, kind)?))
        }
        (Logical::Uuid, Json::String(text)) if matches!(kind, Kind::Fixed(_)) => {
            Some(as_characters(Uuid::try_parse(text).ok()?.as_bytes()))
        }
        (Logical::None, Json::String(text)) if matches!(kind, Kind::Bytes) => {
            let is_text = latin1(text).is_some_and(|raw| std::str::from_utf8(&raw).is_ok());
            (!is_text).then(|| as_characters(text.as_bytes()))
        }
        (_, Json::String(text)) => {
            let Kind::Fixed(fixed) = kind else { return None };
            // Avro's JSON has one character for each byte: no such text is one of hex digits, which has twice as many.
            Some(as_characters(&from_hex(text).filter(|bytes| 0 < fixed.size && bytes.len() == fixed.size)?))
        }
        _ => None,
    }
}

fn count(moment: Timestamp, unit: Unit) -> Option<i64> {
    Some(match unit {
        Unit::Seconds => moment.as_second(),
        Unit::Millis => moment.as_millisecond(),
        Unit::Micros => moment.as_microsecond(),
        Unit::Nanos => i64::try_from(moment.as_nanosecond()).ok()?,
    })
}

/// Bytes as Avro's JSON has them.
fn as_characters(bytes: &[u8]) -> Json {
    Json::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// Two's complement, cut to the width of a fixed type.
fn sized(bytes: &[u8; 16], kind: &Kind) -> Option<Vec<u8>> {
    let Kind::Fixed(fixed) = kind else { return Some(bytes.to_vec()) };
    let fill = if bytes.first().is_some_and(|first| 0x80 <= *first) { 0xff } else { 0 };
    if let Some(cut) = bytes.len().checked_sub(fixed.size) {
        let (dropped, kept) = bytes.split_at(cut);
        return dropped.iter().all(|byte| *byte == fill).then(|| kept.to_vec());
    }
    let mut wide = vec![fill; fixed.size - bytes.len()];
    wide.extend_from_slice(bytes);
    Some(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::schema::parse;

    const SCHEMA: &str = r#"{"type": "record", "name": "R", "namespace": "n", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "default": "\u0000"},
        {"name": "who", "type": ["null", {"type": "record", "name": "Who", "fields": [{"name": "name", "type": "string"}]}], "default": null},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}, "default": "A"},
        {"name": "closed", "type": ["null", {"type": "long", "logicalType": "local-timestamp-millis"}], "default": null},
        {"name": "card", "type": ["null", {"type": "fixed", "name": "Card", "size": 16, "logicalType": "uuid"}], "default": null},
        {"name": "note", "type": "bytes", "default": ""},
        {"name": "tip", "type": ["null", {"type": "fixed", "name": "Tip", "size": 1, "logicalType": "decimal", "precision": 2, "scale": 1}], "default": null},
        {"name": "digest", "type": ["null", {"type": "fixed", "name": "Digest", "size": 2}], "default": null}]}"#;

    fn encoded(json: &str) -> Result<Vec<u8>, String> {
        let schema = parse(SCHEMA, &[]).unwrap();
        encode(&schema, &serde_json::from_str(json).unwrap()).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn what_people_write_is_what_avro_means() {
        for (people, avro) in [
            (r#"{"at": "1970-01-01T00:00:01Z"}"#, r#"{"at": 1000000, "unknown": 1}"#),
            (r#"{"at": 0, "day": "1970-01-03"}"#, r#"{"at": 0, "day": {"int": 2}}"#),
            (r#"{"at": 0, "who": {"name": "x"}}"#, r#"{"at": 0, "who": {"n.Who": {"name": "x"}}}"#),
            (r#"{"at": 0, "closed": "1970-01-01T00:00:01.5"}"#, r#"{"at": 0, "closed": 1500}"#),
            (r#"{"at": 0, "closed": "1970-01-01 00:00:01"}"#, r#"{"at": 0, "closed": 1000}"#),
            (
                r#"{"at": 0, "card": "00410a42-7f00-1042-4344-45464748494A"}"#,
                r#"{"at": 0, "card": "\u0000A\nB\u007f\u0000\u0010BCDEFGHIJ"}"#,
            ),
            (r#"{"at": 0, "note": "Zoë"}"#, r#"{"at": 0, "note": "Zo\u00c3\u00ab"}"#),
            (r#"{"at": 0, "note": "東"}"#, r#"{"at": 0, "note": "\u00e6\u009d\u00b1"}"#),
            (r#"{"at": 0, "digest": "41fF"}"#, r#"{"at": 0, "digest": "Aÿ"}"#),
        ] {
            assert_eq!(encoded(people), encoded(avro), "{people}");
            assert!(encoded(people).is_ok(), "{people}");
        }
        for total in ["-12.5", "-12.50", r#""\u00fb\u001e""#] {
            let total = encoded(&format!(r#"{{"at": 0, "total": {total}}}"#)).unwrap();
            assert!(total.windows(2).any(|pair| pair == (-1250_i16).to_be_bytes()));
        }
    }

    #[test]
    fn a_record_that_does_not_fit_says_where_and_never_its_values() {
        for (json, misfit) in [
            ("{}", "at: expected a value, because it has no default, found nothing"),
            ("[]", "expected record, found a list"),
            (r#"{"at": "ana@example.com"}"#, "at: expected long or a time as in 2026-11-24T09:30:00Z, found text"),
            (
                r#"{"at": 0, "who": {"nam": "x"}}"#,
                "who.name: expected a value, because it has no default, found nothing",
            ),
            (r#"{"at": 0, "who": 7}"#, "who: expected null or record, found a number"),
            (r#"{"at": 0, "kind": "C"}"#, "kind: expected one of A, B, found text"),
            (
                r#"{"at": 0, "closed": "noon"}"#,
                "closed: expected null or long or a local time as in 2026-11-24T09:30:00, found text",
            ),
            (
                r#"{"at": 0, "total": "64.90"}"#,
                "total: expected a decimal number of at most 2 places, or bytes as Avro's JSON has them, found a number in quotes",
            ),
            (
                r#"{"at": 0, "total": "-6,490.00"}"#,
                "total: expected a decimal number of at most 2 places, or bytes as Avro's JSON has them, found a number in quotes",
            ),
            (
                r#"{"at": 0, "total": 64.905}"#,
                "total: expected a decimal number of at most 2 places, or bytes as Avro's JSON has them, found a number",
            ),
            (
                r#"{"at": 0, "tip": "1"}"#,
                "tip: expected null or a decimal number of at most 1 places, or fixed as Avro's JSON has them, found a number in quotes",
            ),
            (r#"{"at": 0, "card": "00410a42"}"#, "card: expected null or a UUID, found text"),
            (r#"{"at": 0, "digest": "41f"}"#, "digest: expected null or 2 bytes as 4 hex digits, found text"),
            (r#"{"at": 0, "digest": "41fg"}"#, "digest: expected null or 2 bytes as 4 hex digits, found text"),
        ] {
            assert_eq!(encoded(json), Err(misfit.to_owned()), "{json}");
        }
    }
}

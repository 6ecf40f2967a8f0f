//! A default of the reader schema, encoded as its field would be, so that the decoder reads it like any other bytes.

use serde_json::Value as Json;

use crate::mapping::schema::{Kind, Schema, TypeId};

/// `None` if `json` is no default for the type. Of a union any branch will do (Avro 1.12; earlier versions demanded the
/// first).
pub(super) fn encode(schema: &Schema, ty: TypeId, json: &Json) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    value(schema, ty, json, 0, &mut out)?;
    Some(out)
}

/// Deeper defaults are no defaults that a person wrote; a recursive type needs an end.
const MAX_DEPTH: usize = 64;

fn value(schema: &Schema, ty: TypeId, json: &Json, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    if MAX_DEPTH < depth {
        return None;
    }
    match (&schema.get(ty).kind, json) {
        (Kind::Null, Json::Null) => {}
        (Kind::Boolean, Json::Bool(flag)) => out.push(u8::from(*flag)),
        (Kind::Int, Json::Number(number)) => long(i64::from(i32::try_from(number.as_i64()?).ok()?), out),
        (Kind::Long, Json::Number(number)) => long(number.as_i64()?, out),
        (Kind::Float, Json::Number(number)) => {
            let float: f32 = number.to_string().parse().ok()?;
            out.extend_from_slice(&float.to_le_bytes());
        }
        (Kind::Double, Json::Number(number)) => out.extend_from_slice(&number.as_f64()?.to_le_bytes()),
        (Kind::String, Json::String(text)) => bytes(text.as_bytes(), out),
        (Kind::Bytes, Json::String(text)) => bytes(&latin1(text)?, out),
        (Kind::Fixed(fixed), Json::String(text)) => {
            let raw = latin1(text).filter(|raw| raw.len() == fixed.size)?;
            out.extend_from_slice(&raw);
        }
        (Kind::Enum(of), Json::String(text)) => {
            long(i64::try_from(of.symbols.iter().position(|symbol| **symbol == **text)?).ok()?, out);
        }
        (Kind::Array(items), Json::Array(list)) => {
            block(list.len(), out);
            for item in list {
                value(schema, *items, item, depth + 1, out)?;
            }
            end(out);
        }
        (Kind::Map(values), Json::Object(object)) => {
            block(object.len(), out);
            for (key, json) in object {
                bytes(key.as_bytes(), out);
                value(schema, *values, json, depth + 1, out)?;
            }
            end(out);
        }
        (Kind::Union(branches), json) => {
            let start = out.len();
            let mut fits = |(n, branch): (usize, &TypeId)| {
                out.truncate(start);
                long(i64::try_from(n).ok()?, out);
                value(schema, *branch, json, depth + 1, out)
            };
            branches.iter().enumerate().find_map(&mut fits)?;
        }
        (Kind::Record(record), Json::Object(object)) => {
            for field in &record.fields {
                let json = object.get(&*field.name).or(field.default.as_ref())?;
                value(schema, field.ty, json, depth + 1, out)?;
            }
        }
        _ => return None,
    }
    Some(())
}

pub(super) fn block(count: usize, out: &mut Vec<u8>) {
    if 0 < count {
        long(i64::try_from(count).unwrap_or(i64::MAX), out);
    }
}

pub(super) fn end(out: &mut Vec<u8>) {
    out.push(0);
}

pub(super) fn bytes(raw: &[u8], out: &mut Vec<u8>) {
    long(i64::try_from(raw.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(raw);
}

/// Avro writes bytes in JSON as characters from U+0000 to U+00FF.
pub(super) fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

pub(super) fn long(number: i64, out: &mut Vec<u8>) {
    let mut word = (number << 1 ^ number >> 63).cast_unsigned();
    loop {
        let low = u8::try_from(word & 0x7f).expect("seven bits fit into eight");
        word >>= 7;
        if word == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::schema::parse;

    #[test]
    fn defaults_are_encoded_as_avro_encodes_values() {
        let record = r#"{"type": "record", "name": "R", "fields": [
            {"name": "a", "type": "int"}, {"name": "b", "type": "string", "default": "x"}]}"#;
        for (schema, json, bytes) in [
            (r#""null""#, "null", Some(&[][..])),
            (r#""int""#, "-65", Some(&[0x81, 0x01])),
            (r#""int""#, "3000000000", None),
            (r#""float""#, "1.5", Some(&[0, 0, 0xc0, 0x3f])),
            (r#"["null", "string"]"#, "\"hi\"", Some(&[2, 4, b'h', b'i'])),
            (r#"["null", "string"]"#, "null", Some(&[0])),
            (r#"["null", "string"]"#, "7", None),
            (r#"{"type": "array", "items": "boolean"}"#, "[]", Some(&[0])),
            (r#"{"type": "array", "items": "boolean"}"#, "[true]", Some(&[2, 1, 0])),
            (r#"{"type": "fixed", "name": "F", "size": 2}"#, r#""ÿ\u0000""#, Some(&[255, 0])),
            (r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#, "\"B\"", Some(&[2])),
            (record, r#"{"a": 1}"#, Some(&[2, 2, b'x'])),
            (record, "{}", None),
        ] {
            let parsed = parse(schema, &[]).unwrap();
            let json = serde_json::from_str(json).unwrap();
            assert_eq!(encode(&parsed, parsed.root(), &json).as_deref(), bytes, "{schema} {json}");
        }
    }
}

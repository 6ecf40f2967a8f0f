//! Avro by a shipped schema, whatever its fields are: no text of it can be forgotten.

use pinrelay::run::clock;
use serde_json::Value;

/// A field with a text, by its path and by what the schema says of Pinterest.
pub(super) struct Place<'s> {
    pub(super) path: &'s str,
    pub(super) target: &'s str,
}

impl Place<'_> {
    /// What a row shows by its contract.
    pub(super) fn names_the_event(&self) -> bool {
        names_the_event(self.target)
    }
}

fn names_the_event(target: &str) -> bool {
    target.contains("\"event_id\"")
}

/// A conversion of now that is to be sent, with the texts that are given for its places.
pub(super) fn write(schema: &Value, text: &mut dyn FnMut(&Place<'_>) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, schema, &Place { path: "", target: "" }, text);
    out
}

fn kind(schema: &Value) -> &str {
    if schema.is_array() {
        return "union";
    }
    schema.as_str().or_else(|| schema["type"].as_str()).expect("a type has a name")
}

/// Type, path and target of each field.
fn fields<'s>(record: &'s Value, path: &str) -> impl Iterator<Item = (&'s Value, String, String)> {
    let (path, fields) = (path.to_owned(), record["fields"].as_array().expect("a record has fields"));
    fields.iter().map(move |field| {
        let path = format!("{path}.{}", field["name"].as_str().expect("a field has a name"));
        (&field["type"], path.trim_start_matches('.').to_owned(), field["pinterest"].to_string())
    })
}

fn write_value(out: &mut Vec<u8>, schema: &Value, place: &Place<'_>, text: &mut dyn FnMut(&Place<'_>) -> String) {
    match kind(schema) {
        // Only one field can give the id.
        "union" if names_the_event(place.target) => write_long(out, 0),
        "union" => {
            write_long(out, 1);
            write_value(out, &schema[1], place, text);
        }
        "record" => {
            for (schema, path, target) in fields(schema, place.path) {
                write_value(out, schema, &Place { path: &path, target: &target }, text);
            }
        }
        "array" => {
            write_long(out, 1);
            write_value(out, &schema["items"], place, text);
            write_long(out, 0);
        }
        "string" => write_bytes(out, text(place).as_bytes()),
        "bytes" => write_bytes(out, &[7, 0xcf]),
        "boolean" => out.push(u8::from(place.target == "\"consent\"")),
        "enum" => write_long(out, 0),
        "int" | "long" => write_long(out, if place.target.contains("event_time") { now(schema, place) } else { 1 }),
        other => panic!("{}: nothing writes {other}", place.path),
    }
}

fn now(schema: &Value, place: &Place<'_>) -> i64 {
    let millis = clock::wall().0;
    match schema["logicalType"].as_str() {
        Some("timestamp-millis") => millis,
        Some("timestamp-micros") => millis * 1000,
        _ if place.target.contains("seconds") => millis / 1000,
        unit => panic!("{}: nothing writes a time in {unit:?}", place.path),
    }
}

fn write_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while 0x7f < rest {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_long(out, i64::try_from(bytes.len()).unwrap());
    out.extend(bytes);
}

/// Shows each text of a record, and its place.
pub(super) fn read(schema: &Value, mut bytes: &[u8], found: &mut dyn FnMut(&Place<'_>, &str)) {
    read_value(&mut bytes, schema, &Place { path: "", target: "" }, found);
    assert!(bytes.is_empty(), "{} bytes are left", bytes.len());
}

fn read_value(bytes: &mut &[u8], schema: &Value, place: &Place<'_>, found: &mut dyn FnMut(&Place<'_>, &str)) {
    match kind(schema) {
        "null" => {}
        "union" => {
            let branch = usize::try_from(read_long(bytes)).expect("a branch");
            read_value(bytes, &schema[branch], place, found);
        }
        "record" => {
            for (schema, path, target) in fields(schema, place.path) {
                read_value(bytes, schema, &Place { path: &path, target: &target }, found);
            }
        }
        "array" => loop {
            match read_long(bytes) {
                0 => return,
                count => (0..count).for_each(|_| read_value(bytes, &schema["items"], place, found)),
            }
        },
        "string" => found(place, std::str::from_utf8(read_bytes(bytes)).expect("a text")),
        "bytes" => _ = read_bytes(bytes),
        "boolean" => *bytes = &bytes[1..],
        "enum" | "int" | "long" => _ = read_long(bytes),
        other => panic!("{}: nothing reads {other}", place.path),
    }
}

fn read_long(bytes: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
        }
    }
}

fn read_bytes<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
    let length = usize::try_from(read_long(bytes)).expect("a length");
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

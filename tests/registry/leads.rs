//! The feed of these tests: leads of a shop, their schemas as they evolve, their bytes.

use serde_json::{Value, json};

/// What the feed reads: the annotated reader schema.
pub(crate) fn reader() -> Value {
    json!({
        "type": "record", "name": "shop.Lead",
        "pinterest": {"event_name": "lead", "action_source": "web"},
        "fields": [
            {"name": "id", "type": "string", "pinterest": "event_id"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "pinterest": "event_time"},
            {"name": "mail", "type": "string", "pinterest": "user_data.em"},
            {"name": "campaign", "aliases": ["source"], "type": ["null", "string"], "default": null,
             "pinterest": "custom_data.content_name"}
        ]
    })
}

/// A writer's schema; `more` are fields behind the three that every lead has.
pub(crate) fn writer(more: &[Value]) -> Value {
    let mut fields = vec![
        json!({"name": "id", "type": "string"}),
        json!({"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}),
        json!({"name": "mail", "type": "string"}),
    ];
    fields.extend(more.iter().cloned());
    json!({"type": "record", "name": "shop.Lead", "fields": fields})
}

/// The three fields that every lead has.
pub(crate) fn lead(id: &str) -> Vec<u8> {
    let mut bytes = text(id);
    bytes.extend(long(pinrelay::run::clock::wall().0));
    bytes.extend(text(&format!("{id}@example.com")));
    bytes
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [long(i64::try_from(text.len()).unwrap()), text.as_bytes().to_vec()].concat()
}

/// Avro's long: zigzag, seven bits a byte.
pub(crate) fn long(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    loop {
        let [byte, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(byte & 0x7f);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// In Confluent's wire format.
pub(crate) fn framed(id: i32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

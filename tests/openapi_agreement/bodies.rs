//! Good events, made from Pinterest's schema or from our table, and ways to break them.

use pinrelay::domain::body::{Kind, Object, Presence, TextRule, field};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};

use crate::schema::OpenApi;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Who refuses a broken event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RefusedBy {
    Both,
    /// Ours is stricter on purpose: `domain::body` has the table of these.
    OursOnly,
}

/// An instance of a schema, with the text that Pinterest's documentation asks for in the field `name`.
pub(crate) fn from_schema(api: &OpenApi, schema: &Value, name: &str, rng: &mut StdRng) -> Value {
    if schema.get("nullable").is_some() && rng.random_bool(0.1) {
        return Value::Null;
    }
    let schema = api.resolve(schema);
    let (properties, required) = match schema.get("anyOf").and_then(Value::as_array) {
        Some(ways) => {
            let way = ways.choose(rng).expect("a way");
            (&api.resolve(way)["properties"], &way["required"])
        }
        None => (&schema["properties"], &schema["required"]),
    };
    let limit = |keyword: &str, default: i64| schema.get(keyword).and_then(Value::as_i64).unwrap_or(default);
    match schema["type"].as_str().expect("a type") {
        "object" => {
            let is_required = |key: &String| required.as_array().is_some_and(|keys| keys.contains(&json!(key)));
            let mut map = Map::new();
            for (key, inner) in properties.as_object().expect("properties") {
                if is_required(key) || rng.random_bool(0.5) {
                    map.insert(key.clone(), from_schema(api, inner, key, rng));
                }
            }
            Value::Object(map)
        }
        "array" => {
            let n = rng.random_range(1..=3);
            (0..n).map(|_| from_schema(api, &schema["items"], name, rng)).collect()
        }
        "string" => match schema.get("enum").and_then(Value::as_array) {
            Some(words) => words.choose(rng).expect("a word").clone(),
            None => Value::String(text(name, usize::try_from(limit("maxLength", 40)).expect("small"), rng)),
        },
        "integer" => {
            let lowest = if name == "event_time" { 0 } else { i64::MIN };
            json!(number(limit("minimum", lowest), limit("maximum", i64::MAX), rng))
        }
        "boolean" => json!(rng.random_bool(0.5)),
        other => panic!("no instances of {other}"),
    }
}

/// An instance of an object of our table.
pub(crate) fn from_table(object: &Object, rng: &mut StdRng) -> Value {
    let mut map = Map::new();
    for field in object.fields {
        let value = match field.presence {
            Presence::Optional | Presence::Nullable if rng.random_bool(0.5) => continue,
            Presence::Nullable if rng.random_bool(0.1) => Value::Null,
            Presence::Required | Presence::Optional | Presence::Nullable => from_kind(field.kind, field.name, rng),
        };
        map.insert(field.name.into(), value);
    }
    if object.field("em").is_some() {
        map.insert(["em", "hashed_maids"].choose(rng).expect("two").to_string(), json!([HASH]));
    }
    Value::Object(map)
}

fn from_kind(kind: Kind, name: &str, rng: &mut StdRng) -> Value {
    match kind {
        Kind::Text(TextRule::OneOf(words)) => json!(words.choose(rng)),
        Kind::Text(TextRule::AtMost(chars)) => json!(text(name, chars, rng)),
        Kind::Text(_) => json!(text(name, 40, rng)),
        Kind::Texts { each, min, max } => {
            (0..rng.random_range(min..=max.min(3))).map(|_| from_kind(Kind::Text(each), name, rng)).collect()
        }
        Kind::Whole { min, max } => json!(number(min, max, rng)),
        Kind::Flag => json!(rng.random_bool(0.5)),
        Kind::Object(object) => from_table(object, rng),
        Kind::Objects { each, min, max } => {
            (0..rng.random_range(min..=max.min(3))).map(|_| from_table(each, rng)).collect()
        }
    }
}

fn text(name: &str, max: usize, rng: &mut StdRng) -> String {
    let fixed = match name {
        "em" | "ph" | "ge" | "db" | "fn" | "ln" | "ct" | "st" | "zp" | "country" | "external_id" | "hashed_maids" => {
            HASH
        }
        "action_source" => ["app_android", "app_ios", "web", "offline"].choose(rng).expect("a word"),
        "client_ip_address" => ["192.0.2.7", "2001:db8::7"].choose(rng).expect("an address"),
        "value" | "item_price" | "predicted_ltv" => {
            ["0", "12.50", "-1", "100000000000000000000"].choose(rng).expect("a")
        }
        "currency" => "EUR",
        "language" => "de",
        _ => {
            let length = if rng.random_bool(0.2) { max } else { rng.random_range(1..=max.min(12)) };
            return (0..length).map(|_| *['a', 'Z', '7', ' ', '"', 'ß', '漢', '😀'].choose(rng).expect("a")).collect();
        }
    };
    fixed.into()
}

fn number(min: i64, max: i64, rng: &mut StdRng) -> i64 {
    match rng.random_range(0..4) {
        0 => min,
        1 => max,
        _ => rng.random_range(min..=max),
    }
}

/// One way to break an event.
pub(crate) struct Break {
    pub(crate) name: &'static str,
    pub(crate) refused_by: RefusedBy,
    pub(crate) apply: fn(&mut Value, &mut StdRng),
}

const fn both(name: &'static str, apply: fn(&mut Value, &mut StdRng)) -> Break {
    Break { name, refused_by: RefusedBy::Both, apply }
}

const fn ours(name: &'static str, apply: fn(&mut Value, &mut StdRng)) -> Break {
    Break { name, refused_by: RefusedBy::OursOnly, apply }
}

pub(crate) const BREAKS: &[Break] = &[
    both("a required key is missing", |event, rng| {
        let keys = ["event_name", "action_source", "event_time", "event_id", "user_data"];
        event.as_object_mut().expect("an object").remove(*keys.choose(rng).expect("a key"));
    }),
    both("an unknown key", |event, rng| match rng.random_range(0..5) {
        0 => event["advertiser_tracking_enabled"] = json!(true),
        1 => event["custom_data"]["category_name"] = json!("x"),
        2 => event["custom_data"]["contents"] = json!([{"id": "1"}, {"price": "2"}]),
        3 => event["app_info"] = json!({"name": "x"}),
        _ => event["device_info"] = json!({"wifi": true}),
    }),
    both("another JSON type", |event, rng| {
        let mut nodes = Vec::new();
        pointers(event, "", &mut nodes);
        let node = event.pointer_mut(nodes.choose(rng).expect("a node")).expect("it exists");
        *node = match node {
            Value::String(_) => json!(rng.next_u32()),
            Value::Number(_) | Value::Null => json!(["text"]),
            Value::Bool(_) => json!("true"),
            Value::Array(_) => json!({"0": "x"}),
            Value::Object(_) => json!([]),
        };
    }),
    both("null where null is not allowed", |event, rng| {
        let keys = ["event_name", "event_time", "user_data", "custom_data", "opt_out", "app_info", "device_info"];
        event[*keys.choose(rng).expect("a key")] = Value::Null;
    }),
    both("a number or text out of bounds", |event, rng| {
        let group = *["app_info", "device_info"].choose(rng).expect("a group");
        let Some(Kind::Object(object)) = field(group).map(|field| field.kind) else { panic!("{group} is an object") };
        let field = object.fields.choose(rng).expect("a field");
        let value = match field.kind {
            Kind::Whole { min, max } if max == i64::MAX || rng.random_bool(0.5) => json!(min - 1),
            Kind::Whole { max, .. } => json!(max + 1),
            Kind::Text(TextRule::AtMost(chars)) => json!("ß".repeat(chars + 1)),
            Kind::Text(_) => json!("no_such_word"),
            Kind::Texts { max, .. } => json!(vec!["de"; max + 1]),
            Kind::Flag | Kind::Object(_) | Kind::Objects { .. } => panic!("no such field in {group}"),
        };
        event[group] = json!({ field.name: value });
    }),
    both("too little to recognise a person", |event, rng| {
        event["user_data"] = match rng.random_range(0..4) {
            0 => json!({}),
            1 => json!({"ph": [HASH], "external_id": [HASH], "click_id": "x"}),
            2 => json!({"client_ip_address": "192.0.2.7"}),
            _ => json!({"client_user_agent": "x", "st": [HASH]}),
        };
    }),
    ours("a hashed field that is no lower-case SHA-256", |event, rng| {
        let wrong = [HASH.to_uppercase(), HASH[1..].into(), "ana@example.com".into(), String::new()];
        event["user_data"]["em"] = json!([HASH, wrong.choose(rng)]);
    }),
    ours("an empty list of hashes", |event, _| event["user_data"]["em"] = json!([])),
    ours("an unknown key of user_data", |event, _| event["user_data"]["opt_out_type"] = json!("LDP")),
    ours("an undocumented customer_type", |event, _| event["user_data"]["customer_type"] = json!("old")),
    ours("an invalid IP address", |event, rng| {
        event["user_data"]["client_ip_address"] = json!(["0.0.0.0", "::", "localhost", ""].choose(rng));
    }),
    ours("an undocumented action_source", |event, rng| {
        event["action_source"] = json!(["Web", "store", ""].choose(rng));
    }),
    ours("an empty event_name or event_id", |event, rng| {
        event[*["event_name", "event_id"].choose(rng).expect("a key")] = json!("");
    }),
    ours("a negative event_time", |event, _| event["event_time"] = json!(-1)),
    ours("an amount that is no plain decimal number", |event, rng| {
        let wrong = ["", "1e3", "1,50", "12.50 EUR", ".5", "NaN"].choose(rng);
        match rng.random_range(0..3) {
            0 => event["custom_data"] = json!({"value": wrong}),
            1 => event["custom_data"] = json!({"predicted_ltv": wrong}),
            _ => event["custom_data"] = json!({"contents": [{"item_price": wrong}]}),
        }
    }),
    ours("a currency or language that is no code", |event, rng| match rng.random_range(0..2) {
        0 => event["custom_data"] = json!({"currency": (["eur", "EURO", ""].choose(rng))}),
        _ => event["language"] = json!(["EN", "en-US", ""].choose(rng)),
    }),
    ours("a whole number written as a fraction, or beyond 64 bits", |event, rng| match rng.random_range(0..3) {
        0 => event["event_time"] = json!(1_790_000_000.0),
        1 => event["custom_data"] = json!({"num_items": u64::MAX}),
        _ => event["custom_data"] = json!({"contents": [{"quantity": 2.0}]}),
    }),
];

/// JSON pointers of everything below the root.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    if !at.is_empty() {
        out.push(at.to_owned());
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| pointers(inner, &format!("{at}/{key}"), out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, inner)| pointers(inner, &format!("{at}/{n}"), out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

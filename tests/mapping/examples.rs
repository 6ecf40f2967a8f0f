//! The examples of `docs/mapping.md` do what they say.
//!
//! An example is a block of JSON behind `<!-- example -->`: `fields` of a schema, the `record`, and the part of the
//! `event` that comes of them; or `settled`, the code of the reason why there is none. Whatever an event needs beside
//! these fields is a constant, and so is what the example itself sets as `constants`. `sha256(…)` stands for a hash.

use pinrelay::domain::{AdAccountId, Hashed, LaneId, Mapped, UnixMillis};
use pinrelay::mapping::{Decoder, EventRules, LaneRule, Mapper, Overrides, Plan};
use serde_json::{Map, Value, json};

use crate::read;

/// 2026-11-24T06:01:00Z.
const NOW: UnixMillis = UnixMillis(1_795_500_060_000);

fn examples(text: &str) -> Vec<Value> {
    let blocks = text.split("<!-- example -->\n```json\n").skip(1);
    blocks
        .map(|block| {
            let (json, _) = block.split_once("\n```").expect("an example ends");
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
        })
        .collect()
}

fn lane(number: u16, name: &str, ad_account: &str) -> LaneRule {
    LaneRule {
        id: LaneId(number),
        name: name.into(),
        ad_account: AdAccountId::try_new(ad_account).unwrap(),
        mode: pinrelay::domain::LaneMode::Live,
        partner_name: None,
    }
}

/// What an event needs, but for what the fields feed.
fn constants(example: &Value) -> Map<String, Value> {
    let fields = example["fields"].to_string();
    let mut constants = json!({
        "event_name": "checkout", "action_source": "web", "event_time": "2026-11-24T06:00:00Z",
        "user_data.em": "ana@example.com",
    });
    let constants = constants.as_object_mut().unwrap();
    constants.retain(|target, _| !fields.contains(&format!("\"{target}\"")));
    constants.extend(example["constants"].as_object().cloned().unwrap_or_default());
    constants.clone()
}

/// The fields of the example, with one that names the event where none does.
fn fields(example: &Value) -> Vec<Value> {
    let mut fields = example["fields"].as_array().cloned().unwrap_or_default();
    if !example["fields"].to_string().contains("\"event_id\"") {
        fields.push(json!({"name": "example_id", "type": "string", "default": "1", "pinterest": "event_id"}));
    }
    fields
}

fn mapped(example: &Value) -> Mapped {
    let schema = json!({
        "type": "record", "name": "Example", "pinterest": constants(example), "fields": fields(example),
    })
    .to_string();
    let plan = Plan::compile("example", &schema, &[], &Overrides::new())
        .unwrap_or_else(|faults| panic!("{example:#}: {faults:#?}"));
    let decoder = Decoder::compile(&schema, &[], &plan).unwrap();
    let main = lane(0, "main", "549755885175");
    let mut rules = EventRules::new(main);
    rules.lanes.push(lane(1, "at", "549755885176"));
    rules.phone_region = plan.phone_region();
    let payload = plan.encode(&example["record"]).unwrap_or_else(|misfit| panic!("{example:#}: {misfit}"));
    Mapper::new(rules).map(&decoder, &payload, NOW)
}

/// Whether `whole` has everything that `part` has.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        (Value::String(whole), Value::String(part)) => {
            match part.strip_prefix("sha256(").and_then(|rest| rest.strip_suffix(')')) {
                Some(normal) => *whole == Hashed::of(normal).to_hex(),
                None => whole == part,
            }
        }
        (whole, part) => whole == part,
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let examples = examples(&read("docs/mapping.md"));
    assert!(14 < examples.len(), "{} examples were found", examples.len());
    for example in examples {
        match mapped(&example) {
            Mapped::Event(event) => {
                let body: Value = serde_json::from_slice(&event.body).unwrap();
                assert!(example["event"].is_object(), "an event came of {example:#}");
                assert!(contains(&body, &example["event"]), "{example:#} gave {body:#}");
                if let Some(lane) = example["lane"].as_str() {
                    assert_eq!(["main", "at"][usize::from(event.lane.0)], lane, "{example:#}");
                }
            }
            Mapped::Settled { outcome, .. } => {
                assert_eq!(
                    example["settled"].as_str(),
                    Some(outcome.reason.code()),
                    "{example:#} ended in {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn every_key_of_an_annotation_has_an_example() {
    let examples: Vec<String> =
        examples(&read("docs/mapping.md")).iter().map(|example| example["fields"].to_string()).collect();
    for (key, ..) in pinrelay::mapping::ANNOTATION_KEYS {
        let written = format!("\"{key}\":");
        assert!(examples.iter().any(|fields| fields.contains(&written)), "no example has {key}");
    }
}

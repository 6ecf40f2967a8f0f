use proptest::prelude::*;
use serde_json::{Value, json};

use super::oracle::faults_of;
use super::*;
use crate::domain::body::{EVENT_NAMES, field};
use crate::domain::{ActionSource, Identity};

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn event() -> Value {
    json!({
        "event_name": "checkout", "action_source": "web", "event_time": 1_790_000_000, "event_id": "order-1",
        "user_data": {"em": [HASH]},
    })
}

/// The event with `value` at `path`.
fn with(path: &str, value: Value) -> Value {
    let mut event = event();
    let mut at = &mut event;
    for name in path.split('.') {
        at = &mut at[name];
    }
    *at = value;
    event
}

fn faults(event: &Value) -> Vec<String> {
    faults_in(&event.to_string())
}

fn faults_in(json: &str) -> Vec<String> {
    check_event(json.as_bytes()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_smallest_and_the_fullest_event_pass() {
    assert_eq!(faults(&event()), [""; 0]);
    assert_eq!(faults(&full()), [""; 0]);
}

/// An event with something in every object.
fn full() -> Value {
    json!({
        "event_name": "any_name", "action_source": "offline", "event_time": 0, "event_id": "x", "opt_out": false,
        "event_source_url": null, "partner_name": "ss-x", "language": "en", "wifi": true, "os_version": null,
        "user_data": {"em": [HASH, HASH], "click_id": null, "client_ip_address": "2001:db8::1",
            "client_user_agent": "", "customer_type": "new"},
        "custom_data": {"currency": "EUR", "value": "-0.50", "num_items": -3, "content_ids": [], "order_id": null,
            "contents": [{}, {"id": "a", "item_price": "1", "quantity": 9_223_372_036_854_775_807_i64}],
            "external_measurement_vendor_id": null},
        "app_info": {"app_id": "ü".repeat(200), "install_time": 0},
        "device_info": {"os_family": "bsd", "languages": ["de"], "cpu_cores": 1152, "timezone_abbr": "CEST"},
    })
}

#[test]
fn each_kind_of_fault_is_told_with_its_path_and_without_its_value() {
    let long = "x".repeat(201);
    for (event, fault) in [
        (json!([]), "(whole): expected an object, found a list of 0"),
        (with("event_time", json!(1.0)), "event_time: expected a whole number from 0, found a number"),
        (with("event_time", json!("1")), "event_time: expected a whole number from 0, found text of 1 characters"),
        (with("event_time", json!(u64::MAX)), "event_time: expected a whole number from 0, found a number"),
        (with("event_id", json!("")), "event_id: expected text that is not empty, found text of 0 characters"),
        (with("event_name", Value::Null), "event_name: expected text that is not empty, found null"),
        (
            with("action_source", json!("Web")),
            "action_source: expected one of app_android, app_ios, web, offline, found text of 3 characters",
        ),
        (with("category", json!(1)), "(whole): expected no other keys, found the unknown key 'category'"),
        (with("a@b.example", json!(1)), "(whole): expected no other keys, found the unknown key '***'"),
        (
            with("custom_data", json!({"category_name": "x"})),
            "custom_data: expected no other keys, found the unknown key 'category_name'",
        ),
        (
            with("user_data.opt_out_type", json!("LDP")),
            "user_data: expected no other keys, found the unknown key 'opt_out_type'",
        ),
        (
            with("user_data.em", json!("ana@example.com")),
            "user_data.em: expected a list of at least 1 texts, each 64 lower-case hex digits, found text of 15 characters",
        ),
        (
            with("user_data.em", json!([HASH, "ana@example.com"])),
            "user_data.em[1]: expected 64 lower-case hex digits, found text of 15 characters",
        ),
        (
            with("user_data.em", json!([HASH.to_uppercase()])),
            "user_data.em[0]: expected 64 lower-case hex digits, found text of 64 characters",
        ),
        (
            with("user_data.em", json!([])),
            "user_data.em: expected a list of at least 1 texts, each 64 lower-case hex digits, found a list of 0",
        ),
        (
            with("user_data", json!({"ph": [HASH], "client_ip_address": "1.2.3.4"})),
            "user_data: expected em, hashed_maids, or client_ip_address with client_user_agent, found none of them",
        ),
        (
            with("user_data.client_ip_address", json!("0.0.0.0")),
            "user_data.client_ip_address: expected an IPv4 or IPv6 address, found text of 7 characters",
        ),
        (
            with("custom_data", json!({"value": 12.5})),
            "custom_data.value: expected text with a plain decimal number, found a number",
        ),
        (
            with("custom_data", json!({"contents": [{}, {"quantity": "2"}]})),
            "custom_data.contents[1].quantity: expected a whole number, found text of 1 characters",
        ),
        (
            with("app_info", json!({"app_id": long})),
            "app_info.app_id: expected text of at most 200 characters, found text of 201 characters",
        ),
        (
            with("device_info", json!({"battery_level": 101})),
            "device_info.battery_level: expected a whole number from 0 to 100, found a whole number",
        ),
        (with("opt_out", Value::Null), "opt_out: expected true or false, found null"),
        (with("language", json!("en-US")), "language: expected two lower-case letters, found text of 5 characters"),
    ] {
        assert_eq!(faults(&event), [fault]);
    }
}

#[test]
fn what_only_the_bytes_show_is_seen() {
    let least = event().to_string();
    let with = |more: &str| least.replace(r#""event_id""#, &format!(r#"{more}"event_id""#));
    for (json, fault) in [
        (with(r#""event_time":7,"#), "event_time: expected the key once, found it again"),
        (with(r#""event\u005ftime":7,"#), "event_time: expected the key once, found it again"),
        (with(r#""x":[1,{"event_id":[]}],"#), "(whole): expected no other keys, found the unknown key 'x'"),
        (with(r#""event_time":"#), "(whole): expected a JSON document, found other bytes at line 1, column 47"),
        (format!("{least}{least}"), "(whole): expected a JSON document, found other bytes at line 1, column 181"),
        (least.replace("1790000000", "1.79e9"), "event_time: expected a whole number from 0, found a number"),
        (
            least.replace("1790000000", "9223372036854775808"),
            "event_time: expected a whole number from 0, found a number",
        ),
    ] {
        assert_eq!(faults_in(&json), [fault], "{json}");
    }
    let spaced = serde_json::to_string_pretty(&full()).unwrap().replace("event_id", r"\u0065vent_id");
    assert_eq!(faults_in(&spaced), [""; 0]);
}

#[test]
fn what_is_wrong_with_a_list_or_an_object_as_a_whole_is_told_behind_what_is_in_it() {
    let mut languages = vec![Value::from("de"); 101];
    languages[100] = Value::from(1);
    for (event, expected) in [
        (
            with("device_info", json!({ "languages": languages })),
            [
                "device_info.languages[100]: expected text, found a whole number",
                "device_info.languages: expected a list of 0 to 100 texts, each text, found a list of 101",
            ],
        ),
        (
            with("user_data", json!({"em": null, "ph": [HASH]})),
            [
                "user_data.em: expected a list of at least 1 texts, each 64 lower-case hex digits, found null",
                "user_data: expected em, hashed_maids, or client_ip_address with client_user_agent, found none of them",
            ],
        ),
    ] {
        assert_eq!(faults(&event), expected);
    }
}

#[test]
fn every_required_key_is_missed() {
    assert_eq!(
        faults(&json!({})),
        [
            "event_name: expected text that is not empty, found nothing",
            "action_source: expected one of app_android, app_ios, web, offline, found nothing",
            "event_time: expected a whole number from 0, found nothing",
            "event_id: expected text that is not empty, found nothing",
            "user_data: expected an object, found nothing",
        ]
    );
}

#[test]
fn a_request_holds_one_to_a_thousand_events_and_nothing_else() {
    let request = |n: usize| json!({"data": vec![event(); n]}).to_string();
    for (body, verdict) in [
        (request(1), "1 events"),
        (request(1000), "1000 events"),
        (request(0), "data: expected a list of 1 to 1000 objects, found a list of 0"),
        (request(1001), "data: expected a list of 1 to 1000 objects, found a list of 1001"),
        ("{}".into(), "data: expected a list of 1 to 1000 objects, found nothing"),
        (r#"{"data":[{}"#.into(), "(whole): expected a JSON document, found other bytes at line 1, column 11"),
        (String::new(), "(whole): expected a JSON document, found other bytes at line 1, column 0"),
        ("{\n \"data\": [tru]}".into(), "(whole): expected a JSON document, found other bytes at line 2, column 11"),
        (r#"{"data":[{"x":1}],}"#.into(), "(whole): expected a JSON document, found other bytes at line 1, column 19"),
        (json!({"data": [event()], "x": 1}).to_string(), "(whole): expected no other keys, found the unknown key 'x'"),
        (
            json!({"data": [event(), with("event_id", json!(7))]}).to_string(),
            "data[1].event_id: expected text that is not empty, found a whole number",
        ),
    ] {
        let shown = match check_request(body.as_bytes()) {
            Ok(request) => format!("{} events", request.events().len()),
            Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        };
        assert_eq!(shown, verdict);
    }
}

#[test]
fn the_number_of_faults_is_bounded() {
    let body = json!({"data": vec![json!({}); 1000]}).to_string();
    assert_eq!(check_request(body.as_bytes()).map(|_| ()).map_err(|faults| faults.len()), Err(MAX_FAULTS));
}

#[test]
fn a_decimal_is_plain() {
    for (text, plain) in [
        ("0", true),
        ("12.50", true),
        ("-3", true),
        ("", false),
        ("-", false),
        (".5", false),
        ("5.", false),
        ("1e3", false),
        ("1,5", false),
        ("NaN", false),
        ("+1", false),
        ("1.2.3", false),
        (" 1", false),
    ] {
        assert_eq!(TextRule::Decimal.admits(text), plain, "{text:?}");
    }
}

#[test]
fn the_table_agrees_with_the_words_of_the_domain() {
    for parameter in Identity::ALL {
        let named = field(&format!("user_data.{}", parameter.as_str()));
        assert_eq!(named.and_then(|field| field.identity), Some(parameter));
    }
    let sources = field("action_source").map(|field| field.kind);
    for source in ActionSource::ALL {
        assert!(matches!(sources, Some(Kind::Text(rule)) if rule.admits(source.as_str())), "{source:?}");
    }
    assert!(field("custom_data.contents.item_price").is_some());
    assert!(field("custom_data.contents.price").is_none());
    assert!(field("event_id.x").is_none());
    assert!(EVENT_NAMES.is_sorted());
}

#[test]
fn the_keys_of_the_table_are_few_enough_to_be_remembered_and_plain_enough_to_need_no_escapes() {
    fn most(object: &Object) -> usize {
        let below = object.fields.iter().map(|field| {
            assert!(field.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", field.name);
            match field.kind {
                Kind::Object(inner) | Kind::Objects { each: inner, .. } => most(inner),
                Kind::Text(_) | Kind::Texts { .. } | Kind::Whole { .. } | Kind::Flag => 0,
            }
        });
        below.max().unwrap_or(0).max(object.fields.len())
    }
    let remembered = usize::try_from(u32::BITS).unwrap();
    assert!((24..=remembered).contains(&most(&REQUEST)), "{}", most(&REQUEST));
}

/// What may be put in the place of anything.
fn any_part() -> impl Strategy<Value = Value> {
    let texts =
        ["", "x", "web", "EUR", "de", "12.50", "1e3", "192.0.2.7", "0.0.0.0", "ana@example.com", "\u{e9}\"\\\n", HASH];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(&[-1_i64, 0, 1, 100, 101, 1152, i64::MAX, i64::MIN][..]).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(u64::MAX)),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        Just(json!("x".repeat(201))),
        prop::sample::select(vec![
            json!([]),
            json!([HASH]),
            json!(["x", 1]),
            json!([[]]),
            json!([{}]),
            json!({}),
            json!({"id": "a"})
        ]),
    ]
}

/// The full event with parts of it put elsewhere, taken away, replaced, or with keys that it may not have.
fn damaged(damage: Vec<(prop::sample::Index, usize, Value)>) -> Value {
    let mut event = full();
    for (at, way, part) in damage {
        let mut places = Vec::new();
        places_of(&event, "", &mut places);
        let place = at.get(&places).clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        match (way, event.pointer_mut(parent)) {
            (0, Some(Value::Object(map))) => drop(map.remove(name)),
            (1, Some(Value::Object(map))) => drop(map.insert("other".into(), part)),
            (2, Some(Value::Array(list))) => list.push(part),
            _ => *event.pointer_mut(&place).unwrap() = part,
        }
    }
    event
}

fn places_of(value: &Value, at: &str, places: &mut Vec<String>) {
    if !at.is_empty() {
        places.push(at.to_owned());
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| places_of(inner, &format!("{at}/{key}"), places)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, inner)| places_of(inner, &format!("{at}/{n}"), places));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn what_is_found_while_the_bytes_are_read_is_what_a_tree_of_them_shows(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, any_part()), 0..5),
        pretty: bool,
    ) {
        let event = damaged(damage);
        let json = if pretty { serde_json::to_string_pretty(&event).unwrap() } else { event.to_string() };
        let (mut found, mut expected) = (faults_in(&json), faults_of(&event));
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_damaged_byte_is_seen_where_it_changes_what_the_event_says(
        at in any::<prop::sample::Index>(), byte in prop::sample::select(&b"{}[]\",:\\ 09aZ\x00\xff"[..]),
    ) {
        let mut json = full().to_string().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        let found = check_event(&json);
        match serde_json::from_slice::<Value>(&json) {
            Err(_) => prop_assert!(found.is_err()),
            Ok(_) if found.as_ref().is_err_and(|faults| faults.iter().any(|fault| fault.found == Found::Again)) => {}
            Ok(event) => {
                let mut found: Vec<_> = found.err().unwrap_or_default().iter().map(ToString::to_string).collect();
                let mut expected = faults_of(&event);
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(check_request(&bytes).is_err());
    }
}

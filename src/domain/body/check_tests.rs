use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::ActionSource;
use crate::domain::body::{EVENT_NAMES, field};

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
    check_event(event).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_smallest_and_the_fullest_event_pass() {
    assert_eq!(faults(&event()), [""; 0]);
    let full = json!({
        "event_name": "any_name", "action_source": "offline", "event_time": 0, "event_id": "x", "opt_out": false,
        "event_source_url": null, "partner_name": "ss-x", "language": "en", "wifi": true, "os_version": null,
        "user_data": {"em": [HASH, HASH], "click_id": null, "client_ip_address": "2001:db8::1",
            "client_user_agent": "", "customer_type": "new"},
        "custom_data": {"currency": "EUR", "value": "-0.50", "num_items": -3, "content_ids": [], "order_id": null,
            "contents": [{}, {"id": "a", "item_price": "1", "quantity": 9_223_372_036_854_775_807_i64}],
            "external_measurement_vendor_id": null},
        "app_info": {"app_id": "ü".repeat(200), "install_time": 0},
        "device_info": {"os_family": "bsd", "languages": ["de"], "cpu_cores": 1152, "timezone_abbr": "CEST"},
    });
    assert_eq!(faults(&full), [""; 0]);
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
        assert!(field(&format!("user_data.{}", parameter.as_str())).is_some(), "{parameter:?}");
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

proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(check_request(&bytes).is_err());
    }
}

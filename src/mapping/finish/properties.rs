//! Laws of `finish`, over random drafts.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::super::rules::texts::lower_nfc;
use super::super::target::ContentField;
use super::tests::{NOW, body, least, rules, text, with};
use super::*;
use crate::domain::Identity;

fn any_value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        "\\PC{0,20}|[ -~]{0,20}".prop_map(|text| Value::Text(text.into())),
        prop::sample::select(vec![
            "web",
            "app_ios",
            "offline",
            "checkout",
            "ana@example.com",
            "+491701234567",
            "DE",
            "CA",
            "EUR",
            "10115",
            "2026-03-01T11:00:00Z",
            "wifi",
            "ios",
            "de-CH",
            "216.3.128.12",
            "https://shop.example/",
            "true",
            "LDP",
            "7.50",
            "cdda802e-fb9c-47ad-9866-0794d394c912",
            "1990-03-14",
            "female",
        ])
        .prop_map(text),
        any::<i64>().prop_map(Value::Integer),
        (0_i64..200).prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        any::<bool>().prop_map(Value::Boolean),
        (any::<i64>(), 0_u32..28).prop_map(|(number, scale)| Value::Decimal(Decimal::new(number, scale))),
        any::<i64>().prop_map(|millis| Value::Instant(UnixMillis(millis))),
        (0..700_000_000_i64).prop_map(|millis| Value::Instant(UnixMillis(NOW.0 - millis))),
        (any::<i32>(), any::<u8>(), any::<u8>()).prop_map(|(year, month, day)| Value::Date { year, month, day }),
        "[0-9a-fA-F]{63,64}".prop_map(|hex| Value::Hash(hex.into())),
    ]
}

/// A draft of anything, over one that would pass; values of the kinds that their targets take or not.
fn any_draft() -> impl Strategy<Value = Draft<'static>> {
    let puts = prop::collection::vec((prop::sample::select(Target::ALL), any_value()), 0..40);
    let contents = prop::collection::vec(
        prop::collection::vec((prop::sample::select(ContentField::ALL), any_value()), 0..6),
        0..4,
    );
    (puts, contents, any::<bool>()).prop_map(|(puts, contents, passes)| {
        let mut draft = if passes { least() } else { Draft::new() };
        for (target, value) in puts {
            draft.put(target, value);
        }
        for content in contents {
            draft.begin_content();
            for (field, value) in content {
                draft.put_content(field, value);
            }
        }
        draft
    })
}

/// A value and a target that can be left out and does not take its kind.
fn anything_that_is_not_taken() -> impl Strategy<Value = (Target, Value<'static>)> {
    let settles = |target: Target| {
        target.is_required() || target.is_decision() || matches!(target, Target::OptOut | Target::CustomOptOutType)
    };
    any_value().prop_flat_map(move |value| {
        let others = Target::ALL.iter().copied().filter(|target| !target.takes(value.kind()) && !settles(*target));
        (prop::sample::select(others.collect::<Vec<_>>()), Just(value))
    })
}

/// What Pinterest's schema says of a value, by the paths of its OpenAPI description 5.23.0.
fn check_value(path: &str, value: &serde_json::Value) {
    const INTEGERS: &[&str] = &[
        "event_time",
        "quantity",
        "num_items",
        "vendor_id",
        "install_time",
        "window_height",
        "window_width",
        "battery_level",
        "cpu_cores",
        "_space",
        "storage_size",
        "screen_density",
        "screen_height",
        "screen_width",
    ];
    let is_list_of_texts = |value: &serde_json::Value| {
        value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(serde_json::Value::is_string))
    };
    let hashed = matches!(
        path,
        "user_data.em"
            | "user_data.ph"
            | "user_data.ge"
            | "user_data.db"
            | "user_data.ln"
            | "user_data.fn"
            | "user_data.ct"
            | "user_data.st"
            | "user_data.zp"
            | "user_data.country"
            | "user_data.external_id"
            | "user_data.hashed_maids"
    );
    let fits = if hashed {
        let is_hash = |text: &serde_json::Value| {
            text.as_str()
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        };
        is_list_of_texts(value) && value.as_array().is_some_and(|list| list.iter().all(is_hash))
    } else if matches!(path, "custom_data.content_ids" | "device_info.languages") {
        is_list_of_texts(value)
    } else if matches!(path, "opt_out" | "wifi") {
        value.is_boolean()
    } else if INTEGERS.iter().any(|end| path.ends_with(end)) {
        value.is_i64()
    } else {
        value.as_str().is_some_and(|text| !text.is_empty())
    };
    assert!(fits, "{path}: {value}");
}

fn check_object(path: &str, value: &serde_json::Value) {
    for (key, value) in value.as_object().expect("an object") {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match path.as_str() {
            "user_data" | "custom_data" | "app_info" | "device_info" => check_object(&path, value),
            "custom_data.contents" => {
                for element in value.as_array().expect("a list") {
                    assert!(element.as_object().is_some_and(|fields| !fields.is_empty()));
                    for (key, value) in element.as_object().expect("an object") {
                        assert!(ContentField::from_path(key).is_some(), "contents.{key}");
                        check_value(key, value);
                    }
                }
            }
            path => {
                let target = Target::from_path(path).unwrap_or_else(|| panic!("{path} is no target"));
                assert!(!target.is_decision(), "{path}");
                check_value(path, value);
            }
        }
    }
}

proptest! {
    #[test]
    fn every_body_is_one_that_pinterests_schema_takes(draft in any_draft()) {
        match finish(&draft, &rules(), NOW).mapped {
            Mapped::Event(event) => {
                let body: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
                check_object("", &body);
                for target in Target::ALL.iter().filter(|target| target.is_required()) {
                    prop_assert!(body.get(target.path()).is_some(), "{}", target.path());
                }
                let user_data = body["user_data"].as_object().expect("an object");
                prop_assert!(event.facts.identity.iter().map(Identity::as_str).all(|name| user_data.contains_key(name)));
                prop_assert_eq!(event.facts.identity.iter().count(), user_data.len());
                prop_assert!(event.facts.identity.suffices());
                prop_assert_eq!(event.facts.value.as_deref(), body["custom_data"]["value"].as_str());
            }
            Mapped::Settled { outcome, .. } => prop_assert!(matches!(
                outcome.reason,
                Reason::NoConsent | Reason::Filtered | Reason::MissingRequired | Reason::InvalidValue | Reason::UnknownLane
                    | Reason::InFuture | Reason::TooOld | Reason::NoIdentity
            )),
        }
    }

    #[test]
    fn the_same_draft_gives_the_same_bytes(draft in any_draft()) {
        let (once, again) = (finish(&draft, &rules(), NOW), finish(&draft, &rules(), NOW));
        prop_assert!(once.mapped == again.mapped && once.dropped == again.dropped);
    }

    #[test]
    fn a_kind_that_the_table_does_not_take_never_reaches_the_body((target, value) in anything_that_is_not_taken()) {
        let bare = body(finish(&least(), &rules(), NOW));
        let mut draft = least();
        draft.put(target, value);
        prop_assert_eq!(body(finish(&draft, &rules(), NOW)), bare);
    }

    #[test]
    fn names_typed_in_either_unicode_form_hash_alike(name in "[A-Za-zÀ-ɏ가-힣]{1,12}") {
        use unicode_normalization::UnicodeNormalization;
        let (composed, decomposed): (String, String) = (name.nfc().collect(), name.nfd().collect());
        prop_assert_eq!(lower_nfc(&composed), lower_nfc(&decomposed));
        let bodies = [&composed, &decomposed].map(|name| {
            body(finish(&with(&[(Target::UserFn, Some(text(name))), (Target::UserCt, Some(text(name)))]), &rules(), NOW))
        });
        prop_assert_eq!(&bodies[0], &bodies[1]);
    }
}

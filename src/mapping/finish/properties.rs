//! Laws of `finish`, over random drafts.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::super::rules::texts::lower_nfc;
use super::super::target::ContentField;
use super::tests::{NOW, body, least, rules, text, with};
use super::*;
use crate::domain::Identity;
use crate::mapping::event_rules::{CustomerType, Derive, OddUserAgents, PrivateAddresses};

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
            "new",
            "Other",
            "10.0.0.1",
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
    any_value().prop_flat_map(|value| {
        let others = Target::ALL.iter().copied().filter(|target| !target.takes(value.kind()) && !target.is_decisive());
        (prop::sample::select(others.collect::<Vec<_>>()), Just(value))
    })
}

/// What a feed may choose about its events.
fn any_rules() -> impl Strategy<Value = EventRules> {
    any::<[bool; 4]>().prop_map(|[private, odd, typed, derived]| EventRules {
        private_addresses: if private { PrivateAddresses::Keep } else { PrivateAddresses::Drop },
        odd_user_agents: if odd { OddUserAgents::Keep } else { OddUserAgents::Drop },
        customer_type: if typed { CustomerType::Send } else { CustomerType::Drop },
        derive: if derived { Derive::Missing } else { Derive::Nothing },
        ..rules()
    })
}

proptest! {
    #[test]
    fn every_body_is_one_that_pinterests_schema_takes(draft in any_draft(), rules in any_rules()) {
        match finish(&draft, &rules, NOW).mapped {
            Mapped::Event(event) => {
                let body: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
                for target in Target::ALL.iter().filter(|target| target.is_required()) {
                    prop_assert!(body.get(target.path()).is_some(), "{}", target.path());
                }
                let user_data = body["user_data"].as_object().expect("an object");
                prop_assert!(event.facts.identity.iter().map(Identity::as_str).all(|name| user_data.contains_key(name)));
                let beside = usize::from(user_data.contains_key("customer_type"));
                prop_assert_eq!(event.facts.identity.iter().count() + beside, user_data.len());
                prop_assert!(event.facts.identity.suffices());
                prop_assert_eq!(event.facts.value.as_deref(), body["custom_data"]["value"].as_str());
            }
            // Never `InvalidEvent`: no body fails the check that all go through.
            Mapped::Settled { outcome, .. } => prop_assert!(matches!(
                outcome.reason,
                Reason::NoConsent | Reason::Filtered | Reason::MissingRequired | Reason::InvalidValue | Reason::UnknownLane
                    | Reason::InFuture | Reason::TooOld | Reason::NoIdentity
            ), "{outcome:?}"),
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

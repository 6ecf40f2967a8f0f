//! What a fault of ours would make of a body is not sent: the record ends, and says which field broke which rule.

use super::tests::{NOW, rules, text, with};
use super::*;
use crate::domain::{ForeignText, OutcomeKind};

/// What becomes of an event in whose body `good` was written as `bad`.
fn written(good: &str, bad: &str) -> Finished {
    let write = |sending: &Sending<'_>,
                 required: &Required<'_>,
                 privacy: &Privacy<'_>,
                 money: &Money<'_>,
                 notes: &mut Notes| {
        let (json, identity) = body::write(sending, required, privacy, money, notes);
        let json = String::from_utf8(json).expect("UTF-8");
        assert_eq!(json.matches(good).count(), 1, "{good} in {json}");
        (json.replace(good, bad).into_bytes(), identity)
    };
    let draft = with(&[
        (Target::CustomValue, Some(text("12.50"))),
        (Target::UserClientIpAddress, Some(text("203.0.113.24"))),
        (Target::EventSourceUrl, Some(text("https://shop.example.com/ana"))),
    ]);
    finish_by(&write, &draft, &rules(), NOW)
}

#[test]
fn a_body_that_breaks_the_description_settles_its_record_and_names_field_and_rule() {
    for (good, bad, detail) in [
        (
            r#""event_time":1772366340"#,
            r#""event_time":"1772366340""#,
            "event_time: expected a whole number from 0, found text of 10 characters",
        ),
        (
            r#""event_time":1772366340"#,
            r#""event_time":1772366340.0"#,
            "event_time: expected a whole number from 0, found a number",
        ),
        (
            r#""event_id":"order-1""#,
            r#""event_id":"""#,
            "event_id: expected text that is not empty, found text of 0 characters",
        ),
        (
            r#""event_id":"order-1""#,
            r#""event_id":"order-1","event_id":"order-1""#,
            "event_id: expected the key once, found it again",
        ),
        (r#""event_id":"order-1","#, "", "event_id: expected text that is not empty, found nothing"),
        (
            r#""action_source":"web""#,
            r#""action_source":"WEB""#,
            "action_source: expected one of app_android, app_ios, web, offline, found text of 3 characters",
        ),
        (
            r#""value":"12.50""#,
            r#""value":12.50"#,
            "custom_data.value: expected text with a plain decimal number, found a number",
        ),
        (r#""custom_data":{"value":"12.50"}"#, r#""custom_data":null"#, "custom_data: expected an object, found null"),
        (r#""em":"#, r#""email":"#, "user_data: expected no other keys, found the unknown key 'email'"),
        (
            r#""em":"#,
            r#""ph":"#,
            "user_data: expected em, hashed_maids, or client_ip_address with client_user_agent, found none of them",
        ),
        (
            r#""em":[""#,
            r#""em":["ana@example.com",""#,
            "user_data.em[0]: expected 64 lower-case hex digits, found text of 15 characters",
        ),
        (
            "203.0.113.24",
            "203.0.113.0/24",
            "user_data.client_ip_address: expected an IPv4 or IPv6 address, found text of 14 characters",
        ),
        ("/ana\"", "/\"ana\"\"", "(whole): expected a JSON document, found other bytes at line 1, column 139"),
        ("}}", "}", "(whole): expected a JSON document, found other bytes at line 1, column 296"),
    ] {
        let finished = written(good, bad);
        let Mapped::Settled { outcome, facts: Some(facts) } = finished.mapped else { panic!("{bad}: {finished:?}") };
        assert_eq!((outcome.kind(), outcome.reason), (OutcomeKind::Unmappable, Reason::InvalidEvent), "{bad}");
        assert_eq!(outcome.detail.as_ref().map(ForeignText::as_str), Some(detail), "{bad}");
        assert_eq!(facts.event_id.as_deref(), Some("order-1"), "{bad}: the row names the event");
    }
}

#[test]
fn the_same_body_is_sent_as_it_was_written() {
    let finished = written("order-1", "order-1");
    assert!(matches!(finished.mapped, Mapped::Event(_)), "{finished:?}");
    let finished = written("order-1", "order-2");
    let Mapped::Event(event) = finished.mapped else { panic!("{finished:?}") };
    assert!(str::from_utf8(&event.body).expect("UTF-8").contains(r#""event_id":"order-2""#));
}

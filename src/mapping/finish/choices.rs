//! What a feed's choices do to its events.

use super::tests::{NOW, ago, body, rules, text, with};
use super::*;
use crate::mapping::event_rules::CustomerType;

#[test]
fn a_late_event_draws_a_warning_and_holds_where_the_feed_says_so() {
    let holding = EventRules { late: Late::Hold, ..rules() };
    for (age_secs, rules, late, policy) in [
        (3_600, rules(), false, InDoubtPolicy::Resend),
        (3_601, rules(), true, InDoubtPolicy::Resend),
        (3_600, holding.clone(), false, InDoubtPolicy::Resend),
        (3_601, holding, true, InDoubtPolicy::Hold),
    ] {
        let finished = finish(&with(&[(Target::EventTime, Some(ago(age_secs)))]), &rules, NOW);
        let Mapped::Event(event) = finished.mapped else { panic!("no event") };
        assert_eq!((finished.warnings == [Warning::Late], event.policy), (late, policy), "{age_secs}");
    }
}

#[test]
fn an_event_may_be_posted_until_the_first_of_the_moments_that_the_feed_asks_for() {
    let (hour, week) = (Duration::from_hours(1), Duration::from_hours(168));
    let half = hour / 2;
    for (late, max_age, within, otherwise) in [
        (Late::Send, week, week, Reason::TooOld),
        (Late::Hold, week, week, Reason::TooOld),
        (Late::Skip, week, hour, Reason::Late),
        (Late::Skip, hour, hour, Reason::TooOld),
        (Late::Skip, half, half, Reason::TooOld),
        (Late::Send, half, half, Reason::TooOld),
    ] {
        for age_secs in [0, 1_000] {
            let finished = finish(
                &with(&[(Target::EventTime, Some(ago(age_secs)))]),
                &EventRules { max_age, late, ..rules() },
                NOW,
            );
            let Mapped::Event(event) = finished.mapped else { panic!("no event") };
            let at = event.event_time.to_millis().after(within);
            assert_eq!(event.post_by, PostBy { at, otherwise }, "{late:?} {max_age:?}");
        }
    }
}

#[test]
fn a_lanes_partner_name_is_sent_where_the_record_has_none() {
    let mut rules = rules();
    for (of_lane, of_record, sent) in [
        (None, None, None),
        (Some("ss-lane"), None, Some("ss-lane")),
        (Some("ss-lane"), Some("ss-record"), Some("ss-record")),
        (None, Some("ss-record"), Some("ss-record")),
    ] {
        rules.default_lane.partner_name = of_lane.map(Box::from);
        let body = body(finish(&with(&[(Target::PartnerName, of_record.map(text))]), &rules, NOW));
        assert_eq!(body.get("partner_name").and_then(serde_json::Value::as_str), sent, "{of_lane:?} {of_record:?}");
    }
}

#[test]
fn a_customer_type_is_sent_only_where_the_feed_says_so() {
    let draft = with(&[(Target::UserCustomerType, Some(text("NEW")))]);
    let silent = finish(&draft, &rules(), NOW);
    assert_eq!(silent.dropped, [(Target::UserCustomerType, DropReason::SwitchedOff)]);
    assert!(body(silent)["user_data"].get("customer_type").is_none());
    let sending = EventRules { customer_type: CustomerType::Send, ..rules() };
    assert_eq!(body(finish(&draft, &sending, NOW))["user_data"]["customer_type"], "new");
}

use insta::assert_snapshot;
use rust_decimal::Decimal;

use super::super::target::ContentField;
use super::super::{Derive, PhoneRegion, PrivateAddresses};
use super::*;
use crate::domain::{AdAccountId, Hashed, Identity, InDoubtPolicy, LaneId};

/// 2026-03-01T12:00:00Z.
pub(super) const NOW: UnixMillis = UnixMillis(1_772_366_400_000);

fn lane(id: u16, name: &str, ad_account: &str) -> LaneRule {
    LaneRule {
        id: LaneId(id),
        name: name.into(),
        ad_account: AdAccountId::try_new(ad_account).expect("digits"),
        mode: LaneMode::Live,
        partner_name: None,
    }
}

pub(super) fn rules() -> EventRules {
    EventRules::new(lane(0, "shop", "549755885175"))
}

pub(super) fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

pub(super) fn ago(seconds: i64) -> Value<'static> {
    Value::Instant(UnixMillis(NOW.0 - 1000 * seconds))
}

/// What every event needs and nothing else.
pub(super) fn least<'a>() -> Draft<'a> {
    let mut draft = Draft::new();
    draft.put(Target::EventName, text("checkout"));
    draft.put(Target::ActionSource, text("web"));
    draft.put(Target::EventTime, ago(60));
    draft.put(Target::EventId, text("order-1"));
    draft.put(Target::UserEm, text("ana@example.com"));
    draft
}

/// `least` with other values for some targets; `None` takes one away.
pub(super) fn with<'a>(changes: &[(Target, Option<Value<'a>>)]) -> Draft<'a> {
    let mut draft = Draft::new();
    // The first value wins.
    for (target, value) in changes {
        if let Some(value) = value {
            draft.put(*target, value.clone());
        }
    }
    let least = least();
    for target in Target::ALL {
        if changes.iter().all(|(changed, _)| changed != target) {
            least
                .get(*target)
                .into_iter()
                .chain(least.list(*target))
                .for_each(|value| draft.put(*target, value.clone()));
        }
    }
    draft
}

fn event(finished: Finished) -> ConversionEvent {
    match finished.mapped {
        Mapped::Event(event) => event,
        Mapped::Settled { outcome, .. } => panic!("settled: {outcome:?}"),
    }
}

pub(super) fn body(finished: Finished) -> serde_json::Value {
    serde_json::from_slice(&event(finished).body).expect("JSON")
}

fn settled(finished: &Finished) -> Option<(Reason, Option<&str>)> {
    match &finished.mapped {
        Mapped::Event(_) => None,
        Mapped::Settled { outcome, .. } => {
            Some((outcome.reason, outcome.detail.as_ref().map(crate::domain::ForeignText::as_str)))
        }
    }
}

/// An invented order with everything that the shipped order schema maps, in an untidy hand.
fn order<'a>() -> Draft<'a> {
    let mut draft = Draft::new();
    for (target, value) in [
        (Target::UserCountry, text("GB")),
        (Target::CustomValue, Value::Decimal(Decimal::new(7239, 2))),
        (Target::EventId, text(" order-1001 ")),
        (Target::EventName, text("Checkout")),
        (Target::ActionSource, text("WEB")),
        (Target::EventTime, text("2026-03-01T11:59:00+00:00")),
        (Target::EventSourceUrl, text("https://shop.example/thanks?q=\"a\"")),
        (Target::OptOut, Value::Boolean(false)),
        (Target::Language, text("en-GB")),
        (Target::UserEm, text(" Ana.B@Example.com ")),
        (Target::UserEm, text("ana.b@example.com")),
        (Target::UserPh, text("020 7946 0018")),
        (Target::UserGe, text("Female")),
        (Target::UserDb, Value::Date { year: 1990, month: 3, day: 14 }),
        (Target::UserLn, text("Müller")),
        (Target::UserFn, text("Ana")),
        (Target::UserCt, text("Bury St. Edmunds")),
        (Target::UserSt, text("England")),
        (Target::UserZp, text("IP33 1LS")),
        (Target::UserExternalId, Value::Integer(42)),
        (Target::UserClickId, text("dj0yJnU9b2JDcFFHekV4")),
        (Target::UserClientIpAddress, text("216.3.128.12")),
        (Target::UserClientUserAgent, text("Mozilla/5.0 (X11; Linux x86_64)")),
        (Target::CustomCurrency, text("gbp")),
        (Target::CustomOrderId, text("1001")),
        (Target::DeviceInfoOsFamily, text("Linux")),
        (Target::DeviceInfoLanguages, text("en-GB")),
        (Target::DeviceInfoLanguages, text("de")),
        (Target::AppInfoWindowWidth, Value::Integer(1678)),
    ] {
        draft.put(target, value);
    }
    for (id, price, quantity) in [("sku-1", 1299, 2), ("sku-2", 4641, 1)] {
        draft.begin_content();
        draft.put_content(ContentField::Quantity, Value::Integer(quantity));
        draft.put_content(ContentField::Id, text(id));
        draft.put_content(ContentField::ItemPrice, Value::Decimal(Decimal::new(price, 2)));
        draft.put_content(ContentField::ItemName, text("a \\ \u{1}\n"));
    }
    draft.begin_content();
    draft
}

#[test]
fn a_whole_order_becomes_this_body() {
    let finished = finish(&order(), &rules(), NOW);
    assert_eq!(finished.dropped, [(Target::UserSt, DropReason::Malformed)]);
    assert!(finished.warnings.is_empty());
    let event = event(finished);
    let body = std::str::from_utf8(&event.body).expect("UTF-8").replace(",\"", ",\n\"");
    assert_snapshot!(body, @r##"
    {"event_name":"checkout",
    "action_source":"web",
    "event_time":1772366340,
    "event_id":"order-1001",
    "event_source_url":"https://shop.example/thanks?q=\"a\"",
    "opt_out":false,
    "language":"en",
    "user_data":{"em":["4248cc593102d6944c982776b98b8d40a151e12ebad62a8cded8c1f25511fea1"],
    "ph":["99a4599795d24445a5be21117f375c1bbe9e795daf7f62666686ce081e1f32dc"],
    "ge":["252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"],
    "db":["b27f670db592b5a4f3fb594725e4b7f0eb39bafd49add07240402c2593e2e754"],
    "ln":["2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"],
    "fn":["24d4b96f58da6d4a8512313bbd02a28ebf0ca95dec6e4c86ef78ce7f01e788ac"],
    "ct":["e8869415f8fbee0eb0f5cfed51dcde0faa736e9ce9cfbe3ab8dd4ec09ae811b7"],
    "zp":["80557f3d989b336b8c4c6968124c879f0b06c8f6638b2b5675b56e715e99a2f8"],
    "country":["0b407281768f0e833afef47ed464b6571d01ca4d53c12ce5c51d1462f4ad6677"],
    "external_id":["73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049"],
    "click_id":"dj0yJnU9b2JDcFFHekV4",
    "client_ip_address":"216.3.128.12",
    "client_user_agent":"Mozilla/5.0 (X11; Linux x86_64)"},
    "custom_data":{"currency":"GBP",
    "value":"72.39",
    "content_ids":["sku-1",
    "sku-2"],
    "contents":[{"id":"sku-1",
    "item_price":"12.99",
    "quantity":2,
    "item_name":"a \\ \u0001"},{"id":"sku-2",
    "item_price":"46.41",
    "quantity":1,
    "item_name":"a \\ \u0001"}],
    "num_items":3,
    "order_id":"1001"},
    "app_info":{"window_width":1678},
    "device_info":{"languages":["en",
    "de"],
    "os_family":"linux"}}
    "##);
}

#[test]
fn the_facts_of_an_event_are_what_was_sent_and_nothing_personal() {
    let event = event(finish(&order(), &rules(), NOW));
    assert_snapshot!(format!("{:#?}\n{:?}", event.facts, event.facts.identity.iter().collect::<Vec<_>>()), @r#"
    EventFacts {
        event_id: Some(
            "order-1001",
        ),
        event_name: Some(
            "checkout",
        ),
        action_source: Some(
            Web,
        ),
        event_time: Some(
            UnixSeconds(
                1772366340,
            ),
        ),
        value: Some(
            "72.39",
        ),
        currency: Some(
            "GBP",
        ),
        identity: IdentitySet(
            55167,
        ),
        parameters: None,
    }
    [Em, Ph, Ge, Db, Fn, Ln, Ct, Zp, Country, ExternalId, ClickId, ClientIpAddress, ClientUserAgent]
    "#);
    assert_eq!(event.key, EventKey::new(&rules().default_lane.ad_account, "checkout", "order-1001"));
}

#[test]
fn every_hash_is_of_the_normalised_value() {
    let body = body(finish(&order(), &rules(), NOW));
    for (key, normal) in [
        ("em", "ana.b@example.com"),
        ("ph", "442079460018"),
        ("ge", "f"),
        ("db", "19900314"),
        ("ln", "müller"),
        ("fn", "ana"),
        ("ct", "burystedmunds"),
        ("zp", "ip331ls"),
        ("country", "gb"),
        ("external_id", "42"),
    ] {
        assert_eq!(body["user_data"][key], serde_json::json!([Hashed::of(normal).to_hex()]), "{key}");
    }
}

#[test]
fn a_hash_made_elsewhere_passes_in_lower_case_and_once() {
    let hash = Hashed::of("ana@example.com").to_hex();
    let upper = hash.to_uppercase();
    let mut draft = with(&[(Target::UserEm, Some(text(&upper))), (Target::UserEm, Some(Value::Hash((&*hash).into())))]);
    draft.put(Target::UserEm, text("ANA@example.com"));
    draft.put(Target::UserPh, Value::Hash("491701234567".into()));
    let finished = finish(&draft, &rules(), NOW);
    assert_eq!(finished.dropped, [(Target::UserPh, DropReason::NotAHash)]);
    assert_eq!(body(finished)["user_data"], serde_json::json!({"em": [hash]}));
}

#[test]
fn a_record_without_what_pinterest_requires_settles_with_the_name_of_the_target() {
    for target in [Target::EventName, Target::ActionSource, Target::EventTime, Target::EventId] {
        assert!(target.is_required());
        let missing = finish(&with(&[(target, None)]), &rules(), NOW);
        assert_eq!(settled(&missing), Some((Reason::MissingRequired, Some(target.path()))));
    }
    let long = "x".repeat(257);
    for (target, value) in [
        (Target::EventName, text("check out")),
        (Target::ActionSource, text("shop")),
        (Target::EventTime, text("yesterday")),
        (Target::EventId, text(&long)),
        (Target::OptOut, text("maybe")),
        (Target::CustomOptOutType, text("no sale")),
        (Target::Skip, text("maybe")),
    ] {
        let invalid = finish(&with(&[(target, Some(value))]), &rules(), NOW);
        assert_eq!(settled(&invalid), Some((Reason::InvalidValue, Some(target.path()))));
    }
}

#[test]
fn consent_and_skip_decide_before_anything_else() {
    let asking = EventRules { missing_consent: MissingConsent::Skip, ..rules() };
    for (consent, skip, rules, expected) in [
        (Some(Value::Boolean(true)), Some(Value::Boolean(false)), &asking, None),
        (Some(Value::Boolean(false)), None, &asking, Some(Reason::NoConsent)),
        (Some(text("perhaps")), None, &asking, Some(Reason::NoConsent)),
        (None, None, &asking, Some(Reason::NoConsent)),
        (None, None, &rules(), None),
        (Some(Value::Integer(0)), None, &rules(), Some(Reason::NoConsent)),
        (None, Some(Value::Boolean(true)), &rules(), Some(Reason::Filtered)),
        (Some(Value::Boolean(false)), Some(Value::Boolean(true)), &rules(), Some(Reason::NoConsent)),
    ] {
        let finished = finish(&with(&[(Target::Consent, consent), (Target::Skip, skip)]), rules, NOW);
        assert_eq!(settled(&finished).map(|(reason, _)| reason), expected);
    }
    // Even where the record could not be sent anyhow.
    let empty = with(&[(Target::Consent, Some(Value::Boolean(false))), (Target::EventId, None)]);
    assert_eq!(settled(&finish(&empty, &rules(), NOW)), Some((Reason::NoConsent, None)));
}

#[test]
fn a_settled_record_keeps_the_facts_that_it_has() {
    let finished =
        finish(&with(&[(Target::Skip, Some(Value::Boolean(true))), (Target::EventTime, None)]), &rules(), NOW);
    let Mapped::Settled { facts: Some(facts), .. } = finished.mapped else { panic!("an event") };
    assert_eq!((facts.event_id.as_deref(), facts.event_time), (Some("order-1"), None));
    // Nobody looked at who it was.
    assert_eq!(facts.identity.iter().count(), 0);
}

#[test]
fn an_event_time_lies_between_the_age_limit_and_the_clock() {
    let hour = 3600;
    let skipping = EventRules { late: Late::Skip, ..rules() };
    for (seconds, rules, expected, sent) in [
        (-301, &rules(), Some(Reason::InFuture), None),
        (-300, &rules(), None, Some(0)),
        (0, &rules(), None, Some(0)),
        (hour + 1, &rules(), None, Some(hour + 1)),
        (hour, &skipping, None, Some(hour)),
        (hour + 1, &skipping, Some(Reason::Late), None),
        (7 * 24 * hour, &rules(), None, Some(7 * 24 * hour)),
        (7 * 24 * hour + 1, &rules(), Some(Reason::TooOld), None),
    ] {
        let finished = finish(&with(&[(Target::EventTime, Some(ago(seconds)))]), rules, NOW);
        assert_eq!(settled(&finished).map(|(reason, _)| reason), expected, "{seconds} s ago");
        if let Some(sent) = sent {
            let sent = NOW.0 / 1000 - sent;
            let event = event(finished);
            assert_eq!((event.event_time.0, event.facts.event_time), (sent, Some(event.event_time)));
            let body: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
            assert_eq!(body["event_time"], sent);
        }
    }
}

#[test]
fn a_record_may_name_its_lane_and_only_one_that_there_is() {
    let rules = EventRules {
        lanes: vec![lane(0, "shop", "1"), lane(1, "outlet", "2")],
        ..EventRules::new(lane(0, "shop", "1"))
    };
    for (asked, expected) in
        [(None, 0), (Some(text("outlet")), 1), (Some(text(" 2 ")), 1), (Some(Value::Integer(1)), 0)]
    {
        let event = event(finish(&with(&[(Target::Lane, asked)]), &rules, NOW));
        assert_eq!(event.lane, LaneId(expected));
        let account = AdAccountId::try_new(&(expected + 1).to_string()).expect("digits");
        assert_eq!(event.key, EventKey::new(&account, "checkout", "order-1"));
    }
    for asked in ["3", "Shop", "shop1"] {
        let finished = finish(&with(&[(Target::Lane, Some(text(asked)))]), &rules, NOW);
        assert_eq!(settled(&finished).map(|(reason, _)| reason), Some(Reason::UnknownLane), "{asked}");
    }
}

#[test]
fn the_policy_is_the_feeds_else_that_of_the_action_source() {
    let held = EventRules { in_doubt: Some(InDoubtPolicy::Hold), ..rules() };
    let offline = with(&[(Target::ActionSource, Some(text("offline")))]);
    assert_eq!(event(finish(&least(), &rules(), NOW)).policy, InDoubtPolicy::Resend);
    assert_eq!(event(finish(&offline, &rules(), NOW)).policy, InDoubtPolicy::Hold);
    assert_eq!(event(finish(&least(), &held, NOW)).policy, InDoubtPolicy::Hold);
}

#[test]
fn an_event_needs_an_identity_that_stands_after_the_rules() {
    let ip = (Target::UserClientIpAddress, Some(text("216.3.128.12")));
    let agent = (Target::UserClientUserAgent, Some(text("Mozilla/5.0")));
    let no_em = (Target::UserEm, None);
    for (changes, sufficient) in [
        (vec![no_em.clone()], false),
        (vec![no_em.clone(), ip.clone()], false),
        (vec![no_em.clone(), ip, agent.clone()], true),
        (vec![no_em.clone(), agent.clone(), (Target::UserClientIpAddress, Some(text("10.0.0.1")))], false),
        (vec![(Target::UserEm, Some(text("not an address")))], false),
        (vec![no_em.clone(), (Target::UserHashedMaids, Some(text("00000000-0000-0000-0000-000000000000")))], false),
        (vec![no_em.clone(), (Target::UserHashedMaids, Some(text("cdda802e-fb9c-47ad-9866-0794d394c912")))], true),
        (vec![no_em, (Target::UserPh, Some(text("+491701234567")))], false),
    ] {
        let finished = finish(&with(&changes), &rules(), NOW);
        assert_eq!(settled(&finished).is_none(), sufficient);
        if !sufficient {
            assert_eq!(settled(&finished), Some((Reason::NoIdentity, None)));
        }
    }
    let kept = EventRules { private_addresses: PrivateAddresses::Keep, ..rules() };
    let private = with(&[(Target::UserEm, None), agent, (Target::UserClientIpAddress, Some(text("10.0.0.1")))]);
    assert_eq!(body(finish(&private, &kept, NOW))["user_data"]["client_ip_address"], "10.0.0.1");
}

#[test]
fn what_cannot_be_made_fit_is_left_out_and_told() {
    let draft = with(&[
        (Target::UserPh, Some(text("call me"))),
        (Target::CustomValue, Some(text("12,50"))),
        (Target::CustomCurrency, Some(text("ZZZ"))),
        (Target::DeviceInfoNetworkType, Some(text("5g"))),
        (Target::AppInfoInstallTime, Some(Value::Instant(UnixMillis(-1)))),
    ]);
    let mut finished = finish(&draft, &rules(), NOW);
    finished.dropped.sort_unstable();
    assert_eq!(
        finished.dropped,
        [
            (Target::UserPh, DropReason::Malformed),
            (Target::CustomCurrency, DropReason::NotListed),
            (Target::CustomValue, DropReason::Malformed),
            (Target::AppInfoInstallTime, DropReason::OutOfRange),
            (Target::DeviceInfoNetworkType, DropReason::NotListed),
        ]
    );
    let event = event(finished);
    assert!(event.facts.identity.iter().eq([Identity::Em]));
    let body: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
    assert!(body.get("custom_data").or(body.get("app_info")).or(body.get("device_info")).is_none(), "{body}");
}

#[test]
fn a_national_number_is_of_the_records_country_before_it_is_of_the_feeds_region() {
    let german = EventRules { phone_region: PhoneRegion::try_new("de"), ..rules() };
    for (country, digits) in [(None, "496641234567"), (Some(text("AT")), "436641234567")] {
        let draft = with(&[(Target::UserPh, Some(text("0664 1234567"))), (Target::UserCountry, country)]);
        assert_eq!(body(finish(&draft, &german, NOW))["user_data"]["ph"][0], Hashed::of(digits).to_hex());
    }
}

#[test]
fn content_ids_and_num_items_follow_from_the_contents_unless_they_are_mapped_or_that_is_off() {
    let mut draft = least();
    for (id, quantity) in [("a", 2), ("b", 1), ("a", 4)] {
        draft.begin_content();
        draft.put_content(ContentField::Id, text(id));
        draft.put_content(ContentField::Quantity, Value::Integer(quantity));
    }
    let derived = body(finish(&draft, &rules(), NOW));
    assert_eq!(derived["custom_data"]["content_ids"], serde_json::json!(["a", "b"]));
    assert_eq!(derived["custom_data"]["num_items"], 7);

    let off = body(finish(&draft, &EventRules { derive: Derive::Nothing, ..rules() }, NOW));
    assert!(off["custom_data"].get("content_ids").or(off["custom_data"].get("num_items")).is_none());

    draft.put(Target::CustomContentIds, text("c"));
    draft.put(Target::CustomNumItems, Value::Integer(3));
    let mapped = body(finish(&draft, &rules(), NOW));
    assert_eq!(mapped["custom_data"]["content_ids"], serde_json::json!(["c"]));
    assert_eq!(mapped["custom_data"]["num_items"], 3);
}

#[test]
fn a_sum_of_quantities_is_whole_or_absent() {
    let mut draft = least();
    for quantity in [Some(2), None] {
        draft.begin_content();
        draft.put_content(ContentField::Id, text("a"));
        if let Some(quantity) = quantity {
            draft.put_content(ContentField::Quantity, Value::Integer(quantity));
        }
    }
    assert!(body(finish(&draft, &rules(), NOW))["custom_data"].get("num_items").is_none());
}

#[test]
fn an_opt_out_is_sent_as_said_and_never_assumed() {
    assert!(body(finish(&least(), &rules(), NOW)).get("opt_out").is_none());
    for flag in [true, false] {
        let draft = with(&[(Target::OptOut, Some(Value::Boolean(flag)))]);
        assert_eq!(body(finish(&draft, &rules(), NOW))["opt_out"], flag);
    }
}

#[test]
fn limited_data_processing_goes_into_custom_data_and_warns_without_state_and_country() {
    let ldp = (Target::CustomOptOutType, Some(Value::Boolean(true)));
    let (state, country) = ((Target::UserSt, Some(text("CA"))), (Target::UserCountry, Some(text("US"))));
    for (changes, warns) in [
        (vec![ldp.clone(), state.clone(), country.clone()], false),
        (vec![ldp.clone(), state], true),
        (vec![ldp.clone(), country], true),
    ] {
        let finished = finish(&with(&changes), &rules(), NOW);
        assert_eq!(finished.warnings.contains(&Warning::LdpWithoutPlace), warns);
        assert_eq!(body(finished)["custom_data"]["opt_out_type"], "LDP");
    }
    let off = finish(&with(&[(Target::CustomOptOutType, Some(Value::Boolean(false)))]), &rules(), NOW);
    assert!(body(off).get("custom_data").is_none());
}

#[test]
fn what_pinterest_takes_with_a_warning_is_warned_of() {
    let draft = with(&[(Target::EventName, Some(text("quiz"))), (Target::CustomValue, Some(Value::Integer(0)))]);
    let finished = finish(&draft, &rules(), NOW);
    assert_eq!(finished.warnings, [Warning::OwnEventName, Warning::ValueNotPositive]);
    assert_eq!(body(finished)["custom_data"]["value"], "0");
}

#[test]
fn no_parameter_has_more_than_a_hundred_hashes() {
    let mut draft = least();
    let ids: Vec<String> = (0..102).map(|n| format!("customer-{n}")).collect();
    for id in &ids {
        draft.put(Target::UserExternalId, text(id));
    }
    let finished = finish(&draft, &rules(), NOW);
    assert_eq!(finished.dropped, [(Target::UserExternalId, DropReason::TooMany)]);
    assert_eq!(body(finished)["user_data"]["external_id"].as_array().expect("a list").len(), 100);
}

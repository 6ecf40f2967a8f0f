use super::super::tests::{COMPLETE, ID, faults, schema};
use super::*;
use crate::domain::{AdAccountId, LaneId, LaneMode};
use crate::mapping::event_rules::{LaneRule, PrivateAddresses};

/// [`COMPLETE`] without what feeds one target.
fn without(target: &str) -> String {
    let mut constants: serde_json::Map<_, _> = serde_json::from_str(COMPLETE).unwrap();
    constants.remove(target);
    serde_json::Value::Object(constants).to_string()
}

/// [`COMPLETE`] with one constant more, or another.
fn with(target: &str, value: &str) -> String {
    let mut constants: serde_json::Map<_, _> = serde_json::from_str(COMPLETE).unwrap();
    constants.insert(target.to_owned(), serde_json::from_str(value).unwrap());
    serde_json::Value::Object(constants).to_string()
}

#[test]
fn a_constant_that_can_never_be_sent_is_a_fault_with_its_rule() {
    let malformed = "not of the form that the rule demands";
    let not_listed = "of the right form, but none of the codes or words that there are";
    for (target, value, fault) in [
        ("event_name", r#""add to cart""#, Some(format!("event_name does not take `add to cart`: {malformed}; its rule: one of the 22 documented names in any case, or an own name of letters, digits, `_` and `-`; required"))),
        ("event_name", r#""""#, Some("event_name does not take ``: blank text counts as no value; remove it".into())),
        ("event_name", r#""Quiz-Done""#, None),
        ("action_source", r#""shop""#, Some(format!("action_source does not take `shop`: {not_listed}; it takes app_android, app_ios, web, offline"))),
        ("action_source", r#""WEB""#, None),
        ("event_time", r#""2026-11-24T00:00:00""#, Some(format!("event_time does not take `2026-11-24T00:00:00`: {malformed}; its rule: a moment, sent as Unix seconds; not ahead of the clock, not older than the limit; required"))),
        ("opt_out", r#""maybe""#, Some(format!("opt_out does not take `maybe`: {not_listed}; it takes true or false"))),
        ("opt_out", r#""true""#, None),
        ("opt_out", "2", Some(format!("opt_out does not take `2`: {not_listed}; it takes true or false"))),
        ("custom_data.currency", r#""EURO""#, Some(format!("custom_data.currency does not take `EURO`: {malformed}; its rule: ISO 4217 code, upper case"))),
        ("custom_data.currency", r#""EUX""#, Some(format!("custom_data.currency does not take `EUX`: {not_listed}; its rule: ISO 4217 code, upper case"))),
        ("user_data.country", r#""Germany""#, Some(format!("user_data.country does not take what stands here: {malformed}; its rule: ISO 3166 alpha-2, lower case; hashed"))),
        ("user_data.country", r#""UK""#, None),
        ("custom_data.num_items", "-5", Some("custom_data.num_items does not take `-5`: a number or a day beyond what Pinterest takes; it takes a whole number from 0".into())),
        ("device_info.battery_level", "101", Some("device_info.battery_level does not take `101`: a number or a day beyond what Pinterest takes; it takes a whole number from 0 to 100".into())),
        ("custom_data.value", r#""1,99""#, Some(format!("custom_data.value does not take `1,99`: {malformed}; its rule: decimal text without exponent; zero and below draw a warning"))),
        ("custom_data.value", "0", None),
        ("custom_data.opt_out_type", r#""no sale""#, Some(format!("custom_data.opt_out_type does not take `no sale`: {malformed}; its rule: `LDP`, or several words joined by commas; Pinterest heeds it only beside `st` and `country`"))),
        ("custom_data.content_ids", r#""a\u0000""#, Some(format!("custom_data.content_ids does not take `a\u{0}`: {malformed}; its rule: product ids, each once; if not mapped, those of the contents"))),
        ("device_info.languages", r#""xx""#, Some(format!("device_info.languages does not take `xx`: {not_listed}; its rule: two letters of ISO 639-1 each, lower case; regions are removed"))),
        ("device_info.timezone_abbr", r#""Central""#, Some("device_info.timezone_abbr does not take `Central`: more characters than the field may have; its rule: text as it is".into())),
        ("app_info.app_name", &format!("{:?}", "x".repeat(201)), Some("app_info.app_name does not take what stands here: more characters than the field may have; its rule: text as it is".into())),
        ("user_data.em", r#""nobody""#, Some(format!("user_data.em does not take what stands here: {malformed}; its rule: lower case, all white space removed; must look like an address; hashed"))),
        ("user_data.em", r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#, Some("user_data.em does not take what stands here: stands for \"not known\": zeros, `null`, `Other`, the hash of nothing; its rule: lower case, all white space removed; must look like an address; hashed".into())),
        ("user_data.client_ip_address", r#""10.0.0.1""#, None),
        ("consent", r#""yes""#, Some(format!("consent does not take `yes`: {not_listed}; it takes true or false"))),
        ("lane", r#""nolane""#, None),
    ] {
        let expected: Vec<_> = fault.into_iter().map(|fault| format!("r.avsc: {fault}")).collect();
        assert_eq!(faults(&schema(&with(target, value), ID)), expected, "{target}: {value}");
    }
}

#[test]
fn what_is_right_in_some_country_is_right() {
    for (target, value, right) in [
        ("user_data.ph", r#""0664 1234567""#, true),
        ("user_data.ph", r#""+43 664 1234567""#, true),
        ("user_data.ph", r#""on request""#, false),
        ("user_data.zp", r#""SW1A 1AA""#, true),
        // Twenty digits and letters, of which sixteen are digits.
        ("user_data.zp", r#""ABCD1234567890123456""#, true),
        ("user_data.zp", r#""none""#, false),
        ("user_data.db", r#""2080-01-01""#, true),
        ("user_data.db", r#""1.1.1880""#, false),
    ] {
        assert_eq!(faults(&schema(&with(target, value), ID)).is_empty(), right, "{target}: {value}");
    }
}

#[test]
fn what_a_table_or_a_default_yields_goes_through_the_rule_of_its_target() {
    for (field, fault) in [
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.currency", "values": {"e": "EURO", "d": "USD"}}}"#,
            Some(
                "`values` for `e`: custom_data.currency does not take `EURO`: not of the form that the rule demands; its rule: ISO 4217 code, upper case",
            ),
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.currency", "values": {"e": "EUR"}, "default": "none"}}"#,
            Some(
                "`default`: custom_data.currency does not take `none`: not of the form that the rule demands; its rule: ISO 4217 code, upper case",
            ),
        ),
        (
            r#"{"name": "a", "type": ["null", "boolean"], "pinterest": {"to": "opt_out", "default": "maybe"}}"#,
            Some(
                "`default`: opt_out does not take `maybe`: of the right form, but none of the codes or words that there are; it takes true or false",
            ),
        ),
        (
            r#"{"name": "a", "type": "int", "pinterest": {"to": "user_data.ge", "values": {"1": "m", "2": "w"}}}"#,
            Some(
                "`values` for `2`: user_data.ge does not take what stands here: of the right form, but none of the codes or words that there are; its rule: `f`, `m` or `n` (non-binary); hashed",
            ),
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "values": {"x": " "}}}"#,
            Some("`values` for `x`: custom_data.order_id does not take ` `: blank text counts as no value; write null"),
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "values": {"x": null}}}"#,
            None,
        ),
        (
            r#"{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "int"], "pinterest": {"to": "quantity", "default": -1}}]}}, "pinterest": "custom_data.contents"}"#,
            Some(
                "`default`: quantity does not take `-1`: a number or a day beyond what Pinterest takes; it takes a whole number from 0",
            ),
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "device_info.timezone_abbr", "part": 1}}, {"name": "b", "type": ["null", "string"], "pinterest": {"to": "device_info.timezone_abbr", "part": 2, "default": "longer"}}"#,
            None,
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1}}, {"name": "b", "type": ["null", "string"], "pinterest": {"to": "custom_data.order_id", "part": 2, "default": ""}}"#,
            Some("`default`: custom_data.order_id does not take ``: blank text counts as no value; remove it"),
        ),
    ] {
        let found = faults(&schema(COMPLETE, &format!("{field}, {ID}")));
        let said: Vec<_> = found.iter().filter_map(|found| found.split_once(": ")?.1.split_once(": ")).collect();
        assert_eq!(said.iter().map(|(_, what)| *what).collect::<Vec<_>>(), fault.into_iter().collect::<Vec<_>>());
    }
}

/// A field of an enum with these symbols.
fn symbols(symbols: &str, annotation: &str) -> String {
    format!(
        r#"{{"name": "a", "type": {{"type": "enum", "name": "E", "symbols": {symbols}}}, "pinterest": {annotation}}}, {ID}"#
    )
}

#[test]
fn symbols_that_their_target_refuses_are_a_fault_where_they_end_the_record_or_none_is_taken() {
    let not_listed = "of the right form, but none of the codes or words that there are";
    let table = "say with `values` what each yields, null for nothing";
    for (target, of, annotation, fault) in [
        (
            "action_source",
            r#"["WEB", "APP"]"#,
            r#""action_source""#,
            Some(format!(
                "action_source does not take the symbols APP: {not_listed}; {table}; it takes app_android, app_ios, web, offline"
            )),
        ),
        ("action_source", r#"["WEB", "APP_IOS"]"#, r#""action_source""#, None),
        (
            "consent",
            r#"["GRANTED", "DENIED"]"#,
            r#""consent""#,
            Some(format!(
                "consent does not take the symbols GRANTED, DENIED: {not_listed}; {table}; it takes true or false"
            )),
        ),
        (
            "user_data.country",
            r#"["GERMANY", "AUSTRIA"]"#,
            r#""user_data.country""#,
            Some(format!(
                "user_data.country does not take the symbols GERMANY, AUSTRIA: not of the form that the rule demands; {table}; its rule: ISO 3166 alpha-2, lower case; hashed"
            )),
        ),
        ("event_name", r#"["CHECKOUT", "quiz"]"#, r#"{"to": "event_name", "prefix": "my_"}"#, None),
        ("custom_data.currency", r#"["EUR", "POINTS"]"#, r#""custom_data.currency""#, None),
    ] {
        let found = faults(&schema(&without(target), &symbols(of, annotation)));
        let expected: Vec<_> = fault.into_iter().map(|fault| format!("r.avsc: a: {fault}")).collect();
        assert_eq!(found, expected, "{of} to {target}");
    }
}

fn plan(constants: &str, fields: &str) -> Plan {
    Plan::compile("r.avsc", &schema(constants, fields), &[], &Overrides::new())
        .unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn a_symbol_that_is_left_out_of_the_event_is_warned_of() {
    let plan = plan(COMPLETE, &symbols(r#"["EUR", "POINTS", "MILES"]"#, r#""custom_data.currency""#));
    let cautions: Vec<_> = plan.cautions().iter().map(ToString::to_string).collect();
    assert_eq!(
        cautions,
        [
            "a: custom_data.currency does not take the symbols POINTS, MILES: not of the form that the rule demands; say with `values` what each yields, null for nothing"
        ]
    );
}

#[test]
fn a_default_of_a_field_is_warned_of_where_the_event_goes_without_it_and_a_fault_where_it_does_not() {
    let malformed = "not of the form that the rule demands";
    let mend = "mend it; null and blank text count as no value";
    for (field, caution) in [
        (
            r#"{"name": "a", "type": ["null", "string"], "default": "EURO", "pinterest": "custom_data.currency"}"#,
            Some(format!("a: the field's default: custom_data.currency does not take `EURO`: {malformed}; {mend}")),
        ),
        (
            r#"{"name": "a", "type": "int", "default": -1, "pinterest": "custom_data.num_items"}"#,
            Some(format!(
                "a: the field's default: custom_data.num_items does not take `-1`: a number or a day beyond what Pinterest takes; {mend}"
            )),
        ),
        (r#"{"name": "a", "type": "string", "default": "", "pinterest": "custom_data.currency"}"#, None),
        (r#"{"name": "a", "type": "string", "default": "EUR", "pinterest": "custom_data.currency"}"#, None),
        (
            r#"{"name": "a", "type": "long", "default": -1, "pinterest": {"to": "app_info.install_time", "unit": "millis"}}"#,
            None,
        ),
    ] {
        let cautions: Vec<_> =
            plan(COMPLETE, &format!("{field}, {ID}")).cautions().iter().map(ToString::to_string).collect();
        assert_eq!(cautions, caution.into_iter().collect::<Vec<_>>(), "{field}");
    }
    let source = r#"{"name": "a", "type": "string", "default": "shop", "pinterest": "action_source"}"#;
    assert_eq!(
        faults(&schema(&without("action_source"), &format!("{source}, {ID}"))),
        [
            "r.avsc: a: the field's default: action_source does not take `shop`: of the right form, but none of the codes or words that there are; it takes app_android, app_ios, web, offline"
        ]
    );
}

fn rules() -> EventRules {
    EventRules::new(LaneRule {
        id: LaneId(0),
        name: "main".into(),
        ad_account: AdAccountId::try_new("549755885175").unwrap(),
        mode: LaneMode::Live,
        partner_name: None,
    })
}

fn faults_under(plan: &Plan, rules: &EventRules) -> Vec<String> {
    plan.faults_under(rules).iter().map(ToString::to_string).collect()
}

#[test]
fn a_lane_that_is_not_declared_is_a_fault_of_the_feed() {
    let none = "no lane has this name or this ad account; the lanes are main";
    for (constants, fields, fault) in [
        (with("lane", r#""nolane""#), ID.to_owned(), Some(format!("r.avsc: lane does not take `nolane`: {none}"))),
        (with("lane", r#"" main ""#), ID.to_owned(), None),
        (with("lane", "549755885175"), ID.to_owned(), None),
        (
            COMPLETE.to_owned(),
            format!(r#"{{"name": "a", "type": "string", "pinterest": {{"to": "lane", "values": {{"AT": "at", "DE": "main"}}, "default": "rest"}}}}, {ID}"#),
            Some(format!("r.avsc: a: `values` for `AT`: lane does not take `at`: {none}\nr.avsc: a: `default`: lane does not take `rest`: {none}")),
        ),
        (
            COMPLETE.to_owned(),
            symbols(r#"["main", "at"]"#, r#""lane""#),
            Some("r.avsc: a: lane does not take the symbols at: no lane has this name or this ad account; say with `values` what each yields, null for nothing; the lanes are main".to_owned()),
        ),
    ] {
        assert_eq!(faults_under(&plan(&constants, &fields), &rules()).join("\n"), fault.unwrap_or_default());
    }
    let overrides = Overrides::from([("lane".to_owned(), "nolane".to_owned())]);
    let plan = Plan::compile("r.avsc", &schema(COMPLETE, ID), &[], &overrides).unwrap_or_else(|f| panic!("{f:?}"));
    assert_eq!(
        faults_under(&plan, &rules()),
        [format!("r.avsc: feed configuration: lane does not take `nolane`: {none}")]
    );
}

#[test]
fn consent_that_nothing_feeds_cannot_be_missing() {
    let skipping = EventRules { missing_consent: MissingConsent::Skip, ..rules() };
    let consent = format!(r#"{{"name": "a", "type": "boolean", "pinterest": "consent"}}, {ID}"#);
    let fault = "r.avsc: feed configuration: missing_consent: skip, and nothing feeds consent: every record would be skipped; annotate the field that holds it, or remove the key";
    for (fields, rules, expected) in
        [(ID, rules(), ""), (ID, skipping.clone(), fault), (&consent, skipping, ""), (&consent, rules(), "")]
    {
        assert_eq!(faults_under(&plan(COMPLETE, fields), &rules).join("\n"), expected);
    }
}

#[test]
fn what_the_feed_would_leave_out_of_every_event_is_a_fault_of_the_feed() {
    let plan = plan(&with("user_data.client_ip_address", r#""10.0.0.1""#), ID);
    assert_eq!(
        faults_under(&plan, &rules()),
        [
            "r.avsc: user_data.client_ip_address does not take what stands here: an address of no public network; `private_addresses: keep` sends it; its rule: IPv4 or IPv6, not unspecified, not private unless the feed keeps those; not hashed"
        ]
    );
    let keeping = EventRules { private_addresses: PrivateAddresses::Keep, ..rules() };
    assert_eq!(faults_under(&plan, &keeping), Vec::<String>::new());
}

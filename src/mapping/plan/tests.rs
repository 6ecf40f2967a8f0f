use super::*;

const ORDER: &str = include_str!("../../../schemas/order.avsc");
const INSTALL: &str = include_str!("../../../schemas/install.avsc");
const IN_STORE: &str = include_str!("../../../schemas/in_store_purchase.avsc");

/// Everything that an event needs but its id, beside the fields of the test.
pub(super) const COMPLETE: &str = r#"{"event_name": "lead", "action_source": "web", "event_time": "2026-11-24T00:00:00Z", "user_data.em": "a@example.com"}"#;

/// The field that names the event.
pub(super) const ID: &str = r#"{"name": "id", "type": "string", "pinterest": "event_id"}"#;

pub(super) fn schema(constants: &str, fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "pinterest": {constants}, "fields": [{fields}]}}"#)
}

pub(super) fn faults(schema: &str) -> Vec<String> {
    match Plan::compile("r.avsc", schema, &[], &Overrides::new()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_shipped_schemas_compile() {
    for (name, schema) in [("order", ORDER), ("install", INSTALL), ("in_store_purchase", IN_STORE)] {
        assert_eq!(faults(schema), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn each_fault_names_its_field_and_the_mend() {
    for (field, fault) in [
        (
            r#"{"name": "a", "type": "string", "pinterest": "custom_data.curency"}"#,
            "r.avsc: a: `custom_data.curency` is no target; did you mean `custom_data.currency`?",
        ),
        (
            r#"{"name": "a", "type": "boolean", "pinterest": "custom_data.value"}"#,
            "r.avsc: a: a boolean cannot feed custom_data.value; it takes text, integer, float, decimal",
        ),
        (
            r#"{"name": "a", "type": "long", "pinterest": "app_info.install_time"}"#,
            "r.avsc: a: an integer cannot feed app_info.install_time; say what it counts: `\"unit\": \"millis\"`",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.value", "scale": 2}}"#,
            "r.avsc: a: `scale` on a string, which is no integer; remove it; only int and long are counts of minor units",
        ),
        (
            r#"{"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}, "pinterest": {"to": "app_info.install_time", "unit": "millis"}}"#,
            "r.avsc: a: `unit` on a long, which is no count; remove it; only plain numbers and text need a unit to be a time",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "lane", "vlaues": {}}}"#,
            "r.avsc: a: `vlaues` is no part of an annotation; it knows to, values, default, scale, unit, zone, hashed, region, prefix, key, part, join, order, doc",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "device_info.os_family", "values": {"i": "iphone"}}}"#,
            "r.avsc: a: `values` for `i`: device_info.os_family does not take `iphone`: of the right form, but none of the codes or words that there are; it takes ios, android, macos, windows, linux, bsd, other",
        ),
        (
            r#"{"name": "a", "type": "double", "pinterest": {"to": "user_data.em", "hashed": true}}"#,
            "r.avsc: a: `hashed` on a double, which is no text; remove it",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "hashed": true}}"#,
            "r.avsc: a: a hash cannot feed custom_data.order_id; remove `hashed`; custom_data.order_id is not sent as a hash",
        ),
        (
            r#"{"name": "a", "type": {"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, "pinterest": "lane"}"#,
            "r.avsc: a: times of day, durations, big-decimals and decimals of more than 28 places feed no target; map another field",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": "custom_data.order_id"}, {"name": "b", "type": "string", "pinterest": "custom_data.order_id"}"#,
            "r.avsc: b: custom_data.order_id is fed by a and by b; keep one, or give each its own `order`: 1 counts first",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": "event_name"}"#,
            "r.avsc: a: event_name is fed by this field and by a constant; keep one, or make the constant the `default` of the field's annotation",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": "custom_data.contents"}"#,
            "r.avsc: a: a string cannot feed custom_data.contents; annotate a record, or an array or map of records",
        ),
        (
            r#"{"name": "a", "type": {"type": "record", "name": "A", "fields": []}, "pinterest": "lane"}"#,
            "r.avsc: a: a record cannot feed lane; annotate the fields within it",
        ),
        (
            r#"{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "A", "fields": [{"name": "b", "type": "string", "pinterest": "custom_data.value"}]}}, "pinterest": "custom_data.contents"}"#,
            "r.avsc: a[].b: `custom_data.value` is no target; within contents the targets are id, item_price, quantity, item_name, item_category, item_brand",
        ),
        (
            r#"{"name": "a", "type": ["null", {"type": "record", "name": "A", "fields": [{"name": "b", "type": "string", "pinterest": "lane"}, {"name": "c", "type": ["null", "A"]}]}]}"#,
            "r.avsc: a: A holds itself, and such types cannot be mapped; map only fields outside of it",
        ),
        (
            r#"{"name": "a", "type": "int", "default": "none", "pinterest": "custom_data.num_items"}"#,
            "r.avsc: a: the default is no value of the field's type; mend it",
        ),
        (
            r#"{"name": "a", "type": "int", "pinterest": 7}"#,
            "r.avsc: a: the annotation is neither text nor an object; write the target's name, or an object with `to`",
        ),
        (
            r#"{"name": "a", "type": "int", "pinterest": {"values": {}}}"#,
            "r.avsc: a: the annotation names no target; add `\"to\": \"…\"`",
        ),
    ] {
        let found = faults(&schema(COMPLETE, &format!("{field}, {ID}")));
        assert_eq!(found.first().map(String::as_str), Some(fault), "{field}: {found:#?}");
    }
}

#[test]
fn zones_keys_and_parts_stand_only_where_they_mean_something() {
    for (field, fault) in [
        (
            r#"{"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}, "pinterest": {"to": "app_info.install_time", "zone": "UTC"}}"#,
            "r.avsc: a: `zone` on a long, which is no local time; remove it; only text and local timestamps have no zone of their own",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "app_info.install_time", "zone": "Vienna"}}"#,
            "r.avsc: a: `zone` names no time zone; write one as in `Europe/Vienna`, or `UTC`",
        ),
        (
            r#"{"name": "a", "type": {"type": "long", "logicalType": "local-timestamp-millis"}, "pinterest": {"to": "user_data.db", "zone": "Europe/Vienna"}}"#,
            "r.avsc: a: `zone` on user_data.db, whose day is the one that the clock showed; remove it; dates, local timestamps and text are read as they stand",
        ),
        (
            r#"{"name": "a", "type": {"type": "map", "values": "boolean"}, "pinterest": {"to": "consent", "key": "ads", "default": false}}"#,
            "r.avsc: a: `default` beside `key`: a map that lacks the key yields nothing; remove it; what a missing consent means is the feed's `missing_consent`",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "user_data.ph", "region": "Germany"}}"#,
            "r.avsc: a: `region` names no country that has phone numbers; write the two letters of ISO 3166, as in DE or US",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "user_data.zp", "region": "DE"}}"#,
            "r.avsc: a: `region` on user_data.zp, where no phone number is read; remove it; it is for user_data.ph, in the clear",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "user_data.ph", "region": "DE"}}, {"name": "b", "type": "string", "pinterest": {"to": "user_data.ph", "region": "at"}}"#,
            "r.avsc: b: the phone numbers are of two regions, DE and AT; keep one; it is asked last, behind the record's own country",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1}}"#,
            "r.avsc: a: custom_data.order_id has one part; give it a second, or remove `part`",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1}}, {"name": "b", "type": "int", "pinterest": {"to": "custom_data.order_id", "part": 1}}"#,
            "r.avsc: a: parts of custom_data.order_id have the same number: a + b; number them from 1 in the order in which they stand",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1}}, {"name": "b", "type": "boolean", "pinterest": {"to": "custom_data.order_id", "part": 2}}"#,
            "r.avsc: b: a boolean is no part of a text; parts are text, whole numbers, days and moments",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1, "join": "/"}}, {"name": "b", "type": "int", "pinterest": {"to": "custom_data.order_id", "part": 2}}"#,
            "r.avsc: a: `join` without a part before it; write it at the parts behind the first",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.value", "part": 1}}"#,
            "r.avsc: a: custom_data.value is not composed of parts; only texts, and what is hashed, are",
        ),
        (
            r#"{"name": "a", "type": {"type": "array", "items": "string"}, "pinterest": {"to": "custom_data.order_id", "part": 1}}, {"name": "b", "type": "int", "pinterest": {"to": "custom_data.order_id", "part": 2}}"#,
            "r.avsc: a[]: a part that may have several values; take the parts from fields outside of arrays and maps",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "key": "x"}}"#,
            "r.avsc: a: `key` on what is not the values of one map; annotate the map itself",
        ),
        (
            r#"{"name": "a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1, "order": 1}}, {"name": "b", "type": "int", "pinterest": {"to": "custom_data.order_id", "part": 2}}, {"name": "c", "type": "int", "pinterest": "custom_data.order_id"}"#,
            "r.avsc: a + b: custom_data.order_id is fed by c and by a + b; keep one, or give each its own `order`: 1 counts first",
        ),
    ] {
        let found = faults(&schema(COMPLETE, &format!("{field}, {ID}")));
        assert_eq!(found.first().map(String::as_str), Some(fault), "{field}: {found:#?}");
    }
}

#[test]
fn what_says_which_event_it_is_or_what_becomes_of_it_is_one_value() {
    let several = "the target takes one value, and the first of several would be one by chance; name one `key` of a map, or take a field outside of arrays";
    for (ty, annotation, path) in [
        (r#"{"type": "map", "values": "boolean"}"#, r#""consent""#, Some("a{}")),
        (r#"{"type": "map", "values": "boolean"}"#, r#"{"to": "consent", "key": "ads"}"#, None),
        (r#"["null", {"type": "map", "values": ["null", "boolean"]}]"#, r#"{"to": "consent", "key": "ads"}"#, None),
        (r#"{"type": "array", "items": "boolean"}"#, r#""skip""#, Some("a[]")),
        (r#"["null", {"type": "array", "items": "boolean"}]"#, r#""opt_out""#, Some("a[]")),
        (r#"{"type": "map", "values": "string"}"#, r#""custom_data.opt_out_type""#, Some("a{}")),
        (r#"{"type": "map", "values": "string"}"#, r#""lane""#, Some("a{}")),
        (r#"{"type": "array", "items": "string"}"#, r#""custom_data.order_id""#, None),
        (
            r#"{"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "b", "type": {"type": "map", "values": "boolean"}, "pinterest": {"to": "skip", "key": "x"}}]}}"#,
            "null",
            Some("a[].b{}"),
        ),
    ] {
        let annotation = if annotation == "null" { String::new() } else { format!(r#", "pinterest": {annotation}"#) };
        let found = faults(&schema(COMPLETE, &format!(r#"{{"name": "a", "type": {ty}{annotation}}}, {ID}"#)));
        let expected: Vec<_> = path.iter().map(|path| format!("r.avsc: {path}: {several}")).collect();
        assert_eq!(found, expected, "{ty}");
    }
    for target in ["event_name", "action_source", "event_time", "event_id"] {
        let field =
            format!(r#"{{"name": "a", "type": {{"type": "array", "items": "string"}}, "pinterest": "{target}"}}"#);
        let found = faults(&schema("{}", &field));
        assert_eq!(found.first(), Some(&format!("r.avsc: a[]: {several}")), "{target}");
    }
}

#[test]
fn no_two_records_are_given_one_event_id() {
    let shared = "`default` or `values` gives many records one event_id, of which Pinterest keeps one; remove it, or compose the id with a part that differs from record to record";
    for (fields, fault) in [
        (r#"{"name": "a", "type": ["null", "string"], "pinterest": {"to": "event_id", "default": "none"}}"#, Some("a")),
        (r#"{"name": "a", "type": "string", "pinterest": {"to": "event_id", "values": {"x": "y"}}}"#, Some("a")),
        (
            r#"{"name": "a", "type": "int", "pinterest": {"to": "event_id", "part": 1}}, {"name": "b", "type": ["null", "string"], "pinterest": {"to": "event_id", "part": 2, "default": "web"}}"#,
            None,
        ),
        (
            r#"{"name": "a", "type": ["null", "int"], "pinterest": {"to": "event_id", "part": 1, "default": "0"}}, {"name": "b", "type": "int", "pinterest": {"to": "event_id", "order": 2}}"#,
            Some("a"),
        ),
    ] {
        let found = faults(&schema(COMPLETE, fields));
        let expected = fault.map(|path| format!("r.avsc: {path}: {shared}"));
        assert_eq!(found.iter().find(|found| found.contains("many records")), expected.as_ref(), "{fields}: {found:?}");
    }
    let constant = COMPLETE.replacen('{', r#"{"event_id": "1", "#, 1);
    assert_eq!(
        faults(&schema(&constant, "")),
        [
            "r.avsc: a constant event_id gives every record the same, of which Pinterest keeps one; annotate the field that names the conversion"
        ]
    );
}

#[test]
fn all_faults_are_found_at_once() {
    let found = faults(&schema(
        r#"{"event_nme": "lead", "action_source": "webb"}"#,
        r#"{"name": "a", "type": "string", "pinterest": "nowhere"}, {"name": "b", "type": "long", "pinterest": "event_time"}"#,
    ));
    insta::assert_snapshot!(found.join("\n"), @r#"
    r.avsc: a: `nowhere` is no target; the reference lists all targets
    r.avsc: b: an integer cannot feed event_time; say what it counts: `"unit": "millis"`
    r.avsc: `event_nme` is no target; did you mean `event_name`?
    r.avsc: action_source does not take `webb`: of the right form, but none of the codes or words that there are; it takes app_android, app_ios, web, offline
    r.avsc: nothing feeds event_name, which Pinterest requires; annotate a field with it, or set a constant
    r.avsc: nothing feeds event_id, which Pinterest requires; annotate a field with it, or set a constant
    r.avsc: nothing tells Pinterest whose event it is; feed user_data.em, or user_data.hashed_maids, or both user_data.client_ip_address and user_data.client_user_agent
    "#);
}

#[test]
fn a_schema_that_cannot_be_parsed_is_one_fault() {
    assert_eq!(
        faults(r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "Nowhere"}]}"#),
        [
            "r.avsc: Nowhere is not defined, neither here nor in a reference; mend the schema; Avro's specification says how it is written"
        ]
    );
    assert!(
        faults("\"string\"")
            .contains(&"r.avsc: the schema is not a record; wrap it: each message of a feed is one record".into())
    );
}

#[test]
fn an_identity_is_an_address_or_a_device_or_both_of_ip_and_user_agent() {
    let base = r#""event_name": "lead", "action_source": "web", "event_time": "2026-11-24T00:00:00Z""#;
    for (identity, complete) in [
        (r#""user_data.em": "a@example.com""#, true),
        (r#""user_data.hashed_maids": "cdda802e-fb9c-47ad-9866-0794d394c912""#, true),
        (r#""user_data.client_ip_address": "203.0.113.1", "user_data.client_user_agent": "x""#, true),
        (r#""user_data.client_ip_address": "203.0.113.1""#, false),
        (r#""user_data.ph": "+43 1 5550123""#, false),
    ] {
        let found = faults(&schema(&format!("{{{base}, {identity}}}"), ID));
        assert_eq!(found.is_empty(), complete, "{identity}: {found:?}");
    }
}

#[test]
fn the_configuration_overrides_constants_and_its_faults_are_found_too() {
    let bare = schema(COMPLETE, ID);
    let overrides = |path: &str, text: &str| Overrides::from([(path.to_owned(), text.to_owned())]);
    let plan = Plan::compile("r", &bare, &[], &overrides("event_name", "signup")).unwrap_or_else(|f| panic!("{f:?}"));
    let event_name = plan.compiled().constants.iter().find(|(target, _)| *target == Target::EventName);
    assert_eq!(event_name.map(|(_, constant)| constant), Some(&Constant::Text("signup".into())));

    for (path, text, fault) in [
        ("event_nam", "x", "r: feed configuration: `event_nam` is no target; did you mean `event_name`?"),
        (
            "action_source",
            "shop",
            "r: feed configuration: action_source does not take `shop`: of the right form, but none of the codes or words that there are; it takes app_android, app_ios, web, offline",
        ),
    ] {
        let faults = Plan::compile("r", &bare, &[], &overrides(path, text)).err().unwrap_or_default();
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [fault]);
    }
}

#[test]
fn a_plan_knows_which_targets_it_feeds() {
    let plan = Plan::compile("order", ORDER, &[], &Overrides::new()).unwrap_or_else(|faults| panic!("{faults:?}"));
    for (target, fed) in [
        (Target::EventName, true),
        (Target::Consent, true),
        (Target::CustomContents, true),
        (Target::UserGe, false),
        (Target::Lane, false),
    ] {
        assert_eq!(plan.feeds(target), fed, "{target:?}");
    }
}

use std::fmt::Write;

use super::*;
use crate::mapping::plan::{Overrides, PlanFault};

/// The field that names the event where the test's schema has none; what it yields is not listed.
const OWN_ID: &str = "own_id";

/// What a record yields, as `path=value` in the order in which it is put; `+` begins a content.
#[derive(Default)]
pub(super) struct Listed(pub(super) Vec<(String, String)>);

impl<'a> Sink<'a> for Listed {
    fn put(&mut self, source: &'a Source, value: Value<'a>) {
        if *source.path == *OWN_ID {
            return;
        }
        self.0.push((source.path.to_string(), shown(&value)));
    }

    fn begin_content(&mut self) {
        self.0.push(("+".into(), String::new()));
    }
}

/// Test values are nobody's.
pub(super) fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("text {text}"),
        Value::Integer(integer) => format!("integer {integer}"),
        Value::Float(float) => format!("float {float:?}"),
        Value::Boolean(flag) => format!("boolean {flag}"),
        Value::Decimal(decimal) => format!("decimal {decimal}"),
        Value::Instant(instant) => format!("instant {}", instant.0),
        Value::Date { year, month, day } => format!("date {year:04}-{month:02}-{day:02}"),
        Value::Hash(text) => format!("hash {text}"),
    }
}

/// A plan with these fields beside constants that make it complete.
pub(super) fn plan(fields: &str) -> Plan {
    plan_of(&format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#))
}

/// A plan of this record schema; constants make it complete.
pub(super) fn plan_of(schema: &str) -> Plan {
    try_plan_of(schema, &[]).unwrap_or_else(|faults| panic!("{schema}: {faults:#?}"))
}

pub(super) fn try_plan_of(schema: &str, references: &[&str]) -> Result<Plan, Vec<PlanFault>> {
    let overrides = [
        ("event_name", "lead"),
        ("action_source", "web"),
        ("event_time", "2026-11-24T00:00:00Z"),
        ("user_data.em", "a@example.com"),
    ];
    let overrides: Overrides = overrides.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let mut json: serde_json::Value = serde_json::from_str(schema).expect("JSON");
    if let Some(fields) = json["fields"].as_array_mut().filter(|_| !schema.contains("\"event_id\"")) {
        fields.push(serde_json::json!({"name": OWN_ID, "type": "string", "default": "1", "pinterest": "event_id"}));
    }
    Plan::compile("r", &json.to_string(), references, &overrides)
}

fn writer(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "W", "fields": [{fields}]}}"#)
}

fn read(plan: &Plan, writer: &str, payload: &[u8]) -> Result<String, String> {
    let decoder = Decoder::compile(writer, &[], plan).map_err(|why| why.to_string())?;
    let mut listed = Listed::default();
    decoder.decode_into(payload, &mut listed).map_err(|fault| format!("{:?}: {fault}", fault.reason))?;
    let mut out = String::new();
    for (path, value) in listed.0 {
        match value.as_str() {
            "" => out.push_str("+ "),
            value => write!(out, "{path}={value}; ").unwrap(),
        }
    }
    Ok(out.trim_end_matches([' ', ';']).to_owned())
}

#[test]
fn fields_are_matched_by_name_then_by_alias_and_the_rest_is_stepped_over() {
    let plan = plan(
        r#"{"name": "id", "aliases": ["number", "no"], "type": "string", "pinterest": "custom_data.order_id"},
           {"name": "lane", "type": "string", "default": "main", "pinterest": "lane"},
           {"name": "unread", "type": "string"}"#,
    );
    for (fields, payload, expected) in [
        (r#"{"name": "id", "type": "string"}"#, &b"\x02a"[..], Ok("id=text a; lane=text main")),
        (r#"{"name": "no", "type": "string"}"#, b"\x02a", Ok("id=text a; lane=text main")),
        (
            r#"{"name": "no", "type": "string"}, {"name": "number", "type": "string"}"#,
            b"\x02a\x02b",
            Ok("id=text b; lane=text main"),
        ),
        (
            r#"{"name": "x", "type": {"type": "array", "items": "long"}}, {"name": "lane", "type": "string"}, {"name": "id", "type": "string"}"#,
            b"\x04\x01\x02\x00\x02l\x02a",
            Ok("lane=text l; id=text a"),
        ),
        (
            r#"{"name": "other", "type": "string"}"#,
            b"\x02a",
            Err("id: the writer lacks the field, and it has no default"),
        ),
        (r#"{"name": "id", "type": "int"}"#, b"\x02", Err("id: the writer's int cannot be read as string")),
        (r#"{"name": "id", "type": "string"}"#, b"\x04a", Err("Truncated: the bytes end before the record does")),
        (r#"{"name": "id", "type": "string"}"#, b"\x02a!", Err("TrailingBytes: bytes are left over after the record")),
        (r#"{"name": "id", "type": "string"}"#, b"\x02\xff", Err("Malformed: a string that is not UTF-8")),
    ] {
        let found = read(&plan, &writer(fields), payload);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{fields}");
    }
}

#[test]
fn names_of_records_count_inside_unions_alone() {
    let constants_alone = plan("");
    let one_field = plan(r#"{"name": "id", "type": "string", "pinterest": "custom_data.order_id"}"#);
    for name in ["R", "shop.R", "Renamed", "shop.v2.OrderPlaced"] {
        let writer =
            format!(r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "id", "type": "string"}}]}}"#);
        assert_eq!(read(&constants_alone, &writer, b"\x02a").as_deref(), Ok(""), "{name}");
        assert_eq!(read(&one_field, &writer, b"\x02a").as_deref(), Ok("id=text a"), "{name}");
    }
    let map = r#"{"type": "map", "values": "string"}"#;
    assert_eq!(read(&constants_alone, map, b"\x00"), Err("the writer's map cannot be read as record R".into()));
}

#[test]
fn unions_are_resolved_branch_by_branch() {
    let person = r#"{"type": "record", "name": "a.Person", "aliases": ["old.Human"], "fields": [{"name": "n", "type": "string", "pinterest": "user_data.fn"}]}"#;
    let plan = plan(&format!(
        r#"{{"name": "v", "type": ["null", "long", "string", {person}], "default": null, "pinterest": {{"to": "user_data.external_id", "default": "none"}}}}"#
    )
    .replace(r#", "pinterest": {"to": "user_data.external_id", "default": "none"}"#, ""));
    let record = |name: &str| {
        format!(r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "n", "type": "string"}}]}}"#)
    };
    for (ty, payload, expected) in [
        (record("a.Person"), &b"\x02x"[..], Ok("v.n=text x")),
        (record("old.Human"), b"\x02x", Ok("v.n=text x")),
        (record("b.Person"), b"\x02x", Ok("v.n=text x")),
        (
            record("a.Robot"),
            b"\x02x",
            Err("v: the writer's record a.Robot is none of null, long, string, record a.Person"),
        ),
        (format!(r#"["null", {}]"#, record("a.Person")), b"\x02\x02x", Ok("v.n=text x")),
        (format!(r#"["null", {}]"#, record("a.Person")), b"\x00", Ok("")),
        (format!(r#"["null", {}]"#, record("a.Person")), b"\x04", Err("Malformed: a union index without a branch")),
        (
            format!(r#"["boolean", {}]"#, record("a.Person")),
            b"\x00\x01",
            Err("UnresolvableSchema: the writer's boolean is none of null, long, string, record a.Person"),
        ),
        (r#""int""#.into(), b"\x02", Ok("")),
        (r#""bytes""#.into(), b"\x02\xff", Ok("")),
    ] {
        let found = read(&plan, &writer(&format!(r#"{{"name": "v", "type": {ty}}}"#)), payload);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{ty}");
    }
}

#[test]
fn a_leaf_is_read_as_the_reader_says_and_promoted() {
    let to = |ty: &str, annotation: &str| plan(&format!(r#"{{"name": "v", "type": {ty}, "pinterest": {annotation}}}"#));
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#;
    let value = "\"custom_data.value\"";
    let id = "\"user_data.external_id\"";
    let enumeration = r#"{"type": "enum", "name": "E", "symbols": ["A", "B", "C"], "default": "C"}"#;
    for (reader, annotation, writer_type, payload, expected) in [
        ("\"double\"", value, "\"int\"", &b"\x03"[..], "float -2.0"),
        ("\"float\"", value, "\"long\"", b"\x04", "float 2.0"),
        ("\"double\"", value, "\"float\"", &19.99_f32.to_le_bytes(), "float 19.99"),
        ("\"long\"", value, "\"int\"", b"\x04", "integer 2"),
        ("\"long\"", r#"{"to": "custom_data.value", "scale": 2}"#, "\"int\"", b"\x04", "decimal 0.02"),
        (decimal, value, decimal, b"\x04\x04\xd2", "decimal 12.34"),
        (
            decimal,
            value,
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}"#,
            b"\x04\x04\xd2",
            "decimal 1.234",
        ),
        (
            r#"{"type": "fixed", "name": "D", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2}"#,
            value,
            r#"{"type": "fixed", "name": "Other", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2}"#,
            b"\x00\x00\x04\xd2",
            "decimal 12.34",
        ),
        ("\"bytes\"", id, "\"string\"", b"\x02x", "text x"),
        ("\"string\"", id, "\"bytes\"", b"\x02x", "text x"),
        (
            r#"{"type": "fixed", "name": "F", "size": 2}"#,
            id,
            r#"{"type": "fixed", "name": "F", "size": 2}"#,
            b"\x0a\xff",
            "text 0aff",
        ),
        (
            r#"{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}"#,
            id,
            r#"{"type": "fixed", "name": "U", "size": 16}"#,
            b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
            "text 00112233-4455-6677-8899-aabbccddeeff",
        ),
        ("\"long\"", r#"{"to": "app_info.install_time", "unit": "seconds"}"#, "\"long\"", b"\x02", "instant 1000"),
        (
            "\"long\"",
            r#"{"to": "app_info.install_time", "unit": "seconds"}"#,
            r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
            b"\xd0\x0f",
            "instant 1",
        ),
        (r#"{"type": "int", "logicalType": "date"}"#, "\"user_data.db\"", "\"int\"", b"\x00", "date 1970-01-01"),
        (enumeration, id, r#"{"type": "enum", "name": "X", "symbols": ["B", "NEW"]}"#, b"\x00", "text B"),
        (enumeration, id, r#"{"type": "enum", "name": "X", "symbols": ["B", "NEW"]}"#, b"\x02", "text C"),
        (
            enumeration,
            r#"{"to": "skip", "values": {"A": true, "B": false}, "default": true}"#,
            r#"{"type": "enum", "name": "X", "symbols": ["B", "NEW"]}"#,
            b"\x02",
            "boolean true",
        ),
        (
            "\"string\"",
            r#"{"to": "user_data.ge", "values": {"female": "f", "x": null}, "default": "n"}"#,
            "\"string\"",
            b"\x0cfemale",
            "text f",
        ),
        (
            "\"string\"",
            r#"{"to": "user_data.ge", "values": {"female": "f", "x": null}, "default": "n"}"#,
            "\"string\"",
            b"\x02y",
            "text n",
        ),
        (
            "\"string\"",
            r#"{"to": "user_data.ge", "values": {"female": "f", "x": null}, "default": "n"}"#,
            "\"string\"",
            b"\x02x",
            "",
        ),
        ("\"int\"", r#"{"to": "user_data.ge", "values": {"1": "m", "2": "f"}}"#, "\"int\"", b"\x04", "text f"),
        ("\"boolean\"", r#"{"to": "user_data.ge", "values": {"true": "m"}}"#, "\"boolean\"", b"\x01", "text m"),
        ("[\"null\", \"string\"]", r#"{"to": "user_data.ge", "default": "n"}"#, "\"null\"", b"", "text n"),
        ("\"string\"", r#"{"to": "user_data.em", "hashed": true}"#, "\"string\"", b"\x04ab", "hash ab"),
        ("\"long\"", r#"{"to": "custom_data.order_id", "prefix": "no-"}"#, "\"long\"", b"\x04", "text no-2"),
    ] {
        let found =
            read(&to(reader, annotation), &writer(&format!(r#"{{"name": "v", "type": {writer_type}}}"#)), payload);
        let expected = if expected.is_empty() { String::new() } else { format!("v={expected}") };
        assert_eq!(found, Ok(expected), "{writer_type} read as {reader}, {annotation}");
    }
}

#[test]
fn a_number_that_means_something_else_is_refused() {
    let time = plan(
        r#"{"name": "v", "type": {"type": "long", "logicalType": "timestamp-millis"}, "pinterest": "app_info.install_time"}"#,
    );
    for (ty, resolves) in [
        (r#"{"type": "int", "logicalType": "date"}"#, false),
        (r#"{"type": "int", "logicalType": "time-millis"}"#, false),
        (r#"{"type": "long", "logicalType": "timestamp-nanos"}"#, true),
        ("\"int\"", true),
    ] {
        let found = Decoder::compile(&writer(&format!(r#"{{"name": "v", "type": {ty}}}"#)), &[], &time);
        assert_eq!(found.is_ok(), resolves, "{ty}");
    }
}

#[test]
fn lists_and_maps_yield_every_value_and_contents_are_kept_apart() {
    let plan = plan(
        r#"{"name": "mails", "type": {"type": "array", "items": ["null", "string"]}, "pinterest": "user_data.em"},
           {"name": "lines", "type": {"type": "map", "values": {"type": "record", "name": "L", "fields": [
               {"name": "sku", "type": "string", "pinterest": "id"}, {"name": "n", "type": "int", "pinterest": "quantity"}]}},
            "pinterest": "custom_data.contents"}"#,
    );
    let writer = writer(
        r#"{"name": "mails", "type": {"type": "array", "items": ["null", "string"]}},
           {"name": "lines", "type": {"type": "map", "values": {"type": "record", "name": "X", "fields": [
               {"name": "n", "type": "int"}, {"name": "sku", "type": "string"}]}}}"#,
    );
    let payload = b"\x06\x02\x02a\x00\x02\x02b\x00\x04\x02k\x02\x02s\x02j\x04\x02t\x00";
    assert_eq!(
        read(&plan, &writer, payload).as_deref(),
        Ok(
            "mails=text a; mails=text b; + lines{}.n=integer 1; lines{}.sku=text s; + lines{}.n=integer 2; lines{}.sku=text t"
        )
    );
}

#[test]
fn of_several_sources_the_best_that_is_there_comes_first() {
    let plan = plan(
        r#"{"name": "b", "type": ["null", "string"], "pinterest": {"to": "custom_data.order_id", "order": 2}},
           {"name": "a", "type": ["null", "string"], "pinterest": {"to": "custom_data.order_id", "order": 1}}"#,
    );
    let writer = writer(r#"{"name": "b", "type": ["null", "string"]}, {"name": "a", "type": ["null", "string"]}"#);
    for (payload, expected) in [
        (&b"\x02\x02b\x02\x02a"[..], "a=text a; b=text b"),
        (b"\x02\x02b\x00", "b=text b"),
        (b"\x00\x02\x02a", "a=text a"),
        (b"\x00\x00", ""),
    ] {
        assert_eq!(read(&plan, &writer, payload).as_deref(), Ok(expected), "{payload:?}");
    }
}

#[test]
fn a_wanted_list_has_a_limit_and_a_null_costs_nothing_forever() {
    let plan =
        plan(r#"{"name": "v", "type": {"type": "array", "items": ["null", "string"]}, "pinterest": "user_data.em"}"#);
    let nulls = plan_of(
        r#"{"type": "record", "name": "R", "fields": [{"name": "v", "type": {"type": "array", "items": {"type": "record", "name": "E", "fields": [
            {"name": "x", "type": "string", "default": "d", "pinterest": "user_data.em"}]}}}]}"#,
    );
    let of = |items: &str| writer(&format!(r#"{{"name": "v", "type": {{"type": "array", "items": {items}}}}}"#));
    let many = [b"\x80\x80\x08".to_vec(), vec![0; 65_537]].concat();
    let fault = "TooLarge: more items in arrays and maps than are kept of one record";
    assert_eq!(read(&plan, &of(r#"["null", "string"]"#), &many).err().as_deref(), Some(fault));
    let empty = r#"{"type": "record", "name": "E", "fields": []}"#;
    assert_eq!(read(&nulls, &of(empty), b"\x80\x80\x04\x00").err().as_deref(), Some(fault));
    assert_eq!(read(&nulls, &of(empty), b"\x04\x00").as_deref(), Ok("v[].x=text d; v[].x=text d"));
}

#[test]
fn a_schema_that_multiplies_is_refused() {
    let mut reader =
        r#"{"type": "record", "name": "R10", "fields": [{"name": "p", "type": "string", "pinterest": "lane"}]}"#
            .to_owned();
    for level in (0..10).rev() {
        reader = format!(r#"{{"type": "record", "name": "R{level}", "fields": [{{"name": "p", "type": {reader}}}]}}"#);
    }
    let branches: Vec<_> = (0..30)
        .map(|n| format!(r#"{{"type": "record", "name": "L{n}", "fields": [{{"name": "p", "type": "U"}}]}}"#))
        .collect();
    let writer = format!(
        r#"{{"type": "record", "name": "U", "fields": [{{"name": "p", "type": ["string", {}]}}]}}"#,
        branches.join(",")
    );
    assert_eq!(read(&plan_of(&reader), &writer, b""), Err("the schema is too large to resolve".into()));
}

#[test]
fn a_number_in_text_is_no_decimal_and_a_decimal_is_no_text() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#;
    let fixed = r#"{"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2}"#;
    let big = r#"{"type": "bytes", "logicalType": "big-decimal"}"#;
    for (reader, writer_type) in [
        (decimal, "\"string\""),
        (decimal, "\"bytes\""),
        (decimal, big),
        (fixed, r#"{"type": "fixed", "name": "F", "size": 4}"#),
        ("\"bytes\"", decimal),
        ("\"string\"", decimal),
        ("\"bytes\"", big),
        (r#"{"type": "fixed", "name": "F", "size": 4}"#, fixed),
    ] {
        let plan = plan(&format!(r#"{{"name": "v", "type": {reader}, "pinterest": "custom_data.value"}}"#));
        let found = read(&plan, &writer(&format!(r#"{{"name": "v", "type": {writer_type}}}"#)), b"\x0812.5");
        let refused = found.as_ref().is_err_and(|why| why.contains("means something else"));
        assert!(refused, "{writer_type} read as {reader}: {found:?}");
    }
}

#[test]
fn an_amount_of_too_many_digits_is_read_as_the_greatest_which_every_rule_refuses() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}"#;
    let plan = plan(&format!(r#"{{"name": "v", "type": {decimal}, "pinterest": "custom_data.value"}}"#));
    let payload = [&[32][..], &[0x7f; 16]].concat();
    let found = read(&plan, &writer(&format!(r#"{{"name": "v", "type": {decimal}}}"#)), &payload);
    assert_eq!(found.as_deref(), Ok("v=decimal 79228162514264337593543950335"));
}

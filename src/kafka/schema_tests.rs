//! The schemas of pinrelay's own topics are contracts: they parse, say what everything means, and may grow.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use serde_json::Value;
use sha2::Digest;

use super::{audit, audit_row, changelog};
use crate::domain::{ActionSource, OutcomeKind};

const SCHEMAS: [&str; 2] = [audit::SCHEMA, changelog::SCHEMA];

/// Calls `see` for every field and every named type below `schema`.
fn visit(schema: &Value, see: &mut impl FnMut(&Value)) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| visit(branch, see)),
        Value::Object(object) => {
            if object.contains_key("name") {
                see(schema);
            }
            for inner in ["type", "items"] {
                object.get(inner).iter().for_each(|inner| visit(inner, see));
            }
            let fields = object.get("fields").and_then(Value::as_array);
            fields.into_iter().flatten().for_each(|field| visit(field, see));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn json(schema: &str) -> Value {
    serde_json::from_str(schema).expect("a schema is JSON")
}

fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let fields = schema["fields"].as_array().expect("a record");
    fields.iter().find(|field| field["name"] == name).expect("the schema has the field")
}

#[test]
fn every_schema_parses_and_every_field_and_type_in_it_says_what_it_means() {
    for text in SCHEMAS {
        Schema::parse_str(text).expect("a schema parses");
        let mut seen = 0;
        visit(&json(text), &mut |named| {
            seen += 1;
            let doc = named["doc"].as_str().unwrap_or_default();
            assert!(10 < doc.len() && doc.ends_with('.'), "{}: {doc:?}", named["name"]);
        });
        assert!(10 < seen, "{seen}");
    }
}

/// CRC-64-AVRO of the schema's canonical form.
///
/// apache-avro 0.22 writes a primitive that had a logical type as `{"type":"long"}`, against the rule [PRIMITIVES] of
/// Avro's specification ("Transforming into Parsing Canonical Form"); every other reader would compute another value.
fn fingerprint(schema: &str) -> Vec<u8> {
    let mut canonical = Schema::parse_str(schema).expect("a schema parses").canonical_form();
    for primitive in ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] {
        canonical = canonical.replace(&format!("{{\"type\":\"{primitive}\"}}"), &format!("\"{primitive}\""));
    }
    let mut rabin = Rabin::default();
    rabin.update(canonical.as_bytes());
    rabin.finalize().to_vec()
}

#[test]
fn the_fingerprints_in_front_of_values_are_those_of_the_schemas() {
    assert_eq!(fingerprint(audit::SCHEMA), audit_row::FINGERPRINT);
    assert_eq!(fingerprint(changelog::SCHEMA), changelog::FINGERPRINT);
}

#[test]
fn the_outcomes_are_those_of_the_code_and_one_for_what_a_reader_does_not_know_yet() {
    let schema = json(audit::SCHEMA);
    let outcome = &field(&schema, "outcome")["type"];
    let symbols: Vec<&str> = OutcomeKind::ALL.into_iter().map(OutcomeKind::as_str).collect();
    assert_eq!(outcome["symbols"], Value::from([&["unknown"][..], &symbols].concat()));
    assert_eq!(outcome["default"], "unknown");
    for symbol in symbols {
        assert!(outcome["doc"].as_str().unwrap().contains(&format!("{symbol}: ")), "{symbol}");
    }
}

#[test]
fn whatever_may_be_absent_in_a_row_has_null_as_its_default() {
    let mut nullable = 0;
    visit(&json(audit::SCHEMA), &mut |named| {
        if named["type"].as_array().is_some_and(|branches| branches.contains(&Value::from("null"))) {
            nullable += 1;
            assert_eq!(named["type"][0], "null", "{}", named["name"]);
            assert_eq!(named.get("default"), Some(&Value::Null), "{}", named["name"]);
        }
    });
    assert!(20 < nullable, "{nullable}");
}

#[test]
fn the_documentation_of_action_source_names_all_of_them() {
    let schema = json(audit::SCHEMA);
    let doc = field(&schema, "action_source")["doc"].as_str().unwrap();
    for source in ActionSource::ALL {
        assert!(doc.contains(source.as_str()), "{source:?}");
    }
}

use super::*;

fn root(schema: &Schema) -> &Type {
    schema.get(schema.root())
}

#[test]
fn a_type_may_be_used_before_and_outside_the_file_that_defines_it() {
    let main = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "buyer", "type": "Person"}, {"name": "ship_to", "type": ["null", "geo.Place"]}]}"#;
    let person = r#"{"type": "record", "name": "shop.Person", "fields": [{"name": "home", "type": "geo.Place"}]}"#;
    let place =
        r#"{"type": "record", "name": "Place", "namespace": "geo", "fields": [{"name": "zip", "type": "string"}]}"#;
    let schema = parse(main, &[person, place]).unwrap();
    assert_eq!(root(&schema).kind.names().unwrap().full.as_ref(), "shop.Order");
    assert_eq!(root(&schema).min_bytes, 2, "one for the string, one for the union");
    assert_eq!(
        parse(main, &[person]).unwrap_err().to_string(),
        "geo.Place is not defined, neither here nor in a reference"
    );
}

#[test]
fn a_recursive_type_is_a_type_and_takes_at_least_what_its_first_level_takes() {
    let schema = parse(
        r#"{"type": "record", "name": "Node", "fields": [
            {"name": "value", "type": "double"}, {"name": "next", "type": ["null", "Node"]}]}"#,
        &[],
    );
    assert_eq!(root(&schema.unwrap()).min_bytes, 9);
}

#[test]
fn logical_types_count_only_on_the_types_that_avro_names() {
    for (json, logical) in [
        (r#"{"type": "long", "logicalType": "timestamp-micros"}"#, Logical::Timestamp(Unit::Micros)),
        (r#"{"type": "long", "logicalType": "local-timestamp-millis"}"#, Logical::Local(Unit::Millis)),
        (r#"{"type": "int", "logicalType": "timestamp-millis"}"#, Logical::None),
        (r#"{"type": "int", "logicalType": "date"}"#, Logical::Date),
        (r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#, Logical::Decimal { scale: 2 }),
        (r#"{"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 2}"#, Logical::None),
        (
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 28}"#,
            Logical::Decimal { scale: 28 },
        ),
        (r#"{"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 29}"#, Logical::Useless),
        (r#"{"type": "string", "logicalType": "uuid"}"#, Logical::Uuid),
        (r#"{"type": {"type": "long"}, "logicalType": "timestamp-millis"}"#, Logical::Timestamp(Unit::Millis)),
        (r#"{"type": "string", "logicalType": "colour"}"#, Logical::None),
    ] {
        assert_eq!(root(&parse(json, &[]).unwrap()).logical, logical, "{json}");
    }
}

#[test]
fn a_schema_that_is_none_is_refused_with_the_reason() {
    for (json, words) in [
        ("{", "not JSON"),
        ("7", "must be a name"),
        (r#""strnig""#, "strnig is not defined"),
        (r#"["null", ["int"]]"#, "another union"),
        ("[]", "no branches"),
        (r#"{"type": "record", "name": "R"}"#, "no `fields`"),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
            "twice",
        ),
        (r#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}"#, "none of its symbols"),
        (r#"{"type": "enum", "name": "E", "symbols": ["A b"]}"#, "is not a name"),
        (r#"{"type": "fixed", "name": "F", "size": 99999999999}"#, "needs a size"),
        (r#"{"type": "fixed", "name": "F!", "size": 1}"#, "not a name"),
    ] {
        let fault = parse(json, &[]).unwrap_err().to_string();
        assert!(fault.contains(words), "{json}: {fault}");
    }
}

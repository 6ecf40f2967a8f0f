use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// All of a document, with `"number"` in place of what is no whole number of 64 bits.
fn read(json: &[u8]) -> Result<Value, Malformed> {
    let mut scanner = Scanner::new(json)?;
    let value = value(&mut scanner)?;
    scanner.end()?;
    Ok(value)
}

fn value(scanner: &mut Scanner<'_>) -> Result<Value, Malformed> {
    Ok(match scanner.value()? {
        Token::Null => Value::Null,
        Token::Flag => json!(true),
        Token::Whole(number) => json!(number),
        Token::Number => json!("number"),
        Token::Text(text) => json!(text.read()),
        Token::List => {
            let mut list = Vec::new();
            while scanner.has_element()? {
                list.push(value(scanner)?);
            }
            Value::Array(list)
        }
        Token::Object => {
            let mut map = Map::new();
            while scanner.has_key()? {
                let key = if scanner.reads_key("key") { "key".into() } else { scanner.key()?.read().into_owned() };
                scanner.colon()?;
                map.insert(key, value(scanner)?);
            }
            Value::Object(map)
        }
    })
}

/// The same of what `serde_json` reads.
fn read_by_serde(json: &[u8]) -> Option<Value> {
    serde_json::from_slice(json).ok().map(simple)
}

fn simple(value: Value) -> Value {
    match value {
        Value::Bool(_) => json!(true),
        Value::Number(number) if !number.is_i64() => json!("number"),
        Value::Array(list) => list.into_iter().map(simple).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, simple(value))).collect(),
        Value::Null | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn documents_of_every_form_are_read_as_serde_json_reads_them() {
    for json in [
        " {} ",
        "[]",
        "[[],{}]",
        "{\"a\":[1,{\"b\":null}],\"c\":{}}",
        "\t[\r\n1 , 2 ]",
        "[true,false,null]",
        r#"{"key":1}"#,
        r#"{"ke\u0079":1}"#,
        r#"{"key" : "key"}"#,
        r#"{"a":1,"a":2}"#,
        r#""""#,
        r#""a\"b\\c\n\u00e9\ud83d\ude00/""#,
        "\"ü漢😀\"",
        "0",
        "-0",
        "-1",
        "10",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "1.0",
        "1e3",
        "1E+3",
        "0.5",
        "-0.0e-1",
        // None of these is a document.
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{a:1}",
        "[}",
        "{]",
        "[1]]",
        "{}{}",
        "nul",
        "nullx",
        "True",
        "'a'",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"a\nb\"",
        "\"a\u{1f}\"",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1.2.3",
        "1e400",
        "--1",
        "\u{feff}{}",
        "1 2",
        "\"a\"b",
    ] {
        assert_eq!(read(json.as_bytes()).ok(), read_by_serde(json.as_bytes()), "{json}");
    }
    assert_eq!(read(b"\"\xff\""), Err(Malformed { at: 1 }));
}

#[test]
fn a_value_that_is_passed_over_may_be_of_any_depth() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let mut scanner = Scanner::new(deep.as_bytes()).unwrap();
    assert!(matches!(scanner.value(), Ok(Token::Object)));
    assert_eq!(scanner.has_key(), Ok(true));
    assert!(scanner.reads_key("a"));
    assert_eq!(
        (scanner.colon(), scanner.skip(), scanner.has_key(), scanner.end()),
        (Ok(()), Ok(()), Ok(false), Ok(()))
    );
}

#[test]
fn a_key_is_read_only_if_it_is_the_whole_of_it() {
    for (json, name, read) in [
        (r#"{"em":1}"#, "em", true),
        (r#"{"em":1}"#, "e", false),
        (r#"{"em":1}"#, "em2", false),
        (r#"{"em":1}"#, "fn", false),
        (r#"{"":1}"#, "", true),
    ] {
        let mut scanner = Scanner::new(json.as_bytes()).unwrap();
        assert!(matches!(scanner.value(), Ok(Token::Object)) && scanner.has_key() == Ok(true));
        assert_eq!(scanner.reads_key(name), read, "{json} {name}");
        assert_eq!(scanner.colon().is_ok(), read, "{json} {name}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z ü\"\\\\\n\u{1}]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("key|[a-z\"]{0,4}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Bytes that a document is made of, and some that it is not.
const BYTES: &[u8] = b"{}[]\",:\\ \n019-.eEtrufalsn\x00\x1f\x7f\xc3\xff";

proptest! {
    #[test]
    fn any_document_is_read_as_serde_json_reads_it(value in any_value()) {
        for json in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
            prop_assert_eq!(read(&json).ok(), Some(simple(value.clone())));
        }
    }

    #[test]
    fn any_damaged_document_is_refused_or_read_as_serde_json_does(
        value in any_value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(BYTES), 0..3), 1..4),
    ) {
        let mut json = serde_json::to_vec(&value).unwrap();
        for (at, byte, way) in damage {
            let at = at.index(json.len() + 1);
            match way {
                0 => json.insert(at, byte),
                1 if at < json.len() => json[at] = byte,
                _ => json.truncate(at),
            }
        }
        prop_assert_eq!(read(&json).ok(), read_by_serde(&json));
    }

    #[test]
    fn bytes_stand_for_themselves_up_to_the_first_that_does_not(text in prop::collection::vec(any::<u8>(), 0..70)) {
        let special = text.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
        prop_assert_eq!(plain_length(&text), special.unwrap_or(text.len()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(json in "[\\[\\]{},:\"\\\\0-9eE.+tru falsn-]{0,24}") {
        prop_assert_eq!(read(json.as_bytes()).ok(), read_by_serde(json.as_bytes()));
    }
}

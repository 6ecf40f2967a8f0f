//! YAML as the value that JSON has, so that rendered resources can be looked into by path.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value};

/// Every document that is not empty.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("no YAML: {error}\n{text}"));
    documents.iter().map(value).filter(|value| !value.is_null()).collect()
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => Value::Bool(*flag),
        Yaml::Value(Scalar::Integer(number)) => Value::Number((*number).into()),
        Yaml::Value(Scalar::FloatingPoint(number)) => {
            Value::Number(Number::from_f64(number.into_inner()).expect("a finite number"))
        }
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(value).collect()),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, of_key)| {
                let Value::String(key) = value(key) else { panic!("a key that is no text: {key:?}") };
                (key, value(of_key))
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Representation(..) | Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("a form that no resource has: {yaml:?}")
        }
    }
}

#[test]
fn documents_keep_forms_and_leave_out_empty_ones() {
    let found = documents("a: 1\nb: [x, \"2\", true, 1.5]\n---\n# nothing\n---\nc: {d: ~}\n");
    let expected = [serde_json::json!({"a": 1, "b": ["x", "2", true, 1.5]}), serde_json::json!({"c": {"d": null}})];
    assert_eq!(found, expected);
}

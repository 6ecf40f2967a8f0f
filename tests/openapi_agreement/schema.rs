//! As much of JSON Schema, in OpenAPI 3.0's dialect, as the description of `events/create` uses.

use serde_json::{Map, Value};

/// Keywords that refuse nothing; `nullable` is seen to before the others.
const ANNOTATIONS: [&str; 5] = ["description", "example", "format", "title", "nullable"];

/// Keywords that say nothing about a value of another type than theirs.
const ABOUT_OTHER_TYPES: [&str; 9] = [
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "maxLength",
    "minimum",
    "maximum",
];

/// An OpenAPI document.
pub(crate) struct OpenApi {
    root: Value,
}

impl OpenApi {
    pub(crate) fn new(root: Value) -> Self {
        Self { root }
    }

    /// The schema of that name under `components`.
    pub(crate) fn schema(&self, name: &str) -> &Value {
        self.at(&format!("/components/schemas/{name}"))
    }

    /// The schema that a `$ref` names, or the schema itself.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.at(reference.strip_prefix('#').expect("a reference into the document")),
            None => schema,
        }
    }

    fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("the document has no {pointer}"))
    }

    /// Whether `value` satisfies `schema`.
    ///
    /// Keywords beside a `$ref` count, although OpenAPI 3.0 ignores them: else `user_data` would need no identity,
    /// which its own description and Pinterest's answers contradict. An unknown keyword fails the test, so that a
    /// newer file cannot be half read.
    pub(crate) fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let schema = schema.as_object().expect("a schema is an object");
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return true;
        }
        schema.iter().all(|(keyword, law)| self.satisfies(keyword, law, schema, value))
    }

    fn satisfies(&self, keyword: &str, law: &Value, schema: &Map<String, Value>, value: &Value) -> bool {
        let limit = || usize::try_from(law.as_u64().expect("a limit is a number")).expect("a small one");
        match (keyword, value) {
            ("$ref", _) => self.accepts(self.at(&law.as_str().expect("text")[1..]), value),
            ("type", _) => is_of_type(law.as_str().expect("one type"), value),
            ("enum", _) => law.as_array().expect("a list").contains(value),
            ("anyOf", _) => law.as_array().expect("a list").iter().any(|schema| self.accepts(schema, value)),
            ("properties", Value::Object(map)) => {
                map.iter().all(|(key, value)| law.get(key).is_none_or(|schema| self.accepts(schema, value)))
            }
            ("required", Value::Object(map)) => {
                law.as_array().expect("a list").iter().all(|key| map.contains_key(key.as_str().expect("text")))
            }
            ("additionalProperties", Value::Object(map)) => {
                assert_eq!(law, &Value::Bool(false), "only a plain `false` is understood");
                map.keys().all(|key| schema["properties"].get(key).is_some())
            }
            ("items", Value::Array(list)) => list.iter().all(|value| self.accepts(law, value)),
            ("minItems", Value::Array(list)) => limit() <= list.len(),
            ("maxItems", Value::Array(list)) => list.len() <= limit(),
            ("maxLength", Value::String(text)) => text.chars().count() <= limit(),
            ("minimum", Value::Number(n)) => law.as_f64() <= n.as_f64(),
            ("maximum", Value::Number(n)) => n.as_f64() <= law.as_f64(),
            (keyword, _) if ANNOTATIONS.contains(&keyword) || ABOUT_OTHER_TYPES.contains(&keyword) => true,
            (unknown, _) => panic!("the schema uses `{unknown}`, which this test does not understand"),
        }
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        unknown => panic!("the schema uses the type `{unknown}`, which this test does not understand"),
    }
}

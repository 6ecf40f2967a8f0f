//! Which parameters an event has: their names, never their values.

use serde_json::{Map, Value};

/// What every event has, and what the set of identity parameters says.
const SAID_ELSEWHERE: [&str; 5] = ["event_name", "action_source", "event_time", "event_id", "user_data"];

/// The names of what stands in the body beside [`SAID_ELSEWHERE`], in the order of the alphabet, those of an object in
/// brackets behind its own: `custom_data(currency value), opt_out`.
pub(super) fn names(body: &[u8]) -> Box<str> {
    let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut names: Vec<String> = body
        .iter()
        .filter(|(name, _)| !SAID_ELSEWHERE.contains(&name.as_str()))
        .map(|(name, value)| match value {
            Value::Object(inner) => {
                let mut inner: Vec<&str> = inner.keys().map(String::as_str).collect();
                inner.sort_unstable();
                format!("{name}({})", inner.join(" "))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => name.clone(),
        })
        .collect();
    names.sort_unstable();
    names.join(", ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_values_are_not() {
        let body = r#"{"event_name":"checkout","event_id":"secret","user_data":{"em":["secret"]},"opt_out":false,
            "custom_data":{"value":"9.99","currency":"EUR","contents":[{"id":"secret"}]},"language":"secret"}"#;
        assert_eq!(&*names(body.as_bytes()), "custom_data(contents currency value), language, opt_out");
    }
}

//! The verdict on one valid event. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::UnixMillis;
use crate::domain::body::EVENT_NAMES;

/// What becomes of an event name that is not documented: Pinterest's own example shows it failed, a measurement of
/// September 2026 shows it processed with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownNames {
    Fail,
    Warn,
}

/// Clocks of sender and sandbox may differ by so much.
const FUTURE_TOLERANCE_MS: i64 = 60_000;

/// What the sandbox says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Processed { warning: String },
    Failed { message: String },
}

pub(super) fn judge(event: &Value, now: UnixMillis, unknown_names: UnknownNames) -> Judgement {
    let name = text(event, "event_name");
    let mut warnings = Vec::new();
    if !EVENT_NAMES.contains(&name) {
        match unknown_names {
            UnknownNames::Fail => return Judgement::Failed { message: format!("Invalid event_name: {name}") },
            UnknownNames::Warn => warnings.push("the event name is not a standard one".to_owned()),
        }
    }
    let time_ms = event.get("event_time").and_then(Value::as_i64).unwrap_or(0).saturating_mul(1000);
    if now.0.saturating_add(FUTURE_TOLERANCE_MS) < time_ms {
        return Judgement::Failed { message: "Invalid event_time: it is in the future".into() };
    }
    for key in ["external_id", "click_id"] {
        if event.get("user_data").and_then(|user_data| user_data.get(key)).is_none_or(Value::is_null) {
            warnings.push(format!("{key} is missing"));
        }
    }
    Judgement::Processed { warning: warnings.join("; ") }
}

/// A text of a checked event.
pub(super) fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_judged_by_its_name_and_its_time_and_warned_about_what_it_lacks() {
        let now = UnixMillis(1_790_000_000_000);
        let full = json!({"external_id": ["x"], "click_id": "x"});
        for (name, time, user_data, unknown_names, judgement) in [
            ("checkout", 1_790_000_000, full.clone(), UnknownNames::Fail, "processed "),
            ("checkout", 1_790_000_060, full.clone(), UnknownNames::Fail, "processed "),
            (
                "checkout",
                1_790_000_061,
                full.clone(),
                UnknownNames::Fail,
                "failed Invalid event_time: it is in the future",
            ),
            ("checkout", i64::MAX, full.clone(), UnknownNames::Fail, "failed Invalid event_time: it is in the future"),
            (
                "checkout",
                0,
                json!({"click_id": null}),
                UnknownNames::Fail,
                "processed external_id is missing; click_id is missing",
            ),
            ("subscription", 0, full.clone(), UnknownNames::Fail, "failed Invalid event_name: subscription"),
            ("subscription", 0, full, UnknownNames::Warn, "processed the event name is not a standard one"),
        ] {
            let event = json!({"event_name": name, "event_time": time, "user_data": user_data});
            let shown = match judge(&event, now, unknown_names) {
                Judgement::Processed { warning } => format!("processed {warning}"),
                Judgement::Failed { message } => format!("failed {message}"),
            };
            assert_eq!(shown, judgement, "{event}");
        }
    }
}

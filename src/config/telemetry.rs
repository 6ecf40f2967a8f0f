//! `telemetry`: the collector that metrics and traces are sent to.

use std::time::Duration;

use super::key::{Form, Key, Presence, Spec};
use super::names::{self, Carries};
use super::secret::{self, SecretValue};
use super::yaml::{Node, Reading};

pub(super) const SPEC: Spec = Spec {
    title: "telemetry",
    keys: &[
        Key {
            name: "otlp",
            form: Form::Text("a URL"),
            presence: Presence::Required,
            about: "Base URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318",
        },
        Key {
            name: "authorization",
            form: Form::Other(secret::FORM),
            presence: Presence::Optional,
            about: "Value of the header `Authorization` of each request, scheme included",
        },
        Key {
            name: "interval",
            form: Form::Duration(Duration::from_secs(1), Duration::from_hours(1)),
            presence: Presence::Default("30s"),
            about: "Between two sendings of the metrics",
        },
        Key {
            name: "trace_one_in",
            form: Form::Count(0, 1_000_000_000),
            presence: Presence::Default("0"),
            about: "Of records without a trace of their own, one in so many begins one; 0 for none",
        },
    ],
};

/// Where metrics and traces are sent.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Without `/` at its end.
    pub otlp: String,
    pub authorization: Option<SecretValue>,
    pub interval: Duration,
    pub trace_one_in: u64,
}

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Telemetry> {
    let section = node.section(&SPEC, reading)?;
    let carries = if section.has("authorization") { Carries::Secret } else { Carries::Nothing };
    let otlp = section.text("otlp", reading).and_then(|text| names::url(&text, carries, reading));
    let interval = section.duration("interval", reading);
    let trace_one_in = section.count("trace_one_in", reading);
    let authorization = match section.node("authorization", reading) {
        Some(node) => Some(secret::read(node, reading)?),
        None => None,
    };
    Some(Telemetry { otlp: otlp?, authorization, interval: interval?.value, trace_one_in: trace_one_in?.value })
}

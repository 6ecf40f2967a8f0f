//! What is said about one record: as text for people, or as one JSON object a line.

use std::io::{self, Write};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::domain::{Mapped, OutcomeKind};
use crate::mapping::{Explained, Note, Noted};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

pub(super) enum Shown {
    Explained(Box<Explained>),
    /// It is no record of the schema.
    Unreadable {
        problem: String,
    },
}

impl Shown {
    pub(super) fn is_undecodable(&self) -> bool {
        let Self::Explained(explained) = self else { return false };
        let Mapped::Settled { outcome, .. } = &explained.finished.mapped else { return false };
        outcome.reason.kind() == OutcomeKind::Undecodable
    }
}

/// Writes what there is to say about the record with this number, counted from 1.
pub(super) fn write(shown: &Shown, n: usize, form: Form, lanes: &[&str], out: &mut impl Write) -> io::Result<()> {
    match form {
        Form::Text => text(shown, n, lanes, out),
        Form::Json => line(shown, lanes, out),
    }
}

fn text(shown: &Shown, n: usize, lanes: &[&str], out: &mut impl Write) -> io::Result<()> {
    let explained = match shown {
        Shown::Explained(explained) => explained,
        Shown::Unreadable { problem } => return writeln!(out, "record {n}: unreadable: {problem}\n"),
    };
    match &explained.finished.mapped {
        Mapped::Event(event) => {
            let lane = lanes.get(usize::from(event.lane.0)).copied().unwrap_or_default();
            let body: Value = serde_json::from_slice(&event.body)?;
            writeln!(out, "record {n}: send, to lane {lane}\n{body:#}")?;
        }
        Mapped::Settled { outcome, .. } => {
            let reason = outcome.reason;
            let detail = outcome.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            writeln!(out, "record {n}: {}, {}{detail}", reason.kind().as_str(), reason.code())?;
            writeln!(out, "  {}; {}", reason.meaning(), reason.remedy())?;
        }
    }
    for Note { target, what } in &explained.notes {
        match what {
            Noted::Fed { from, value, rule } => writeln!(out, "  {target} <- {from}: {value}\n      {rule}")?,
            Noted::PassedOver { from, value, why } => {
                writeln!(out, "  {target} <- {from}: {value}: passed over: {why}")?;
            }
            Noted::Empty { from } => writeln!(out, "  {target} <- {from}: no value")?,
            Noted::Derived { from, rule } => writeln!(out, "  {target} <- derived from {from}\n      {rule}")?,
            Noted::LeftOut { why, meaning } => {
                writeln!(out, "  {target}: a value was left out: {why}: {meaning}")?;
            }
            Noted::Warning { code, meaning } => writeln!(out, "  warning: {code}: {meaning}")?,
        }
    }
    writeln!(out)
}

fn line(shown: &Shown, lanes: &[&str], out: &mut impl Write) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Sent<'e> {
        outcome: &'static str,
        event: &'e RawValue,
        lane: &'e str,
        notes: Vec<Value>,
    }
    let explained = match shown {
        Shown::Explained(explained) => explained,
        Shown::Unreadable { problem } => {
            return writeln!(out, "{}", json!({"outcome": "unreadable", "problem": problem, "notes": []}));
        }
    };
    let notes: Vec<Value> = explained.notes.iter().map(note).collect();
    match &explained.finished.mapped {
        Mapped::Event(event) => {
            let lane = lanes.get(usize::from(event.lane.0)).copied().unwrap_or_default();
            let sent = Sent { outcome: "send", event: serde_json::from_slice(&event.body)?, lane, notes };
            serde_json::to_writer(&mut *out, &sent)?;
            writeln!(out)
        }
        Mapped::Settled { outcome, .. } => {
            let reason = outcome.reason;
            let line = json!({
                "outcome": reason.kind().as_str(),
                "reason": reason.code(),
                "detail": outcome.detail.as_ref().map(ToString::to_string),
                "meaning": reason.meaning(),
                "remedy": reason.remedy(),
                "notes": notes,
            });
            writeln!(out, "{line}")
        }
    }
}

fn note(Note { target, what }: &Note) -> Value {
    match what {
        Noted::Fed { from, value, rule } => {
            json!({"kind": "fed", "target": target, "from": from, "value": value, "rule": rule})
        }
        Noted::PassedOver { from, value, why } => {
            json!({"kind": "passed_over", "target": target, "from": from, "value": value, "why": why})
        }
        Noted::Empty { from } => json!({"kind": "empty", "target": target, "from": from}),
        Noted::Derived { from, rule } => json!({"kind": "derived", "target": target, "from": from, "rule": rule}),
        Noted::LeftOut { why, meaning } => {
            json!({"kind": "left_out", "target": target, "why": why, "meaning": meaning})
        }
        Noted::Warning { code, meaning } => json!({"kind": "warning", "why": code, "meaning": meaning}),
    }
}

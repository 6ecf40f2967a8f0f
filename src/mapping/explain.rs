//! What becomes of one record, told so that a person can follow it.

use super::decoder::{Decoder, Fate, Fed, FedPlace};
use super::draft::Draft;
use super::finish::{Finished, finish};
use super::mapper::Mapper;
use super::plan::Plan;
use super::target::Target;
use super::value::Value;
use crate::domain::{Mapped, UnixMillis};

/// Whether values are told, which may be personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    Masked,
    Values,
}

/// What becomes of one record, and why.
// No `Debug`, and none for its notes: they may hold values.
#[cfg_attr(test, derive(Debug))]
pub struct Explained {
    pub finished: Finished,
    pub notes: Vec<Note>,
}

/// One thing to know about a target.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub struct Note {
    /// The target's name in annotations; of a product's field with the product's position. Empty where the note is the
    /// event's as a whole.
    pub target: String,
    pub what: Noted,
}

/// What a [`Note`] says.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub enum Noted {
    /// Where the target's value came from, and which rule it went through.
    Fed { from: String, value: String, rule: &'static str },
    /// A value that counts as none, or comes after one that counts.
    PassedOver { from: String, value: String, why: &'static str },
    /// No source yielded a value.
    Empty { from: String },
    /// It follows from other fields.
    Derived { from: &'static str, rule: &'static str },
    /// A value was left out of the event; `why` is the stable code of the reason.
    LeftOut { why: &'static str, meaning: &'static str },
    /// What Pinterest takes but does not serve.
    Warning { code: &'static str, meaning: &'static str },
}

impl Mapper {
    /// What becomes of one payload that was written with the decoder's writer schema.
    #[must_use]
    pub fn tell(&self, plan: &Plan, decoder: &Decoder, payload: &[u8], now: UnixMillis, reveal: Reveal) -> Explained {
        let mut draft = Draft::new();
        let fed = match decoder.trace(payload, &mut draft) {
            Ok(fed) => fed,
            Err(fault) => {
                let mapped = Mapped::Settled { outcome: fault.outcome(), facts: None };
                return Explained { finished: Finished::bare(mapped), notes: Vec::new() };
            }
        };
        let finished = finish(&draft, self.rules(), now);
        let mut notes: Vec<Note> = fed.iter().map(|fed| note(fed, reveal)).collect();
        notes.extend(empty(plan, &fed));
        notes.extend(derived(&finished, &fed));
        notes.extend(finished.dropped.iter().map(|(target, why)| Note {
            target: target.path().to_owned(),
            what: Noted::LeftOut { why: why.code(), meaning: why.meaning() },
        }));
        notes.extend(finished.warnings.iter().map(|warning| Note {
            target: String::new(),
            what: Noted::Warning { code: warning.code(), meaning: warning.meaning() },
        }));
        Explained { finished, notes }
    }
}

fn note(fed: &Fed<'_>, reveal: Reveal) -> Note {
    let from = fed.path.unwrap_or("a constant").to_owned();
    let value = shown(&fed.value, reveal);
    let what = match fed.fate {
        Fate::Used => Noted::Fed { from, value, rule: fed.place.rule() },
        Fate::Blank => Noted::PassedOver { from, value, why: "blank text counts as no value" },
        Fate::Late => Noted::PassedOver { from, value, why: "another value counts first" },
    };
    Note { target: fed.place.name(), what }
}

/// The targets for which no source yielded anything.
fn empty(plan: &Plan, fed: &[Fed<'_>]) -> Vec<Note> {
    let is_fed = |target: Target| fed.iter().any(|fed| fed.place == FedPlace::Target(target));
    let sources = plan.sources().into_iter().filter_map(|told| Some((told.target?, told.path)));
    let silent = sources.filter(|(target, _)| !is_fed(*target));
    silent.map(|(target, from)| Note { target: target.path().to_owned(), what: Noted::Empty { from } }).collect()
}

/// What `finish` derived: it is in the body, and nothing fed it.
fn derived(finished: &Finished, fed: &[Fed<'_>]) -> Vec<Note> {
    let Mapped::Event(event) = &finished.mapped else { return Vec::new() };
    let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap_or_default();
    let is_derived = |target: &Target| {
        let pointer = format!("/{}", target.path().replace('.', "/"));
        body.pointer(&pointer).is_some() && !fed.iter().any(|fed| fed.place == FedPlace::Target(*target))
    };
    let from = Target::CustomContents.path();
    let told =
        |target: Target| Note { target: target.path().to_owned(), what: Noted::Derived { from, rule: target.rule() } };
    [Target::CustomContentIds, Target::CustomNumItems].into_iter().filter(is_derived).map(told).collect()
}

/// The value, or what may be said of it where it may be personal.
fn shown(value: &Value<'_>, reveal: Reveal) -> String {
    match reveal {
        Reveal::Values => value.reveal(),
        Reveal::Masked => match value {
            Value::Text(text) | Value::Hash(text) => {
                format!("{} of {} characters", value.kind().as_str(), text.chars().count())
            }
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Decimal(_)
            | Value::Instant(_)
            | Value::Date { .. } => value.kind().as_str().to_owned(),
        },
    }
}

//! A readable account of one world, for whoever replays a seed.

use pinrelay::domain::{ChangelogEntry, Fate, Mapped, Transaction, TransactionPart};
use pinrelay::pipeline::{Effect, Input};

use crate::scenario::Time;

/// Whether lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    Silent,
    Printed,
}

impl Trace {
    pub(crate) fn say(self, now: Time, line: impl FnOnce() -> String) {
        if self == Self::Printed {
            println!("{now:>6} {}", line());
        }
    }
}

pub(crate) fn input(input: &Input) -> String {
    match input {
        Input::Assigned(p) => format!("-> Assigned {p}"),
        Input::Restored { partition, epoch, restored } => format!("-> Restored {partition} {epoch:?} {restored:?}"),
        Input::Revoked(list) => format!("-> Revoked {}", join(list)),
        Input::Lost(list) => format!("-> Lost {}", join(list)),
        Input::Record { partition, epoch, record } => {
            let what = match &record.mapped {
                Mapped::Event(event) => format!("key {:02x} {:?} lane {}", event.key.0[0], event.policy, event.lane.0),
                Mapped::Settled { outcome, .. } => outcome.reason.code().to_owned(),
            };
            format!("-> Record {partition}@{} {epoch:?} {what}", record.offset)
        }
        Input::Reached { partition, position, .. } => format!("-> Reached {partition} {position}"),
        Input::Posted { batch, answered } => format!("-> Posted batch {} {:?}", batch.0, answered.answer),
        Input::Ended { transaction, fate } => match fate {
            Fate::Committed(written) => format!("-> Ended {} committed {}", transaction.0, list(written)),
            Fate::Aborted(_) => format!("-> Ended {} aborted", transaction.0),
        },
        Input::Unknown(id) => format!("-> Unknown {}", id.0),
        Input::Woke => "-> Woke".to_owned(),
        Input::Drain => "-> Drain".to_owned(),
    }
}

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Restore { partition, epoch } => format!("<- Restore {partition} {epoch:?}"),
        Effect::Post(batch) => {
            let bodies: Vec<String> = batch.bodies.iter().map(|body| String::from_utf8_lossy(body).into()).collect();
            format!("<- Post batch {} lane {}: {}", batch.id.0, batch.lane.0, bodies.join(", "))
        }
        Effect::Commit(transaction) => format!("<- Commit {}", describe(transaction)),
        Effect::Resolve(id) => format!("<- Resolve {}", id.0),
        Effect::Release { partition, epoch } => format!("<- Release {partition} {epoch:?}"),
    }
}

fn describe(transaction: &Transaction) -> String {
    let part = |part: &TransactionPart| {
        let rows: Vec<String> = part
            .rows
            .iter()
            .map(|row| {
                let of = row.outcome.duplicate_of.map(|of| format!(" of {}", of.offset)).unwrap_or_default();
                format!("{} {}{of} {:?}", row.offset, row.outcome.reason.code(), row.redelivery)
            })
            .collect();
        let entries: Vec<String> = part.entries.iter().map(entry).collect();
        format!(
            " | {} {:?} next {} rows [{}] entries [{}] ledger {:?} window {:?} end_before {}",
            part.partition,
            part.epoch,
            part.next_offset,
            rows.join(", "),
            entries.join(", "),
            part.ledger_from,
            part.window_from,
            part.end_before
        )
    };
    let parts: Vec<String> = transaction.parts.iter().map(part).collect();
    format!("{}{}", transaction.id.0, parts.concat())
}

fn entry(entry: &ChangelogEntry) -> String {
    match entry {
        ChangelogEntry::Intent { offset, key, policy } => format!("intent {offset} key {:02x} {policy:?}", key.0[0]),
        ChangelogEntry::Outcome { offset, kind, redelivery, .. } => format!("outcome {offset} {kind:?} {redelivery:?}"),
        ChangelogEntry::Withdrawn { offset } => format!("withdrawn {offset}"),
    }
}

fn join<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn list<T: std::fmt::Debug>(list: &[T]) -> String {
    list.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(" ")
}

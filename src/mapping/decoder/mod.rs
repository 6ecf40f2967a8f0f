//! (Writer schema, plan) → a program that reads the wanted fields straight from the bytes and steps over the rest.
//!
//! It decides which bytes are a value of the writer schema and how a writer's field becomes the reader's, by Avro's
//! resolution rules (Avro 1.12.0, "Schema Resolution", <https://avro.apache.org/docs/1.12.0/specification/>, read
//! 2026-11-24), with these choices where the rules leave one or where the product demands it:
//!
//! - Only fields that the plan wants are resolved. The rest of the reader schema cannot fail.
//! - Names of records, enums and fixed count inside unions alone.
//! - Units of timestamps and places of decimals are the writer's where both sides name them.
//! - What is stepped over is checked for its shape, not for UTF-8.
//!
//! Whatever the bytes are, decoding ends, in time and memory bounded by their number.

mod compile;
mod convert;
mod cursor;
mod run;
mod trace;

use std::fmt;
use std::sync::Arc;

use super::draft::Draft;
use super::plan::{Compiled, Place, Plan, Source};
use super::schema::{Schema, parse};
use super::value::Value;
use crate::domain::{Outcome, Reason};
pub use trace::{Fate, Fed, FedPlace};

use compile::Op;
use cursor::Cursor;
use run::Ranked;

/// A writer schema that cannot be read as the plan's reader schema. Its records are `undecodable`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unresolvable(Box<str>);

/// Bytes that are no value of their writer schema, or none that the plan can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.detail.as_deref().unwrap_or(self.reason.meaning()))]
pub struct DecodeFault {
    pub reason: Reason,
    /// Which rule was broken, or which field cannot be read; never a value.
    pub detail: Option<Box<str>>,
}

/// A fault on its way up. Boxed, so that the results of the many small reads fit into registers.
struct Fault(Box<DecodeFault>);

/// What was compiled of one writer schema and one plan.
pub struct Decoder {
    plan: Arc<Compiled>,
    writer: Schema,
    root: Op,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}

impl Decoder {
    /// Compiles the writer schema `writer`, which may use types that `references` define.
    ///
    /// # Errors
    /// `writer` is no Avro schema, or a field that the plan wants cannot be read from it.
    pub fn compile(writer: &str, references: &[&str], plan: &Plan) -> Result<Self, Unresolvable> {
        let writer = parse(writer, references).map_err(|fault| Unresolvable(fault.to_string().into()))?;
        let plan = Arc::clone(plan.compiled());
        let root = compile::compile(&writer, &plan)?;
        Ok(Self { plan, writer, root })
    }

    /// Puts what the plan wants of `payload` into `draft`.
    ///
    /// # Errors
    /// The payload is not exactly one value of the writer schema, exceeds a limit, or holds a branch or symbol that the
    /// reader schema does not know. The draft then holds what was read before.
    pub fn decode<'a>(&'a self, payload: &'a [u8], draft: &mut Draft<'a>) -> Result<(), DecodeFault> {
        self.decode_into(payload, draft)?;
        for (target, constant) in &self.plan.constants {
            draft.put(*target, constant.value());
        }
        Ok(())
    }

    fn decode_into<'a, S: Sink<'a>>(&'a self, payload: &'a [u8], sink: &mut S) -> Result<(), DecodeFault> {
        let mut cursor = Cursor::new(payload);
        let mut ranked = Ranked::new(sink, self.plan.n_slots);
        let read = run::run(&self.root, self, &self.writer, &mut cursor, &mut ranked);
        ranked.flush(&self.plan.outlets);
        read.and_then(|()| cursor.finish()).map_err(|fault| *fault.0)
    }
}

/// Where values go. The draft in the product; a list in tests.
trait Sink<'a> {
    fn put(&mut self, source: &'a Source, value: Value<'a>);
    fn begin_content(&mut self);
    /// Begins the next value of a map.
    fn at_key(&mut self, _key: &'a [u8]) {}
}

impl<'a> Sink<'a> for Draft<'a> {
    fn put(&mut self, source: &'a Source, value: Value<'a>) {
        match source.place {
            Place::Target(target) => Draft::put(self, target, value),
            Place::Content(field) => self.put_content(field, value),
        }
    }

    fn begin_content(&mut self) {
        Draft::begin_content(self);
    }
}

impl Fault {
    #[cold]
    fn new(reason: Reason) -> Self {
        Self(Box::new(DecodeFault { reason, detail: None }))
    }

    #[cold]
    fn with_detail(reason: Reason, detail: &str) -> Self {
        Self(Box::new(DecodeFault { reason, detail: Some(detail.into()) }))
    }
}

impl DecodeFault {
    /// The end of the record.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.detail {
            Some(detail) => Outcome::with_detail(self.reason, detail),
            None => Outcome::new(self.reason),
        }
    }
}

impl Unresolvable {
    /// The end of every record with this writer schema.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::with_detail(Reason::UnresolvableSchema, &self.0)
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

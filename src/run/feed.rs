//! From a message of a feed to a record that is decoded and mapped.
//!
//! It waits for the schema registry as long as that is away: a registry that is down, overloaded or refuses us is
//! never a reason to settle a record. Order within a partition is kept by its caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::sleep;

use crate::domain::{Mapped, Origin, Outcome, Reason, Record, Trace, UnixMillis};
use crate::kafka::framing::{Framing, SchemaRef};
use crate::kafka::message::RawMessage;
use crate::kafka::registry::{Registry, RegistryFault, SchemaName};
use crate::mapping::{Decoder, Mapper, Plan};

use super::clock;
use super::mapping::FeedMapping;
use super::notes::Notes;

/// Between two requests while the registry refuses our credentials.
const REFUSED_AGAIN: Duration = Duration::from_secs(10);

/// What reads the messages of one feed; shared by the tasks of its partitions.
pub struct FeedReader {
    name: Box<str>,
    framing: Framing,
    plan: Plan,
    mapper: Mapper,
    registry: Option<Arc<Registry>>,
    /// One decoder for each writer schema that was met, or what its records end as.
    decoders: RwLock<HashMap<SchemaRef, Arc<Reading>>>,
    notes: Mutex<Notes>,
}

/// What a writer schema allows.
enum Reading {
    Decoded(Decoder),
    /// The plan cannot be fed from it.
    Ended(Outcome),
}

impl FeedReader {
    /// `registry`: for Confluent's framings.
    #[must_use]
    pub fn new(name: &str, framing: Framing, mapping: FeedMapping, registry: Option<Arc<Registry>>) -> Self {
        let FeedMapping { plan, mapper, references, writers, .. } = mapping;
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let decoders = writers
            .iter()
            .map(|(fingerprint, schema)| (SchemaRef::Fingerprint(*fingerprint), compile(schema, &references, &plan)))
            .collect();
        Self {
            name: name.into(),
            framing,
            plan,
            mapper,
            registry,
            decoders: RwLock::new(decoders),
            notes: Mutex::default(),
        }
    }

    /// Decodes and maps one message. `trace`: what its audit row is to say.
    pub async fn read(&self, message: &RawMessage, trace: Option<Trace>) -> Record {
        let received = clock::wall();
        let mapped = match &message.payload {
            None => Mapped::Settled { outcome: Outcome::new(Reason::Tombstone), facts: None },
            Some(payload) => match self.framing.split(message.value_schema_id.as_deref(), payload) {
                Err(fault) => Mapped::Settled { outcome: fault.into(), facts: None },
                Ok((schema, bytes)) => match &*self.reading(schema).await {
                    Reading::Decoded(decoder) => self.map(decoder, bytes, received),
                    Reading::Ended(outcome) => Mapped::Settled { outcome: outcome.clone(), facts: None },
                },
            },
        };
        Record {
            offset: message.offset,
            timestamp: message.timestamp,
            received,
            origin: Origin::Live,
            trace: trace.map(Box::new),
            mapped,
        }
    }

    fn map(&self, decoder: &Decoder, bytes: &[u8], received: UnixMillis) -> Mapped {
        let finished = self.mapper.explain(decoder, bytes, received);
        // Nothing to note is the rule, and costs no lock.
        if !finished.dropped.is_empty() || !finished.warnings.is_empty() {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).count(&finished);
        }
        finished.mapped
    }

    /// What was noted about its records so far.
    pub(super) fn notes(&self) -> Notes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reading(&self, schema: SchemaRef) -> Arc<Reading> {
        if let Some(known) = self.decoders.read().unwrap_or_else(PoisonError::into_inner).get(&schema) {
            return Arc::clone(known);
        }
        let (Some(name), Some(registry)) = (registered(schema), &self.registry) else {
            return unknown("no schema of the feed has the fingerprint that the record names");
        };
        let mut told = false;
        loop {
            let wait = match registry.schema(name, clock::boot()).await {
                Ok(found) => {
                    let references: Vec<_> = found.references.iter().map(String::as_str).collect();
                    let reading = compile(&found.schema, &references, &self.plan);
                    let mut decoders = self.decoders.write().unwrap_or_else(PoisonError::into_inner);
                    return Arc::clone(decoders.entry(schema).or_insert(reading));
                }
                // Not remembered here: the registry client forgets it after a while, so that a late schema is found.
                Err(RegistryFault::Unknown { cause }) => return unknown(&format!("schema {name}: {cause}")),
                Err(RegistryFault::Retry { after, cause }) => {
                    self.tell(&mut told, name, &cause);
                    after
                }
                Err(RegistryFault::Refused { cause }) => {
                    self.tell(&mut told, name, &cause);
                    REFUSED_AGAIN
                }
            };
            sleep(wait).await;
        }
    }

    /// A failure is logged when it begins, not each time that it is met again.
    fn tell(&self, told: &mut bool, name: SchemaName, cause: &str) {
        if !std::mem::replace(told, true) {
            tracing::warn!(feed = &*self.name, schema = %name, cause, "the registry gives no schema; records wait");
        }
    }
}

/// The name under which a registry has the schema.
const fn registered(schema: SchemaRef) -> Option<SchemaName> {
    match schema {
        SchemaRef::Id(id) => Some(SchemaName::Id(id)),
        SchemaRef::Guid(guid) => Some(SchemaName::Guid(guid)),
        SchemaRef::Fingerprint(_) => None,
    }
}

fn compile(schema: &str, references: &[&str], plan: &Plan) -> Arc<Reading> {
    Arc::new(match Decoder::compile(schema, references, plan) {
        Ok(decoder) => Reading::Decoded(decoder),
        Err(unresolvable) => Reading::Ended(unresolvable.outcome()),
    })
}

fn unknown(detail: &str) -> Arc<Reading> {
    Arc::new(Reading::Ended(Outcome::with_detail(Reason::UnknownSchema, detail)))
}

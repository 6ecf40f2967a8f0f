//! An event between its claim and its outcome.

use crate::domain::{
    Attempt, BatchId, BootTime, ConversionEvent, InDoubtPolicy, Mapped, Offset, Origin, Outcome, Record, Redelivery,
    Settlement, Trace, TraceContext, TransactionId, UnixMillis,
};

/// An event that is not settled yet, with the record that it came from.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) event: ConversionEvent,
    /// Settled when the event was claimed; goes into its intent.
    pub(crate) policy: InDoubtPolicy,
    pub(crate) stage: Stage,
    pub(crate) doubt: Doubt,
    pub(crate) silence: Silence,
    /// Whether its row must say that Pinterest may have taken the event more than once.
    pub(crate) redelivery: Redelivery,
    pub(crate) intent: Intent,
    /// The latest moment at which an attempt so far may have been taken, or one of the record that it repeats.
    pub(crate) taken_until: Option<UnixMillis>,
    timestamp: Option<UnixMillis>,
    received: UnixMillis,
    origin: Origin,
    trace: Option<Box<Trace>>,
    batch: Option<BatchId>,
    posted: Option<UnixMillis>,
    attempts: Vec<Attempt>,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Behind the claim of another record.
    Waiting,
    /// In its lane's queue.
    Queued,
    /// In a batch that is being prepared, or waits to be posted.
    Batched,
    /// In a batch that is posted and not answered.
    Posted,
    /// Taken back, because its partition leaves.
    TakenBack,
}

/// Whether an attempt of this very record may have been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    None,
    MayBeTaken,
}

/// How often Pinterest gave no verdict on the event alone, while it gave verdicts on others (R13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) times: u32,
    /// The lane's verdicts when it was counted last.
    verdicts: u64,
}

/// An event that got no verdict so often is given up. Where one answer in ten is lost by chance, one event in 100,000
/// of those that go alone is given up wrongly.
pub(crate) const MAX_SILENCES: u32 = 5;

impl Silence {
    /// It was posted alone, and no verdict came. Without a verdict on any other event since the last time this says
    /// nothing about the event, only about Pinterest.
    pub(crate) const fn alone(&mut self, verdicts: u64) {
        if self.times == 0 || self.verdicts < verdicts {
            self.times += 1;
            self.verdicts = verdicts;
        }
    }
}

/// What the changelog holds for the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The beginning of the transaction by which it was committed; a post may start for a while from then (R2).
    pub(crate) committed: Option<BootTime>,
    /// The transaction under way that writes it.
    pub(crate) in_flight: Option<TransactionId>,
}

impl Pending {
    /// Memory that a record takes beside the body of its event, about: facts, key, claim, place in the ledger and in the
    /// queue of its lane.
    pub(crate) const BYTES_BESIDE_BODY: usize = 1024;

    pub(crate) fn new(record: RecordMeta, event: ConversionEvent, stage: Stage) -> Self {
        Self {
            policy: event.policy,
            event,
            stage,
            doubt: Doubt::None,
            silence: Silence::default(),
            redelivery: Redelivery::Impossible,
            intent: Intent::default(),
            taken_until: None,
            timestamp: record.timestamp,
            received: record.received,
            origin: record.origin,
            trace: record.trace,
            batch: None,
            posted: None,
            attempts: Vec::new(),
        }
    }

    /// Memory that it takes, about. Does not change while it is open.
    pub(crate) fn bytes(&self) -> usize {
        self.event.body.len() + Self::BYTES_BESIDE_BODY
    }

    /// A post of it begins.
    pub(crate) const fn post_begins(&mut self, batch: BatchId, at: UnixMillis) {
        self.batch = Some(batch);
        self.posted = Some(at);
        self.stage = Stage::Posted;
    }

    /// When Kafka took the record, or this process, where Kafka did not say it.
    pub(crate) fn since(&self) -> UnixMillis {
        self.timestamp.unwrap_or(self.received)
    }

    /// Its own span, if somebody watches.
    pub(crate) fn watched(&self) -> Option<TraceContext> {
        self.trace.as_deref().and_then(Trace::watched)
    }

    /// Remembers an attempt; the oldest is forgotten.
    pub(crate) fn remember(&mut self, attempt: Attempt) {
        if self.attempts.len() == Settlement::MAX_ATTEMPTS {
            self.attempts.remove(0);
        }
        self.attempts.push(attempt);
    }

    /// The row that says how it ended.
    pub(crate) fn into_settlement(self, offset: Offset, outcome: Outcome, settled: UnixMillis) -> Settlement {
        Settlement {
            offset,
            range_end: None,
            outcome,
            redelivery: self.redelivery,
            origin: self.origin,
            timestamp: self.timestamp,
            received: Some(self.received),
            trace: self.trace,
            key: Some(self.event.key),
            lane: Some(self.event.lane),
            facts: Some(self.event.facts),
            batch: self.batch,
            posted: self.posted,
            attempts: self.attempts,
            settled,
        }
    }
}

/// What a record carries beside what was mapped from it.
#[derive(Debug)]
pub(crate) struct RecordMeta {
    pub(crate) timestamp: Option<UnixMillis>,
    pub(crate) received: UnixMillis,
    pub(crate) origin: Origin,
    pub(crate) trace: Option<Box<Trace>>,
}

impl RecordMeta {
    /// Takes the record apart.
    pub(crate) fn split(record: Record) -> (Self, Mapped) {
        let meta =
            Self { timestamp: record.timestamp, received: record.received, origin: record.origin, trace: record.trace };
        (meta, record.mapped)
    }
}

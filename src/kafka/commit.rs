//! One transaction from `begin` to the call of `commit` (T3), and the certainty about its end (T5, T6).

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{Offset as Position, TopicPartitionList};

use crate::domain::{ChangelogOffset, Epoch, PartitionId, Settlement, Transaction, TransactionPart, Written};

use super::audit::AuditMessage;
use super::changelog;
use super::deadline::Deadline;
use super::delivery::{Deliveries, Produced, Span};
use super::holdings::MetadataRefusal;
use super::metadata::{CommitMetadata, Stamp};
use super::repeats::repeats;
use super::settings::KafkaSettings;
use super::transactions::{Scribe, TransactionFailure};
use super::within::within;

/// What librdkafka may take beyond a time-out of its own before a call counts as lost.
const GRACE: Duration = Duration::from_secs(5);

/// A commit takes as long as the brokers are away, and is then still good. Beyond this it counts as one of the calls that
/// never return ([`within`]), and its end is looked up (T5); until then no other transaction begins.
const LONGEST_COMMIT: Duration = Duration::from_secs(45);

/// How a transaction ended.
#[derive(Debug)]
pub(super) enum End {
    Committed(Vec<Written>),
    /// Nothing of it is visible. `failure`: why the process cannot go on, if it cannot.
    Aborted {
        failure: Option<TransactionFailure>,
    },
    /// Nothing was committed, but the producer cannot say so: a new one can.
    Broken(Breakage),
    /// Commit was called, and what became of it is not known (T5).
    Unknown {
        written: Vec<Written>,
        breakage: Breakage,
    },
}

/// What happened to the producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Breakage {
    /// Another producer with the same id was started, or the broker took this one for dead (T7).
    Fenced,
    Other(String),
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced => f.write_str("fenced"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Breakage {
    /// A call never returned: the producer is left to it.
    fn lost(call: &str) -> Self {
        Self::Other(format!("{call} does not return"))
    }
}

/// Why a transaction cannot be committed.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// Abort it; its rows go into another (T6).
    Abort(String),
    /// Abort it, and stop.
    Stop(TransactionFailure),
    Broken(Breakage),
}

/// What the steps of a transaction need.
pub(super) struct Steps<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) scribe: &'a Scribe,
    pub(super) producer: &'a Arc<ThreadedProducer<Deliveries>>,
}

impl Steps<'_> {
    /// Carries a transaction out. `group_metadata` says whether the offsets of these parts may be sent (T3, T4).
    pub(super) fn carry_out(
        &self,
        transaction: &Transaction,
        group_metadata: impl FnOnce(Vec<(PartitionId, Epoch)>) -> Result<ConsumerGroupMetadata, MetadataRefusal>,
    ) -> End {
        match self.prepare(transaction, group_metadata) {
            Ok(written) => self.commit(written),
            Err(Obstacle::Abort(cause)) => {
                if let Some(repeats) = repeats(&format!("aborted: {cause}")) {
                    tracing::warn!(transaction = transaction.id.0, cause, repeats, "a transaction is aborted");
                }
                self.abort(None)
            }
            Err(Obstacle::Stop(failure)) => self.abort(Some(failure)),
            Err(Obstacle::Broken(breakage)) => End::Broken(breakage),
        }
    }

    fn prepare(
        &self,
        transaction: &Transaction,
        group_metadata: impl FnOnce(Vec<(PartitionId, Epoch)>) -> Result<ConsumerGroupMetadata, MetadataRefusal>,
    ) -> Result<Vec<Written>, Obstacle> {
        self.producer.context().begin(transaction.parts.len());
        self.producer.begin_transaction().map_err(|error| self.obstacle(&error))?;
        for (index, part) in transaction.parts.iter().enumerate() {
            self.produce_part(index, part)?;
        }
        let spans = self.written()?;
        let offsets = self.offsets(transaction, &spans)?;
        let parts = transaction.parts.iter().map(|part| (part.partition, part.epoch)).collect();
        let metadata = group_metadata(parts).map_err(|refusal| match refusal {
            MetadataRefusal::MembershipLost(why) => Obstacle::Stop(TransactionFailure::MembershipLost(why)),
            MetadataRefusal::NotHeld(_) | MetadataRefusal::Moving | MetadataRefusal::Closed => {
                Obstacle::Abort(refusal.to_string())
            }
        })?;
        let (producer, timeout) = (Arc::clone(self.producer), self.settings.timeouts.transaction);
        within(timeout + GRACE, move || producer.send_offsets_to_transaction(&offsets, &metadata, timeout))
            .ok_or_else(|| Obstacle::Broken(Breakage::lost("send_offsets_to_transaction")))?
            .map_err(|error| self.obstacle(&error))?;
        let parts = transaction.parts.iter();
        Ok(parts.zip(&spans).filter_map(|(part, span)| written(part.partition, *span)).collect())
    }

    /// Rows alone, and no transaction.
    #[cfg(feature = "broken-rules")]
    pub(super) fn produce_rows(&self, transaction: &Transaction) -> Result<(), String> {
        self.producer.context().begin(transaction.parts.len());
        let rows = transaction.parts.iter().flat_map(|part| part.rows.iter().map(|row| (part.partition, row)));
        let produced = rows.into_iter().try_for_each(|(partition, row)| self.produce_row(row, partition));
        match produced.and_then(|()| self.written()) {
            Ok(_) => Ok(()),
            Err(Obstacle::Abort(why)) => Err(why),
            Err(Obstacle::Stop(failure)) => Err(failure.to_string()),
            Err(Obstacle::Broken(breakage)) => Err(format!("{breakage:?}")),
        }
    }

    fn produce_part(&self, index: usize, part: &TransactionPart) -> Result<(), Obstacle> {
        for settlement in &part.rows {
            self.produce_row(settlement, part.partition)?;
        }
        let feed = self.settings.feed(part.partition.feed).expect("ids of feeds come from these settings");
        let topic = self.settings.changelog_topic(feed);
        let topic_id = self.topic_id(part.partition);
        for value in changelog::encode(&part.entries, self.scribe.max_changelog_bytes) {
            let header = Header { key: changelog::TOPIC_ID, value: Some(topic_id) };
            let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&topic, Produced::Entries(index).to_opaque())
                .partition(part.partition.number)
                .payload(&value)
                .headers(OwnedHeaders::new_with_capacity(1).insert(header));
            self.produce(record).map_err(|error| self.obstacle(&error))?;
        }
        Ok(())
    }

    /// Kafka's id of the partition's input topic.
    fn topic_id(&self, partition: PartitionId) -> &str {
        self.scribe.topic_ids.get(usize::from(partition.feed.0)).map_or("", String::as_str)
    }

    fn produce_row(&self, settlement: &Settlement, partition: PartitionId) -> Result<(), Obstacle> {
        let AuditMessage { key, value, headers } = self.scribe.audit.encode(settlement, partition);
        let headers = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
            all.insert(Header { key, value: Some(value) })
        });
        let record =
            BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.settings.audit_topic, Produced::AuditRow.to_opaque())
                .key(&key)
                .payload(&value)
                .headers(headers);
        self.produce(record).map_err(|error| self.obstacle(&error))
    }

    fn produce(&self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), KafkaError> {
        let deliveries = self.producer.context();
        let deadline = self.deadline();
        let mut record = record;
        deliveries.expect_one();
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) if !deadline.has_passed() => {
                    // Its own thread takes reports and frees the queue meanwhile.
                    thread::yield_now();
                    record = same;
                }
                Err((error, _)) => {
                    deliveries.expect_one_less();
                    return Err(error);
                }
            }
        }
    }

    /// Waits until every record is on its brokers. rdkafka's `flush` would take up to 100 ms for the same.
    fn written(&self) -> Result<Vec<Span>, Obstacle> {
        let spans = self.producer.context().wait(self.deadline()).map_err(|failure| match failure {
            Some(error) => self.obstacle(&error),
            None => Obstacle::Broken(Breakage::Other("the brokers did not take its records in time".to_owned())),
        })?;
        self.settle();
        Ok(spans)
    }

    /// The report of a record is told a moment before librdkafka stops counting it.
    fn settle(&self) {
        let deadline = self.deadline();
        while 0 < self.producer.in_flight_count() && !deadline.has_passed() {
            thread::yield_now();
        }
    }

    fn offsets(&self, transaction: &Transaction, spans: &[Span]) -> Result<TopicPartitionList, Obstacle> {
        let mut list = TopicPartitionList::with_capacity(transaction.parts.len());
        for (part, span) in transaction.parts.iter().zip(spans) {
            let topic_id = self.topic_id(part.partition).to_owned();
            let stamp = Stamp { process: self.scribe.process, transaction: transaction.id };
            let mut element = list.add_partition(self.settings.input_topic(part.partition), part.partition.number);
            element.set_metadata(commit_metadata(part, *span, stamp, topic_id).to_text());
            element.set_offset(Position::Offset(part.next_offset.0)).map_err(|error| self.obstacle(&error))?;
        }
        Ok(list)
    }

    /// From here on only success is committed and only a successful abort is aborted (T5).
    fn commit(&self, written: Vec<Written>) -> End {
        loop {
            // Any other time-out can leave librdkafka in another state than it says.
            let producer = Arc::clone(self.producer);
            let Some(ended) = within(LONGEST_COMMIT, move || producer.commit_transaction(Timeout::Never)) else {
                return End::Unknown { written, breakage: Breakage::lost("commit_transaction") };
            };
            let Err(error) = ended else { return End::Committed(written) };
            match (self.breakage(), &error) {
                (Some(breakage), _) => return End::Unknown { written, breakage },
                (None, KafkaError::Transaction(cause)) if cause.txn_requires_abort() => {
                    return match self.abort_transaction() {
                        Ok(()) => End::Aborted { failure: None },
                        Err(breakage) => End::Unknown { written, breakage },
                    };
                }
                (None, KafkaError::Transaction(cause)) if cause.is_retriable() => {
                    tracing::warn!(%error, "a commit has not ended yet");
                }
                (None, KafkaError::Flush(_)) => tracing::warn!(%error, "a commit has not begun yet"),
                (None, _) => return End::Unknown { written, breakage: self.breakage_of(&error) },
            }
        }
    }

    fn abort(&self, failure: Option<TransactionFailure>) -> End {
        match self.abort_transaction() {
            Ok(()) => {
                // Reports of purged records must not be counted for the next transaction.
                self.settle();
                // Once a record has failed librdkafka takes no other, and says only that.
                let first = || self.producer.context().failure().as_ref().and_then(refusal);
                End::Aborted { failure: failure.or_else(first) }
            }
            // Where the process stops, the broker aborts what commit was never called for.
            Err(breakage) => match failure {
                Some(failure) => End::Aborted { failure: Some(failure) },
                None => End::Broken(breakage),
            },
        }
    }

    fn abort_transaction(&self) -> Result<(), Breakage> {
        let (producer, timeout) = (Arc::clone(self.producer), self.settings.timeouts.transaction);
        within(timeout + GRACE, move || producer.abort_transaction(timeout))
            .ok_or_else(|| Breakage::lost("abort_transaction"))?
            .map_err(|error| self.breakage_of(&error))
    }

    fn deadline(&self) -> Deadline {
        // The record's own time-out comes first, and its report says more.
        Deadline::after(self.settings.timeouts.transaction + GRACE)
    }

    fn obstacle(&self, error: &KafkaError) -> Obstacle {
        obstacle(error, self.breakage())
    }

    fn breakage_of(&self, error: &KafkaError) -> Breakage {
        self.breakage().unwrap_or_else(|| Breakage::Other(error.to_string()))
    }

    /// What made the producer useless, if it is.
    fn breakage(&self) -> Option<Breakage> {
        let (code, reason) = self.producer.client().fatal_error()?;
        let fenced = matches!(
            code,
            RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
        );
        Some(if fenced { Breakage::Fenced } else { Breakage::Other(reason) })
    }
}

/// What an error means for the transaction. `breakage`: what made the producer useless, if it is.
fn obstacle(error: &KafkaError, breakage: Option<Breakage>) -> Obstacle {
    if let Some(failure) = refusal(error) {
        return Obstacle::Stop(failure);
    }
    match breakage {
        Some(breakage) => Obstacle::Broken(breakage),
        // librdkafka 2.12 that was told once that a partition has no leader may never learn of the next one (its issue
        // 5430): a new producer asks afresh.
        None if *error == KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut) => {
            Obstacle::Broken(Breakage::Other(error.to_string()))
        }
        None => Obstacle::Abort(error.to_string()),
    }
}

/// The topic's limit is below what the check at the start found: every try would end the same way.
fn refusal(error: &KafkaError) -> Option<TransactionFailure> {
    let is_too_large = *error == KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    is_too_large.then(|| TransactionFailure::Refused("a record is too large for its topic".to_owned()))
}

fn written(partition: PartitionId, span: Span) -> Option<Written> {
    span.map(|(first, last)| Written { partition, first: ChangelogOffset(first), end: ChangelogOffset(last + 1) })
}

/// What the next owner needs to know once the transaction is committed (P4).
fn commit_metadata(part: &TransactionPart, span: Span, stamp: Stamp, topic_id: String) -> CommitMetadata {
    let own = written(part.partition, span);
    let own_first = own.map(|written| written.first);
    CommitMetadata {
        ledger_from: part.ledger_from.resolve(own_first),
        window_from: part.window_from.resolve(own_first),
        end: own.map_or(part.end_before, |written| written.end),
        stamp,
        topic_id,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::OwnEntries::{Needed, NotNeeded};
    use crate::domain::{FeedId, NextOffset, ReadFrom, TransactionId};

    fn part(ledger_from: ReadFrom, window_from: ReadFrom) -> TransactionPart {
        TransactionPart {
            partition: PartitionId { feed: FeedId(0), number: 3 },
            epoch: Epoch(1),
            rows: Vec::new(),
            entries: Vec::new(),
            next_offset: NextOffset(10),
            ledger_from,
            window_from,
            end_before: ChangelogOffset(40),
        }
    }

    #[test]
    fn what_no_retry_mends_stops_and_what_the_producer_cannot_mend_costs_it() {
        use RDKafkaErrorCode::{MessageSizeTooLarge, MessageTimedOut, PurgeQueue};
        let failed = |code| KafkaError::MessageProduction(code);
        let too_large = || TransactionFailure::Refused("a record is too large for its topic".to_owned());
        let broken = |code| Obstacle::Broken(Breakage::Other(failed(code).to_string()));
        for (code, breakage, expected) in [
            (MessageSizeTooLarge, None, Obstacle::Stop(too_large())),
            (MessageSizeTooLarge, Some(Breakage::Fenced), Obstacle::Stop(too_large())),
            (MessageTimedOut, None, broken(MessageTimedOut)),
            (MessageTimedOut, Some(Breakage::Fenced), Obstacle::Broken(Breakage::Fenced)),
            (PurgeQueue, None, Obstacle::Abort(failed(PurgeQueue).to_string())),
            (PurgeQueue, Some(Breakage::Fenced), Obstacle::Broken(Breakage::Fenced)),
        ] {
            assert_eq!(obstacle(&failed(code), breakage), expected, "{code:?}");
        }
    }

    #[test]
    fn the_metadata_says_what_is_needed_after_the_transaction() {
        let from = |earlier: Option<i64>, own_entries| ReadFrom { earlier: earlier.map(ChangelogOffset), own_entries };
        let stamp = Stamp { process: Uuid::nil(), transaction: TransactionId(7) };
        for (ledger, window, span, expected) in [
            (from(None, NotNeeded), from(None, NotNeeded), None, (None, None, 40)),
            (from(None, Needed), from(Some(12), NotNeeded), Some((41, 44)), (Some(41), Some(12), 45)),
            (from(Some(30), Needed), from(None, Needed), Some((41, 41)), (Some(30), Some(41), 42)),
        ] {
            let metadata = commit_metadata(&part(ledger, window), span, stamp, String::new());
            let found = (metadata.ledger_from.map(|o| o.0), metadata.window_from.map(|o| o.0), metadata.end.0);
            assert_eq!(found, expected);
        }
    }
}

//! Brings the state of a partition back from Kafka (P3): offset and metadata first, then the changelog.
//!
//! What the entries mean is decided by the core's replay; whether they are all there, by the plan.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset as Position, TopicPartitionList};
use tokio::runtime::Builder;
use uuid::Uuid;

use crate::domain::{ChangelogEntry, ChangelogOffset, NextOffset, PartitionId, TransactionId, UnixMillis};

use super::changelog;
use super::client::{self, Isolation, Logging};
use super::consumer::CommitStartError;
use super::deadline::Deadline;
use super::metadata::{CommitMetadata, Parsed, Stamp};
use super::native;
use super::repeats::repeats;
pub use super::restore_plan::Halt;
use super::restore_plan::{self, Facts, Plan};
use super::settings::{Cluster, KafkaSettings, Retention, Start};
use super::topics;

/// One step of a restore, for the core's replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed<'a> {
    /// What was told before is void. `end`: behind our last entry, 0 where that is not known.
    Begin { next_offset: NextOffset, end: ChangelogOffset },
    /// Records before `until` that were not read are gone for good (P5).
    Lost { until: NextOffset },
    /// The changelog will be read between these positions.
    Reading { from: ChangelogOffset, to: ChangelogOffset },
    /// The entries of one changelog record.
    Entries { position: ChangelogOffset, appended: UnixMillis, entries: &'a [ChangelogEntry] },
}

/// What a restored partition goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredPartition {
    /// Where reading goes on: for [`ConsumerRemote::start`](super::consumer::ConsumerRemote::start).
    pub next_offset: NextOffset,
    pub began: Began,
}

/// Whether a partition was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    Now,
    Before,
}

/// Where a partition stands that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) next_offset: NextOffset,
    /// What a restore needs of the changelog, for the ledger and for the window.
    pub(super) ledger_from: Option<ChangelogOffset>,
    pub(super) window_from: Option<ChangelogOffset>,
    /// Behind our last entry; 0 where that is not known.
    pub(super) end: ChangelogOffset,
}

/// Why a partition was not restored, by what must be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A person must decide.
    #[error(transparent)]
    Halt(#[from] Halt),
    /// Restore again, after a while.
    #[error("the partition could not be restored yet: {0}")]
    Retry(String),
    /// Nothing: the partition is not ours any more.
    #[error("the partition is not held any more")]
    Gone,
}

impl From<KafkaError> for RestoreError {
    fn from(error: KafkaError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// What restores partitions; shared by the threads that do.
pub struct Restorer {
    settings: Arc<KafkaSettings>,
    process: Uuid,
    /// Partitions of each feed's topic when the process started.
    partitions: Vec<i32>,
    /// Stable offsets and last stable offsets.
    committed: BaseConsumer<Logging>,
    /// Ends of logs, open transactions included.
    uncommitted: BaseConsumer<Logging>,
}

/// How the reading of a changelog ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    ToTheEnd,
    /// The log start has passed the reading position: begin again, with the check.
    Overtaken,
}

impl Restorer {
    /// `partitions`: the partition count of each feed's topic when the process started. A partition that comes later
    /// is read from its beginning, whatever the feed's start says.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property.
    pub fn new(settings: Arc<KafkaSettings>, process: Uuid, partitions: Vec<i32>) -> Result<Self, KafkaError> {
        let committed = client::open_reader(&settings, Isolation::Committed)?;
        let uncommitted = client::open_reader(&settings, Isolation::Uncommitted)?;
        Ok(Self { settings, process, partitions, committed, uncommitted })
    }

    /// Shows the token of OAUTHBEARER as it is now, where there is one: the readers are connected between restores too,
    /// and a broker wants to see another one before the first is over.
    pub fn authorize(&self) {
        for client in [self.committed.client(), self.uncommitted.client()] {
            client::authorize(&self.settings, client);
        }
    }

    /// Restores one partition. Blocks; `is_held` is asked all along, `commit_start` at most once for each try.
    ///
    /// # Errors
    ///
    /// By what must be done: decide, try again, or nothing.
    pub fn restore(
        &self,
        partition: PartitionId,
        is_held: impl Fn() -> bool,
        commit_start: impl Fn(NextOffset, String) -> Result<(), CommitStartError>,
        mut replay: impl FnMut(Replayed<'_>),
    ) -> Result<RestoredPartition, RestoreError> {
        loop {
            if !is_held() {
                return Err(RestoreError::Gone);
            }
            let facts = self.facts(partition)?;
            match restore_plan::plan(&facts)? {
                Plan::FirstStart => {
                    let next_offset = self.first_start(partition, &facts, &commit_start)?;
                    replay(Replayed::Begin { next_offset, end: ChangelogOffset(0) });
                    return Ok(RestoredPartition { next_offset, began: Began::Now });
                }
                Plan::Continue { next_offset, lost_until, from, end } => {
                    replay(Replayed::Begin { next_offset, end });
                    if let Some(until) = lost_until {
                        tracing::error!(%partition, %next_offset, %until, "records were deleted before they were read");
                        replay(Replayed::Lost { until });
                    }
                    replay(Replayed::Reading { from, to: facts.changelog.1 });
                    let read =
                        self.read(partition, (from, facts.changelog.1), &facts.topic_id, &is_held, &mut replay)?;
                    if read == Read::ToTheEnd {
                        let next_offset = lost_until.unwrap_or(next_offset);
                        return Ok(RestoredPartition { next_offset, began: Began::Before });
                    }
                    tracing::warn!(%partition, "the changelog was deleted while it was read: it is read again");
                }
            }
        }
    }

    /// What the next commit for a partition has to carry on, for those who write for partitions that nobody holds. A
    /// partition that was never read stands at its start, resolved to a number.
    ///
    /// # Errors
    ///
    /// As [`Restorer::restore`].
    pub(super) fn standing(&self, partition: PartitionId) -> Result<Standing, RestoreError> {
        let facts = self.facts(partition)?;
        let plan = restore_plan::plan(&facts)?;
        Ok(match (plan, facts.committed) {
            (Plan::Continue { end, .. }, Some((next_offset, Parsed::Ours(metadata)))) => {
                Standing { next_offset, ledger_from: metadata.ledger_from, window_from: metadata.window_from, end }
            }
            (Plan::Continue { next_offset, from, end, .. }, _) => {
                Standing { next_offset, ledger_from: Some(from), window_from: Some(from), end }
            }
            (Plan::FirstStart, _) => Standing {
                next_offset: self.resolve_start(partition, &self.facts(partition)?)?,
                ledger_from: None,
                window_from: None,
                end: ChangelogOffset(0),
            },
        })
    }

    /// The order matters: the offset first, stable; then the end of the changelog, open transactions included (P3).
    fn facts(&self, partition: PartitionId) -> Result<Facts, RestoreError> {
        self.authorize();
        let timeout = self.settings.timeouts.request;
        let (input, number) = (self.settings.input_topic(partition), partition.number);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(input, number, Position::Invalid)?;
        let list = self.committed.committed_offsets(list, timeout)?;
        let element = list.find_partition(input, number).ok_or(KafkaError::NoMessageReceived)?;
        element.error()?;
        let committed = match element.offset() {
            Position::Offset(offset) => Some((NextOffset(offset), CommitMetadata::parse(element.metadata()))),
            Position::Beginning | Position::End | Position::Stored | Position::Invalid | Position::OffsetTail(_) => {
                None
            }
        };
        let (input_start, input_end) = self.uncommitted.fetch_watermarks(input, number, timeout)?;
        let changelog = self.changelog_topic(partition);
        let (start, end) = self
            .uncommitted
            .fetch_watermarks(&changelog, number, timeout)
            .map_err(|error| self.why_without(&changelog, number, error))?;
        let topic_id = match self.settings.cluster {
            Cluster::Kafka => native::topic_id(self.uncommitted.client(), input, timeout)
                .map_err(|error| RestoreError::Retry(error.to_string()))?,
            Cluster::Mock => "mock".to_owned(),
        };
        let retention = self.retention(&changelog, committed.as_ref(), ChangelogOffset(start))?;
        Ok(Facts {
            committed,
            input: (NextOffset(input_start), NextOffset(input_end)),
            changelog: (ChangelogOffset(start), ChangelogOffset(end)),
            topic_id,
            retention,
            on_lost: self.settings.feed(partition.feed).map(|feed| feed.on_lost).unwrap_or_default(),
        })
    }

    /// A broker that has just started knows of no topic for a moment. So a partition is missing only if its topic is
    /// there with others.
    fn why_without(&self, changelog: &str, number: i32, error: KafkaError) -> RestoreError {
        match self.uncommitted.fetch_metadata(Some(changelog), self.settings.timeouts.request) {
            Ok(metadata) => match metadata.topics() {
                [topic] if lacks(topic.partitions().iter().map(MetadataPartition::id), number) => {
                    Halt::ChangelogMissing.into()
                }
                _ => error.into(),
            },
            Err(error) => error.into(),
        }
    }

    /// The changelog's retention is asked for only where it decides: when keys of the window are gone (P4).
    fn retention(
        &self,
        changelog: &str,
        committed: Option<&(NextOffset, Parsed)>,
        log_start: ChangelogOffset,
    ) -> Result<Retention, RestoreError> {
        let configured = self.settings.retention;
        let Some((_, Parsed::Ours(metadata))) = committed else { return Ok(configured) };
        if metadata.window_from.is_none_or(|window_from| log_start <= window_from) {
            return Ok(configured);
        }
        let runtime = Builder::new_current_thread().build().map_err(|error| RestoreError::Retry(error.to_string()))?;
        let found = runtime.block_on(topics::retention(&self.settings, changelog)).map_err(RestoreError::Retry)?;
        Ok(Retention { changelog: found, ..configured })
    }

    fn changelog_topic(&self, partition: PartitionId) -> String {
        let feed = self.settings.feed(partition.feed).expect("ids of feeds come from these settings");
        self.settings.changelog_topic(feed)
    }

    /// Resolves the start to a number and commits it before the first record is read (P5).
    fn first_start(
        &self,
        partition: PartitionId,
        facts: &Facts,
        commit_start: impl Fn(NextOffset, String) -> Result<(), CommitStartError>,
    ) -> Result<NextOffset, RestoreError> {
        let next_offset = self.resolve_start(partition, facts)?;
        let metadata = CommitMetadata {
            ledger_from: None,
            window_from: None,
            end: ChangelogOffset(0),
            stamp: Stamp { process: self.process, transaction: TransactionId(0) },
            topic_id: facts.topic_id.clone(),
        };
        commit_start(next_offset, metadata.to_text()).map_err(|error| match error {
            CommitStartError::NotHeld => RestoreError::Gone,
            CommitStartError::Refused(why) => RestoreError::Retry(why),
        })?;
        tracing::info!(%partition, %next_offset, "a partition is read for the first time");
        Ok(next_offset)
    }

    fn resolve_start(&self, partition: PartitionId, facts: &Facts) -> Result<NextOffset, RestoreError> {
        let timeout = self.settings.timeouts.request;
        let (topic, number) = (self.settings.input_topic(partition), partition.number);
        let known = self.partitions.get(usize::from(partition.feed.0)).is_none_or(|count| number < *count);
        let start = match self.settings.feed(partition.feed) {
            Some(feed) if known => feed.start,
            Some(_) | None => Start::Earliest,
        };
        // Records of transactions that are open now come later: the start lies before them.
        let latest = || Ok(NextOffset(self.committed.fetch_watermarks(topic, number, timeout)?.1));
        match start {
            Start::Earliest => Ok(facts.input.0),
            Start::Latest => latest(),
            Start::Time(time) => {
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(topic, number, Position::Offset(time.0))?;
                let list = self.committed.offsets_for_times(list, timeout)?;
                let element = list.find_partition(topic, number).ok_or(KafkaError::NoMessageReceived)?;
                element.error()?;
                match element.offset() {
                    Position::Offset(offset) => Ok(NextOffset(offset)),
                    Position::Beginning
                    | Position::End
                    | Position::Stored
                    | Position::Invalid
                    | Position::OffsetTail(_) => latest(),
                }
            }
        }
    }

    fn read(
        &self,
        partition: PartitionId,
        (from, end): (ChangelogOffset, ChangelogOffset),
        topic_id: &str,
        is_held: &impl Fn() -> bool,
        replay: &mut impl FnMut(Replayed<'_>),
    ) -> Result<Read, RestoreError> {
        /// Bounds how long the markers behind the last record, which are no event, go unnoticed.
        const GLANCE: Duration = Duration::from_millis(10);
        if end <= from {
            return Ok(Read::ToTheEnd);
        }
        let topic = self.changelog_topic(partition);
        let reader: BaseConsumer<Logging> = client::reader(&self.settings, Isolation::Committed)
            // 64 MB by default, for each of the partitions that are restored at once.
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(Logging::of(&self.settings))?;
        client::authorize(&self.settings, reader.client());
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition.number, Position::Offset(from.0))?;
        reader.assign(&list)?;
        let mut reached = from;
        let mut deadline = Deadline::after(self.settings.timeouts.restore_progress);
        while reached < end {
            let before = reached;
            match reader.poll(GLANCE) {
                Some(Ok(message)) => {
                    let position = ChangelogOffset(message.offset());
                    check_topic_id(&message, topic_id)?;
                    let entries = changelog::decode(message.payload().unwrap_or_default())
                        .map_err(|fault| Halt::ChangelogUnreadable { position, why: fault.to_string() })?;
                    let appended = UnixMillis(message.timestamp().to_millis().unwrap_or_default());
                    replay(Replayed::Entries { position, appended, entries: &entries });
                    reached = ChangelogOffset(message.offset() + 1);
                }
                None | Some(Err(KafkaError::PartitionEOF(_))) => {
                    reached = reached.max(position(&reader, &topic, partition.number)?);
                }
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    return Ok(Read::Overtaken);
                }
                Some(Err(error)) => {
                    if let Some(repeats) = repeats(&format!("reading {partition}: {error}")) {
                        tracing::warn!(%partition, %error, repeats, "an error while reading the changelog");
                    }
                }
            }
            if before < reached {
                deadline = Deadline::after(self.settings.timeouts.restore_progress);
            } else if !is_held() {
                return Err(RestoreError::Gone);
            } else if deadline.has_passed() {
                return Err(RestoreError::Retry(format!(
                    "{topic}/{} stands at {reached} of {end}; a hanging transaction may hold it up \
                     (kafka-transactions.sh find-hanging)",
                    partition.number
                )));
            }
        }
        Ok(Read::ToTheEnd)
    }
}

/// Whether a topic with these partitions lacks this one; without any it is itself unknown.
fn lacks(partitions: impl Iterator<Item = i32>, number: i32) -> bool {
    let mut partitions = partitions.peekable();
    partitions.peek().is_some() && partitions.all(|partition| partition != number)
}

/// Offsets in the changelog mean nothing for another topic of the same name (P5).
fn check_topic_id(message: &BorrowedMessage<'_>, topic_id: &str) -> Result<(), Halt> {
    let written = message.headers().into_iter().flat_map(Headers::iter);
    match written.into_iter().find(|header| header.key == changelog::TOPIC_ID).and_then(|header| header.value) {
        Some(expected) if expected != topic_id.as_bytes() => {
            let expected = String::from_utf8_lossy(expected).into_owned();
            Err(Halt::TopicRecreated { expected, found: topic_id.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

/// The reader's position knows the markers that it has passed.
fn position(reader: &BaseConsumer<Logging>, topic: &str, number: i32) -> Result<ChangelogOffset, KafkaError> {
    let positions = reader.position()?;
    Ok(match positions.find_partition(topic, number).map(|element| element.offset()) {
        Some(Position::Offset(offset)) => ChangelogOffset(offset),
        Some(_) | None => ChangelogOffset(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_missing_only_from_a_topic_that_has_others() {
        for (partitions, number, missing) in
            [(&[0, 1][..], 2, true), (&[0, 1], 1, false), (&[], 0, false), (&[1, 0], 0, false)]
        {
            assert_eq!(lacks(partitions.iter().copied(), number), missing, "{number} in {partitions:?}");
        }
    }
}

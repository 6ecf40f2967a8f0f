//! Brings the state of a partition back from Kafka (P3): offset and metadata first, then the changelog.
//!
//! What the entries mean is decided by the core's replay; whether they are all there, by the plan.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset as Position, TopicPartitionList};
use uuid::Uuid;

use crate::domain::{ChangelogEntry, ChangelogOffset, NextOffset, PartitionId, TransactionId, UnixMillis};

use super::changelog;
use super::client::{self, Isolation, Logging};
use super::consumer::CommitStartError;
use super::deadline::Deadline;
use super::metadata::{CommitMetadata, Parsed, Stamp};
use super::repeats::repeats;
use super::restore_facts::FactFinder;
pub use super::restore_plan::Halt;
use super::restore_plan::{self, Facts, Plan};
use super::settings::KafkaSettings;

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
    finder: FactFinder,
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
        let finder = FactFinder::new(Arc::clone(&settings), partitions)?;
        Ok(Self { settings, process, finder })
    }

    /// Shows the token of OAUTHBEARER as it is now, where there is one: the readers are connected between restores too,
    /// and a broker wants to see another one before the first is over.
    pub fn authorize(&self) {
        self.finder.authorize();
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
            let facts = self.finder.facts(partition)?;
            match self.attempt(partition, &facts, &is_held, &commit_start, &mut replay) {
                Ok(Some(restored)) => return Ok(restored),
                Ok(None) => tracing::warn!(%partition, "the changelog was deleted while it was read: it is read again"),
                // Facts are of several moments. Where another owner has committed in between, which happens to a process
                // that was suspended, they fit together no longer and call for nobody's decision.
                Err(RestoreError::Halt(halt)) if self.finder.committed(partition)? != facts.committed => {
                    tracing::warn!(
                        %partition,
                        cause = %halt,
                        "the offset moved while the partition was restored: it is restored again"
                    );
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Nothing, if the log start has passed the reading position.
    fn attempt(
        &self,
        partition: PartitionId,
        facts: &Facts,
        is_held: &impl Fn() -> bool,
        commit_start: &impl Fn(NextOffset, String) -> Result<(), CommitStartError>,
        replay: &mut impl FnMut(Replayed<'_>),
    ) -> Result<Option<RestoredPartition>, RestoreError> {
        match restore_plan::plan(facts)? {
            Plan::FirstStart => {
                let next_offset = self.first_start(partition, facts, commit_start)?;
                replay(Replayed::Begin { next_offset, end: ChangelogOffset(0) });
                Ok(Some(RestoredPartition { next_offset, began: Began::Now }))
            }
            Plan::Continue { next_offset, lost_until, from, end } => {
                replay(Replayed::Begin { next_offset, end });
                if let Some(until) = lost_until {
                    tracing::error!(%partition, %next_offset, %until, "records were deleted before they were read");
                    replay(Replayed::Lost { until });
                }
                let to = facts.changelog.1;
                replay(Replayed::Reading { from, to });
                let read = self.read(partition, (from, to), &facts.topic_id, is_held, replay)?;
                let next_offset = lost_until.unwrap_or(next_offset);
                let restored = RestoredPartition { next_offset, began: Began::Before };
                Ok((read == Read::ToTheEnd).then_some(restored))
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
        let facts = self.finder.facts(partition)?;
        let plan = restore_plan::plan(&facts)?;
        Ok(match (plan, &facts.committed) {
            (Plan::Continue { end, .. }, Some((next_offset, Parsed::Ours(metadata)))) => {
                let next_offset = *next_offset;
                Standing { next_offset, ledger_from: metadata.ledger_from, window_from: metadata.window_from, end }
            }
            (Plan::Continue { next_offset, from, end, .. }, _) => {
                Standing { next_offset, ledger_from: Some(from), window_from: Some(from), end }
            }
            (Plan::FirstStart, _) => Standing {
                next_offset: self.finder.start(partition, &facts)?,
                ledger_from: None,
                window_from: None,
                end: ChangelogOffset(0),
            },
        })
    }

    /// Resolves the start to a number and commits it before the first record is read (P5).
    fn first_start(
        &self,
        partition: PartitionId,
        facts: &Facts,
        commit_start: impl Fn(NextOffset, String) -> Result<(), CommitStartError>,
    ) -> Result<NextOffset, RestoreError> {
        let next_offset = self.finder.start(partition, facts)?;
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
        let topic = self.finder.changelog_topic(partition);
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

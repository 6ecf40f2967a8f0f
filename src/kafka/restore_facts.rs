//! What Kafka says about a partition that is to be restored, asked in the order that P3 wants.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset as Position, TopicPartitionList};
use tokio::runtime::Builder;

use crate::domain::{ChangelogOffset, NextOffset, PartitionId};

use super::client::{self, Isolation, Logging};
use super::metadata::{CommitMetadata, Parsed};
use super::native;
use super::restore::RestoreError;
use super::restore_plan::{Facts, Halt};
use super::settings::{Cluster, KafkaSettings, Retention, Start};
use super::topics;

/// Asks where partitions stand.
pub(super) struct FactFinder {
    settings: Arc<KafkaSettings>,
    /// Partitions of each feed's topic when the process started.
    partitions: Vec<i32>,
    /// Stable offsets and last stable offsets.
    committed: BaseConsumer<Logging>,
    /// Ends of logs, open transactions included.
    uncommitted: BaseConsumer<Logging>,
}

impl FactFinder {
    pub(super) fn new(settings: Arc<KafkaSettings>, partitions: Vec<i32>) -> Result<Self, KafkaError> {
        let committed = client::open_reader(&settings, Isolation::Committed)?;
        let uncommitted = client::open_reader(&settings, Isolation::Uncommitted)?;
        Ok(Self { settings, partitions, committed, uncommitted })
    }

    /// Shows the token of OAUTHBEARER as it is now, where there is one.
    pub(super) fn authorize(&self) {
        for client in [self.committed.client(), self.uncommitted.client()] {
            client::authorize(&self.settings, client);
        }
    }

    /// The order matters: the offset first, stable; then the end of the changelog, open transactions included (P3).
    pub(super) fn facts(&self, partition: PartitionId) -> Result<Facts, RestoreError> {
        self.authorize();
        let timeout = self.settings.timeouts.request;
        let (input, number) = (self.settings.input_topic(partition), partition.number);
        let committed = self.committed(partition)?;
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

    /// The stable offset of a partition with what stands beside it; waits for a transaction that would move it.
    pub(super) fn committed(&self, partition: PartitionId) -> Result<Option<(NextOffset, Parsed)>, KafkaError> {
        let (input, number) = (self.settings.input_topic(partition), partition.number);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(input, number, Position::Invalid)?;
        let list = self.committed.committed_offsets(list, self.settings.timeouts.request)?;
        let element = list.find_partition(input, number).ok_or(KafkaError::NoMessageReceived)?;
        element.error()?;
        Ok(match element.offset() {
            Position::Offset(offset) => Some((NextOffset(offset), CommitMetadata::parse(element.metadata()))),
            Position::Beginning | Position::End | Position::Stored | Position::Invalid | Position::OffsetTail(_) => {
                None
            }
        })
    }

    pub(super) fn changelog_topic(&self, partition: PartitionId) -> String {
        let feed = self.settings.feed(partition.feed).expect("ids of feeds come from these settings");
        self.settings.changelog_topic(feed)
    }

    /// Where a partition begins that was never read.
    pub(super) fn start(&self, partition: PartitionId, facts: &Facts) -> Result<NextOffset, RestoreError> {
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
}

/// Whether a topic with these partitions lacks this one; without any it is itself unknown.
fn lacks(partitions: impl Iterator<Item = i32>, number: i32) -> bool {
    let mut partitions = partitions.peekable();
    partitions.peek().is_some() && partitions.all(|partition| partition != number)
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

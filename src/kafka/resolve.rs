//! What became of a transaction whose commit was called and did not say (T5).
//!
//! To be asked after a new producer has been initialised: by then the old transaction has ended, one way or the other.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as Position, TopicPartitionList};

use crate::domain::{Epoch, PartitionId, TransactionPart};

use super::client::{self, Isolation, Logging};
use super::metadata::{CommitMetadata, Parsed, Stamp};
use super::settings::KafkaSettings;

/// The end that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Committed,
    /// Or none of its partitions is held any more, so that nobody is left who would want to know.
    NotCommitted,
    /// The committed offset has been deleted, or another release wrote it: nothing can tell any more.
    Untold,
}

/// Why the end is not known yet.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    #[error("the committed offset is not known")]
    OffsetUnknown(#[from] KafkaError),
    #[error("the consumer thread does not say what it holds")]
    OwnershipUnknown,
}

/// Looks for the stamp at one partition that is held before and after.
///
/// # Errors
///
/// Ask again: offsets or ownership are not known.
pub fn resolve(
    settings: &KafkaSettings,
    parts: &[TransactionPart],
    stamp: Stamp,
    mut held: impl FnMut(Vec<(PartitionId, Epoch)>) -> Option<Vec<PartitionId>>,
) -> Result<Found, NotFound> {
    let offsets: BaseConsumer<Logging> = client::open_reader(settings, Isolation::Committed)?;
    let mut parts: Vec<(PartitionId, Epoch)> = parts.iter().map(|part| (part.partition, part.epoch)).collect();
    loop {
        let held_before = held(parts.clone()).ok_or(NotFound::OwnershipUnknown)?;
        let Some(partition) = held_before.first().copied() else { return Ok(Found::NotCommitted) };
        let found = fetch(settings, &offsets, partition, stamp)?;
        // A new owner may have written its own stamp over ours.
        if held(parts.clone()).ok_or(NotFound::OwnershipUnknown)?.contains(&partition) {
            return Ok(found);
        }
        parts.retain(|(other, _)| *other != partition);
    }
}

fn fetch(
    settings: &KafkaSettings,
    offsets: &BaseConsumer<Logging>,
    partition: PartitionId,
    stamp: Stamp,
) -> Result<Found, KafkaError> {
    client::authorize(settings, offsets.client());
    let (topic, number) = (settings.input_topic(partition), partition.number);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, number, Position::Invalid)?;
    let list = offsets.committed_offsets(list, settings.timeouts.request)?;
    let element = list.find_partition(topic, number).ok_or(KafkaError::NoMessageReceived)?;
    element.error()?;
    // Whoever holds a partition has committed its start, so that there was an offset.
    let Position::Offset(_) = element.offset() else { return Ok(Found::Untold) };
    Ok(match CommitMetadata::parse(element.metadata()) {
        Parsed::Ours(metadata) if metadata.stamp == stamp => Found::Committed,
        Parsed::Ours(_) | Parsed::Foreign => Found::NotCommitted,
        Parsed::Newer { .. } => Found::Untold,
    })
}

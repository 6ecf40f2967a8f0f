//! Where partitions of the input topics end, for how far behind the work is.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as Position, TopicPartitionList};

use super::client::{self, Isolation, Logging};
use super::settings::KafkaSettings;
use crate::domain::{NextOffset, PartitionId};

/// Asks brokers where partitions end.
pub struct EndReader {
    settings: Arc<KafkaSettings>,
    client: BaseConsumer<Logging>,
}

impl EndReader {
    /// # Errors
    ///
    /// If librdkafka refuses a property.
    pub fn new(settings: Arc<KafkaSettings>) -> Result<Self, KafkaError> {
        let client = client::open_reader(&settings, Isolation::Committed)?;
        Ok(Self { settings, client })
    }

    /// Behind the last record that may be read now: records of open transactions do not count. One request to each
    /// leader; blocks. Partitions whose leader does not say are left out.
    ///
    /// # Errors
    ///
    /// If no broker answers in time.
    pub fn ends(&self, partitions: &[PartitionId]) -> Result<Vec<(PartitionId, NextOffset)>, KafkaError> {
        client::authorize(&self.settings, self.client.client());
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let topic = self.settings.input_topic(*partition);
            // A time of -1 asks for the end, as in Kafka's own ListOffsets request.
            list.add_partition_offset(topic, partition.number, Position::End)?;
        }
        let list = self.client.offsets_for_times(list, self.settings.timeouts.request)?;
        let end = |partition: &PartitionId| {
            let element = list.find_partition(self.settings.input_topic(*partition), partition.number)?;
            match (element.error(), element.offset()) {
                (Ok(()), Position::Offset(end)) => Some((*partition, NextOffset(end))),
                _ => None,
            }
        };
        Ok(partitions.iter().filter_map(end).collect())
    }
}

//! Plain producing, for the demo: no transactions, no decisions.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::client;
use super::settings::KafkaSettings;

/// Between two tries while the queue is full.
const POLL: Duration = Duration::from_millis(10);

/// Puts records into topics, each partition in the order of the calls.
pub struct Feeder(BaseProducer);

impl Feeder {
    /// # Errors
    /// If librdkafka refuses a property.
    pub fn new(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let mut config = client::admin(settings);
        config.set("enable.idempotence", "true").set("linger.ms", "5").set("compression.type", "lz4");
        config.create().map(Self)
    }

    /// Queues one record; waits while the queue is full.
    ///
    /// # Errors
    /// If the record is refused.
    pub fn put(&self, topic: &str, partition: i32, key: &[u8], value: Option<&[u8]>) -> Result<(), KafkaError> {
        let mut record = BaseRecord::to(topic).partition(partition).key(key);
        record.payload = value;
        loop {
            match self.0.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.0.poll(POLL);
                    record = back;
                }
                Err((error, _)) => return Err(error),
            }
        }
        self.0.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits until everything queued has been taken by the broker.
    ///
    /// # Errors
    /// If that takes longer than `patience`.
    pub fn finish(&self, patience: Duration) -> Result<(), KafkaError> {
        self.0.flush(patience)
    }
}

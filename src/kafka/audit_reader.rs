//! Reads the audit topic as its readers do: `read_committed`, from the beginning to the end at the time of the call.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset as Position, TopicPartitionList};

use super::audit::{self, AuditFault, AuditRow};
use super::client::{self, Isolation, Logging};
use super::deadline::Deadline;
use super::settings::KafkaSettings;
use crate::domain::UnixMillis;

/// How long one look for a message may take.
const POLL: Duration = Duration::from_millis(100);

/// Why the audit topic was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum AuditReadError {
    #[error("the audit topic cannot be read: {0}")]
    Kafka(#[from] KafkaError),
    #[error("the audit topic holds a value that is no audit row: {0}")]
    NotARow(AuditFault),
    #[error("the audit topic gave nothing for {} s; a transaction may be hanging", .0.as_secs())]
    Stalled(Duration),
}

/// Hands every row, with the time at which it was written, to `row`.
///
/// # Errors
/// If the topic cannot be read to its end, or a value is no row.
pub fn read_to_end(
    settings: &KafkaSettings,
    patience: Duration,
    mut row: impl FnMut(&AuditRow<'_>, Option<UnixMillis>),
) -> Result<(), AuditReadError> {
    let topic = settings.audit_topic.as_str();
    let consumer: BaseConsumer<Logging> = client::open_reader(settings, Isolation::Committed)?;
    let metadata = consumer.fetch_metadata(Some(topic), patience)?;
    let partitions = metadata.topics().first().map(|topic| topic.partitions().len()).unwrap_or_default();
    let mut list = TopicPartitionList::new();
    let mut left = 0;
    for number in (0..).take(partitions) {
        let (start, end) = consumer.fetch_watermarks(topic, number, patience)?;
        if start < end {
            list.add_partition_offset(topic, number, Position::Offset(start))?;
            left += 1;
        }
    }
    consumer.assign(&list)?;
    let mut deadline = Deadline::after(patience);
    while 0 < left {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                deadline = Deadline::after(patience);
                let value = message.payload().unwrap_or_default();
                let read = audit::read(value).map_err(AuditReadError::NotARow)?;
                row(&read, message.timestamp().to_millis().map(UnixMillis));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) => {}
            Some(Err(error)) => return Err(error.into()),
            None if deadline.has_passed() => return Err(AuditReadError::Stalled(patience)),
            None => {}
        }
    }
    Ok(())
}

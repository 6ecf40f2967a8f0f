//! What is read: partitions come to a client of their own, by hand, which is no member of the group.
//!
//! librdkafka stops all partitions of a member from the moment at which it learns of a revocation until that has been
//! answered, which takes as long as a drain. The reading client knows nothing of the group: what stays is read on.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset as Position, TopicPartitionList};

use crate::domain::{Epoch, NextOffset, Offset, PartitionId, TraceContext, UnixMillis};

use super::backlog::Flow;
use super::message::{ConsumerEvent, ConsumerFailure, Messages, RawMessage};
use super::native;
use super::rebalance::Member;

/// Messages polled between two looks at the commands: about 2 ms of work.
const SWEEP: usize = 1_000;

/// Wake-ups come with events and commands; this only bounds what a missed one can cost.
const IDLE: Duration = Duration::from_millis(50);

/// Whether more may be ready at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Nothing,
    Something,
}

impl Polled {
    /// How long a command may be waited for before the next look.
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Nothing => IDLE,
            Self::Something => Duration::ZERO,
        }
    }
}

/// Messages of one partition on their way.
struct Batch {
    partition: PartitionId,
    epoch: Epoch,
    messages: Vec<RawMessage>,
    bytes: usize,
}

impl Member {
    /// Pauses and resumes as backlog and shell want it, polls until nothing is ready or enough has come, and passes it
    /// on.
    pub(super) fn read(&self) -> Polled {
        self.regulate();
        let mut batches = Vec::new();
        let mut polled = Polled::Nothing;
        for _ in 0..SWEEP {
            match self.reader.poll(Duration::ZERO) {
                // A log line was served: `poll` does not tell that from an empty queue.
                None if 0 < native::queued(self.reader.client()) => {}
                None => break,
                Some(Ok(message)) => self.take(&mut batches, &message),
                Some(Err(error)) => self.take_error(&mut batches, &error),
            }
            polled = Polled::Something;
        }
        self.pass_on(&mut batches);
        polled
    }

    /// Reads a partition from `at`. The first record comes a millisecond later, and none from before.
    pub(super) fn begin_reading(&self, partition: PartitionId, at: NextOffset) {
        if self.change_paused(|paused| paused.contains(&partition)) {
            self.let_flow(partition, Flow::Open);
        }
        let list = self.list([(partition, Position::Offset(at.0))]);
        if let Err(error) = list.and_then(|list| self.reader.incremental_assign(&list)) {
            self.fail(ConsumerFailure::Fatal(format!("partition {partition} could not be read: {error}")));
        }
    }

    /// Reads these partitions no more. They must be among those that are read.
    pub(super) fn end_reading(&self, partitions: &[PartitionId]) {
        if partitions.is_empty() {
            return;
        }
        let list = self.list(partitions.iter().map(|partition| (*partition, Position::Invalid)));
        if let Err(error) = list.and_then(|list| self.reader.incremental_unassign(&list)) {
            self.fail(ConsumerFailure::Fatal(format!("partitions could not be given back: {error}")));
        }
    }

    fn list(&self, partitions: impl IntoIterator<Item = (PartitionId, Position)>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            list.add_partition_offset(self.settings().input_topic(partition), partition.number, offset)?;
        }
        Ok(list)
    }

    /// Pauses and resumes what the backlog and the shell's wishes ask for.
    fn regulate(&self) {
        let changes: Vec<(PartitionId, Flow, NextOffset)> = self.with_holdings(|holdings| {
            holdings
                .all_reading_mut()
                .filter_map(|(partition, reading)| {
                    reading.allowed = reading.backlog.flow(reading.allowed);
                    let flow = reading.flow();
                    (flow != reading.told).then(|| {
                        reading.told = flow;
                        (partition, flow, reading.next)
                    })
                })
                .collect()
        });
        for (partition, flow, next) in changes {
            self.let_flow(partition, flow);
            if flow == Flow::Open {
                self.wake_fetcher(partition, next);
            }
        }
    }

    /// Lets librdkafka fetch a partition, or drop what it has fetched ahead and fetch no more.
    fn let_flow(&self, partition: PartitionId, flow: Flow) {
        let result = self.list([(partition, Position::Invalid)]).and_then(|list| match flow {
            Flow::Shut => self.reader.pause(&list),
            Flow::Open => self.reader.resume(&list),
        });
        match (result, flow) {
            (Ok(()), Flow::Shut) => drop(self.change_paused(|paused| paused.insert(partition))),
            (Ok(()), Flow::Open) => drop(self.change_paused(|paused| paused.remove(&partition))),
            (Err(error), _) => tracing::warn!(%partition, %error, "a partition could not be paused or resumed"),
        }
    }

    /// Resuming alone leaves the fetcher asleep: the first record came after 0.4 to 0.9 s. A seek to where it stands
    /// anyway wakes it: 2 ms.
    fn wake_fetcher(&self, partition: PartitionId, next: NextOffset) {
        let topic = self.settings().input_topic(partition);
        if let Err(error) = self.reader.seek(topic, partition.number, Position::Offset(next.0), Duration::ZERO) {
            tracing::warn!(%partition, %error, "a resumed partition will be slow to begin");
        }
    }

    fn take(&self, batches: &mut Vec<Batch>, message: &BorrowedMessage<'_>) {
        let Some(partition) = self.settings().partition(message.topic(), message.partition()) else { return };
        let offset = Offset(message.offset());
        let epoch = self.with_holdings(|holdings| {
            let reading = holdings.reading_mut(partition)?;
            // A record from before the restored offset belongs to no epoch (P3).
            (!reading.next.is_past(offset)).then(|| {
                reading.next = offset.next();
                reading.epoch
            })
        });
        let Some(epoch) = epoch else { return };
        let (message, bytes) = raw(offset, message);
        match batches.iter_mut().find(|batch| batch.partition == partition && batch.epoch == epoch) {
            Some(batch) => {
                batch.messages.push(message);
                batch.bytes += bytes;
            }
            None => batches.push(Batch { partition, epoch, messages: vec![message], bytes }),
        }
    }

    fn pass_on(&self, batches: &mut Vec<Batch>) {
        for Batch { partition, epoch, messages, bytes } in batches.drain(..) {
            let receipt = self.with_holdings(|holdings| {
                let reading = holdings.reading_mut(partition)?;
                reading.reached = reading.next;
                Some(reading.backlog.add(messages.len(), bytes))
            });
            if let Some(receipt) = receipt {
                self.tell(ConsumerEvent::Messages(Messages { partition, epoch, messages, receipt }));
            }
        }
    }

    fn take_error(&self, batches: &mut Vec<Batch>, error: &KafkaError) {
        if let KafkaError::PartitionEOF(number) = error {
            self.pass_on(batches);
            self.reached(*number);
        } else if let KafkaError::MessageConsumptionFatal(code) = error {
            self.fail(ConsumerFailure::Fatal(format!("librdkafka's reader failed for good: {code}")));
        } else if *error == KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) {
            self.fail(ConsumerFailure::OffsetOutOfRange);
        } else {
            // The client's context was told of it first, and has said it.
            tracing::debug!(%error, "an error while polling");
        }
    }

    /// The end of a partition's log was seen. The event names the number alone; the position knows the markers.
    fn reached(&self, number: i32) {
        let positions = self.reader.position().unwrap_or_else(|error| {
            tracing::warn!(%error, "the position is not known");
            TopicPartitionList::new()
        });
        for element in positions.elements().iter().filter(|element| element.partition() == number) {
            let (Some(partition), Position::Offset(position)) =
                (self.settings().partition(element.topic(), number), element.offset())
            else {
                continue;
            };
            let position = NextOffset(position);
            let epoch = self.with_holdings(|holdings| {
                let reading = holdings.reading_mut(partition)?;
                (reading.reached < position).then(|| {
                    reading.reached = position;
                    reading.next = reading.next.max(position);
                    reading.epoch
                })
            });
            if let Some(epoch) = epoch {
                self.tell(ConsumerEvent::Reached { partition, epoch, position });
            }
        }
    }
}

fn raw(offset: Offset, message: &BorrowedMessage<'_>) -> (RawMessage, usize) {
    let (mut trace, mut value_schema_id) = (None, None);
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        match (header.key, header.value) {
            ("traceparent", Some(value)) => trace = TraceContext::parse(value),
            ("__value_schema_id", Some(value)) => value_schema_id = Some(Bytes::copy_from_slice(value)),
            _ => {}
        }
    }
    let bytes = message.key_len() + message.payload_len();
    let raw = RawMessage {
        offset,
        timestamp: message.timestamp().to_millis().map(UnixMillis),
        key: message.key().map(Bytes::copy_from_slice),
        payload: message.payload().map(Bytes::copy_from_slice),
        trace,
        value_schema_id,
    };
    (raw, bytes)
}

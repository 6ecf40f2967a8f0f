//! The consumer thread: one member of the group, polled without a pause.
//!
//! It never waits for the shell (the rebalance callback is the exception): what the shell has not taken is counted,
//! and a partition with too much of it is paused while polling goes on. It decides nothing about records.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset as Position, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Epoch, NextOffset, Offset, PartitionId, TraceContext, UnixMillis};

use super::backlog::Flow;
use super::client;
use super::command::Command;
pub use super::command::{CommitStartError, Leaving};
use super::deadline::Deadline;
use super::holdings::MetadataRefusal;
use super::message::{Assignment, ConsumerEvent, ConsumerFailure, Messages, RawMessage};
use super::native;
use super::rebalance::Member;
use super::settings::KafkaSettings;

/// Messages polled between two looks at the commands: about 2 ms of work.
const SWEEP: usize = 1_000;

/// Wake-ups come with events and commands; this only bounds what a missed one can cost.
const IDLE: Duration = Duration::from_millis(50);

/// The consumer thread.
#[derive(Debug)]
pub struct Consumer {
    remote: ConsumerRemote,
    thread: JoinHandle<()>,
}

/// A way to talk to the consumer thread.
#[derive(Clone, Debug)]
pub struct ConsumerRemote {
    commands: Sender<Command>,
    patience: Duration,
}

/// Why the consumer thread gave no answer.
enum Silence {
    Closed,
    TooLong,
}

/// Why there is no consumer.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the consumer's settings are refused")]
    Settings(#[source] KafkaError),
    #[error("no thread could be started")]
    Thread(#[source] io::Error),
}

impl Consumer {
    /// Joins the group and subscribes to the input topics of all feeds.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or no thread can be started. A broker that is away is no error.
    pub fn open(settings: &Arc<KafkaSettings>, events: UnboundedSender<ConsumerEvent>) -> Result<Self, OpenError> {
        let (commands, inbox) = mpsc::channel();
        let topics: Vec<&str> = settings.feeds.iter().map(|feed| feed.input.as_str()).collect();
        let member = Member::new(Arc::clone(settings), events, (commands.clone(), inbox));
        let mut consumer: BaseConsumer<Member> =
            client::member(settings).create_with_context(member).map_err(OpenError::Settings)?;
        client::authorize(settings, consumer.client());
        let wake = commands.clone();
        consumer.set_nonempty_callback(move || {
            if wake.send(Command::Wake).is_err() {
                tracing::debug!("the consumer's queue filled while it closed");
            }
        });
        consumer.subscribe(&topics).map_err(OpenError::Settings)?;
        let thread = thread::Builder::new()
            .name("consumer".to_owned())
            .spawn(move || run(consumer))
            .map_err(OpenError::Thread)?;
        // A command waits for one sweep, or for a rebalance callback of another command's partition.
        let patience = settings.timeouts.drain + settings.timeouts.transaction;
        Ok(Self { remote: ConsumerRemote { commands, patience }, thread })
    }

    #[must_use]
    pub fn remote(&self) -> ConsumerRemote {
        self.remote.clone()
    }

    /// Ends the thread; blocks until it has ended. With [`Leaving::Leave`] partitions that are not released yet are
    /// revoked as by a rebalance.
    pub fn close(self, leaving: Leaving) {
        self.remote.send(Command::Close(leaving));
        if self.thread.join().is_err() {
            tracing::error!("the consumer thread had panicked");
        }
    }
}

impl ConsumerRemote {
    /// Reads the partition from `at`. Nothing happens if the assignment is over.
    ///
    /// To be called before the core is told that the partition is restored: a transaction of an epoch that the consumer
    /// thread does not know yet is aborted.
    pub fn start(&self, partition: PartitionId, assignment: Assignment, epoch: Epoch, at: NextOffset) {
        self.send(Command::Start { partition, assignment, epoch, at });
    }

    pub fn pause(&self, partition: PartitionId, assignment: Assignment) {
        self.send(Command::Want { partition, assignment, flow: Flow::Shut });
    }

    pub fn resume(&self, partition: PartitionId, assignment: Assignment) {
        self.send(Command::Want { partition, assignment, flow: Flow::Open });
    }

    /// Nothing of the partition is left with the shell.
    pub fn released(&self, partition: PartitionId, assignment: Assignment) {
        self.send(Command::Released { partition, assignment });
    }

    /// Commits the offset that a partition begins at which was never read (P5). Blocks.
    ///
    /// # Errors
    ///
    /// If the partition is not held any more, or the broker refuses.
    pub fn commit_start(
        &self,
        partition: PartitionId,
        assignment: Assignment,
        at: NextOffset,
        metadata: String,
    ) -> Result<(), CommitStartError> {
        self.ask(|reply| Command::CommitStart { partition, assignment, at, metadata, reply }).unwrap_or_else(
            |silence| {
                Err(match silence {
                    Silence::Closed => CommitStartError::NotHeld,
                    Silence::TooLong => CommitStartError::Refused("the consumer thread did not answer".to_owned()),
                })
            },
        )
    }

    /// Metadata to send offsets with, for a transaction that writes for `parts` (T3, T4). Blocks.
    ///
    /// # Errors
    ///
    /// If the offsets of one of `parts` may not be sent by this member now.
    pub fn group_metadata(&self, parts: Vec<(PartitionId, Epoch)>) -> Result<ConsumerGroupMetadata, MetadataRefusal> {
        self.ask(|reply| Command::GroupMetadata { parts, reply }).unwrap_or_else(|silence| {
            Err(match silence {
                Silence::Closed => MetadataRefusal::Closed,
                Silence::TooLong => MetadataRefusal::Moving,
            })
        })
    }

    /// Those of `parts` that are still held in their epoch; `None` if the thread is too busy to say. Blocks.
    #[must_use]
    pub fn held(&self, parts: Vec<(PartitionId, Epoch)>) -> Option<Vec<PartitionId>> {
        match self.ask(|reply| Command::Holds { parts, reply }) {
            Ok(held) => Some(held),
            Err(Silence::Closed) => Some(Vec::new()),
            Err(Silence::TooLong) => None,
        }
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, Silence> {
        let (reply, answer) = mpsc::channel();
        self.send(command(reply));
        answer.recv_timeout(self.patience).map_err(|silence| match silence {
            RecvTimeoutError::Disconnected => Silence::Closed,
            RecvTimeoutError::Timeout => Silence::TooLong,
        })
    }

    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("a command came after the consumer had closed");
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "dropping it at the end closes it, on this thread")]
fn run(consumer: BaseConsumer<Member>) {
    let member = Arc::clone(consumer.context());
    let mut polled = Polled::Nothing;
    let leaving = loop {
        let patience = match polled {
            Polled::Nothing => IDLE,
            Polled::Something => Duration::ZERO,
        };
        member.serve_commands(&consumer, Deadline::after(patience));
        if let Some(leaving) = member.leaving() {
            break leaving;
        }
        regulate(&consumer, &member);
        polled = sweep(&consumer, &member);
    };
    if leaving == Leaving::Leave {
        leave(&consumer, &member);
    }
}

/// Tells the group: librdkafka sends it for static members too, once the revocation has been served.
fn leave(consumer: &BaseConsumer<Member>, member: &Member) {
    let timeouts = member.settings().timeouts;
    let deadline = Deadline::after(timeouts.drain + timeouts.transaction + timeouts.request);
    consumer.unsubscribe();
    while !member.with_holdings(|holdings| holdings.is_empty()) && !deadline.has_passed() {
        member.serve_commands(consumer, Deadline::after(Duration::ZERO));
        consume(consumer, member, Duration::from_millis(10));
    }
    // The request leaves when librdkafka's own thread has seen the end of the revocation.
    consume(consumer, member, Duration::from_millis(100));
}

fn consume(consumer: &BaseConsumer<Member>, member: &Member, time: Duration) {
    if let Some(Err(error)) = consumer.poll(time) {
        take_error(consumer, member, &mut Vec::new(), &error);
    }
}

enum Polled {
    Nothing,
    Something,
}

/// Polls until nothing is ready, or enough has come, and passes it on.
fn sweep(consumer: &BaseConsumer<Member>, member: &Member) -> Polled {
    let mut batches = Vec::new();
    let mut polled = Polled::Nothing;
    for _ in 0..SWEEP {
        match consumer.poll(Duration::ZERO) {
            // A rebalance or a log line was served: `poll` does not tell that from an empty queue.
            None if 0 < native::queued(consumer.client()) => {}
            None => break,
            Some(Ok(message)) => take(member, &mut batches, &message),
            Some(Err(error)) => take_error(consumer, member, &mut batches, &error),
        }
        polled = Polled::Something;
    }
    pass_on(member, &mut batches);
    polled
}

/// Messages of one partition on their way.
struct Batch {
    partition: PartitionId,
    epoch: Epoch,
    messages: Vec<RawMessage>,
    bytes: usize,
}

fn take(member: &Member, batches: &mut Vec<Batch>, message: &BorrowedMessage<'_>) {
    let Some(partition) = member.settings().partition(message.topic(), message.partition()) else { return };
    let offset = Offset(message.offset());
    let epoch = member.with_holdings(|holdings| {
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

fn pass_on(member: &Member, batches: &mut Vec<Batch>) {
    for Batch { partition, epoch, messages, bytes } in batches.drain(..) {
        let receipt = member.with_holdings(|holdings| {
            let reading = holdings.reading_mut(partition)?;
            reading.reached = reading.next;
            Some(reading.backlog.add(messages.len(), bytes))
        });
        if let Some(receipt) = receipt {
            member.tell(ConsumerEvent::Messages(Messages { partition, epoch, messages, receipt }));
        }
    }
}

fn take_error(consumer: &BaseConsumer<Member>, member: &Member, batches: &mut Vec<Batch>, error: &KafkaError) {
    if let KafkaError::PartitionEOF(number) = error {
        pass_on(member, batches);
        reached(consumer, member, *number);
    } else if let KafkaError::MessageConsumptionFatal(code) = error {
        member.membership_lost(&format!("librdkafka's consumer failed for good: {code}"));
    } else if *error == KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded) {
        member.membership_lost("the consumer was not polled for longer than the poll interval");
    } else if *error == KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) {
        member.fail(ConsumerFailure::OffsetOutOfRange);
    } else {
        // The client's context was told of it first, and has said it.
        tracing::debug!(%error, "an error while polling");
    }
}

/// The end of a partition's log was seen. The event names the number alone; the position knows the markers.
fn reached(consumer: &BaseConsumer<Member>, member: &Member, number: i32) {
    let positions = consumer.position().unwrap_or_else(|error| {
        tracing::warn!(%error, "the position is not known");
        TopicPartitionList::new()
    });
    for element in positions.elements().iter().filter(|element| element.partition() == number) {
        let (Some(partition), Position::Offset(position)) =
            (member.settings().partition(element.topic(), number), element.offset())
        else {
            continue;
        };
        let position = NextOffset(position);
        let epoch = member.with_holdings(|holdings| {
            let reading = holdings.reading_mut(partition)?;
            (reading.reached < position).then(|| {
                reading.reached = position;
                reading.next = reading.next.max(position);
                reading.epoch
            })
        });
        if let Some(epoch) = epoch {
            member.tell(ConsumerEvent::Reached { partition, epoch, position });
        }
    }
}

/// Pauses and resumes what the backlog and the shell's wishes ask for.
fn regulate(consumer: &BaseConsumer<Member>, member: &Member) {
    let changes: Vec<(PartitionId, Flow, NextOffset)> = member.with_holdings(|holdings| {
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
        member.regulate(consumer, partition, flow);
        if flow == Flow::Open {
            wake_fetcher(consumer, member, partition, next);
        }
    }
}

/// Resuming alone leaves the fetcher asleep: the first record came after 0.4 to 0.9 s. A seek to where it stands anyway
/// wakes it: 2 ms.
fn wake_fetcher(consumer: &BaseConsumer<Member>, member: &Member, partition: PartitionId, next: NextOffset) {
    let topic = member.settings().input_topic(partition);
    if let Err(error) = consumer.seek(topic, partition.number, Position::Offset(next.0), Duration::ZERO) {
        tracing::warn!(%partition, %error, "a resumed partition will be slow to begin");
    }
}

//! The consumer thread: one member of the group, and one reader of its partitions, polled without a pause.
//!
//! It never waits for the shell: what the shell has not taken is counted, and a partition with too much of it is paused
//! while polling goes on. The member's rebalance callback does wait, and reads meanwhile. It decides nothing about
//! records.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Epoch, NextOffset, PartitionId};

use super::backlog::Flow;
use super::client;
use super::command::Command;
pub use super::command::{CommitStartError, Leaving};
use super::deadline::Deadline;
use super::holdings::MetadataRefusal;
use super::message::{Assignment, ConsumerEvent};
use super::native;
use super::reading::Polled;
use super::rebalance::Member;
use super::settings::KafkaSettings;

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
        let mut reader = client::open_record_reader(settings).map_err(OpenError::Settings)?;
        reader.set_nonempty_callback(waker(&commands));
        let member = Member::new(Arc::clone(settings), reader, events, (commands.clone(), inbox));
        let mut consumer: BaseConsumer<Member> =
            client::member(settings).create_with_context(member).map_err(OpenError::Settings)?;
        client::authorize(settings, consumer.client());
        consumer.set_nonempty_callback(waker(&commands));
        consumer.subscribe(&topics).map_err(OpenError::Settings)?;
        let thread = thread::Builder::new()
            .name("consumer".to_owned())
            .spawn(move || run(consumer))
            .map_err(OpenError::Thread)?;
        // A command waits for one sweep; for longer only where the thread itself is not let run.
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

fn waker(commands: &Sender<Command>) -> impl Fn() + Send + Sync + use<> {
    let commands = commands.clone();
    move || {
        if commands.send(Command::Wake).is_err() {
            tracing::debug!("a client's queue filled while it closed");
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "dropping it at the end closes it, on this thread")]
fn run(consumer: BaseConsumer<Member>) {
    let member = Arc::clone(consumer.context());
    let mut polled = Polled::Nothing;
    let leaving = loop {
        member.serve_commands(&consumer, Deadline::after(polled.patience()));
        if let Some(leaving) = member.leaving() {
            break leaving;
        }
        polled = match (attend(&consumer, &member, Duration::ZERO), member.read()) {
            (Polled::Nothing, Polled::Nothing) => Polled::Nothing,
            (Polled::Something, _) | (_, Polled::Something) => Polled::Something,
        };
    };
    if leaving == Leaving::Leave {
        leave(&consumer, &member);
    }
}

/// Tells the group: librdkafka does so for static members too, once the revocation has been served and no rebalance is
/// under way, but not once it is being closed (`rd_kafka_cgrp_leave_maybe` of 2.12.1).
///
/// It forgets the member id when it sends the request, and waits for the answer before it is closed.
fn leave(consumer: &BaseConsumer<Member>, member: &Member) {
    let timeouts = member.settings().timeouts;
    let deadline = Deadline::after(timeouts.drain + timeouts.transaction + timeouts.request);
    let is_member = || !native::membership(consumer.client()).member_id.is_empty();
    consumer.unsubscribe();
    while (is_member() || !member.with_holdings(|holdings| holdings.is_empty())) && !deadline.has_passed() {
        member.serve_commands(consumer, Deadline::after(Duration::ZERO));
        attend(consumer, member, Duration::from_millis(10));
    }
}

/// Serves the group: the rebalance callback runs in here. No record comes, because nothing is assigned to this client.
fn attend(consumer: &BaseConsumer<Member>, member: &Member, patience: Duration) -> Polled {
    let mut polled = Polled::Nothing;
    let mut patience = patience;
    loop {
        match consumer.poll(patience) {
            // A rebalance or a log line was served: `poll` does not tell that from an empty queue.
            None if 0 < native::queued(consumer.client()) => {}
            None => return polled,
            Some(Ok(_)) => {}
            Some(Err(error)) => take_error(member, &error),
        }
        patience = Duration::ZERO;
        polled = Polled::Something;
    }
}

fn take_error(member: &Member, error: &KafkaError) {
    if let KafkaError::MessageConsumptionFatal(code) = error {
        member.membership_lost(&format!("librdkafka's consumer failed for good: {code}"));
    } else if *error == KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded) {
        member.membership_lost("the consumer was not polled for longer than the poll interval");
    } else {
        // The client's context was told of it first, and has said it.
        tracing::debug!(%error, "an error while polling");
    }
}

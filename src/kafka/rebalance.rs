//! The rebalance callback: where partitions come and go (P2, P3), and where commands are served while it waits.
//!
//! Both are answered with an *empty* list: the group's assignment and librdkafka's are two things, and what is read is
//! the reading client's (`reading`). There a partition is added by the command `Start`, when its state has been
//! restored, so it can deliver nothing too early.
//! Revoking waits inside the callback until the shell has let go, and is answered nowhere else: outside of the callback
//! that would complete a revocation that has not been served. What stays is read meanwhile.

use std::collections::HashSet;
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Epoch, NextOffset, PartitionId};

use super::backlog::{Backlog, Flow};
use super::client::{self, Logging};
use super::command::{Command, CommitStartError, Leaving};
use super::deadline::Deadline;
use super::holdings::{Holdings, MetadataRefusal, Phase, Reading};
use super::message::{Assignment, ConsumerEvent, ConsumerFailure};
use super::native;
use super::settings::KafkaSettings;

/// The one member of the group, as the rebalance callback sees it.
pub(super) struct Member {
    settings: Arc<KafkaSettings>,
    events: UnboundedSender<ConsumerEvent>,
    wake: Sender<Command>,
    inbox: Mutex<Receiver<Command>>,
    state: Mutex<State>,
    pub(super) reader: BaseConsumer<Logging>,
}

#[derive(Default)]
struct State {
    holdings: Holdings,
    /// A pause outlives the reading in which it was made.
    paused: HashSet<PartitionId>,
    leaving: Option<Leaving>,
}

impl Member {
    pub(super) fn new(
        settings: Arc<KafkaSettings>,
        reader: BaseConsumer<Logging>,
        events: UnboundedSender<ConsumerEvent>,
        (wake, inbox): (Sender<Command>, Receiver<Command>),
    ) -> Self {
        Self { settings, events, wake, inbox: Mutex::new(inbox), state: Mutex::default(), reader }
    }

    pub(super) fn settings(&self) -> &KafkaSettings {
        &self.settings
    }

    pub(super) fn tell(&self, event: ConsumerEvent) {
        if self.events.send(event).is_err() {
            tracing::debug!("an event of the consumer came after its listener had gone");
        }
    }

    /// Never held across a call of `poll`, which may run the callback.
    pub(super) fn with_holdings<T>(&self, f: impl FnOnce(&mut Holdings) -> T) -> T {
        f(&mut self.state().holdings)
    }

    pub(super) fn leaving(&self) -> Option<Leaving> {
        self.state().leaving
    }

    /// The partitions that the reading client has paused; `f` looks at nothing else of this.
    pub(super) fn change_paused<T>(&self, f: impl FnOnce(&mut HashSet<PartitionId>) -> T) -> T {
        f(&mut self.state().paused)
    }

    /// Serves commands until there is none; waits for the first as long as `patience` says.
    pub(super) fn serve_commands(&self, consumer: &BaseConsumer<Self>, patience: Deadline) {
        let mut patience = patience;
        while let Ok(command) = self.receive(patience) {
            self.serve(consumer, command);
            patience = Deadline::after(Duration::ZERO);
        }
    }

    fn receive(&self, deadline: Deadline) -> Result<Command, RecvTimeoutError> {
        lock(&self.inbox).recv_timeout(deadline.remaining())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn serve(&self, consumer: &BaseConsumer<Self>, command: Command) {
        match command {
            Command::Wake => {}
            Command::Want { partition, assignment, flow } => self.want(partition, assignment, flow),
            Command::Released { partition, assignment } => self.release(partition, assignment),
            Command::GroupMetadata { parts, reply } => {
                let answer = self.group_metadata(consumer, &parts);
                if let Err(MetadataRefusal::MembershipLost(why)) = &answer {
                    self.membership_lost(why);
                }
                respond(&reply, answer);
            }
            Command::Holds { parts, reply } => {
                let held = self.with_holdings(|holdings| {
                    parts.iter().filter(|(p, epoch)| holdings.holds(*p, *epoch)).map(|(p, _)| *p).collect()
                });
                respond(&reply, held);
            }
            Command::Close(leaving) => self.state().leaving = Some(leaving),
            Command::Start { partition, assignment, epoch, at } => self.start(partition, assignment, epoch, at),
            Command::CommitStart { partition, assignment, at, metadata, reply } => {
                respond(&reply, self.commit_start(consumer, partition, assignment, at, &metadata));
            }
        }
    }

    fn start(&self, partition: PartitionId, assignment: Assignment, epoch: Epoch, at: NextOffset) {
        let wake = self.wake.clone();
        let started = self.with_holdings(|holdings| {
            let holding = holdings.get_mut(partition, assignment)?;
            matches!(holding.phase, Phase::Restoring).then(|| {
                holding.phase = Phase::Reading(Reading {
                    epoch,
                    next: at,
                    reached: at,
                    backlog: Backlog::new(self.settings.backlog, move || respond(&wake, Command::Wake)),
                    wanted: Flow::Open,
                    allowed: Flow::Open,
                    told: Flow::Open,
                });
            })
        });
        if started.is_some() {
            self.begin_reading(partition, at);
        }
    }

    fn want(&self, partition: PartitionId, assignment: Assignment, flow: Flow) {
        self.with_holdings(|holdings| {
            if let Some(holding) = holdings.get_mut(partition, assignment)
                && let Phase::Reading(reading) = &mut holding.phase
            {
                reading.wanted = flow;
            }
        });
    }

    fn release(&self, partition: PartitionId, assignment: Assignment) {
        let was_read = self.with_holdings(|holdings| {
            let holding = holdings.get_mut(partition, assignment)?;
            let before = std::mem::replace(&mut holding.phase, Phase::Released);
            matches!(before, Phase::Reading(_)).then_some(partition)
        });
        // What comes now is for the next owner.
        self.end_reading(was_read.as_slice());
    }

    /// Fresh metadata whose owner is known to be this member, before and after it was taken (T4).
    fn group_metadata(
        &self,
        consumer: &BaseConsumer<Self>,
        parts: &[(PartitionId, Epoch)],
    ) -> Result<ConsumerGroupMetadata, MetadataRefusal> {
        let before = native::membership(consumer.client());
        let metadata = consumer.group_metadata();
        let after = native::membership(consumer.client());
        self.with_holdings(|holdings| holdings.check(&after, parts))?;
        if before != after {
            return Err(MetadataRefusal::Moving);
        }
        metadata.ok_or(MetadataRefusal::Closed)
    }

    fn commit_start(
        &self,
        consumer: &BaseConsumer<Self>,
        partition: PartitionId,
        assignment: Assignment,
        at: NextOffset,
        metadata: &str,
    ) -> Result<(), CommitStartError> {
        let membership = native::membership(consumer.client());
        let held = self.with_holdings(|holdings| {
            holdings.get_mut(partition, assignment).is_some() && holdings.check(&membership, &[]).is_ok()
        });
        if !held {
            return Err(CommitStartError::NotHeld);
        }
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(self.settings.input_topic(partition), partition.number);
        element.set_metadata(metadata);
        element
            .set_offset(Offset::Offset(at.0))
            .and_then(|()| consumer.commit(&list, CommitMode::Sync))
            .map_err(|error| CommitStartError::Refused(error.to_string()))
    }

    /// Nothing may be committed from here on: another member may own what this one believes to own.
    pub(super) fn membership_lost(&self, why: &str) {
        let lost = self.with_holdings(|holdings| holdings.all());
        self.drop(&lost);
        if !lost.is_empty() {
            self.tell(ConsumerEvent::Lost(lost));
        }
        self.fail(ConsumerFailure::MembershipLost(why.to_owned()));
    }

    pub(super) fn fail(&self, failure: ConsumerFailure) {
        tracing::error!(error = %failure, "the consumer cannot go on");
        self.tell(ConsumerEvent::Failed(failure));
    }

    fn drop(&self, partitions: &[PartitionId]) {
        let read = self.with_holdings(|holdings| holdings.drop(partitions));
        self.end_reading(&read);
    }

    fn partitions(&self, list: &TopicPartitionList) -> Vec<PartitionId> {
        list.elements().iter().filter_map(|e| self.settings.partition(e.topic(), e.partition())).collect()
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let member_id = native::membership(consumer.client()).member_id;
        if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
            self.fail(ConsumerFailure::Fatal(format!("an assignment could not be answered: {error}")));
        }
        for partition in self.partitions(list) {
            let assignment = self.with_holdings(|holdings| holdings.assign(partition, &member_id));
            // By a rebalance that was under way at the close: the shell takes no more.
            if self.leaving().is_some() {
                self.release(partition, assignment);
            } else {
                self.tell(ConsumerEvent::Assigned { partition, assignment });
            }
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = self.partitions(list);
        let unreleased = self.with_holdings(|holdings| holdings.unreleased(&partitions));
        let membership = native::membership(consumer.client());
        let member_is_gone = self.with_holdings(|holdings| holdings.check(&membership, &[]).is_err());
        let is_lost = member_is_gone || consumer.assignment_lost();
        if !unreleased.is_empty() && !is_lost && self.leaving() != Some(Leaving::Stay) {
            let read = self.with_holdings(|holdings| holdings.leave(&unreleased));
            self.end_reading(&read);
            self.tell(ConsumerEvent::Revoked(unreleased.clone()));
            self.wait_for_release(consumer, &unreleased);
        }
        let late = self.with_holdings(|holdings| holdings.unreleased(&partitions));
        self.drop(&partitions);
        if !late.is_empty() {
            self.tell(ConsumerEvent::Lost(late));
        }
        if let Err(error) = consumer.incremental_unassign(&TopicPartitionList::new()) {
            self.fail(ConsumerFailure::Fatal(format!("a revocation could not be answered: {error}")));
        }
    }

    /// Reads what stays and serves commands meanwhile.
    fn wait_for_release(&self, consumer: &BaseConsumer<Self>, partitions: &[PartitionId]) {
        // The core lets go at the drain deadline, after one last transaction.
        let timeouts = self.settings.timeouts;
        let deadline = Deadline::after(timeouts.drain + timeouts.transaction);
        loop {
            let left = self.with_holdings(|holdings| holdings.unreleased(partitions));
            // A second request to stop does not wait for a drain.
            if left.is_empty() || self.leaving() == Some(Leaving::Stay) {
                return;
            }
            if deadline.has_passed() {
                let partitions = left.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                tracing::warn!(partitions, "revoked partitions were not let go before the deadline");
                return;
            }
            let patience = self.read().patience();
            self.serve_commands(consumer, deadline.min(Deadline::after(patience)));
        }
    }
}

impl ClientContext for Member {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.settings.credential.note(&error, reason);
        client::report(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.settings.credential.next_token()
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, list);
        } else {
            self.revoked(consumer, list);
        }
    }
}

/// A receiver that has gone needs no answer.
fn respond<T>(reply: &Sender<T>, answer: T) {
    if reply.send(answer).is_err() {
        tracing::debug!("an answer came after its receiver had gone");
    }
}

/// A panic elsewhere leaves no half-made change behind: each lock guards single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The rebalance callback: where partitions come and go (P2, P3), and where commands are served while it waits.
//!
//! Assigning calls `incremental_assign` with an *empty* list: the group's assignment and librdkafka's are two things,
//! and a partition that librdkafka does not read yet can deliver nothing too early. It is added by the command `Start`,
//! on the polling thread, when its state has been restored.
//! Revoking waits inside the callback until the shell has let go, and unassigns nowhere else: outside of the callback
//! that would complete a revocation that has not been served.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Epoch, NextOffset, PartitionId};

use super::backlog::{Backlog, Flow};
use super::client;
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
}

#[derive(Default)]
struct State {
    holdings: Holdings,
    /// Commands that came while the callback waited and are not served there.
    deferred: VecDeque<Command>,
    /// A pause outlives the assignment in which it was made.
    paused: HashSet<PartitionId>,
    leaving: Option<Leaving>,
}

/// Where a command is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Loop,
    Callback,
}

impl Member {
    pub(super) fn new(
        settings: Arc<KafkaSettings>,
        events: UnboundedSender<ConsumerEvent>,
        (wake, inbox): (Sender<Command>, Receiver<Command>),
    ) -> Self {
        Self { settings, events, wake, inbox: Mutex::new(inbox), state: Mutex::default() }
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

    /// Serves commands until there is none; waits for the first as long as `patience` says.
    pub(super) fn serve_commands(&self, consumer: &BaseConsumer<Self>, patience: Deadline) {
        let mut patience = patience;
        loop {
            let deferred = self.state().deferred.pop_front();
            let command = match deferred {
                Some(command) => command,
                None => match self.receive(patience) {
                    Ok(command) => command,
                    Err(_) => return,
                },
            };
            self.serve(consumer, command, Place::Loop);
            patience = Deadline::after(Duration::ZERO);
        }
    }

    fn receive(&self, deadline: Deadline) -> Result<Command, RecvTimeoutError> {
        lock(&self.inbox).recv_timeout(deadline.remaining())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn serve(&self, consumer: &BaseConsumer<Self>, command: Command, place: Place) {
        match (command, place) {
            (Command::Wake, _) => {}
            (Command::Want { partition, assignment, flow }, _) => self.want(partition, assignment, flow),
            (Command::Released { partition, assignment }, _) => self.release(consumer, partition, assignment),
            (Command::GroupMetadata { parts, reply }, _) => {
                let answer = self.group_metadata(consumer, &parts);
                if let Err(MetadataRefusal::MembershipLost(why)) = &answer {
                    self.membership_lost(why);
                }
                respond(&reply, answer);
            }
            (Command::Holds { parts, reply }, _) => {
                let held = self.with_holdings(|holdings| {
                    parts.iter().filter(|(p, epoch)| holdings.holds(*p, *epoch)).map(|(p, _)| *p).collect()
                });
                respond(&reply, held);
            }
            // A second request to stop may not wait for a drain.
            (Command::Close(Leaving::Stay), _) => self.state().leaving = Some(Leaving::Stay),
            (Command::Close(Leaving::Leave), Place::Loop) => self.state().leaving = Some(Leaving::Leave),
            (Command::Start { partition, assignment, epoch, at }, Place::Loop) => {
                self.start(consumer, partition, assignment, epoch, at);
            }
            (Command::CommitStart { partition, assignment, at, metadata, reply }, Place::Loop) => {
                respond(&reply, self.commit_start(consumer, partition, assignment, at, &metadata));
            }
            (command @ (Command::Start { .. } | Command::CommitStart { .. } | Command::Close(_)), Place::Callback) => {
                self.state().deferred.push_back(command);
            }
        }
    }

    fn start(
        &self,
        consumer: &BaseConsumer<Self>,
        partition: PartitionId,
        assignment: Assignment,
        epoch: Epoch,
        at: NextOffset,
    ) {
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
        if started.is_none() {
            return;
        }
        if self.state().paused.contains(&partition) {
            self.regulate(consumer, partition, Flow::Open);
        }
        let list = self.list([(partition, Offset::Offset(at.0))]);
        if let Err(error) = list.and_then(|list| consumer.incremental_assign(&list)) {
            self.fail(ConsumerFailure::Fatal(format!("partition {partition} could not be read: {error}")));
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

    fn release(&self, consumer: &BaseConsumer<Self>, partition: PartitionId, assignment: Assignment) {
        let was_read = self.with_holdings(|holdings| {
            let holding = holdings.get_mut(partition, assignment)?;
            let before = std::mem::replace(&mut holding.phase, Phase::Released);
            matches!(before, Phase::Reading(_)).then_some(())
        });
        // What comes now is for the next owner.
        if was_read.is_some() {
            self.regulate(consumer, partition, Flow::Shut);
        }
    }

    /// Lets librdkafka fetch a partition, or drop what it has fetched ahead and fetch no more.
    pub(super) fn regulate(&self, consumer: &BaseConsumer<Self>, partition: PartitionId, flow: Flow) {
        let result = self.list([(partition, Offset::Invalid)]).and_then(|list| match flow {
            Flow::Shut => consumer.pause(&list),
            Flow::Open => consumer.resume(&list),
        });
        match (result, flow) {
            (Ok(()), Flow::Shut) => drop(self.state().paused.insert(partition)),
            (Ok(()), Flow::Open) => drop(self.state().paused.remove(&partition)),
            (Err(error), _) => tracing::warn!(%partition, %error, "a partition could not be paused or resumed"),
        }
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

    fn list(&self, partitions: impl IntoIterator<Item = (PartitionId, Offset)>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            list.add_partition_offset(self.settings.input_topic(partition), partition.number, offset)?;
        }
        Ok(list)
    }

    /// Nothing may be committed from here on: another member may own what this one believes to own.
    pub(super) fn membership_lost(&self, why: &str) {
        let lost = self.with_holdings(Holdings::drop_all);
        if !lost.is_empty() {
            self.tell(ConsumerEvent::Lost(lost));
        }
        self.fail(ConsumerFailure::MembershipLost(why.to_owned()));
    }

    pub(super) fn fail(&self, failure: ConsumerFailure) {
        tracing::error!(error = %failure, "the consumer cannot go on");
        self.tell(ConsumerEvent::Failed(failure));
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
            self.tell(ConsumerEvent::Assigned { partition, assignment });
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = self.partitions(list);
        let unreleased = self.with_holdings(|holdings| holdings.unreleased(&partitions));
        let membership = native::membership(consumer.client());
        let member_is_gone = self.with_holdings(|holdings| holdings.check(&membership, &[]).is_err());
        let is_lost = member_is_gone || consumer.assignment_lost();
        if !unreleased.is_empty() && !is_lost && self.leaving() != Some(Leaving::Stay) {
            self.tell(ConsumerEvent::Revoked(unreleased.clone()));
            self.wait_for_release(consumer, &unreleased);
        }
        let late = self.with_holdings(|holdings| {
            let late = holdings.unreleased(&partitions);
            holdings.drop(&partitions);
            late
        });
        if !late.is_empty() {
            self.tell(ConsumerEvent::Lost(late));
        }
        self.unassign(consumer, list);
    }

    fn wait_for_release(&self, consumer: &BaseConsumer<Self>, partitions: &[PartitionId]) {
        // The core lets go at the drain deadline, after one last transaction.
        let timeouts = self.settings.timeouts;
        let deadline = Deadline::after(timeouts.drain + timeouts.transaction);
        loop {
            let left = self.with_holdings(|holdings| holdings.unreleased(partitions));
            if left.is_empty() || self.leaving() == Some(Leaving::Stay) {
                return;
            }
            match self.receive(deadline) {
                Ok(command) => self.serve(consumer, command, Place::Callback),
                Err(RecvTimeoutError::Timeout) => {
                    let partitions = left.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    tracing::warn!(partitions, "revoked partitions were not let go before the deadline");
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// An unknown partition in the list would leave all of them assigned; an empty list must be passed too.
    fn unassign(&self, consumer: &BaseConsumer<Self>, revoked: &TopicPartitionList) {
        let result = consumer.assignment().and_then(|assigned| {
            let assigned: HashSet<_> = assigned.to_topic_map().into_keys().collect();
            let mut list = TopicPartitionList::new();
            for element in revoked.elements() {
                if assigned.contains(&(element.topic().to_owned(), element.partition())) {
                    list.add_partition(element.topic(), element.partition());
                }
            }
            consumer.incremental_unassign(&list)
        });
        if let Err(error) = result {
            self.fail(ConsumerFailure::Fatal(format!("a revocation could not be answered: {error}")));
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

//! The loop: what happens goes into the core, what the core asks for is done.
//!
//! It decides nothing about records. It knows which assignment each epoch belongs to, and what ends the process.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::domain::{Answered, BatchId, BootTime, Epoch, Fate, LaneId, Now, PartitionId};
use crate::kafka::consumer::ConsumerRemote;
use crate::kafka::message::{ConsumerEvent, ConsumerFailure};
use crate::kafka::settings::Timeouts;
use crate::kafka::transactions::{TransactionEvent, TransactionFailure, Transactions};
use crate::pinterest::Client;
use crate::pipeline::{Batch, Effect, Input, Pipeline, Suspected};
use crate::telemetry::label::{Change, CommitEnd};
use crate::telemetry::span::Span;

use super::clock;
use super::export::SpanSender;
use super::feed::FeedReader;
use super::holding::{Holding, Waiting};
use super::intake::{Intake, Raw, Yield};
use super::restoring::{Failed, Restoration, Restoring};
use super::totals::{Accounting, Totals};
use super::traces::Tracing;
use super::traffic::Traffic;
use super::trouble::Troubles;
use super::{Credentials, End, Ends, Parts, Progress};

/// Records that go into the core between two looks at everything else: about a millisecond of its work.
const RECORDS_AT_A_TIME: usize = 500;

/// Between two pictures of the progress; what watches them is a person or a scrape.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Between two lines about events that are sent from more than one partition.
const SUSPECTED_EVERY: Duration = Duration::from_hours(1);

/// How long the loop sleeps where nothing has asked to be woken.
const IDLE: Duration = Duration::from_secs(1);

/// The loop and what it talks to.
pub(super) struct Engine {
    pub(super) core: Pipeline,
    pub(super) consumer: ConsumerRemote,
    pub(super) transactions: Transactions,
    pub(super) clients: Vec<Arc<Client>>,
    pub(super) readers: Vec<Arc<FeedReader>>,
    pub(super) restoring: Restoring,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) ends: watch::Receiver<Ends>,
    pub(super) credentials: watch::Receiver<Credentials>,
    pub(super) tracing: Tracing,
    pub(super) state: State,
}

/// What the loop remembers.
#[derive(Default)]
pub(super) struct State {
    effects: Vec<Effect>,
    holdings: HashMap<PartitionId, Holding>,
    /// What the transaction under way will have accounted for.
    under_way: Accounting,
    under_way_since: BootTime,
    under_way_spans: Vec<Span>,
    totals: Totals,
    traffic: Traffic,
    troubles: Troubles,
    told_at: BootTime,
    /// When it was last told that partitions send the same events, and how often that was seen until then.
    suspected: Option<(BootTime, u64)>,
    /// Why the work comes to rest.
    ending: Option<Ending>,
    /// New clients do not wait longer than that for the work of the old ones to come to rest.
    rest_by: Option<BootTime>,
}

/// What comes when the work has come to rest.
pub(super) enum Ending {
    Over(End),
    /// Other clients go on.
    Renewed(Box<Parts>),
}

impl State {
    /// Goes on counting where the clients before had come to.
    pub(super) fn after(progress: &Progress) -> Self {
        Self { totals: progress.totals.clone(), traffic: progress.traffic.clone(), ..Self::default() }
    }
}

/// The end of a post.
struct PostEnd {
    batch: BatchId,
    lane: LaneId,
    events: usize,
    took: Duration,
    answered: Answered,
    /// Told if somebody watches.
    span: Option<Span>,
}

/// What comes in.
pub(super) struct Inputs<'a> {
    pub(super) stop: &'a mut UnboundedReceiver<()>,
    /// What goes on with other credentials.
    pub(super) next: UnboundedReceiver<Box<Parts>>,
    pub(super) consumer: UnboundedReceiver<ConsumerEvent>,
    pub(super) transactions: UnboundedReceiver<TransactionEvent>,
    pub(super) restored: UnboundedReceiver<Restoration>,
}

/// Whether the loop goes on.
enum Turn {
    Next,
    End(End),
}

impl Engine {
    /// Runs until the work has come to rest, or cannot go on.
    pub(super) async fn run(mut self, inputs: &mut Inputs<'_>) -> (Ending, Self) {
        let (answers_in, mut answers) = unbounded_channel();
        let (yields_in, mut yields) = unbounded_channel();
        loop {
            let wake = self.sleep_for();
            // In this order: what ends comes before what begins, so that memory is freed before more is taken.
            let turn = select! {
                biased;
                stop = inputs.stop.recv() => self.stop(stop),
                Some(next) = inputs.next.recv() => self.renew(next),
                event = inputs.transactions.recv() => self.transaction(event),
                answer = answers.recv() => self.answered(answer),
                event = inputs.consumer.recv() => self.consumed(event),
                restored = inputs.restored.recv() => self.restored(restored, &yields_in),
                taken = yields.recv() => self.taken(taken),
                () = tokio::time::sleep(wake) => Turn::Next,
            };
            if let Turn::End(end) = turn {
                self.tell_at(clock::now());
                return (Ending::Over(end), self);
            }
            self.step(Input::Woke);
            self.take_records();
            self.perform(&answers_in);
            self.tell();
            let is_late = self.state.rest_by.is_some_and(|by| by <= clock::boot());
            if is_late {
                tracing::warn!("the old clients cannot finish; what is open is taken up as after a crash");
            }
            if let Some(ending) = self.state.ending.take_if(|_| is_late || self.core.is_empty()) {
                self.tell_at(clock::now());
                return (ending, self);
            }
        }
    }

    fn sleep_for(&self) -> Duration {
        if self.has_work() {
            return Duration::ZERO;
        }
        let woken = self.core.next_wakeup().map_or(IDLE, |wake| wake.since(clock::boot()));
        woken.min(IDLE)
    }

    fn has_work(&self) -> bool {
        self.state.holdings.iter().any(|(id, holding)| !holding.inbox.is_empty() && self.core.has_room(*id))
    }

    fn step(&mut self, input: Input) {
        self.core.step(clock::now(), input, &mut self.state.effects);
    }

    /// The first request lets the work come to rest; the second one does not wait.
    fn stop(&mut self, stop: Option<()>) -> Turn {
        if stop.is_none() || matches!(self.state.ending, Some(Ending::Over(_))) {
            return Turn::End(End::StoppedAtOnce);
        }
        tracing::info!("stopping: what is under way comes to rest");
        self.drain(End::Drained);
        Turn::Next
    }

    /// As a stop, and the process goes on.
    fn renew(&mut self, next: Box<Parts>) -> Turn {
        if self.state.ending.is_none() {
            tracing::info!("a new credential of Kafka is taken: the work comes to rest, and new clients go on");
            let Timeouts { drain, transaction, .. } = next.kafka.timeouts;
            self.state.rest_by = Some(clock::boot().after(drain + transaction));
            self.state.ending = Some(Ending::Renewed(next));
            self.step(Input::Drain);
        }
        Turn::Next
    }

    fn drain(&mut self, end: End) {
        self.state.rest_by = None;
        match self.state.ending {
            None => {
                self.state.ending = Some(Ending::Over(end));
                self.step(Input::Drain);
            }
            // It comes to rest already, and does not go on.
            Some(Ending::Renewed(_)) => self.state.ending = Some(Ending::Over(end)),
            Some(Ending::Over(_)) => {}
        }
    }

    fn consumed(&mut self, event: Option<ConsumerEvent>) -> Turn {
        let Some(event) = event else { return Turn::End(End::Restart("the consumer thread has ended".to_owned())) };
        match event {
            ConsumerEvent::Assigned { partition, assignment } => {
                let held = Arc::new(AtomicBool::new(true));
                let since = clock::boot();
                let (epoch, headway, intake, inbox) = (None, None, None, VecDeque::new());
                let holding = Holding { assignment, since, epoch, held, headway, intake, inbox };
                self.state.traffic.moved(partition.feed, Change::Assigned);
                self.state.holdings.insert(partition, holding);
                match self.state.ending {
                    None => self.step(Input::Assigned(partition)),
                    // Nothing of it is here, and the group need not wait for it.
                    Some(_) => self.consumer.released(partition, assignment),
                }
            }
            ConsumerEvent::Revoked(partitions) => {
                self.count_moved(&partitions, Change::Revoked);
                self.step(Input::Revoked(partitions));
            }
            ConsumerEvent::Lost(partitions) => {
                self.count_moved(&partitions, Change::Lost);
                for partition in &partitions {
                    self.state.holdings.remove(partition);
                }
                self.step(Input::Lost(partitions));
            }
            ConsumerEvent::Messages(messages) => {
                if let Some(intake) = self.intake(messages.partition, messages.epoch) {
                    intake.take(Raw::Messages(messages));
                }
            }
            ConsumerEvent::Reached { partition, epoch, position } => {
                if let Some(intake) = self.intake(partition, epoch) {
                    intake.take(Raw::Reached(position));
                }
            }
            ConsumerEvent::Failed(failure) => return self.consumer_failed(&failure),
        }
        Turn::Next
    }

    fn count_moved(&mut self, partitions: &[PartitionId], change: Change) {
        for partition in partitions {
            self.state.traffic.moved(partition.feed, change);
        }
    }

    fn intake(&self, partition: PartitionId, epoch: Epoch) -> Option<&Intake> {
        self.state.holdings.get(&partition).filter(|holding| holding.epoch == Some(epoch))?.intake.as_ref()
    }

    fn consumer_failed(&mut self, failure: &ConsumerFailure) -> Turn {
        match failure {
            ConsumerFailure::MembershipLost(_) | ConsumerFailure::Fatal(_) => {
                Turn::End(End::Restart(failure.to_string()))
            }
            ConsumerFailure::OffsetOutOfRange => {
                self.drain(End::Halted(failure.to_string()));
                Turn::Next
            }
        }
    }

    fn transaction(&mut self, event: Option<TransactionEvent>) -> Turn {
        let Some(event) = event else { return Turn::End(End::Restart("the transaction thread has ended".to_owned())) };
        match event {
            TransactionEvent::Ready => tracing::debug!("the transactional producer is ready"),
            TransactionEvent::Ended { transaction, fate } => {
                self.count_transaction(&fate);
                self.step(Input::Ended { transaction, fate });
            }
            TransactionEvent::Unknown(transaction) => {
                self.state.traffic.transaction_unknown();
                self.step(Input::Unknown(transaction));
            }
            TransactionEvent::Failed(failure) => {
                return Turn::End(match failure {
                    TransactionFailure::MembershipLost(_) | TransactionFailure::Fenced { .. } => {
                        End::Restart(failure.to_string())
                    }
                    TransactionFailure::Untold | TransactionFailure::Refused(_) => End::Halted(failure.to_string()),
                });
            }
        }
        Turn::Next
    }

    fn count_transaction(&mut self, fate: &Fate) {
        let now = clock::now();
        let accounting = std::mem::take(&mut self.state.under_way);
        let spans = std::mem::take(&mut self.state.under_way_spans);
        let end = match fate {
            Fate::Committed(_) => {
                self.state.totals.commit(&accounting, now.wall);
                self.tracing.send(spans);
                CommitEnd::Committed
            }
            Fate::Aborted(_) => CommitEnd::Aborted,
        };
        self.state.traffic.transaction_ended(end, now.boot.since(self.state.under_way_since));
    }

    fn answered(&mut self, answer: Option<PostEnd>) -> Turn {
        if let Some(PostEnd { batch, lane, events, took, answered, span }) = answer {
            self.tracing.send(span);
            self.state.traffic.answered(lane, events, &answered.answer, took);
            self.step(Input::Posted { batch, answered });
        }
        Turn::Next
    }

    fn restored(&mut self, restoration: Option<Restoration>, yields: &UnboundedSender<Yield>) -> Turn {
        let Some(Restoration { partition, epoch, result }) = restoration else { return Turn::Next };
        let Some(holding) = self.state.holdings.get_mut(&partition).filter(|held| held.epoch == Some(epoch)) else {
            return Turn::Next;
        };
        holding.headway = None;
        match result {
            Ok(restored) => {
                let at = restored.next_offset();
                if let Some(reader) = self.readers.get(usize::from(partition.feed.0)) {
                    holding.intake = Some(Intake::start(
                        partition,
                        epoch,
                        Arc::clone(reader),
                        self.tracing.watching,
                        yields.clone(),
                    ));
                }
                let assignment = holding.assignment;
                self.step(Input::Restored { partition, epoch, restored });
                self.consumer.start(partition, assignment, epoch, at);
            }
            Err(failed @ Failed::Halt(_)) => self.drain(End::Halted(format!("partition {partition}: {failed}"))),
            Err(failed @ Failed::Stuck { .. }) => self.drain(End::Restart(format!("partition {partition}: {failed}"))),
        }
        Turn::Next
    }

    fn taken(&mut self, taken: Option<Yield>) -> Turn {
        match taken {
            Some(Yield::Records { partition, epoch, records, receipt }) => {
                if let Some(holding) = self.holding(partition, epoch) {
                    holding.inbox.push_back(Waiting::Records { records: records.into(), _receipt: receipt });
                }
            }
            Some(Yield::Reached { partition, epoch, position }) => {
                if let Some(holding) = self.holding(partition, epoch) {
                    holding.inbox.push_back(Waiting::Reached(position));
                }
            }
            None => {}
        }
        Turn::Next
    }

    fn holding(&mut self, partition: PartitionId, epoch: Epoch) -> Option<&mut Holding> {
        self.state.holdings.get_mut(&partition).filter(|holding| holding.epoch == Some(epoch))
    }

    /// Hands records to the core while it has room, in order.
    fn take_records(&mut self) {
        let now = clock::now();
        for (&partition, holding) in &mut self.state.holdings {
            let Some(epoch) = holding.epoch else { continue };
            let mut left = RECORDS_AT_A_TIME;
            while 0 < left
                && self.core.has_room(partition)
                && let Some(waiting) = holding.inbox.front_mut()
            {
                let input = match waiting {
                    Waiting::Reached(position) => Some(Input::Reached { partition, epoch, position: *position }),
                    Waiting::Records { records, .. } => {
                        records.pop_front().map(|record| Input::Record { partition, epoch, record: Box::new(record) })
                    }
                };
                let is_empty = match waiting {
                    Waiting::Reached(_) => true,
                    Waiting::Records { records, .. } => records.is_empty(),
                };
                if is_empty {
                    holding.inbox.pop_front();
                }
                if let Some(input) = input {
                    left -= 1;
                    self.core.step(now, input, &mut self.state.effects);
                }
            }
        }
    }

    /// Does what the core asked for.
    fn perform(&mut self, answers: &UnboundedSender<PostEnd>) {
        for effect in std::mem::take(&mut self.state.effects) {
            match effect {
                Effect::Restore { partition, epoch } => {
                    if let Some(holding) = self.state.holdings.get_mut(&partition) {
                        holding.epoch = Some(epoch);
                        let held = Arc::clone(&holding.held);
                        holding.headway = Some(self.restoring.start(partition, epoch, holding.assignment, held));
                    }
                }
                Effect::Post(batch) => self.post(batch, answers.clone()),
                Effect::Commit(transaction) => {
                    self.state.under_way = Accounting::of(&transaction);
                    self.state.under_way_since = clock::boot();
                    self.state.under_way_spans = self.tracing.of_records(&transaction);
                    self.transactions.commit(transaction);
                }
                Effect::Resolve(transaction) => self.transactions.resolve(transaction),
                Effect::Release { partition, epoch: _ } => {
                    if let Some(holding) = self.state.holdings.remove(&partition) {
                        self.consumer.released(partition, holding.assignment);
                    }
                }
            }
        }
    }

    fn post(&self, batch: Batch, answers: UnboundedSender<PostEnd>) {
        let client = self.clients.get(usize::from(batch.lane.0)).expect("lanes of the core are those of the clients");
        let client = Arc::clone(client);
        let (watching, lane) = (self.tracing.watching, self.tracing.names.lane(batch.lane));
        tokio::spawn(async move {
            let begun = clock::now();
            let answered = client.post(&batch.bodies).await;
            let took = clock::boot().since(begun.boot);
            let span = watching.of_answer(&batch, &lane, begun.wall, &answered);
            let end = PostEnd { batch: batch.id, lane: batch.lane, events: batch.bodies.len(), took, answered, span };
            // Nobody listens any more only when the process stops at once.
            if answers.send(end).is_err() {
                tracing::debug!("an answer came after the loop had ended");
            }
        });
    }

    /// Shows the progress to whoever watches; at the end all of it.
    fn tell(&mut self) {
        let now = clock::now();
        if PROGRESS_EVERY <= now.boot.since(self.state.told_at) {
            self.tell_at(now);
        }
    }

    fn tell_at(&mut self, now: Now) {
        self.state.told_at = now.boot;
        let status = self.core.status(now);
        for line in self.state.troubles.look(&status.lanes, &self.state.traffic, now.boot) {
            line.log(&self.tracing.names.lane(line.lane()));
        }
        self.tell_suspected(now.boot, status.suspected);
        let State { totals, traffic, holdings, .. } = &self.state;
        let restores = holdings.iter().filter_map(|(id, holding)| Some((*id, holding.headway.as_ref()?.headway())));
        let restoring = holdings.iter().filter(|(_, holding)| holding.intake.is_none());
        let waiting = holdings.iter().filter_map(|(id, holding)| Some((*id, holding.first_waiting()?)));
        let progress = Progress {
            turned: now.boot,
            started: self.progress.borrow().started,
            totals: totals.clone(),
            traffic: traffic.clone(),
            restoring: restoring.map(|(id, holding)| (*id, holding.since)).collect(),
            waiting: waiting.collect(),
            ends: self.ends.borrow().clone(),
            notes: self.readers.iter().map(|reader| reader.notes()).collect(),
            tokens: self.clients.iter().map(|client| client.token_since()).collect(),
            credentials: self.credentials.borrow().clone(),
            spans_dropped: self.tracing.spans.as_ref().map_or(0, SpanSender::dropped),
            restores: restores.collect(),
            status: Some(status),
        };
        self.progress.send_replace(progress);
    }

    /// Once an hour at most: it goes on until the producers are changed.
    fn tell_suspected(&mut self, now: BootTime, suspected: Suspected) {
        let (told_at, told) = self.state.suspected.unwrap_or_default();
        let Some((one, other)) = suspected.last.filter(|_| told < suspected.keys) else { return };
        if self.state.suspected.is_some() && now.since(told_at) < SUSPECTED_EVERY {
            return;
        }
        self.state.suspected = Some((now, suspected.keys));
        let (sampled, one_in) = (suspected.keys, Suspected::ONE_IN);
        tracing::warn!(%one, %other, sampled, one_in, "events are sent from more than one partition");
    }
}

//! A process: the core and a shell around it that does what the real shell must do.
//!
//! This file holds what a process is, how its effects are performed, and how it dies; `client` is its consumer,
//! `ticks` its producer, `restore` its way back from the changelog.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pinrelay::domain::{Answer, Answered, BatchId, BootTime, Epoch, LaneId, Now, UnixMillis};
use pinrelay::pipeline::{Effect, Input, Pipeline};

use crate::budgets::Budget;
use crate::checker::Law;
use crate::client::Client;
use crate::pinterest::answered;
use crate::restore::Restoring;
use crate::scenario::{DRAIN_DEADLINE, Kind, Time, WALL, index_of, partition_id};
use crate::ticks::{Job, Produced, Producer};
use crate::trace;
use crate::world::{Event, Own, World};

/// What comes back to a process.
#[derive(Debug)]
pub(crate) enum Reply {
    Tick { job: u64, produced: Produced },
    Post { batch: BatchId, answered: Answered },
}

/// A partition that the process holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) epoch: Epoch,
    /// The member id when it was assigned (T4).
    pub(crate) member: Option<u64>,
    pub(crate) stage: Stage,
    /// Records of which the changelog said when it was restored that they may have been posted.
    pub(crate) inherited: BTreeSet<i64>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Until the core asks for a restore.
    Assigned,
    Restoring(Box<Restoring>),
    Reading {
        position: i64,
    },
    /// Revoked: read no further.
    Closing,
}

#[derive(Debug)]
pub(crate) struct Process {
    /// Counts restarts over the whole world; the process's uuid in stamps.
    pub(crate) life: u64,
    /// Nothing while the process is down.
    pub(crate) core: Option<Pipeline>,
    pub(crate) stopped_until: Time,
    pub(crate) client: Client,
    pub(crate) held: BTreeMap<usize, Held>,
    /// What the revocation callback waits for (P2).
    pub(crate) revoking: Option<BTreeSet<usize>>,
    pub(crate) draining: bool,
    pub(crate) producer: Producer,
    pub(crate) job: Option<Job>,
    /// Which creation of the input topic it has found.
    pub(crate) topic: u32,
    /// Which mapping it was started with.
    pub(crate) plan: usize,
    effects: VecDeque<Effect>,
    /// Posts without an answer, with their place in the world's list.
    pub(crate) posts: BTreeMap<BatchId, usize>,
    /// When the core last asked for a post, by the limits that it spends.
    pub(crate) calls: BTreeMap<Budget, VecDeque<Time>>,
    /// Lanes whose last answer gave no verdict.
    pub(crate) doubting: BTreeSet<LaneId>,
    wake_at: Option<Time>,
    boot: u64,
    skew: i64,
    /// By when the partitions that were asked back must be released.
    due: BTreeMap<usize, Time>,
}

/// How much later than the drain deadline a release may come.
const GRACE: Time = 150;

impl Process {
    pub(crate) fn down() -> Self {
        Self {
            life: 0,
            core: None,
            stopped_until: 0,
            client: Client::default(),
            held: BTreeMap::new(),
            revoking: None,
            draining: false,
            producer: Producer::default(),
            job: None,
            topic: 0,
            plan: 0,
            effects: VecDeque::new(),
            posts: BTreeMap::new(),
            calls: BTreeMap::new(),
            doubting: BTreeSet::new(),
            wake_at: None,
            boot: 0,
            skew: 0,
            due: BTreeMap::new(),
        }
    }

    pub(crate) fn owns(&self, partition: usize, epoch: Epoch) -> bool {
        self.held.get(&partition).is_some_and(|held| held.epoch == epoch)
    }
}

impl World {
    pub(crate) fn start(&mut self, slot: usize) {
        if self.processes[slot].core.is_some() || (self.scenario.kind == Kind::Shared && slot == 1 && !self.troubled) {
            return;
        }
        if self.now < self.closed_until {
            return self.after(self.closed_until - self.now, Event::Start(slot));
        }
        self.lives += 1;
        let seed = self.random.next();
        let mut process = Process::down();
        process.life = self.lives;
        process.boot = self.random.below(1_000_000);
        process.skew = i64::try_from(self.random.below(100)).expect("small") - 50;
        process.topic = self.topic;
        process.plan = self.random.index(2);
        let mut settings = self.scenario.settings.clone();
        // A configuration changes its bounds along with its mapping.
        if process.plan == 1 && self.scenario.kind == Kind::Mixed {
            settings.span = 2;
        }
        process.core = Some(Pipeline::new(settings, seed));
        process.client.polled = self.now;
        self.processes[slot] = process;
        self.trace.say(self.now, || format!("process {slot} starts as life {}", self.lives));
        self.renew_producer(slot);
        self.own(slot, 1, Own::Client);
        self.own(slot, 2, Own::Poll);
    }

    pub(crate) fn kill(&mut self, slot: usize) {
        if self.processes[slot].core.is_none() {
            return;
        }
        self.trace.say(self.now, || format!("process {slot} dies"));
        let Process { life, topic, .. } = self.processes[slot];
        self.processes[slot] = Process { life, topic, ..Process::down() };
        let delay = self.random.pick(&[30, 300, 1500, 2500]);
        self.after(delay, Event::Start(slot));
    }

    pub(crate) fn stop(&mut self, slot: usize, duration: Time) {
        let until = self.now + duration;
        let process = &mut self.processes[slot];
        process.stopped_until = process.stopped_until.max(until);
        for due in process.due.values_mut() {
            *due = (*due).max(until + GRACE);
        }
        self.trace.say(self.now, || format!("process {slot} is stopped until {until}"));
    }

    /// SIGTERM.
    pub(crate) fn terminate(&mut self, slot: usize) {
        if self.processes[slot].core.is_none() || self.processes[slot].draining {
            return;
        }
        let life = self.processes[slot].life;
        if self.now < self.processes[slot].stopped_until {
            return;
        }
        let due = self.now + DRAIN_DEADLINE + GRACE;
        let process = &mut self.processes[slot];
        process.draining = true;
        for (partition, held) in &mut process.held {
            held.stage = Stage::Closing;
            process.due.entry(*partition).or_insert(due);
        }
        self.step(slot, Input::Drain);
        if self.processes[slot].life == life {
            self.leave_when_empty(slot);
        }
    }

    /// After a drain: leave the group and end.
    fn leave_when_empty(&mut self, slot: usize) {
        let process = &self.processes[slot];
        let Some(core) = &process.core else { return };
        if !process.draining || !process.held.is_empty() || !process.effects.is_empty() || process.job.is_some() {
            return;
        }
        if !core.is_empty() {
            self.checker.blame(self.now, Law::G6, format!("process {slot} holds nothing and its core is not empty"));
        }
        let member = process.client.member;
        // A plain stop keeps the static membership, a stop for good does not (P2).
        if let Some(member) = member
            && self.random.chance(500)
        {
            self.kafka.group.leave(member, self.now);
        }
        self.kill(slot);
    }

    pub(crate) fn clocks(&self, slot: usize) -> Now {
        let process = &self.processes[slot];
        let now = i64::try_from(self.now).expect("worlds are short");
        Now { boot: BootTime(process.boot + self.now), wall: UnixMillis(WALL + now + process.skew) }
    }

    /// One input into the core, and its effects.
    pub(crate) fn step(&mut self, slot: usize, input: Input) {
        let now = self.clocks(slot);
        self.trace.say(self.now, || format!("  process {slot} {}", trace::input(&input)));
        let process = &mut self.processes[slot];
        let Some(core) = &mut process.core else { return };
        let mut effects = Vec::new();
        core.step(now, input, &mut effects);
        self.spaced(slot, &effects);
        let process = &mut self.processes[slot];
        let Some(core) = &mut process.core else { return };
        let wakeup = core.next_wakeup();
        process.effects.extend(effects);
        self.run_effects(slot);
        let Some(wakeup) = wakeup else { return };
        let process = &mut self.processes[slot];
        // A wakeup that is already due and changes nothing would hold the world's clock still.
        let at = wakeup.0.saturating_sub(process.boot).max(self.now + 1);
        if process.core.is_some() && process.wake_at.is_none_or(|planned| at < planned || planned <= self.now) {
            process.wake_at = Some(at);
            let delay = at - self.now;
            self.own(slot, delay, Own::Woke);
        }
    }

    pub(crate) fn inside(&mut self, slot: usize, what: Own) {
        let life = self.processes[slot].life;
        // What was left when the process was stopped comes first.
        self.run_effects(slot);
        let process = &self.processes[slot];
        if process.life != life || process.core.is_none() {
            return;
        }
        if self.now < process.stopped_until {
            let delay = process.stopped_until - self.now;
            return self.own(slot, delay, what);
        }
        match what {
            Own::Client => self.client(slot),
            Own::Poll => {
                self.overdue(slot);
                self.poll(slot);
            }
            Own::Woke => {
                if self.processes[slot].wake_at.is_some_and(|planned| planned <= self.now) {
                    self.processes[slot].wake_at = None;
                    self.step(slot, Input::Woke);
                }
            }
            Own::Resume => {}
            Own::Restore { partition, epoch } => self.restore(slot, partition, epoch),
            Own::StaleRecord { partition, epoch, position } => self.stale_record(slot, partition, epoch, position),
            Own::PostTimeout(batch) => {
                if let Some(post) = self.processes[slot].posts.remove(&batch) {
                    self.processes[slot].doubting.insert(self.posts[post].lane);
                    let answered = answered(Answer::Ambiguous { retry_after: None }, None, self.clocks(slot).wall);
                    self.step(slot, Input::Posted { batch, answered });
                }
            }
            Own::Reply(Reply::Post { batch, answered }) => {
                if let Some(post) = self.processes[slot].posts.remove(&batch) {
                    let lane = self.posts[post].lane;
                    match answered.answer {
                        Answer::Ambiguous { .. } => self.processes[slot].doubting.insert(lane),
                        Answer::Verdicts(_) | Answer::WholeRefused { .. } => {
                            self.processes[slot].doubting.remove(&lane)
                        }
                        Answer::NotTaken { .. } => false,
                    };
                    if !matches!(answered.answer, Answer::Ambiguous { .. }) {
                        for event in &self.posts[post].events {
                            self.checker.attempts[event.attempt].unsure = false;
                        }
                    }
                    self.step(slot, Input::Posted { batch, answered });
                }
            }
            Own::Reply(Reply::Tick { job, produced }) => self.produced(slot, job, produced),
        }
        self.leave_when_empty(slot);
    }

    /// Puts a process to sleep by chance, for longer than a session at times; says for how long.
    pub(crate) fn pauses(&mut self, slot: usize) -> Option<Time> {
        if !self.strikes(self.scenario.chances.pause) {
            return None;
        }
        let duration = self.random.pick(&[5, 30, 100, 700, 2500]);
        self.stop(slot, duration);
        Some(duration)
    }

    /// Performs what the core asked for; a crash or a stop may come before each effect.
    fn run_effects(&mut self, slot: usize) {
        loop {
            if self.now < self.processes[slot].stopped_until || self.processes[slot].effects.is_empty() {
                return;
            }
            if self.strikes(self.scenario.chances.crash) {
                return self.kill(slot);
            }
            if let Some(duration) = self.pauses(slot) {
                return self.own(slot, duration, Own::Resume);
            }
            let Some(effect) = self.processes[slot].effects.pop_front() else { return };
            self.perform(slot, effect);
        }
    }

    fn perform(&mut self, slot: usize, effect: Effect) {
        self.trace.say(self.now, || format!("  process {slot} {}", trace::effect(&effect)));
        match effect {
            Effect::Restore { partition, epoch } => {
                let partition = index_of(partition);
                if let Some(held) = self.processes[slot].held.get_mut(&partition) {
                    held.epoch = epoch;
                    held.stage = Stage::Restoring(Box::default());
                    self.own(slot, 1, Own::Restore { partition, epoch });
                }
            }
            Effect::Post(batch) => self.post(slot, &batch),
            Effect::Commit(transaction) => self.commit(slot, transaction),
            Effect::Resolve(id) => self.resolve(slot, id),
            Effect::Release { partition, epoch } => {
                let partition = index_of(partition);
                let process = &mut self.processes[slot];
                if process.owns(partition, epoch) {
                    process.held.remove(&partition);
                    process.due.remove(&partition);
                    self.callback_returns(slot, &[partition]);
                }
            }
        }
    }

    /// G6: what was asked back must be released in time.
    fn overdue(&mut self, slot: usize) {
        let late = self.processes[slot].due.iter().find(|(_, due)| **due < self.now).map(|(partition, _)| *partition);
        if let Some(partition) = late {
            self.checker.blame(self.now, Law::G6, format!("process {slot} does not release {partition} in time"));
        }
    }

    pub(crate) fn ask_back(&mut self, slot: usize, partitions: &[usize]) {
        let due = self.now + DRAIN_DEADLINE + GRACE;
        for partition in partitions {
            self.leaves_record_behind(slot, *partition);
            let process = &mut self.processes[slot];
            process.due.entry(*partition).or_insert(due);
            if let Some(held) = process.held.get_mut(partition) {
                held.stage = Stage::Closing;
            }
        }
        let list = partitions.iter().map(|partition| partition_id(*partition)).collect();
        self.step(slot, Input::Revoked(list));
    }

    /// The partitions are gone already.
    pub(crate) fn lose(&mut self, slot: usize, partitions: &[usize]) {
        for partition in partitions {
            self.leaves_record_behind(slot, *partition);
            let process = &mut self.processes[slot];
            process.held.remove(partition);
            process.due.remove(partition);
        }
        let list = partitions.iter().map(|partition| partition_id(*partition)).collect();
        self.step(slot, Input::Lost(list));
    }
}

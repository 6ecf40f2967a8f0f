//! The consumer of a process: the background thread that talks to the group, and the polling thread that serves its
//! callbacks and reads records.

use std::collections::{BTreeSet, VecDeque};

use pinrelay::domain::{
    ConversionEvent, Epoch, EventBody, EventFacts, InDoubtPolicy, Mapped, NextOffset, Offset, Origin, Outcome, PostBy,
    Reason, Record, UnixMillis, UnixSeconds,
};
use pinrelay::pipeline::Input;

use crate::checker::Law;
use crate::kafka::{Heartbeat, MemberId};
use crate::posts::body;
use crate::process::{Held, Process, Stage};
use crate::scenario::{Kind, MAX_POLL_INTERVAL, Spec, Time, WALL, lane_of, partition_id};
use crate::variants::Variant;
use crate::world::{Own, World};

/// A rebalance callback that waits for the polling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    Assign(BTreeSet<usize>),
    Revoke(BTreeSet<usize>),
    Lost(BTreeSet<usize>),
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) member: Option<MemberId>,
    pub(crate) generation: i32,
    /// What the client believes to be assigned, served or not.
    assignment: BTreeSet<usize>,
    callbacks: VecDeque<Callback>,
    /// Something was given back: join again, so that it can go to another.
    rejoin: bool,
    pub(crate) polled: Time,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            member: None,
            generation: -1,
            assignment: BTreeSet::new(),
            callbacks: VecDeque::new(),
            rejoin: false,
            polled: 0,
        }
    }
}

impl Client {
    fn is_idle(&self, process_revoking: bool) -> bool {
        self.callbacks.is_empty() && !process_revoking
    }

    pub(crate) fn has_lost_membership(&self) -> bool {
        self.member.is_none() || self.callbacks.iter().any(|callback| matches!(callback, Callback::Lost(_)))
    }

    fn forget_member(&mut self) {
        self.member = None;
        self.generation = -1;
    }
}

impl World {
    /// Heartbeats and joins, which go on while the polling thread is busy.
    pub(crate) fn client(&mut self, slot: usize) {
        let quick = self.strikes(self.scenario.chances.quick_heartbeats);
        let delay = if quick { self.random.between(4, 20) } else { self.random.between(30, 150) };
        self.own(slot, delay * self.scenario.kind.pace(), Own::Client);
        let process = &mut self.processes[slot];
        let idle = process.client.is_idle(process.revoking.is_some());
        let client = &mut process.client;
        let Some(member) = client.member else {
            if idle && !process.draining {
                let claims = client.assignment.clone();
                let member = self.kafka.group.enter(self.scenario.identity(slot), &claims, self.now, &mut self.random);
                client.member = Some(member);
                self.trace.say(self.now, || format!("process {slot} joins as member {member}"));
            }
            return;
        };
        if client.polled + MAX_POLL_INTERVAL < self.now {
            self.trace.say(self.now, || format!("process {slot} exceeds max.poll and leaves as member {member}"));
            self.kafka.group.leave(member, self.now);
            return self.evicted(slot);
        }
        match self.kafka.group.heartbeat(member, self.now) {
            Heartbeat::Fine => {
                if client.rejoin && idle {
                    client.rejoin = false;
                    self.kafka.group.rejoin(member, &client.assignment, self.now, &mut self.random);
                }
            }
            Heartbeat::Rebalance { generation } => {
                client.generation = generation;
                if idle {
                    client.rejoin = false;
                    self.kafka.group.rejoin(member, &client.assignment, self.now, &mut self.random);
                }
            }
            Heartbeat::Assigned { generation, partitions } => {
                client.generation = generation;
                self.trace.say(self.now, || {
                    format!("process {slot} member {member} learns of generation {generation}: {partitions:?}")
                });
                let revoked: BTreeSet<usize> = client.assignment.difference(&partitions).copied().collect();
                let added: BTreeSet<usize> = partitions.difference(&client.assignment).copied().collect();
                client.assignment.extend(&added);
                let takes_away = !revoked.is_empty();
                if takes_away {
                    client.callbacks.push_back(Callback::Revoke(revoked));
                }
                if !added.is_empty() {
                    client.callbacks.push_back(Callback::Assign(added));
                }
                if takes_away && self.strikes(self.scenario.chances.evicted_while_revoking) {
                    self.trace.say(self.now, || format!("the group throws out member {member}"));
                    self.kafka.group.leave(member, self.now);
                }
            }
            Heartbeat::UnknownMember => self.evicted(slot),
        }
    }

    /// The group does not know the member any more. If a revocation has not been served yet, its serving is all that
    /// the application hears of it: the client then joins again with what is left.
    fn evicted(&mut self, slot: usize) {
        // An instance that another process has taken over is told so, and ends (T7).
        if self.scenario.kind == Kind::Shared && slot < 2 {
            return self.kill(slot);
        }
        let process = &mut self.processes[slot];
        let client = &mut process.client;
        client.forget_member();
        client.rejoin = false;
        let revoking = process.revoking.is_some()
            || client.callbacks.iter().any(|callback| matches!(callback, Callback::Revoke(_)));
        self.trace.say(self.now, || format!("process {slot} is no member any more"));
        if revoking && self.random.chance(600) {
            return;
        }
        let all = std::mem::take(&mut client.assignment);
        client.callbacks.clear();
        client.callbacks.push_back(Callback::Lost(all));
    }

    pub(crate) fn poll(&mut self, slot: usize) {
        let mut delay = self.random.between(3, 25);
        let late = self.strikes(self.scenario.chances.slow_poll);
        let process = &mut self.processes[slot];
        if process.revoking.is_none() {
            process.client.polled = self.now;
            if let Some(callback) = process.client.callbacks.pop_front() {
                self.serve_callback(slot, callback);
            } else if !process.draining {
                self.read(slot);
                delay = self.random.between(1, 15);
            }
        } else if !process.draining {
            // What stays is read while the callback waits.
            self.read(slot);
        }
        if late {
            delay += self.random.below(400);
        }
        self.own(slot, delay * self.scenario.kind.pace(), Own::Poll);
    }

    fn serve_callback(&mut self, slot: usize, callback: Callback) {
        let process = &mut self.processes[slot];
        self.trace.say(self.now, || format!("process {slot} serves {callback:?}"));
        match callback {
            Callback::Assign(partitions) => {
                if process.draining {
                    return;
                }
                let life = process.life;
                for partition in partitions {
                    let process = &mut self.processes[slot];
                    if process.life != life || process.core.is_none() {
                        return;
                    }
                    let held = Held {
                        epoch: NO_EPOCH,
                        member: process.client.member,
                        stage: Stage::Assigned,
                        inherited: BTreeSet::new(),
                    };
                    if process.held.insert(partition, held).is_some() {
                        self.checker.blame(
                            self.now,
                            Law::Contract,
                            format!("{partition} is assigned while it is held"),
                        );
                    }
                    self.step(slot, Input::Assigned(partition_id(partition)));
                }
            }
            Callback::Revoke(partitions) => {
                let mine: Vec<usize> =
                    partitions.iter().copied().filter(|partition| process.held.contains_key(partition)).collect();
                process.client.assignment = process.client.assignment.difference(&partitions).copied().collect();
                process.client.rejoin = true;
                if mine.is_empty() {
                    return;
                }
                process.revoking = Some(mine.iter().copied().collect());
                self.ask_back(slot, &mine);
                if self.is(Variant::ReleasesAtOnce) {
                    self.processes[slot].held.retain(|partition, _| !mine.contains(partition));
                    self.callback_returns(slot, &mine);
                }
            }
            Callback::Lost(_) => {
                process.revoking = None;
                let all: Vec<usize> = process.held.keys().copied().collect();
                self.lose(slot, &all);
            }
        }
    }

    /// Partitions have come to rest: the callback that waits for the last of them returns.
    pub(crate) fn callback_returns(&mut self, slot: usize, released: &[usize]) {
        let process = &mut self.processes[slot];
        if let Some(waiting) = &mut process.revoking {
            waiting.retain(|partition| !released.contains(partition));
            if waiting.is_empty() {
                process.revoking = None;
                process.client.polled = self.now;
            }
        }
    }

    /// T4: the membership is not what it was. Drop everything and begin as a new consumer.
    pub(crate) fn new_consumer(&mut self, slot: usize) {
        self.trace.say(self.now, || format!("process {slot} begins with a new consumer"));
        let process = &mut self.processes[slot];
        process.client = Client { polled: self.now, ..Client::default() };
        process.revoking = None;
        let all: Vec<usize> = process.held.keys().copied().collect();
        self.lose(slot, &all);
    }

    /// Takes some records of each partition that has room.
    fn read(&mut self, slot: usize) {
        let life = self.processes[slot].life;
        let by_feed = self.policy_by_feed();
        let ignores_room = self.is(Variant::IgnoresRoom);
        let partitions: Vec<usize> = self.processes[slot].held.keys().copied().collect();
        for partition in partitions {
            for _ in 0..self.random.between(1, 6) {
                let process = &mut self.processes[slot];
                if process.life != life || self.now < process.stopped_until {
                    return;
                }
                let Process { core: Some(core), plan, topic, .. } = process else { return };
                let Some(Held { epoch, stage: Stage::Reading { position }, .. }) = process.held.get_mut(&partition)
                else {
                    break;
                };
                if !ignores_room && !core.has_room(partition_id(partition)) {
                    break;
                }
                let epoch = *epoch;
                if *position < self.input_starts[partition] || *topic != self.topic {
                    // Out of range: the process halts, and says why when it is started again (P5).
                    return self.terminate(slot);
                }
                let next = self.scenario.records[partition]
                    .iter()
                    .find(|spec| *position <= spec.offset && spec.vanishes.is_none_or(|gone| self.now < gone));
                let name = partition_id(partition);
                match next {
                    Some(spec) if spec.available <= self.now => {
                        *position = spec.offset + 1;
                        let record = Box::new(record(spec, partition, *plan, self.now, by_feed));
                        self.bounded(partition, spec.offset);
                        self.step(slot, Input::Record { partition: name, epoch, record });
                    }
                    Some(_) => break,
                    None => {
                        let end = self.scenario.ends[partition];
                        let appended = self.scenario.records[partition].iter().all(|spec| spec.available <= self.now);
                        if appended && *position < end {
                            *position = end;
                            self.step(slot, Input::Reached { partition: name, epoch, position: NextOffset(end) });
                        }
                        break;
                    }
                }
            }
        }
    }
}

impl World {
    /// A partition is given up while its next record is being mapped: the record comes late, if at all.
    pub(crate) fn leaves_record_behind(&mut self, slot: usize, partition: usize) {
        if !self.strikes(self.scenario.chances.stale_record) {
            return;
        }
        if let Some(Held { epoch, stage: Stage::Reading { position }, .. }) = self.processes[slot].held.get(&partition)
        {
            let (epoch, position) = (*epoch, *position);
            let delay = self.random.pick(&[1, 100, 300, 1000]);
            self.own(slot, delay, Own::StaleRecord { partition, epoch, position });
        }
    }

    pub(crate) fn stale_record(&mut self, slot: usize, partition: usize, epoch: Epoch, position: i64) {
        let spec = self.scenario.records[partition].iter().find(|spec| position <= spec.offset);
        if let Some(spec) = spec.filter(|spec| spec.available <= self.now) {
            let record = Box::new(record(spec, partition, self.processes[slot].plan, self.now, self.policy_by_feed()));
            self.step(slot, Input::Record { partition: partition_id(partition), epoch, record });
        }
    }

    fn policy_by_feed(&self) -> Option<InDoubtPolicy> {
        self.is(Variant::PolicyByFeed).then_some(InDoubtPolicy::Resend)
    }

    /// G5: what was read and has no visible row yet. One span may be in the transaction under way, one behind it, and
    /// as much again if a former owner's intents lie ahead.
    fn bounded(&mut self, partition: usize, offset: i64) {
        let open = self.checker.without_row(self.now, partition, offset);
        if 3 * self.scenario.settings.span < open {
            self.checker.blame(self.now, Law::G5, format!("{open} records of {partition} before {offset} have no row"));
        }
    }
}

const NO_EPOCH: Epoch = Epoch(0);

/// What decoding and mapping make of a message under one plan.
fn record(spec: &Spec, partition: usize, plan: usize, received: Time, by_feed: Option<InDoubtPolicy>) -> Record {
    let wall = UnixMillis(WALL + i64::try_from(received).expect("worlds are short"));
    let past = spec.post_by.is_some_and(|last| last < received);
    let post_by = spec.post_by.map_or(i64::MAX, |last| WALL + i64::try_from(last).expect("worlds are short"));
    let mapped = match spec.plans[plan] {
        Some(_) if past => Mapped::Settled { outcome: Outcome::new(Reason::TooOld), facts: None },
        Some(event) => Mapped::Event(ConversionEvent {
            key: event.event_key(),
            lane: lane_of(event),
            policy: by_feed.unwrap_or(event.policy),
            event_time: UnixSeconds(if event.old { WALL / 1000 - 7200 } else { WALL / 1000 }),
            post_by: PostBy { at: UnixMillis(post_by), otherwise: Reason::TooOld },
            body: EventBody::unchecked(body(partition, spec.offset, event.key)),
            facts: Box::new(EventFacts::default()),
        }),
        None => Mapped::Settled { outcome: Outcome::new(Reason::Truncated), facts: None },
    };
    Record {
        offset: Offset(spec.offset),
        timestamp: Some(wall),
        received: wall,
        origin: Origin::Live,
        trace: None,
        mapped,
    }
}

//! The world: one queue of events in the order of time, and everything that they happen to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pinrelay::domain::{BatchId, Epoch, UnixMillis};

use crate::checker::{Checker, Law, Moved, Row, Violation};
use crate::faults::Fault;
use crate::kafka::transactions::Decision;
use crate::kafka::{Kafka, MemberId, Stored, Target};
use crate::pinterest::Pinterest;
use crate::positions::Lost;
use crate::process::{Process, Reply};
use crate::random::Random;
use crate::scenario::{Kind, SESSION_TIMEOUT, Scenario, Time, WALL};
use crate::trace::Trace;
use crate::variants::Variant;

/// Something that happens at a planned time.
#[derive(Debug)]
pub(crate) enum Event {
    /// To one life of a process; waits while the process is stopped.
    Process {
        slot: usize,
        life: u64,
        what: Own,
    },
    Start(usize),
    /// A request reaches the broker.
    Broker(Request),
    Marker {
        transaction: usize,
        target: Target,
    },
    /// A post reaches Pinterest.
    Pinterest {
        post: usize,
    },
    /// Sessions, rebalances and transactions run out of time.
    Coordinators,
    Fault(Fault),
    /// Somebody sets an offset by hand, while nothing runs.
    ByHand(usize),
    /// The committed offset of a partition is deleted, while nothing runs.
    Forget(usize),
    /// The end of a changelog partition is lost, while nothing runs.
    Shorten(usize),
    /// Somebody sets an offset that was deleted to where it was, while nothing runs.
    Remember(usize),
    /// Somebody decides to begin a topic anew, while nothing runs.
    BeginAnew,
    Quiet,
}

/// Something that happens inside a process.
#[derive(Debug)]
pub(crate) enum Own {
    /// The background thread of the consumer.
    Client,
    /// The polling thread.
    Poll,
    Woke,
    /// Effects are left from before a stop.
    Resume,
    Restore {
        partition: usize,
        epoch: Epoch,
    },
    StaleRecord {
        partition: usize,
        epoch: Epoch,
        position: i64,
    },
    PostTimeout(BatchId),
    Reply(Reply),
}

/// A request of the producer, on its way.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) slot: usize,
    pub(crate) life: u64,
    /// The producer's.
    pub(crate) epoch: i32,
    /// The job that waits for the answer.
    pub(crate) job: u64,
    pub(crate) what: Call,
}

#[derive(Debug)]
pub(crate) enum Call {
    Rows(Vec<(usize, pinrelay::domain::Settlement)>),
    Entries { partition: usize, packs: Vec<Vec<pinrelay::domain::ChangelogEntry>> },
    Offsets { member: Option<MemberId>, generation: i32, offsets: Vec<(usize, Stored)> },
    End { committed: bool, answer: EndAnswer },
    Init,
}

/// Whether the answer of `EndTxn` comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndAnswer {
    Arrives,
    Lost,
}

struct Queued {
    at: Time,
    order: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What came out of one world.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) violation: Option<Violation>,
    pub(crate) in_doubt: usize,
    pub(crate) events: u64,
    /// It ended when pinrelay said that it cannot know what was sent.
    pub(crate) is_out_of_hand: bool,
}

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) variant: Option<Variant>,
    pub(crate) now: Time,
    pub(crate) random: Random,
    pub(crate) kafka: Kafka,
    pub(crate) pinterest: Pinterest,
    pub(crate) processes: Vec<Process>,
    pub(crate) checker: Checker,
    pub(crate) posts: Vec<crate::posts::Post>,
    pub(crate) trace: Trace,
    /// Whether faults still happen.
    pub(crate) troubled: bool,
    pub(crate) lives: u64,
    /// Where the partitions of the input begin.
    pub(crate) input_starts: Vec<i64>,
    /// How often the input topic was created again.
    pub(crate) topic: u32,
    /// The topic was created again, and nobody has decided yet what to do.
    pub(crate) undecided: bool,
    /// Somebody has stopped everything until then.
    pub(crate) closed_until: Time,
    pub(crate) lost: Lost,
    queue: BinaryHeap<Reverse<Queued>>,
    order: u64,
}

/// Longest time from the last fault to the last row: sessions and rebalances run out, transactions expire, restores
/// and repetitions follow.
const PATIENCE: Time = 20_000;
/// The same where a row is missing by then: a lane that 429s have slowed down sends an event a second.
const LONGEST: Time = 60_000;
/// How long a world is watched after its last row.
const AFTERMATH: Time = 600;

impl World {
    pub(crate) fn new(scenario: Scenario, variant: Option<Variant>, trace: Trace) -> Self {
        let processes = scenario.processes;
        let mut world = Self {
            kafka: Kafka::new(&scenario.starts, scenario.initial, processes),
            input_starts: scenario.starts.clone(),
            topic: 0,
            undecided: false,
            closed_until: 0,
            lost: Lost::default(),
            pinterest: Pinterest::default(),
            processes: Vec::new(),
            checker: Checker::new(&scenario),
            posts: Vec::new(),
            trace,
            troubled: true,
            lives: 0,
            now: 0,
            random: Random::new(scenario.seed ^ 0x5151),
            queue: BinaryHeap::new(),
            order: 0,
            variant,
            scenario,
        };
        for added in world.scenario.initial..world.scenario.records.len() {
            world.kafka.transactions.set(added, None);
        }
        for slot in 0..processes {
            world.processes.push(Process::down());
            let delay = world.random.below(300);
            world.after(delay, Event::Start(slot));
        }
        for (at, fault) in world.scenario.faults.clone() {
            world.after(at, Event::Fault(fault));
        }
        world.after(world.scenario.quiet, Event::Quiet);
        world.after(100, Event::Coordinators);
        world
    }

    pub(crate) fn run(mut self) -> Report {
        let (end, latest) = (self.scenario.quiet + PATIENCE, self.scenario.quiet + LONGEST);
        let mut rest: Option<Time> = None;
        let mut events = 0;
        while let Some(Reverse(Queued { at, event, .. })) = self.queue.pop() {
            self.now = at;
            events += 1;
            let is_over = latest < at || (end < at && !self.is_late());
            if self.checker.violation.is_some()
                || self.lost.is_out_of_hand
                || is_over
                || rest.is_some_and(|rest| rest + AFTERMATH < at)
            {
                break;
            }
            let watched = matches!(event, Event::Coordinators);
            self.happen(event);
            if watched && !self.troubled {
                // A record that vanished before it was posted is missed only if it is posted after all.
                let all_told = self.checker.missing(self.now).is_none() && self.behind().is_none();
                rest = all_told.then(|| rest.unwrap_or(self.now));
            }
        }
        if !self.lost.is_out_of_hand {
            self.at_the_end();
        }
        let now = self.now;
        if let Some(violation) = self.checker.violation.clone() {
            self.trace.say(now, || format!("VIOLATION {violation:?}"));
        }
        let is_out_of_hand = self.lost.is_out_of_hand;
        Report { violation: self.checker.violation, in_doubt: self.checker.in_doubt, events, is_out_of_hand }
    }

    /// What can be said only when all has come to rest.
    fn at_the_end(&mut self) {
        self.checker.finish(self.now);
        if let Some((partition, stored, end)) = self.behind().filter(|behind| !self.checker.may_wait(behind.0)) {
            self.checker.blame(self.now, Law::G7, format!("the offset of {partition} stands at {stored} of {end}"));
        }
    }

    /// Whether something has not come that must come.
    fn is_late(&self) -> bool {
        let behind = self.behind().filter(|behind| !self.checker.may_wait(behind.0));
        self.checker.overdue(self.now).is_some() || behind.is_some()
    }

    /// A partition whose committed offset has not come to the end.
    fn behind(&self) -> Option<(usize, i64, i64)> {
        let ends = self.scenario.ends.iter().enumerate();
        let stored = |partition| self.kafka.transactions.stored(partition).next;
        ends.map(|(partition, end)| (partition, stored(partition), *end)).find(|(_, stored, end)| stored < end)
    }

    pub(crate) fn after(&mut self, delay: Time, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Queued { at: self.now + delay, order: self.order, event }));
    }

    /// To the present life of a process.
    pub(crate) fn own(&mut self, slot: usize, delay: Time, what: Own) {
        let life = self.processes[slot].life;
        self.after(delay, Event::Process { slot, life, what });
    }

    /// Whether a fault of this chance happens now.
    pub(crate) fn strikes(&mut self, per_mille: u64) -> bool {
        self.troubled && self.random.chance(per_mille)
    }

    pub(crate) fn broker_clock(&self) -> UnixMillis {
        UnixMillis(WALL + i64::try_from(self.now).expect("worlds are short"))
    }

    pub(crate) fn is(&self, variant: Variant) -> bool {
        self.variant == Some(variant)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Process { slot, life, what } => {
                let process = &self.processes[slot];
                if process.life != life || process.core.is_none() {
                    return;
                }
                if self.now < process.stopped_until {
                    let delay = process.stopped_until - self.now;
                    return self.after(delay, Event::Process { slot, life, what });
                }
                self.inside(slot, what);
            }
            Event::Start(slot) => self.start(slot),
            Event::Broker(request) => self.serve(request),
            Event::Marker { transaction, target } => self.mark(transaction, target),
            Event::Pinterest { post } => self.receive_post(post),
            Event::Coordinators => {
                for decision in self.kafka.transactions.expire(self.now) {
                    self.trace.say(self.now, || format!("broker: transaction {} timed out", decision.transaction));
                    self.decided(&decision);
                }
                self.kafka.group.expire(self.now, &mut self.random);
                self.after(100, Event::Coordinators);
            }
            Event::Fault(fault) => self.fault(fault),
            Event::ByHand(partition) => self.set_by_hand(partition),
            Event::Forget(partition) => self.forget(partition),
            Event::Shorten(partition) => self.shorten(partition),
            Event::Remember(partition) => self.remember(partition),
            Event::BeginAnew => self.begin_anew(),
            Event::Quiet => {
                self.trace.say(self.now, || "faults stop".to_owned());
                self.troubled = false;
                self.pinterest.back();
                if self.scenario.kind == Kind::Shared {
                    self.kill(1);
                }
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.trace.say(self.now, || format!("fault: {fault:?}"));
        match fault {
            Fault::Rebalance => self.kafka.group.rebalance(self.now),
            Fault::Terminate(slot) => self.terminate(slot),
            Fault::Kill(slot) => self.kill(slot),
            Fault::Stop(slot, duration) => self.stop(slot, duration),
            Fault::Evict(slot) => self.kafka.group.evict_instance(self.scenario.identity(slot), self.now),
            Fault::Cut(partition) => self.cut_input(partition),
            Fault::ByHand(partition) => self.by_hand(Event::ByHand(partition)),
            Fault::Close(duration) => self.close(duration),
            Fault::Forget(partition) => self.by_hand(Event::Forget(partition)),
            Fault::Shorten(partition) => self.by_hand(Event::Shorten(partition)),
            Fault::Recreate => self.recreate(),
            Fault::Grow => self.kafka.group.grow(self.scenario.records.len(), self.now),
            Fault::Halt(lane, duration) => self.pinterest.halt(lane, self.now + duration),
            Fault::Outage(duration) => self.pinterest.away(self.now + duration, &mut self.random),
        }
    }

    fn mark(&mut self, transaction: usize, target: Target) {
        if let Target::Changelog(partition) = target {
            self.kafka.changelogs[partition].mark(transaction);
        }
        for partition in self.kafka.transactions.mark(transaction, target) {
            self.checker.blame(self.now, Law::G4, format!("the visible offset of {partition} went back"));
        }
    }

    /// A transaction is decided: the law looks at it, and its markers set out.
    pub(crate) fn decided(&mut self, decision: &Decision) {
        let Decision { transaction, committed, markers } = decision;
        self.trace.say(self.now, || {
            format!("broker: transaction {transaction} is {}", if *committed { "committed" } else { "aborted" })
        });
        if *committed {
            let known = &self.kafka.transactions.known[*transaction];
            let rows: Vec<(usize, Row, i64)> =
                known.rows.iter().map(|(partition, row)| (*partition, Row::from(row), row.offset.0)).collect();
            let moved: Vec<Moved> = known
                .offsets
                .iter()
                .map(|offset| Moved {
                    partition: offset.partition,
                    from: self.kafka.transactions.stored(offset.partition).next,
                    to: offset.stored.next,
                    owned: offset.owned,
                })
                .collect();
            self.checker.committed(self.now, &rows, &moved);
        }
        for target in markers {
            let lag = if self.strikes(self.scenario.chances.marker_lag) {
                self.random.below(SESSION_TIMEOUT / 3)
            } else {
                self.random.below(6)
            };
            self.after(lag, Event::Marker { transaction: *transaction, target: *target });
        }
    }
}

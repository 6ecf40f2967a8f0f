//! Cores, a Kafka that commits, and a Pinterest that counts calls: all in simulated time, one seed, no clock.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use pinrelay::domain::{
    Answered, BatchId, BootTime, ChangelogOffset, ConversionEvent, Epoch, EventBody, EventFacts, EventKey, Fate,
    FeedId, InDoubtPolicy, LaneId, Mapped, NextOffset, Now, Offset, Origin, OutcomeKind, PartitionId, PostBy, Reason,
    Record, Transaction, TransactionId, UnixMillis, UnixSeconds, Written,
};
use pinrelay::pipeline::{Effect, Input, Pipeline, Replay, Settings};

use crate::server::{Call, Server};

/// Milliseconds since the world began.
pub(crate) type Time = u64;

/// How long a transaction takes.
const TRANSACTION: Time = 30;

/// Where the world's clocks begin: on a full minute, after 2020.
pub(crate) const WALL: i64 = 1_600_000_020_000;

/// Records that a process looks for between two other things: as the real loop does.
const AT_A_TIME: usize = 500;

/// A partition of the input, which one process reads.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The lanes of its records, over and over.
    pub(crate) lanes: Vec<u16>,
    /// Records that come in a second; always some there if absent.
    pub(crate) per_second: Option<u64>,
}

impl Source {
    pub(crate) fn full(lanes: &[u16]) -> Self {
        Self { lanes: lanes.to_vec(), per_second: None }
    }

    fn has(&self, records: usize, now: Time) -> bool {
        match self.per_second {
            None => true,
            Some(rate) => u64::try_from(records).expect("few") < rate * now / 1000,
        }
    }
}

struct Process {
    core: Pipeline,
    /// With the number of records read.
    sources: Vec<(Source, usize)>,
    changelog: i64,
    transaction: Option<Transaction>,
    wake_at: Option<Time>,
}

#[derive(Debug)]
enum Event {
    Woke(usize),
    Committed(usize, TransactionId),
    Arrives(usize, BatchId, LaneId, usize),
    Answered(usize, BatchId, Answered),
    More(usize),
}

/// The world.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) server: Server,
    /// Rows in doubt.
    pub(crate) in_doubt: usize,
    /// Posts by the number of their events.
    pub(crate) posts: BTreeMap<usize, usize>,
    /// Most records read and not committed, of all partitions of a process.
    pub(crate) most_unaccounted: usize,
    processes: Vec<Process>,
    queue: BTreeMap<(Time, u64), Event>,
    order: u64,
}

impl World {
    /// One process for each list of partitions.
    pub(crate) fn new(settings: &Settings, sources: Vec<Vec<Source>>, server: Server) -> Self {
        let mut world = Self {
            now: 0,
            server,
            in_doubt: 0,
            posts: BTreeMap::new(),
            most_unaccounted: 0,
            processes: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
        };
        for (slot, sources) in sources.into_iter().enumerate() {
            let core = Pipeline::new(settings.clone(), u64::try_from(slot).expect("few"));
            let partitions = sources.len();
            let sources = sources.into_iter().map(|source| (source, 0)).collect();
            world.processes.push(Process { core, sources, changelog: 0, transaction: None, wake_at: None });
            for number in 0..partitions {
                let partition = partition(number);
                world.step(slot, Input::Assigned(partition));
                let restored =
                    Box::new(Replay::new(settings, NextOffset(0), ChangelogOffset(0)).finish(world.clocks().wall));
                world.step(slot, Input::Restored { partition, epoch: epoch(number), restored });
            }
            world.after(0, Event::More(slot));
        }
        world
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, lasting: Duration) {
        let end = self.now + u64::try_from(lasting.as_millis()).expect("short");
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= end
        {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    fn after(&mut self, delay: Time, event: Event) {
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), event);
    }

    fn clocks(&self) -> Now {
        let wall = UnixMillis(WALL + i64::try_from(self.now).expect("short"));
        Now { boot: BootTime(1_000 + self.now), wall }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Woke(slot) => {
                // An earlier waking was asked for meanwhile.
                if self.processes[slot].wake_at != Some(self.now) {
                    return;
                }
                self.processes[slot].wake_at = None;
                self.step(slot, Input::Woke);
                self.read(slot);
            }
            Event::More(slot) => {
                self.read(slot);
                self.after(10, Event::More(slot));
            }
            Event::Committed(slot, id) => {
                let process = &mut self.processes[slot];
                let transaction = process.transaction.take().expect("one is under way");
                let first = ChangelogOffset(process.changelog);
                process.changelog += 2;
                let mut written = Vec::new();
                for part in &transaction.parts {
                    let end = ChangelogOffset(first.0 + 1);
                    written.push(Written { partition: part.partition, first, end });
                    let doubt = part.rows.iter().filter(|row| row.outcome.reason.kind() == OutcomeKind::InDoubt);
                    self.in_doubt += doubt.count();
                }
                self.step(slot, Input::Ended { transaction: id, fate: Fate::Committed(written) });
                self.read(slot);
            }
            Event::Arrives(slot, batch, lane, events) => {
                let call = Call { at: self.now, lane, events };
                let (delay, answered) = self.server.call(call, self.clocks().wall);
                self.after(delay, Event::Answered(slot, batch, answered));
            }
            Event::Answered(slot, batch, answered) => {
                self.server.answer_leaves();
                self.step(slot, Input::Posted { batch, answered });
                self.read(slot);
            }
        }
    }

    fn step(&mut self, slot: usize, input: Input) {
        let mut effects = Vec::new();
        let now = self.clocks();
        let process = &mut self.processes[slot];
        process.core.step(now, input, &mut effects);
        if let Some(wakeup) = process.core.next_wakeup() {
            let at = wakeup.0.saturating_sub(1_000).max(self.now + 1);
            if process.wake_at.is_none_or(|planned| at < planned) {
                process.wake_at = Some(at);
                self.order += 1;
                self.queue.insert((at, self.order), Event::Woke(slot));
            }
        }
        for effect in effects {
            match effect {
                Effect::Post(batch) => {
                    *self.posts.entry(batch.bodies.len()).or_default() += 1;
                    let way = self.server.way();
                    self.after(way, Event::Arrives(slot, batch.id, batch.lane, batch.bodies.len()));
                }
                Effect::Commit(transaction) => {
                    let id = transaction.id;
                    self.processes[slot].transaction = Some(transaction);
                    self.after(TRANSACTION, Event::Committed(slot, id));
                }
                Effect::Restore { .. } => {}
                Effect::Resolve(_) | Effect::Release { .. } => unreachable!("nothing is unknown or revoked"),
            }
        }
    }

    /// Hands the core records while it has room.
    fn read(&mut self, slot: usize) {
        for number in 0..self.processes[slot].sources.len() {
            for _ in 0..AT_A_TIME {
                let process = &mut self.processes[slot];
                let (source, read) = &mut process.sources[number];
                if !process.core.has_room(partition(number)) || !source.has(*read, self.now) {
                    break;
                }
                let record = record(slot, number, *read, source.lanes[*read % source.lanes.len()]);
                *read += 1;
                let input =
                    Input::Record { partition: partition(number), epoch: epoch(number), record: Box::new(record) };
                self.step(slot, input);
            }
        }
        let now = self.clocks();
        if let Some(process) = self.processes.get(slot) {
            let unaccounted = process.core.status(now).partitions.iter().map(|partition| partition.span).sum();
            self.most_unaccounted = self.most_unaccounted.max(unaccounted);
        }
    }

    /// Records that were read of each partition of a process.
    pub(crate) fn read_of(&self, slot: usize) -> Vec<usize> {
        self.processes[slot].sources.iter().map(|(_, read)| *read).collect()
    }
}

fn partition(number: usize) -> PartitionId {
    PartitionId { feed: FeedId(0), number: i32::try_from(number).expect("few") }
}

fn epoch(number: usize) -> Epoch {
    Epoch(u64::try_from(number).expect("few") + 1)
}

/// The body of every event: 176 bytes.
static BODY: LazyLock<EventBody> = LazyLock::new(|| {
    let event = r#"{"event_name":"lead","action_source":"web","event_time":1790000000,"event_id":"1",
        "user_data":{"client_ip_address":"192.0.2.7","client_user_agent":"Mozilla/5.0 (X1)"}}"#;
    EventBody::try_new(event).expect("it is as the description says")
});

fn record(slot: usize, number: usize, n: usize, lane: u16) -> Record {
    let mut key = [0; 16];
    let name = (u64::try_from(slot * 100 + number).expect("small"), u64::try_from(n).expect("small"));
    key[..8].copy_from_slice(&name.0.to_be_bytes());
    key[8..].copy_from_slice(&name.1.to_be_bytes());
    let event = ConversionEvent {
        key: EventKey(key),
        lane: LaneId(lane),
        policy: InDoubtPolicy::Hold,
        event_time: UnixSeconds(WALL / 1000),
        post_by: PostBy { at: UnixMillis(i64::MAX), otherwise: Reason::TooOld },
        body: BODY.clone(),
        facts: Box::new(EventFacts::default()),
    };
    Record {
        offset: Offset(i64::try_from(n).expect("small")),
        timestamp: None,
        received: UnixMillis(WALL),
        origin: Origin::Live,
        trace: None,
        mapped: Mapped::Event(event),
    }
}

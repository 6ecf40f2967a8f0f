//! What a world begins with: its records, its settings, and how often what goes wrong.

use std::num::NonZeroU32;
use std::time::Duration;

use pinrelay::domain::{CallLimit, EventKey, FeedId, InDoubtPolicy, LaneId, LaneMode, PartitionId};
use pinrelay::pinterest::sandbox::{Counting, Limit};
use pinrelay::pipeline::{LaneSettings, Rules, Settings};

use crate::faults::{Chances, Fault, lost, planned};
use crate::random::Random;

/// Milliseconds since the world began.
pub(crate) type Time = u64;

/// Which troubles a world knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Everything goes wrong; one policy for all records.
    Faults,
    /// Rebalances, drains and 429: nothing that could put a record in doubt.
    Calm,
    /// Everything goes wrong, and every record has a policy of its own.
    Mixed,
    /// Everything goes wrong, and records vanish from the input while they are under way.
    Compaction,
    /// Keys leave the window while processes sleep: what wakes up must not post what it meant to post.
    Window,
    /// A calm world whose feeds are idle for longer than their changelog is kept.
    Idle,
    /// A lane is halted for longer than the changelog is kept, while processes come and go.
    Halted,
    /// Two processes have one identity.
    Shared,
    /// The input loses its beginning, offsets are set by hand, the topic is created again.
    Positions,
    /// Partitions are added while processes run.
    Growth,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Faults,
        Self::Calm,
        Self::Mixed,
        Self::Compaction,
        Self::Window,
        Self::Idle,
        Self::Halted,
        Self::Shared,
        Self::Positions,
        Self::Growth,
    ];

    pub(crate) const fn is_calm(self) -> bool {
        matches!(self, Self::Calm | Self::Idle)
    }

    /// How long the changelog is kept, where that is not for ever.
    pub(crate) fn retention(self) -> Option<Time> {
        let kept = [(Self::Idle, RETENTION), (Self::Halted, HALTED_RETENTION)];
        kept.into_iter().find(|(kind, _)| *kind == self).map(|(_, kept)| kept)
    }

    /// By how much slower than elsewhere a process polls: long worlds would take long.
    pub(crate) const fn pace(self) -> Time {
        if matches!(self, Self::Halted) { 4 } else { 1 }
    }

    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Faults => 'F',
            Self::Calm => 'C',
            Self::Mixed => 'M',
            Self::Compaction => 'K',
            Self::Window => 'W',
            Self::Idle => 'I',
            Self::Halted => 'H',
            Self::Shared => 'S',
            Self::Positions => 'P',
            Self::Growth => 'G',
        }
    }
}

/// An event that a mapping makes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventSpec {
    pub(crate) key: u8,
    pub(crate) policy: InDoubtPolicy,
    /// It happened more than an hour ago.
    pub(crate) old: bool,
}

impl EventSpec {
    pub(crate) const fn event_key(self) -> EventKey {
        EventKey([self.key; 16])
    }

    /// R10: what is too old to be deduplicated is never posted again.
    pub(crate) const fn effective_policy(self) -> InDoubtPolicy {
        if self.old { InDoubtPolicy::Hold } else { self.policy }
    }
}

/// What Pinterest thinks of a record's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    /// Its verdict is `failed`.
    Failing,
    /// The whole body that contains it is answered by 400.
    Poisonous,
    /// A body that contains it gets no verdict, never.
    Silent,
}

#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) offset: i64,
    /// When it is appended to the topic.
    pub(crate) available: Time,
    /// When compaction takes it away.
    pub(crate) vanishes: Option<Time>,
    /// The last moment for its first post, where it has one.
    pub(crate) post_by: Option<Time>,
    pub(crate) nature: Nature,
    /// What plan 0 and plan 1 make of it: an event, or nothing.
    pub(crate) plans: [Option<EventSpec>; 2],
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
    pub(crate) processes: usize,
    /// Partitions at the beginning.
    pub(crate) initial: usize,
    /// By partition, in the order of offsets.
    pub(crate) records: Vec<Vec<Spec>>,
    /// By partition: the first position of the topic.
    pub(crate) starts: Vec<i64>,
    /// By partition: the position behind the last marker.
    pub(crate) ends: Vec<i64>,
    pub(crate) settings: Settings,
    /// What Pinterest allows each lane, if it counts.
    pub(crate) allowed: Option<Allowed>,
    pub(crate) chances: Chances,
    pub(crate) faults: Vec<(Time, Fault)>,
    /// When faults stop.
    pub(crate) quiet: Time,
}

impl Scenario {
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let processes = if kind == Kind::Shared { random.pick(&[2, 3]) } else { random.pick(&[1, 2, 2, 3]) };
        let partitions = if kind == Kind::Growth { random.pick(&[2, 3, 4]) } else { random.pick(&[1, 1, 2, 2, 3, 4]) };
        let initial = if kind == Kind::Growth { 1 + random.index(partitions - 1) } else { partitions };
        let total = random.between(10, 44);
        let spread = random.pick(&[200, 2000, 4000]);
        let quiet = match kind {
            Kind::Positions => 8000 + random.below(3000),
            Kind::Window => 8000,
            Kind::Idle => RETENTION + 3000,
            Kind::Halted => 2 * HALTED_RETENTION + 3000,
            Kind::Faults | Kind::Calm | Kind::Mixed | Kind::Compaction | Kind::Shared | Kind::Growth => {
                2500 + random.below(3500)
            }
        };
        let policies = if kind == Kind::Mixed {
            [InDoubtPolicy::Hold, InDoubtPolicy::Resend]
        } else {
            [random.pick(&[InDoubtPolicy::Hold, InDoubtPolicy::Resend]); 2]
        };
        let changing = !kind.is_calm() && random.chance(if kind == Kind::Mixed { 500 } else { 200 });
        let keys = if kind == Kind::Window || (kind == Kind::Mixed && changing) {
            random.between(2, 5)
        } else {
            random.between(4, 30)
        };
        let mut records: Vec<Vec<Spec>> = vec![Vec::new(); partitions];
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..partitions {
            let start = random.pick(&[0, 0, 7]);
            starts.push(start);
            ends.push(start);
        }
        for _ in 0..total {
            let partition = random.index(partitions);
            if random.chance(150) {
                ends[partition] += i64::try_from(random.between(1, 3)).expect("small");
            }
            let offset = ends[partition];
            ends[partition] += 1;
            let spec = record(random, kind, offset, keys, policies, changing);
            records[partition].push(spec);
        }
        for (partition, end) in ends.iter_mut().enumerate() {
            if random.chance(400) {
                *end += 2;
            }
            let appended = |random: &mut Random| match kind {
                Kind::Window => random.below(7000),
                Kind::Idle => random.below(300) + random.pick(&[0, RETENTION + 2500]),
                Kind::Halted => random.below(300) + random.pick(&[0, 500, HALTED_RETENTION, 2 * HALTED_RETENTION]),
                Kind::Positions => random.below(2 * spread),
                Kind::Faults | Kind::Calm | Kind::Mixed | Kind::Compaction | Kind::Shared | Kind::Growth => {
                    random.below(spread) + if partition < initial { 0 } else { GROWTH }
                }
            };
            let mut times: Vec<Time> = records[partition].iter().map(|_| appended(random)).collect();
            times.sort_unstable();
            for (spec, time) in records[partition].iter_mut().zip(times) {
                spec.available = time;
                spec.vanishes = spec.vanishes.map(|after| time + after);
            }
        }
        if kind == Kind::Halted {
            let mut random = Random::new(seed ^ 0xA6E5);
            for spec in records.iter_mut().flatten() {
                spec.post_by = random.chance(400).then(|| spec.available + random.between(200, HALTED_RETENTION));
            }
        }
        let chances = Chances::new(kind, random);
        let mut faults = planned(kind, random, (processes, partitions), quiet);
        faults.extend(lost(kind, &mut Random::new(seed ^ 0x105E), partitions));
        let mut settings = settings(kind, random);
        let mut allowed = None;
        // A lane that 429s have slowed down may need longer than an idle world keeps its changelog.
        if kind != Kind::Idle {
            allowed = bound(&mut settings, processes, partitions, seed);
        }
        Self { kind, seed, processes, initial, records, starts, ends, settings, allowed, chances, faults, quiet }
    }

    /// The identity of a process (T1).
    pub(crate) fn identity(&self, slot: usize) -> usize {
        if self.kind == Kind::Shared && slot == 1 { 0 } else { slot }
    }
}

fn record(
    random: &mut Random,
    kind: Kind,
    offset: i64,
    keys: u64,
    policies: [InDoubtPolicy; 2],
    changing: bool,
) -> Spec {
    let old = random.chance(100);
    let event = |random: &mut Random| {
        (!random.chance(100)).then(|| EventSpec {
            key: u8::try_from(1 + random.below(keys)).expect("few keys"),
            policy: random.pick(&policies),
            old,
        })
    };
    let first = event(random);
    let second = match first {
        Some(first) if changing && random.chance(300) => Some(EventSpec { policy: random.pick(&policies), ..first }),
        _ if changing && random.chance(300) => event(random),
        _ => first,
    };
    let nature = match random.below(100) {
        0..8 => Nature::Failing,
        8..13 => Nature::Poisonous,
        13..16 if !kind.is_calm() => Nature::Silent,
        _ => Nature::Good,
    };
    let vanishes = (kind == Kind::Compaction && random.chance(350)).then(|| random.below(3000));
    Spec { offset, available: 0, vanishes, post_by: None, nature, plans: [first, second] }
}

/// The proportions of T8, in a hundredth of the real time.
fn settings(kind: Kind, random: &mut Random) -> Settings {
    let ms = Duration::from_millis;
    let lane = |random: &mut Random| LaneSettings {
        batch_events: random.pick(&[1, 3, 6, 6]),
        batch_bytes: random.pick(&[50, 1_000_000]),
        concurrency: random.pick(&[1, 2, 3]),
        least_concurrency: 1,
        calls: CallLimit::per_minute(NonZeroU32::MAX),
        shares: None,
        mode: LaneMode::Live,
        linger: ms(random.pick(&[0, 10, 40])),
        backoff_min: ms(20),
        backoff_max: ms(160),
    };
    let tick_min = random.pick(&[2, 10, 20]);
    Settings {
        window: match kind {
            Kind::Window => ms(random.pick(&[1000, 2000, 3000])),
            Kind::Idle | Kind::Halted => ms(800),
            Kind::Faults
            | Kind::Calm
            | Kind::Mixed
            | Kind::Compaction
            | Kind::Shared
            | Kind::Growth
            | Kind::Positions => Duration::from_hours(1),
        },
        window_keys: 1000,
        span: random.pick(&[4, 8, 20]),
        waiting_bytes: usize::MAX,
        drain_deadline: ms(DRAIN_DEADLINE),
        post_deadline: ms(1200),
        answer_timeout: ms(ANSWER_TIMEOUT),
        late_slack: ms(LATE_SLACK),
        tick_min: ms(tick_min),
        tick_max: ms(random.between(tick_min, 80)),
        processes: NonZeroU32::MIN,
        shared_limits: Vec::new(),
        rewrite_after: ms(kind.retention().unwrap_or(RETENTION) / 3),
        lanes: vec![lane(random), lane(random)],
        rules: Rules::default(),
    }
}

/// Little memory, in every third world; limits of calls, in every second one: for each lane, or one for both.
fn bound(settings: &mut Settings, processes: usize, partitions: usize, seed: u64) -> Option<Allowed> {
    let mut random = Random::new(seed ^ 0x9ACE);
    // About five records for each partition, where it is little.
    settings.waiting_bytes = random.pick(&[usize::MAX, usize::MAX, 5000 * partitions]);
    settings.processes = NonZeroU32::try_from(u32::try_from(processes).expect("few")).expect("some");
    if random.chance(500) {
        return None;
    }
    let limit = |random: &mut Random| {
        CallLimit::try_new(random.pick(&[20, 40, 100]), LIMITED).expect("some calls in some time")
    };
    if random.chance(300) {
        settings.shared_limits = vec![limit(&mut random)];
        settings.lanes.iter_mut().for_each(|lane| lane.shares = Some(0));
    } else {
        settings.lanes.iter_mut().for_each(|lane| lane.calls = limit(&mut random));
    }
    // Less than the lanes believe, and they may be told so.
    random.chance(300).then(|| Allowed {
        limit: Limit {
            per_ms: u64::try_from(LIMITED.as_millis()).expect("short"),
            ..Limit::per_minute(16, random.pick(&[Counting::Fixed, Counting::Sliding, Counting::Bucket(2)]))
        },
        told: random.pick(&[Told::Never, Told::Always]),
    })
}

/// What Pinterest counts, and says.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) limit: Limit,
    pub(crate) told: Told,
}

/// Whether answers name the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Never,
    Always,
}

/// The time in which so many calls are allowed.
pub(crate) const LIMITED: Duration = Duration::from_secs(1);
/// When partitions are added in a growing world.
pub(crate) const GROWTH: Time = 800;
/// How long a changelog is kept in an idle world: longer than window and margin.
pub(crate) const RETENTION: Time = 5000;
/// In a halted world nobody may own a partition for two thirds of it (P7): longer than a killed process is missed.
pub(crate) const HALTED_RETENTION: Time = 9000;
/// Most that two clocks differ.
pub(crate) const SKEW: Time = 100;
pub(crate) const ANSWER_TIMEOUT: Time = 400;
pub(crate) const DRAIN_DEADLINE: Time = 600;
pub(crate) const LATE_SLACK: Time = 400;
pub(crate) const TRANSACTION_TIMEOUT: Time = 600;
pub(crate) const SESSION_TIMEOUT: Time = 1800;
pub(crate) const MAX_POLL_INTERVAL: Time = 2700;
/// The wall clock at the beginning of the world: after 2020, so that ages are real.
pub(crate) const WALL: i64 = 1_600_000_000_000;

pub(crate) fn partition_id(index: usize) -> PartitionId {
    PartitionId { feed: FeedId(0), number: i32::try_from(index).expect("few partitions") }
}

pub(crate) fn index_of(partition: PartitionId) -> usize {
    usize::try_from(partition.number).expect("partitions are not negative")
}

/// The ad account belongs to the key, so the lane does.
pub(crate) fn lane_of(event: EventSpec) -> LaneId {
    LaneId(u16::from(event.key.is_multiple_of(5)))
}

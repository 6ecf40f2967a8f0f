//! What goes wrong: how often, and when.

use pinrelay::domain::LaneId;

use crate::random::Random;
use crate::scenario::{GROWTH, HALTED_RETENTION, Kind, RETENTION, Time};

/// How often something goes wrong, in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chances {
    /// The process dies before an effect.
    pub(crate) crash: u64,
    /// The process is stopped before an effect (SIGSTOP).
    pub(crate) pause: u64,
    pub(crate) end_request_lost: u64,
    pub(crate) end_answer_lost: u64,
    /// A copy of a repeated request arrives much later.
    pub(crate) end_delayed: u64,
    /// A local fatal error after commit was called.
    pub(crate) fatal_after_commit: u64,
    pub(crate) offsets_lost: u64,
    /// The member is thrown out while a revocation waits to be served.
    pub(crate) evicted_while_revoking: u64,
    /// The background thread runs far ahead of the polling thread.
    pub(crate) quick_heartbeats: u64,
    /// The polling thread is late.
    pub(crate) slow_poll: u64,
    /// A record that was being mapped comes after its partition was given up.
    pub(crate) stale_record: u64,
    /// Markers come long after the decision.
    pub(crate) marker_lag: u64,
    pub(crate) ambiguous: u64,
    pub(crate) answer_lost: u64,
    /// Taken after the client's time-out.
    pub(crate) late: u64,
    pub(crate) throttled: u64,
    pub(crate) not_taken: u64,
    /// 413.
    pub(crate) too_large: u64,
    /// An event that was taken before is answered by `failed`.
    pub(crate) refuses_taken: u64,
}

impl Chances {
    pub(crate) fn new(kind: Kind, random: &mut Random) -> Self {
        let calm = Self { throttled: random.pick(&[0, 50, 300]), ..Self::default() };
        if kind.is_calm() {
            return calm;
        }
        if kind == Kind::Halted {
            return Self { ambiguous: random.pick(&[0, 150]), answer_lost: random.pick(&[0, 100]), ..calm };
        }
        // Served late, learned of early: that is how a member that was thrown out commits once more (T4).
        let eviction = random.chance(250);
        Self {
            marker_lag: random.pick(&[0, 100, 500]),
            crash: random.pick(&[0, 0, 3, 12]),
            // Between the core's word and the post nothing can notice a pause, so that a short window cannot hold.
            pause: if kind == Kind::Window { 0 } else { random.pick(&[0, 3, 12, 12]) },
            end_request_lost: random.pick(&[0, 30, 100]),
            end_answer_lost: random.pick(&[0, 30, 100]),
            end_delayed: random.pick(&[0, 300, 900]),
            fatal_after_commit: random.pick(&[0, 20, 60]),
            offsets_lost: random.pick(&[0, 20]),
            evicted_while_revoking: if eviction { 700 } else { 0 },
            slow_poll: if eviction { 150 } else { random.pick(&[0, 30]) },
            quick_heartbeats: if eviction { 1000 } else { 0 },
            stale_record: random.pick(&[0, 300]),
            ambiguous: random.pick(&[0, 30, 150]),
            answer_lost: random.pick(&[0, 30, 100]),
            late: random.pick(&[0, 30, 100]),
            not_taken: random.pick(&[0, 0, 60]),
            too_large: random.pick(&[0, 0, 50]),
            refuses_taken: random.pick(&[0, 300, 600]),
            ..calm
        }
    }
}

/// Something that happens to the world at a planned time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The group rebalances for no reason of its members.
    Rebalance,
    /// SIGTERM; the process comes back later.
    Terminate(usize),
    /// SIGKILL; the process comes back later.
    Kill(usize),
    /// SIGSTOP for so long.
    Stop(usize, Time),
    /// The group throws the member out although it lives.
    Evict(usize),
    /// Pinterest is away for so long.
    Outage(Time),
    /// Pinterest takes nothing of one ad account for so long.
    Halt(LaneId, Time),
    /// Retention deletes the beginning of an input partition.
    Cut(usize),
    /// Everything is stopped for so long.
    Close(Time),
    /// Everything is stopped, and the committed offset of a partition is deleted, as Kafka does after a week.
    Forget(usize),
    /// Everything is stopped, and the end of a changelog partition is lost.
    Shorten(usize),
    /// Somebody stops everything and sets the committed offset of a partition to where it was, or further back.
    ByHand(usize),
    /// The input topic is deleted and created again.
    Recreate,
    /// Partitions are added.
    Grow,
}

pub(crate) fn planned(
    kind: Kind,
    random: &mut Random,
    (processes, partitions): (usize, usize),
    quiet: Time,
) -> Vec<(Time, Fault)> {
    let mut faults = Vec::new();
    if kind == Kind::Halted {
        let lane = LaneId(random.pick(&[0, 0, 1]));
        let duration = random.between(HALTED_RETENTION, 2 * HALTED_RETENTION);
        faults.push((random.below(500), Fault::Halt(lane, duration)));
        for times in 0..2 {
            let slot = random.index(processes);
            let fault = random.pick(&[Fault::Kill(slot), Fault::Terminate(slot), Fault::Rebalance]);
            faults.push((times * HALTED_RETENTION + 300 + random.below(3000), fault));
        }
        return faults;
    }
    if kind == Kind::Growth {
        faults.push((GROWTH, Fault::Grow));
    }
    if kind == Kind::Positions {
        for _ in 0..random.between(1, 3) {
            let partition = random.index(partitions);
            let fault = random.pick(&[Fault::Cut(partition), Fault::Cut(partition), Fault::ByHand(partition)]);
            faults.push((300 + random.below(5000), fault));
        }
        if random.chance(200) {
            faults.push((2000 + random.below(4000), Fault::Recreate));
        }
    }
    let most = if kind == Kind::Window { 12 } else { 6 };
    for _ in 0..random.below(most) {
        let slot = random.index(processes);
        let fault = match (kind.is_calm(), random.below(10)) {
            (true, 3..) | (_, 3) => Fault::Terminate(slot),
            (_, 4 | 5) => Fault::Kill(slot),
            (_, 1..3 | 8) if kind == Kind::Window => Fault::Stop(slot, random.between(2000, 6000)),
            (_, 0..3) => Fault::Rebalance,
            (_, 6 | 7) => Fault::Stop(slot, random.pick(&[100, 700, 2500, 4000])),
            (_, 8) => Fault::Evict(slot),
            (_, _) => Fault::Outage(random.between(200, 2500)),
        };
        let at = if kind == Kind::Idle { RETENTION + 1000 + random.below(1800) } else { 50 + random.below(quiet - 50) };
        faults.push((at, fault));
    }
    faults
}

/// The service is stopped for longer than the changelog is kept, in every fifth world in which it is not kept for ever;
/// and what a partition's restore needs is lost, in every fifth one of positions.
pub(crate) fn lost(kind: Kind, random: &mut Random, partitions: usize) -> Option<(Time, Fault)> {
    if !random.chance(200) {
        return None;
    }
    if let Some(kept) = kind.retention() {
        return Some((400 + random.below(kept / 4), Fault::Close(kept + 100 + random.below(500))));
    }
    let partition = random.index(partitions);
    let fault = random.pick(&[Fault::Forget(partition), Fault::Forget(partition), Fault::Shorten(partition)]);
    (kind == Kind::Positions).then_some((1000 + random.below(4000), fault))
}

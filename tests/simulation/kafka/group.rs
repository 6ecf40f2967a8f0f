//! The group coordinator: members, generations, cooperative assignments, static membership, eviction.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;
use crate::scenario::{MAX_POLL_INTERVAL, SESSION_TIMEOUT, Time};

pub(crate) type MemberId = u64;

#[derive(Debug)]
struct Member {
    /// The static instance: the slot of the process.
    instance: usize,
    seen: Time,
    joined: bool,
    /// What it said it owned when it joined.
    claims: BTreeSet<usize>,
    /// Its assignment in this generation.
    assignment: BTreeSet<usize>,
    /// Whether it has fetched that assignment.
    synced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stable,
    Preparing { deadline: Time },
}

/// What a heartbeat answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heartbeat {
    Fine,
    /// Join again, saying what you own. The generation is that of its last answer to a `JoinGroup`.
    Rebalance {
        generation: i32,
    },
    /// The assignment of a new generation.
    Assigned {
        generation: i32,
        partitions: BTreeSet<usize>,
    },
    UnknownMember,
}

#[derive(Debug)]
pub(crate) struct Group {
    generation: i32,
    state: State,
    members: BTreeMap<MemberId, Member>,
    /// By partition: the member that holds it, until it has said that it let go.
    holders: Vec<Option<MemberId>>,
    /// By partition: the member that held it last.
    last_holders: Vec<Option<MemberId>>,
    next_member: MemberId,
}

impl Group {
    pub(crate) fn new(partitions: usize) -> Self {
        Self {
            generation: 0,
            state: State::Stable,
            members: BTreeMap::new(),
            holders: vec![None; partitions],
            last_holders: vec![None; partitions],
            next_member: 1,
        }
    }

    /// The topic has more partitions now.
    pub(crate) fn grow(&mut self, partitions: usize, now: Time) {
        self.holders.resize(partitions, None);
        self.last_holders.resize(partitions, None);
        self.rebalance(now);
    }

    /// Somebody has waited until nobody is a member any more.
    pub(crate) fn empty(&mut self, now: Time) {
        for member in self.members.keys().copied().collect::<Vec<_>>() {
            self.leave(member, now);
        }
    }

    /// Whether the partition is the member's, or was and is nobody's yet: whoever gets it next waits for the offsets
    /// that the member sent before.
    pub(crate) fn owns(&self, member: MemberId, partition: usize) -> bool {
        self.last_holders[partition] == Some(member)
    }

    /// Whether a transaction's offsets are taken: by the generation and the member, or by nothing at all while the
    /// group is empty.
    pub(crate) fn accepts(&self, member: Option<MemberId>, generation: i32) -> bool {
        match member {
            Some(member) => self.members.contains_key(&member) && generation == self.generation,
            None => generation < 0 && self.members.is_empty(),
        }
    }

    pub(crate) fn heartbeat(&mut self, member: MemberId, now: Time) -> Heartbeat {
        let (state, generation) = (self.state, self.generation);
        let Some(known) = self.members.get_mut(&member) else { return Heartbeat::UnknownMember };
        known.seen = now;
        match state {
            State::Stable if !known.synced => {
                known.synced = true;
                Heartbeat::Assigned { generation, partitions: known.assignment.clone() }
            }
            State::Preparing { .. } if !known.joined => Heartbeat::Rebalance { generation },
            State::Stable | State::Preparing { .. } => Heartbeat::Fine,
        }
    }

    /// A process without a member id joins. A known instance is replaced, sometimes without a rebalance.
    pub(crate) fn enter(
        &mut self,
        instance: usize,
        claims: &BTreeSet<usize>,
        now: Time,
        random: &mut Random,
    ) -> MemberId {
        let member = self.next_member;
        self.next_member += 1;
        let mut entered = Member {
            instance,
            seen: now,
            joined: false,
            claims: claims.clone(),
            assignment: BTreeSet::new(),
            synced: true,
        };
        let former = self.members.iter().find(|(_, known)| known.instance == instance).map(|(id, _)| *id);
        if let Some(former) = former
            && let Some(old) = self.members.remove(&former)
        {
            // A revocation under way would be forgotten by a silent return, and its partition belong to nobody.
            let leaving = self
                .holders
                .iter()
                .enumerate()
                .any(|(partition, holder)| *holder == Some(former) && !old.assignment.contains(&partition));
            let silent = self.state == State::Stable && claims.is_empty() && !leaving && random.chance(600);
            for holder in &mut self.holders {
                if *holder == Some(former) {
                    *holder = silent.then_some(member);
                }
            }
            self.note_holders();
            if silent {
                entered.assignment = old.assignment;
                entered.synced = false;
                self.members.insert(member, entered);
                return member;
            }
        }
        self.members.insert(member, entered);
        self.prepare(now);
        self.rejoin(member, claims, now, random);
        member
    }

    /// `JoinGroup` of a member that owns `claims`.
    pub(crate) fn rejoin(&mut self, member: MemberId, claims: &BTreeSet<usize>, now: Time, random: &mut Random) {
        let Some(known) = self.members.get_mut(&member) else { return };
        known.joined = true;
        known.seen = now;
        known.claims.clone_from(claims);
        for (partition, holder) in self.holders.iter_mut().enumerate() {
            if *holder == Some(member) && !claims.contains(&partition) {
                *holder = None;
            }
        }
        self.prepare(now);
        if self.members.values().all(|known| known.joined) {
            self.complete(random);
        }
    }

    pub(crate) fn leave(&mut self, member: MemberId, now: Time) {
        if self.members.remove(&member).is_some() {
            self.release(member);
            self.prepare(now);
        }
    }

    pub(crate) fn evict_instance(&mut self, instance: usize, now: Time) {
        let member = self.members.iter().find(|(_, known)| known.instance == instance).map(|(id, _)| *id);
        if let Some(member) = member {
            self.leave(member, now);
        }
    }

    pub(crate) fn rebalance(&mut self, now: Time) {
        if !self.members.is_empty() {
            self.prepare(now);
        }
    }

    /// Sessions and rebalances that have run out of time.
    pub(crate) fn expire(&mut self, now: Time, random: &mut Random) {
        let silent: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, known)| known.seen + SESSION_TIMEOUT < now)
            .map(|(member, _)| *member)
            .collect();
        for member in silent {
            self.leave(member, now);
        }
        if let State::Preparing { deadline } = self.state
            && (deadline < now || self.members.values().all(|known| known.joined))
        {
            self.complete(random);
        }
    }

    fn release(&mut self, member: MemberId) {
        for holder in &mut self.holders {
            if *holder == Some(member) {
                *holder = None;
            }
        }
    }

    fn note_holders(&mut self) {
        for (last, holder) in self.last_holders.iter_mut().zip(&self.holders) {
            *last = holder.or(*last);
        }
    }

    fn prepare(&mut self, now: Time) {
        if self.state == State::Stable {
            self.state = State::Preparing { deadline: now + MAX_POLL_INTERVAL };
            for known in self.members.values_mut() {
                known.joined = false;
            }
        }
    }

    /// A new generation of those that joined. A partition that moves is first taken from its holder and goes to nobody.
    fn complete(&mut self, random: &mut Random) {
        let absent: Vec<MemberId> =
            self.members.iter().filter(|(_, known)| !known.joined).map(|(member, _)| *member).collect();
        for member in absent {
            self.members.remove(&member);
            self.release(member);
        }
        self.state = State::Stable;
        if self.members.is_empty() {
            return;
        }
        self.generation += 1;
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        let mut lists: BTreeMap<MemberId, BTreeSet<usize>> = ids.iter().map(|id| (*id, BTreeSet::new())).collect();
        for partition in 0..self.holders.len() {
            let claimant = || ids.iter().copied().find(|id| self.members[id].claims.contains(&partition));
            let holder = self.holders[partition].or_else(claimant);
            let least = ids.iter().copied().min_by_key(|id| lists[id].len()).expect("the group has members");
            let fair = self.holders.len().div_ceil(ids.len());
            let target = match holder {
                Some(holder) if lists[&holder].len() < fair && !random.chance(150) => holder,
                Some(_) | None if random.chance(700) => least,
                Some(_) | None => random.pick(&ids),
            };
            match holder {
                Some(holder) if holder != target => self.holders[partition] = Some(holder),
                Some(_) | None => {
                    self.holders[partition] = Some(target);
                    lists.get_mut(&target).expect("targets are members").insert(partition);
                }
            }
        }
        for (id, known) in &mut self.members {
            known.assignment = lists.remove(id).unwrap_or_default();
            known.synced = false;
            known.joined = false;
            known.claims.clear();
        }
        self.note_holders();
    }
}

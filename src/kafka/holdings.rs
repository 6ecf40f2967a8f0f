//! The partitions that this member holds, and whether it may still commit for them (T3, T4).
//!
//! Changed on the consumer thread alone, in the rebalance callback or between two polls. No Kafka call is made here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{Epoch, NextOffset, PartitionId};

use super::backlog::{Backlog, Flow};
use super::message::Assignment;
use super::native::Membership;

/// The partitions held.
#[derive(Default)]
pub(super) struct Holdings {
    held: HashMap<PartitionId, Holding>,
    /// Assignments so far.
    count: u64,
}

/// One partition from the assign callback to the end of the revoke callback.
pub(super) struct Holding {
    pub(super) assignment: Assignment,
    /// The member id that the group knew us by when it gave us the partition (T4).
    member_id: String,
    pub(super) phase: Phase,
}

/// How far a partition has come.
pub(super) enum Phase {
    /// Its state is being restored; nothing is read.
    Restoring,
    Reading(Reading),
    /// The group wants it back. It is read no more, and its last transaction may still come.
    Leaving(Epoch),
    /// The shell has let it go; the group does not know yet.
    Released,
}

/// A partition that is read.
pub(super) struct Reading {
    pub(super) epoch: Epoch,
    /// The next offset to be delivered.
    pub(super) next: NextOffset,
    /// What the shell was last told of the position.
    pub(super) reached: NextOffset,
    pub(super) backlog: Arc<Backlog>,
    /// The shell's wish.
    pub(super) wanted: Flow,
    /// What the backlog demands.
    pub(super) allowed: Flow,
    /// What librdkafka was last told.
    pub(super) told: Flow,
}

impl Reading {
    pub(super) fn flow(&self) -> Flow {
        match (self.wanted, self.allowed) {
            (Flow::Open, Flow::Open) => Flow::Open,
            (Flow::Shut, _) | (_, Flow::Shut) => Flow::Shut,
        }
    }
}

/// Why offsets may not be sent now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataRefusal {
    /// Abort; the partition has left the epoch that the transaction belongs to (T3).
    #[error("partition {0} has left its epoch")]
    NotHeld(PartitionId),
    /// Abort and try again: the group was moving while its metadata was read.
    #[error("the group's metadata changed while it was read")]
    Moving,
    /// Abort and start the process again (T4).
    #[error("{0}")]
    MembershipLost(String),
    /// Abort; the consumer is closed.
    #[error("the consumer is closed")]
    Closed,
}

impl Holdings {
    /// Notes partitions that the group has given to the member `member_id`.
    pub(super) fn assign(&mut self, partition: PartitionId, member_id: &str) -> Assignment {
        self.count += 1;
        let assignment = Assignment(self.count);
        let holding = Holding { assignment, member_id: member_id.to_owned(), phase: Phase::Restoring };
        self.held.insert(partition, holding);
        assignment
    }

    /// `None` if the partition is not held by this very assignment.
    pub(super) fn get_mut(&mut self, partition: PartitionId, assignment: Assignment) -> Option<&mut Holding> {
        self.held.get_mut(&partition).filter(|holding| holding.assignment == assignment)
    }

    /// The partition, if it is read.
    pub(super) fn reading_mut(&mut self, partition: PartitionId) -> Option<&mut Reading> {
        match &mut self.held.get_mut(&partition)?.phase {
            Phase::Reading(reading) => Some(reading),
            Phase::Restoring | Phase::Leaving(_) | Phase::Released => None,
        }
    }

    pub(super) fn all_reading_mut(&mut self) -> impl Iterator<Item = (PartitionId, &mut Reading)> {
        self.held.iter_mut().filter_map(|(partition, holding)| match &mut holding.phase {
            Phase::Reading(reading) => Some((*partition, reading)),
            Phase::Restoring | Phase::Leaving(_) | Phase::Released => None,
        })
    }

    /// Those of `partitions` that the shell still works on.
    pub(super) fn unreleased(&self, partitions: &[PartitionId]) -> Vec<PartitionId> {
        let works_on = |p: &PartitionId| self.held.get(p).is_some_and(|h| !matches!(h.phase, Phase::Released));
        partitions.iter().copied().filter(works_on).collect()
    }

    /// Notes that the group wants these back; gives those that were read until now.
    pub(super) fn leave(&mut self, partitions: &[PartitionId]) -> Vec<PartitionId> {
        let mut read = Vec::new();
        for partition in partitions {
            if let Some(epoch) = self.reading_mut(*partition).map(|reading| reading.epoch)
                && let Some(holding) = self.held.get_mut(partition)
            {
                holding.phase = Phase::Leaving(epoch);
                read.push(*partition);
            }
        }
        read
    }

    /// Forgets partitions: from here on nothing is committed for them. Gives those that were read until now.
    pub(super) fn drop(&mut self, partitions: &[PartitionId]) -> Vec<PartitionId> {
        let is_read = |p: &PartitionId| self.held.remove(p).is_some_and(|h| matches!(h.phase, Phase::Reading(_)));
        partitions.iter().copied().filter(is_read).collect()
    }

    pub(super) fn all(&self) -> Vec<PartitionId> {
        self.held.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether this partition is held in this epoch.
    pub(super) fn holds(&self, partition: PartitionId, epoch: Epoch) -> bool {
        self.held.get(&partition).is_some_and(|holding| match &holding.phase {
            Phase::Reading(reading) => reading.epoch == epoch,
            Phase::Leaving(leaving) => *leaving == epoch,
            Phase::Restoring | Phase::Released => false,
        })
    }

    /// Whether every partition held was given to the member `membership` (T4), and `parts` are among them (T3).
    ///
    /// # Errors
    ///
    /// The refusal that weighs most: a lost membership before a part that is not held.
    pub(super) fn check(&self, membership: &Membership, parts: &[(PartitionId, Epoch)]) -> Result<(), MetadataRefusal> {
        self.check_member(membership)?;
        match parts.iter().find(|(partition, epoch)| !self.holds(*partition, *epoch)) {
            Some((partition, _)) => Err(MetadataRefusal::NotHeld(*partition)),
            None => Ok(()),
        }
    }

    fn check_member(&self, membership: &Membership) -> Result<(), MetadataRefusal> {
        let lost = |why: String| Err(MetadataRefusal::MembershipLost(why));
        if membership.member_id.is_empty() || membership.generation < 0 {
            return lost("the group does not know this member any more".to_owned());
        }
        match self.held.iter().find(|(_, holding)| holding.member_id != membership.member_id) {
            Some((partition, _)) => {
                lost(format!("partition {partition} was given to an earlier member of this process"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeedId;
    use crate::kafka::settings::BacklogLimits;

    const P0: PartitionId = PartitionId { feed: FeedId(0), number: 0 };
    const P1: PartitionId = PartitionId { feed: FeedId(0), number: 1 };

    fn member(id: &str, generation: i32) -> Membership {
        Membership { member_id: id.to_owned(), generation }
    }

    fn read(holdings: &mut Holdings, partition: PartitionId, assignment: Assignment, epoch: Epoch) {
        let holding = holdings.get_mut(partition, assignment).expect("just assigned");
        holding.phase = Phase::Reading(Reading {
            epoch,
            next: NextOffset(0),
            reached: NextOffset(0),
            backlog: Backlog::new(BacklogLimits::default(), || ()),
            wanted: Flow::Open,
            allowed: Flow::Open,
            told: Flow::Open,
        });
    }

    #[test]
    fn offsets_go_only_for_partitions_of_a_living_epoch_and_a_living_member() {
        let mut holdings = Holdings::default();
        let assignment = holdings.assign(P0, "a");
        read(&mut holdings, P0, assignment, Epoch(1));
        holdings.assign(P1, "a");
        let lost = |refusal| matches!(refusal, Err(MetadataRefusal::MembershipLost(_)));

        assert_eq!(holdings.check(&member("a", 3), &[(P0, Epoch(1))]), Ok(()));
        for (what, parts) in [("another epoch", (P0, Epoch(2))), ("a partition being restored", (P1, Epoch(1)))] {
            assert_eq!(holdings.check(&member("a", 3), &[parts]), Err(MetadataRefusal::NotHeld(parts.0)), "{what}");
        }
        assert!(lost(holdings.check(&member("", 3), &[(P0, Epoch(1))])), "an evicted member keeps its generation");
        assert!(lost(holdings.check(&member("a", -1), &[(P0, Epoch(1))])), "the broker takes -1 of an empty group");
        assert!(lost(holdings.check(&member("b", 4), &[(P0, Epoch(1))])), "rejoined without having served the loss");
    }

    #[test]
    fn one_partition_of_an_earlier_member_is_enough_to_refuse_all() {
        let mut holdings = Holdings::default();
        holdings.assign(P0, "a");
        let assignment = holdings.assign(P1, "b");
        read(&mut holdings, P1, assignment, Epoch(2));
        let refusal = holdings.check(&member("b", 4), &[(P1, Epoch(2))]);
        assert!(matches!(refusal, Err(MetadataRefusal::MembershipLost(_))), "{refusal:?}");
        holdings.drop(&[P0]);
        assert_eq!(holdings.check(&member("b", 4), &[(P1, Epoch(2))]), Ok(()));
    }

    #[test]
    fn a_late_command_of_an_earlier_assignment_finds_nothing() {
        let mut holdings = Holdings::default();
        let earlier = holdings.assign(P0, "a");
        holdings.drop(&[P0]);
        let later = holdings.assign(P0, "a");
        assert!(holdings.get_mut(P0, earlier).is_none());
        assert!(holdings.get_mut(P0, later).is_some());
    }

    #[test]
    fn released_partitions_are_still_held_but_nobody_works_on_them() {
        let mut holdings = Holdings::default();
        let assignment = holdings.assign(P0, "a");
        holdings.assign(P1, "a");
        holdings.get_mut(P0, assignment).expect("just assigned").phase = Phase::Released;
        assert_eq!(holdings.unreleased(&[P0, P1]), [P1]);
        assert!(!holdings.is_empty());
    }

    #[test]
    fn a_partition_that_leaves_is_read_no_more_and_its_last_transaction_may_come() {
        let mut holdings = Holdings::default();
        let assignment = holdings.assign(P0, "a");
        read(&mut holdings, P0, assignment, Epoch(1));
        holdings.assign(P1, "a");
        assert_eq!(holdings.leave(&[P0, P1]), [P0], "the other one was not read yet");
        assert!(holdings.reading_mut(P0).is_none());
        assert_eq!(holdings.check(&member("a", 3), &[(P0, Epoch(1))]), Ok(()));
        assert!(!holdings.holds(P0, Epoch(2)));
        assert_eq!(holdings.unreleased(&[P0, P1]), [P0, P1]);
    }

    #[test]
    fn what_was_read_until_it_is_dropped_is_told() {
        let mut holdings = Holdings::default();
        for (partition, epoch) in [(P0, 1), (P1, 2)] {
            let assignment = holdings.assign(partition, "a");
            read(&mut holdings, partition, assignment, Epoch(epoch));
        }
        holdings.leave(&[P0]);
        assert_eq!(holdings.all().len(), 2);
        assert_eq!(holdings.drop(&[P0, P1]), [P1], "what leaves is read no more already");
        assert!(holdings.is_empty());
    }
}

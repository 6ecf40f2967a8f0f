//! How a partition comes to rest (P2).

use crate::domain::{Epoch, Now, PartitionId};

use super::lane::{BatchStage, Element};
use super::partition::{Partition, Phase};
use super::{Effect, Pipeline};

impl Pipeline {
    /// Stops taking records of the partitions and takes their events back from batches that are not posted.
    pub(super) fn leave(&mut self, now: Now, partitions: &[PartitionId], effects: &mut Vec<Effect>) {
        let deadline = now.boot.after(self.settings.drain_deadline);
        for id in partitions {
            let Some(partition) = self.partitions.get_mut(id) else {
                // The shell waits for an answer, whatever it asked for.
                effects.push(Effect::Release { partition: *id, epoch: Epoch(0) });
                continue;
            };
            if matches!(partition.phase, Phase::Leaving { .. }) {
                continue;
            }
            partition.phase = Phase::Leaving { deadline };
            let mut taken_back = Vec::new();
            for lane in &mut self.lanes {
                for element in lane.queue.remove(*id) {
                    partition.take_back(element.offset);
                }
                for batch in &mut lane.batches {
                    if matches!(batch.stage, BatchStage::Posted { .. }) {
                        continue;
                    }
                    // While its intent is being written, whether it is there is not known; `ended` takes it back.
                    let leaves = |element: &mut Element, partition: &Partition| {
                        let pending = partition.ledger.pending(element.offset);
                        element.partition == *id && pending.is_none_or(|pending| pending.intent.in_flight.is_none())
                    };
                    for element in batch.elements.extract_if(.., |element| leaves(element, partition)) {
                        taken_back.push(element.offset);
                    }
                    taken_back.drain(..).for_each(|offset| partition.take_back(offset));
                }
                lane.batches.retain(|batch| !batch.elements.is_empty());
            }
        }
    }

    /// Lets go of what has come to rest, or may wait no longer.
    pub(super) fn release(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let done: Vec<_> = self
            .partitions
            .values()
            .filter(|partition| match partition.phase {
                Phase::Leaving { deadline } => {
                    deadline <= now.boot || (partition.is_at_rest() && !self.tick.writes_for(partition.id))
                }
                Phase::Restoring | Phase::Reading => false,
            })
            .map(|partition| (partition.id, partition.epoch))
            .collect();
        for (partition, epoch) in done {
            self.drop_partition(partition);
            effects.push(Effect::Release { partition, epoch });
        }
    }

    /// Nothing of an epoch survives it (P1).
    pub(super) fn drop_partition(&mut self, id: PartitionId) {
        if self.partitions.remove(&id).is_none() {
            return;
        }
        for lane in &mut self.lanes {
            lane.queue.remove(id);
            for batch in &mut lane.batches {
                // A posted batch keeps its length: its verdicts come by position.
                if !matches!(batch.stage, BatchStage::Posted { .. }) {
                    batch.elements.retain(|element| element.partition != id);
                }
            }
            lane.batches.retain(|batch| !batch.elements.is_empty());
        }
    }
}

//! Kafka as the accounting protocol sees it: changelogs, committed offsets, transactions and the group.

pub(crate) mod changelog;
pub(crate) mod group;
pub(crate) mod transactions;

pub(crate) use changelog::Changelog;
pub(crate) use group::{Group, Heartbeat, MemberId};
pub(crate) use transactions::{Metadata, Refusal, Stored, Target, Transactions};

/// The brokers.
#[derive(Debug)]
pub(crate) struct Kafka {
    pub(crate) changelogs: Vec<Changelog>,
    pub(crate) transactions: Transactions,
    pub(crate) group: Group,
}

impl Kafka {
    pub(crate) fn new(starts: &[i64], partitions: usize, processes: usize) -> Self {
        Self {
            changelogs: starts.iter().map(|_| Changelog::default()).collect(),
            transactions: Transactions::new(starts, processes),
            group: Group::new(partitions),
        }
    }

    /// A changelog's entries below the last stable offset, from `from` on, and that offset.
    pub(crate) fn read_committed(&self, partition: usize, from: i64) -> (Vec<&changelog::Packed>, i64) {
        let log = &self.changelogs[partition];
        let stable = log.last_stable();
        let visible = |packed: &&changelog::Packed| {
            from <= packed.position && packed.position < stable && self.transactions.is_committed(packed.transaction)
        };
        (log.records.iter().filter(visible).collect(), stable)
    }
}

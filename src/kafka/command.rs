//! What is asked of the consumer thread, and the answers.

use std::sync::mpsc::Sender;

use rdkafka::consumer::ConsumerGroupMetadata;

use crate::domain::{Epoch, NextOffset, PartitionId};

use super::backlog::Flow;
use super::holdings::MetadataRefusal;
use super::message::Assignment;

/// What the shell and the transaction thread ask of the consumer thread.
pub(super) enum Command {
    /// Something is to be polled, or a paused partition may go on.
    Wake,
    Start {
        partition: PartitionId,
        assignment: Assignment,
        epoch: Epoch,
        at: NextOffset,
    },
    Want {
        partition: PartitionId,
        assignment: Assignment,
        flow: Flow,
    },
    Released {
        partition: PartitionId,
        assignment: Assignment,
    },
    GroupMetadata {
        parts: Vec<(PartitionId, Epoch)>,
        reply: Sender<Result<ConsumerGroupMetadata, MetadataRefusal>>,
    },
    Holds {
        parts: Vec<(PartitionId, Epoch)>,
        reply: Sender<Vec<PartitionId>>,
    },
    CommitStart {
        partition: PartitionId,
        assignment: Assignment,
        at: NextOffset,
        metadata: String,
        reply: Sender<Result<(), CommitStartError>>,
    },
    Close(Leaving),
}

/// How a consumer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// The membership stays until the session time-out: a restart takes its partitions up without a rebalance.
    Stay,
    /// The group is told: others take the partitions over at once.
    Leave,
}

/// Why the first offset of a partition was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitStartError {
    /// Stop: another assignment will restore the partition.
    #[error("the partition is not held any more")]
    NotHeld,
    /// Restore again.
    #[error("the broker did not take the first offset: {0}")]
    Refused(String),
}

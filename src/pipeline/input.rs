//! What enters and what leaves the decisions.

use bytes::Bytes;

use crate::domain::{
    Answered, BatchId, Epoch, Fate, LaneId, NextOffset, PartitionId, Record, TraceContext, Transaction, TransactionId,
};

use super::replay::Restored;

/// Something that happened in the world.
#[derive(Debug)]
pub enum Input {
    /// The group gave us the partition: a new epoch begins (P1). Answered by [`Effect::Restore`].
    Assigned(PartitionId),
    /// The changelog of an epoch has been read to its end; from now on its records may come.
    Restored { partition: PartitionId, epoch: Epoch, restored: Box<Restored> },
    /// The group wants the partitions back. Each is answered by [`Effect::Release`] when it has come to rest, at the
    /// latest after the drain deadline.
    Revoked(Vec<PartitionId>),
    /// The partitions are gone already: everything of them is dropped at once.
    Lost(Vec<PartitionId>),
    /// The next record of a partition, in the order of offsets.
    Record { partition: PartitionId, epoch: Epoch, record: Box<Record> },
    /// The reader has passed every record before `position`; tells of gaps at the end of the log (R7).
    Reached { partition: PartitionId, epoch: Epoch, position: NextOffset },
    /// The answer to [`Effect::Post`].
    Posted { batch: BatchId, answered: Answered },
    /// The end of [`Effect::Commit`], or of [`Effect::Resolve`].
    Ended { transaction: TransactionId, fate: Fate },
    /// Neither success nor abort of the commit is certain (T5). Answered by [`Effect::Resolve`].
    Unknown(TransactionId),
    /// Time has passed.
    Woke,
    /// The process is to stop: like a revocation of everything.
    Drain,
}

/// Something that must happen in the world.
#[derive(Debug)]
pub enum Effect {
    /// Read committed offset and changelog, then answer [`Input::Restored`].
    Restore {
        partition: PartitionId,
        epoch: Epoch,
    },
    Post(Batch),
    /// At most one at a time.
    Commit(Transaction),
    /// Find out what became of a transaction, then answer [`Input::Ended`].
    Resolve(TransactionId),
    /// The partition has come to rest: nothing of it is left here.
    Release {
        partition: PartitionId,
        epoch: Epoch,
    },
}

/// Events for one call of Pinterest's API.
#[derive(Clone, Debug)]
pub struct Batch {
    pub id: BatchId,
    pub lane: LaneId,
    /// 1 to the lane's limit of encoded events, in the order of the request.
    pub bodies: Vec<Bytes>,
    /// Spans of those whose trace somebody watches.
    pub watched: Vec<TraceContext>,
}

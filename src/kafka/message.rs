//! What the consumer thread tells the shell.

use std::fmt;

use bytes::Bytes;

use crate::domain::{Epoch, NextOffset, Offset, PartitionId, TraceContext, UnixMillis};

use super::backlog::Receipt;

/// Something that happened on the consumer thread, in order.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// The group gave us the partition. Nothing of it is read before [`ConsumerRemote::start`].
    ///
    /// [`ConsumerRemote::start`]: super::consumer::ConsumerRemote::start
    Assigned {
        partition: PartitionId,
        assignment: Assignment,
    },
    /// The group wants the partitions back. It waits until each of them is released, or the drain deadline passes.
    Revoked(Vec<PartitionId>),
    /// The partitions are gone.
    Lost(Vec<PartitionId>),
    Messages(Messages),
    /// The reader has passed everything before `position`, markers at the end of the log included.
    Reached {
        partition: PartitionId,
        epoch: Epoch,
        position: NextOffset,
    },
    /// The thread goes on polling, but nothing good can come of it.
    Failed(ConsumerFailure),
}

/// One assignment of one partition by the group. Commands carry it, so that a late one cannot meet a later assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Assignment(pub(super) u64);

/// Messages of one partition, in the order of their offsets.
#[derive(Debug)]
pub struct Messages {
    pub partition: PartitionId,
    pub epoch: Epoch,
    pub messages: Vec<RawMessage>,
    /// To be dropped when all of them have been taken: they count as under way until then.
    pub receipt: Receipt,
}

/// One message of a feed, as Kafka gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct RawMessage {
    pub offset: Offset,
    pub timestamp: Option<UnixMillis>,
    pub key: Option<Bytes>,
    pub payload: Option<Bytes>,
    /// Its `traceparent` header, if that is one.
    pub trace: Option<TraceContext>,
    /// The `__value_schema_id` header: Confluent 8 may put the writer schema's id there.
    pub value_schema_id: Option<Bytes>,
}

impl fmt::Debug for RawMessage {
    /// Without key and payload: both may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMessage")
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// Why the consumer cannot go on, by what must be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerFailure {
    /// Start the process again: another member may own what this one believes to own (T4).
    #[error("the membership in the consumer group is lost: {0}")]
    MembershipLost(String),
    /// A person must decide: the offset that reading should begin at does not exist (P5).
    #[error("a position to read from is outside its partition: records were deleted, or a topic was created again")]
    OffsetOutOfRange,
    /// Start the process again: the client cannot be used any more.
    #[error("the consumer failed for good: {0}")]
    Fatal(String),
}

//! The words of pinrelay, as types.
//!
//! Everything here is plain data with its own small laws: what a record, an event, an answer and an outcome are.
//! It decides nothing about deliveries (that is `pipeline`), knows no file, socket or clock, and imports nothing else
//! of this crate; every other module may import it.

pub mod answer;
pub mod body;
pub mod call_limit;
pub mod changelog;
pub mod event;
pub mod ids;
pub mod key;
pub mod lane_mode;
pub mod outcome;
pub mod personal;
pub mod reason;
pub mod record;
pub mod settlement;
pub mod text;
pub mod time;
pub mod trace;
pub mod transaction;

pub use answer::{Answer, Answered, Attempt, NotTaken, Verdict, WholeRefusal};
pub use body::EventBody;
pub use call_limit::CallLimit;
pub use changelog::{ChangelogEntry, InDoubtPolicy, KeyState, Redelivery, SettledKind};
pub use event::{ActionSource, ConversionEvent, EventFacts, Identity, IdentitySet, PostBy};
pub use ids::{
    AdAccountId, BatchId, ChangelogOffset, Epoch, FeedId, LaneId, NextOffset, Offset, PartitionId, TransactionId,
};
pub use key::EventKey;
pub use lane_mode::LaneMode;
pub use outcome::{DuplicateOf, Outcome, OutcomeKind};
pub use personal::{Hashed, Secret};
pub use reason::Reason;
pub use record::{Mapped, Origin, Record};
pub use settlement::Settlement;
pub use text::{ForeignText, is_invisible};
pub use time::{BootTime, Now, UnixMillis, UnixSeconds};
pub use trace::{SpanId, Trace, TraceContext, TraceId};
pub use transaction::{Fate, OwnEntries, ReadFrom, Transaction, TransactionPart, Written};

//! One message of a feed, decoded and mapped, as it reaches the decisions.

use super::event::{ConversionEvent, EventFacts};
use super::ids::Offset;
use super::outcome::Outcome;
use super::time::UnixMillis;
use super::trace::Trace;

/// One Kafka message of a feed, already mapped.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub offset: Offset,
    /// The message's own timestamp, if it has one.
    pub timestamp: Option<UnixMillis>,
    /// When this process took it from Kafka.
    pub received: UnixMillis,
    pub origin: Origin,
    /// Handed on to its audit row.
    pub trace: Option<Box<Trace>>,
    pub mapped: Mapped,
}

/// How a record came here. A replay will name the row that it repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Live,
}

/// What decoding and mapping made of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// It is to be sent.
    Event(ConversionEvent),
    /// It ends here: skipped, undecodable or unmappable. `facts` holds what could be read before that was known.
    Settled { outcome: Outcome, facts: Option<Box<EventFacts>> },
}

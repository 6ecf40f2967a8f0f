//! Events for the unit tests of the core.

use crate::domain::{
    ConversionEvent, EventBody, EventFacts, EventKey, InDoubtPolicy, LaneId, Mapped, Offset, Origin, PostBy, Reason,
    Record, UnixMillis, UnixSeconds,
};

use super::pending::{Pending, RecordMeta, Stage};

pub(crate) fn event(key: u8, policy: InDoubtPolicy) -> ConversionEvent {
    ConversionEvent {
        key: EventKey([key; 16]),
        lane: LaneId(0),
        policy,
        event_time: UnixSeconds(0),
        post_by: PostBy { at: UnixMillis(i64::MAX), otherwise: Reason::TooOld },
        body: EventBody::unchecked(vec![key]),
        facts: Box::new(EventFacts::default()),
    }
}

pub(crate) fn record(offset: i64, event: ConversionEvent) -> Record {
    Record {
        offset: Offset(offset),
        timestamp: None,
        received: UnixMillis(0),
        origin: Origin::Live,
        trace: None,
        mapped: Mapped::Event(event),
    }
}

pub(crate) fn pending(key: u8) -> Pending {
    let meta = RecordMeta { timestamp: None, received: UnixMillis(0), origin: Origin::Live, trace: None };
    Pending::new(meta, event(key, InDoubtPolicy::Resend), Stage::Queued)
}

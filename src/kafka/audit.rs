//! From a settled record to a message of the audit topic, and back.
//!
//! The contract with the topic's readers is `schemas/delivery_result.avsc`, explained in `docs/audit.md`. It decides
//! what a row says about a settlement; what became of the record has been decided before.

use std::borrow::Cow;
use std::time::Duration;

use uuid::Uuid;

use super::audit_row::{FINGERPRINT, RowAttempt, RowDuplicateOf};
use super::binary::{Malformed, SINGLE_OBJECT_MARKER, hex};
use super::framing::{BadFraming, CONFLUENT_MARKER, Framing, SchemaRef};
use crate::domain::{
    ActionSource, AdAccountId, ForeignText, Identity, LaneId, Origin, OutcomeKind, PartitionId, Redelivery, Settlement,
    UnixSeconds,
};

pub use super::audit_row::{AuditRow, ROW_VERSION, SCHEMA};

/// Header with the W3C trace context of the record.
pub const TRACEPARENT: &str = "traceparent";

/// Header with [`ROW_VERSION`] as decimal digits, for readers that route before they decode.
pub const ROW_VERSION_HEADER: &str = "pinrelay-row-version";

/// Header with the names of the fields that were shortened, joined by commas; absent if none was.
pub const SHORTENED_HEADER: &str = "pinrelay-shortened";

/// Longest text of a record in a row, in bytes. Texts from elsewhere are shorter, so that no row is too large for Kafka,
/// whatever a producer writes: four of these and [`ForeignText`]s stay far below its million bytes.
const LONGEST_TEXT: usize = 1024;

/// Stands at the end of a text that was shortened.
const CUT: &str = "…";

/// An event older than this when it is posted counts as offline for Pinterest
/// (<https://help.pinterest.com/en/business/article/the-pinterest-api-for-conversions>).
pub const LATE_AFTER: Duration = Duration::from_hours(1);

/// A delivered row with usual names takes 350 to 450 bytes; longer ones grow the buffer.
const TYPICAL_ROW_BYTES: usize = 640;

/// What rows say that settlements do not.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// In the order of the configuration: [`crate::domain::FeedId`] is the position.
    pub feeds: Vec<AuditFeed>,
    /// In the order of the configuration: [`LaneId`] is the position.
    pub lanes: Vec<AuditLane>,
    pub framing: AuditFraming,
    /// Of this process, new at each start; the first part of batch ids.
    pub process: Uuid,
}

/// A feed as rows name it.
#[derive(Clone, Debug)]
pub struct AuditFeed {
    pub name: String,
    pub topic: String,
}

/// A lane as rows name it.
#[derive(Clone, Debug)]
pub struct AuditLane {
    pub ad_account: AdAccountId,
    pub mode: LaneMode,
}

/// Whether Pinterest records the events of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneMode {
    Live,
    /// Posted with `?test=true`: checked and not recorded.
    Test,
}

/// How rows name their schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFraming {
    /// By the id under which a registry has [`SCHEMA`].
    Confluent { schema_id: i32 },
    /// By the fingerprint of [`SCHEMA`].
    SingleObject,
}

/// A message of the audit topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditMessage {
    /// The event key in hex, so that all rows of a conversion lie in one partition; else `topic/partition/offset`.
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// Writes audit rows.
#[derive(Clone, Debug)]
pub struct AuditEncoder {
    feeds: Vec<AuditFeed>,
    lanes: Vec<AuditLane>,
    /// What every value begins with.
    frame: Vec<u8>,
    process: String,
}

impl AuditEncoder {
    #[must_use]
    pub fn new(settings: AuditSettings) -> Self {
        let AuditSettings { feeds, lanes, framing, process } = settings;
        let frame = match framing {
            AuditFraming::Confluent { schema_id } => [&[CONFLUENT_MARKER][..], &schema_id.to_be_bytes()].concat(),
            AuditFraming::SingleObject => [&SINGLE_OBJECT_MARKER[..], &FINGERPRINT].concat(),
        };
        Self { feeds, lanes, frame, process: process.to_string() }
    }

    /// The message for a record of `partition`. Feed and lanes must be ones of the settings.
    #[must_use]
    pub fn encode(&self, settlement: &Settlement, partition: PartitionId) -> AuditMessage {
        let feed = self.feeds.get(usize::from(partition.feed.0)).expect("the settings hold every feed");
        let event_key = settlement.key.map(|key| hex(&key.0));
        let batch_id = settlement.batch.map(|batch| format!("{}:{}", self.process, batch.0));
        let lane = settlement.lane.map(|lane| self.lane(lane));

        let row = row_of(settlement);
        let mut shortened = Vec::new();
        let [event_id, event_name, amount, currency] = [
            ("event_id", row.event_id),
            ("event_name", row.event_name),
            ("value", row.value),
            ("currency", row.currency),
        ]
        .map(|(name, text)| shorten(text, name, &mut shortened));

        let mut value = Vec::with_capacity(TYPICAL_ROW_BYTES);
        value.extend_from_slice(&self.frame);
        AuditRow {
            event_id: event_id.as_deref(),
            event_name: event_name.as_deref(),
            value: amount.as_deref(),
            currency: currency.as_deref(),
            feed: &feed.name,
            source_topic: &feed.topic,
            source_partition: partition.number,
            event_key: event_key.as_deref(),
            ad_account_id: lane.map(|lane| lane.ad_account.as_str()),
            test: lane.is_some_and(|lane| lane.mode == LaneMode::Test),
            batch_id: batch_id.as_deref(),
            ..row
        }
        .write(&mut value);

        let mut headers = vec![(ROW_VERSION_HEADER, ROW_VERSION.to_string().into_bytes())];
        headers
            .extend(settlement.trace.as_deref().map(|trace| (TRACEPARENT, trace.context().to_string().into_bytes())));
        if !shortened.is_empty() {
            headers.push((SHORTENED_HEADER, shortened.join(",").into_bytes()));
        }
        let key = event_key.unwrap_or_else(|| format!("{}/{}/{}", feed.topic, partition.number, settlement.offset));
        AuditMessage { key: key.into_bytes(), value, headers }
    }

    fn lane(&self, lane: LaneId) -> &AuditLane {
        self.lanes.get(usize::from(lane.0)).expect("the settings hold every lane")
    }
}

/// At most [`LONGEST_TEXT`] bytes of a text; the name of its field is noted if it was longer.
fn shorten<'a>(text: Option<&'a str>, name: &'static str, shortened: &mut Vec<&'static str>) -> Option<Cow<'a, str>> {
    let text = text?;
    if text.len() <= LONGEST_TEXT {
        return Some(text.into());
    }
    shortened.push(name);
    let end = text.floor_char_boundary(LONGEST_TEXT - CUT.len());
    Some(format!("{}{CUT}", text.get(..end).unwrap_or_default()).into())
}

/// What the settlement alone says; names that only the settings know are left empty.
fn row_of(settlement: &Settlement) -> AuditRow<'_> {
    let Settlement { outcome, facts, posted, settled, .. } = settlement;
    let facts = facts.as_deref();
    let kind = outcome.kind();
    let event_time = facts.and_then(|facts| facts.event_time).map(UnixSeconds::to_millis);
    let times = posted.zip(event_time);
    let answered = settlement.attempts.last().map_or(*settled, |attempt| attempt.at);
    let (replay_id, replay_of) = match settlement.origin {
        Origin::Live => (None, None),
    };
    AuditRow {
        row_version: ROW_VERSION,
        feed: "",
        source_topic: "",
        source_partition: 0,
        source_offset: settlement.offset.0,
        source_offset_end: settlement.range_end.map(|end| end.0),
        source_timestamp: settlement.timestamp,
        outcome: kind,
        reason: outcome.reason.code(),
        message: outcome.reason.meaning(),
        detail: outcome.detail.as_ref().map(ForeignText::as_str),
        warning: outcome.warning.as_ref().map(ForeignText::as_str),
        possibly_redelivered: settlement.redelivery == Redelivery::Possible,
        duplicate_of: outcome.duplicate_of.map(|of| RowDuplicateOf { offset: of.offset.0, state: of.state }),
        event_key: None,
        event_id: facts.and_then(|facts| facts.event_id.as_deref()),
        event_name: facts.and_then(|facts| facts.event_name.as_deref()),
        action_source: facts.and_then(|facts| facts.action_source).map(ActionSource::as_str),
        ad_account_id: None,
        test: false,
        value: facts.and_then(|facts| facts.value.as_deref()),
        currency: facts.and_then(|facts| facts.currency.as_deref()),
        identity_parameters: facts.into_iter().flat_map(|facts| facts.identity.iter()).map(Identity::as_str).collect(),
        event_time,
        received_at: settlement.received,
        posted_at: *posted,
        delivered_at: (kind == OutcomeKind::Delivered).then_some(answered),
        settled_at: *settled,
        age_at_post_ms: times.map(|(posted, event)| posted.0.saturating_sub(event.0)),
        late: times.map(|(posted, event)| LATE_AFTER < posted.since(event)),
        batch_id: None,
        attempts: settlement
            .attempts
            .iter()
            .map(|attempt| RowAttempt {
                time: attempt.at,
                status: attempt.status.map(i32::from),
                code: attempt.code,
                message: attempt.message.as_ref().map(ForeignText::as_str),
            })
            .collect(),
        replay_id,
        replay_of,
    }
}

/// Why a value of the audit topic cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// Not written by pinrelay.
    #[error("not an audit row: {0}")]
    Framing(#[from] BadFraming),
    /// Written by a release with another schema.
    #[error("expected audit schema {}, found {}: written by another release of pinrelay", hex(&FINGERPRINT), hex(found))]
    UnknownSchema { found: [u8; 8] },
    /// Damaged, or written by a release with another schema.
    #[error("not an audit row of this release: {0}")]
    Malformed(#[from] Malformed),
}

/// Reads a value of the audit topic in either framing.
///
/// A registry's id is passed over: the row is read by [`SCHEMA`], as this release writes it.
///
/// # Errors
/// If the value is not exactly one row of this schema.
pub fn read(value: &[u8]) -> Result<AuditRow<'_>, AuditFault> {
    let framing = match value {
        [CONFLUENT_MARKER, ..] => Framing::Confluent,
        _ => Framing::SingleObject,
    };
    match framing.split(None, value)? {
        (SchemaRef::Fingerprint(found), _) if found != FINGERPRINT => Err(AuditFault::UnknownSchema { found }),
        (SchemaRef::Fingerprint(_) | SchemaRef::Id(_) | SchemaRef::Guid(_), payload) => Ok(AuditRow::read(payload)?),
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

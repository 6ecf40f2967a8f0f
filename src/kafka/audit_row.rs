//! One row of the audit topic, field for field as `schemas/delivery_result.avsc` has it.
//!
//! Written and read by hand, against that one schema: rows are written for every record of every feed.

use serde::Serialize;

use super::binary::{Cursor, Malformed, put_boolean, put_items, put_long, put_option, put_string};
use crate::domain::{KeyState, OutcomeKind, UnixMillis};

/// The schema of every value on the audit topic.
pub const SCHEMA: &str = include_str!("../../schemas/delivery_result.avsc");

/// CRC-64-AVRO of [`SCHEMA`]'s canonical form, little-endian; a test computes it.
pub(super) const FINGERPRINT: [u8; 8] = [0x70, 0xd9, 0xed, 0xe9, 0xa8, 0xb3, 0x55, 0x87];

/// Version of the meaning of the fields.
pub const ROW_VERSION: i32 = 1;

/// A row; the fields are documented in the schema. Texts borrow from where the row comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow<'a> {
    pub row_version: i32,
    pub feed: &'a str,
    pub source_topic: &'a str,
    pub source_partition: i32,
    pub source_offset: i64,
    pub source_offset_end: Option<i64>,
    pub source_timestamp: Option<UnixMillis>,
    pub outcome: OutcomeKind,
    pub reason: &'a str,
    pub message: &'a str,
    pub detail: Option<&'a str>,
    pub warning: Option<&'a str>,
    pub possibly_redelivered: bool,
    pub duplicate_of: Option<RowDuplicateOf>,
    pub event_key: Option<&'a str>,
    pub event_id: Option<&'a str>,
    pub event_name: Option<&'a str>,
    pub action_source: Option<&'a str>,
    pub ad_account_id: Option<&'a str>,
    pub test: bool,
    pub value: Option<&'a str>,
    pub currency: Option<&'a str>,
    pub identity_parameters: Vec<&'a str>,
    pub event_time: Option<UnixMillis>,
    pub received_at: Option<UnixMillis>,
    pub posted_at: Option<UnixMillis>,
    pub delivered_at: Option<UnixMillis>,
    pub settled_at: UnixMillis,
    pub age_at_post_ms: Option<i64>,
    pub late: Option<bool>,
    pub batch_id: Option<&'a str>,
    pub attempts: Vec<RowAttempt<'a>>,
    pub replay_id: Option<&'a str>,
    pub replay_of: Option<RowPosition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RowDuplicateOf {
    pub offset: i64,
    pub state: KeyState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowAttempt<'a> {
    pub time: UnixMillis,
    pub status: Option<i32>,
    pub code: Option<i64>,
    pub message: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RowPosition {
    pub partition: i32,
    pub offset: i64,
}

impl<'a> AuditRow<'a> {
    /// Appends the row in the order of the schema.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_int(out, self.row_version);
        put_string(out, self.feed);
        put_string(out, self.source_topic);
        put_int(out, self.source_partition);
        put_long(out, self.source_offset);
        put_option(out, self.source_offset_end, put_long);
        put_option(out, self.source_timestamp, put_millis);
        put_long(out, outcome_symbol(self.outcome));
        put_string(out, self.reason);
        put_string(out, self.message);
        put_option(out, self.detail, put_string);
        put_option(out, self.warning, put_string);
        put_boolean(out, self.possibly_redelivered);
        put_option(out, self.duplicate_of, |out, of| {
            put_long(out, of.offset);
            put_long(out, state_symbol(of.state));
        });
        put_option(out, self.event_key, put_string);
        put_option(out, self.event_id, put_string);
        put_option(out, self.event_name, put_string);
        put_option(out, self.action_source, put_string);
        put_option(out, self.ad_account_id, put_string);
        put_boolean(out, self.test);
        put_option(out, self.value, put_string);
        put_option(out, self.currency, put_string);
        put_items(out, &self.identity_parameters, |out, name| put_string(out, name));
        put_option(out, self.event_time, put_millis);
        put_option(out, self.received_at, put_millis);
        put_option(out, self.posted_at, put_millis);
        put_option(out, self.delivered_at, put_millis);
        put_millis(out, self.settled_at);
        put_option(out, self.age_at_post_ms, put_long);
        put_option(out, self.late, put_boolean);
        put_option(out, self.batch_id, put_string);
        put_items(out, &self.attempts, |out, attempt| {
            put_millis(out, attempt.time);
            put_option(out, attempt.status, put_int);
            put_option(out, attempt.code, put_long);
            put_option(out, attempt.message, put_string);
        });
        put_option(out, self.replay_id, put_string);
        put_option(out, self.replay_of, |out, row| {
            put_int(out, row.partition);
            put_long(out, row.offset);
        });
    }

    /// Reads a row; nothing may follow it.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        let from = &mut cursor;
        // Fields of a literal are evaluated in the order in which they are written: that of the schema.
        let row = Self {
            row_version: from.int("row_version")?,
            feed: from.string("feed")?,
            source_topic: from.string("source_topic")?,
            source_partition: from.int("source_partition")?,
            source_offset: from.long("source_offset")?,
            source_offset_end: from.option("source_offset_end", Cursor::long)?,
            source_timestamp: from.option("source_timestamp", millis)?,
            outcome: outcome(from)?,
            reason: from.string("reason")?,
            message: from.string("message")?,
            detail: from.option("detail", Cursor::string)?,
            warning: from.option("warning", Cursor::string)?,
            possibly_redelivered: from.boolean("possibly_redelivered")?,
            duplicate_of: from.option("duplicate_of", |from, _| {
                Ok(RowDuplicateOf { offset: from.long("duplicate_of.offset")?, state: state(from)? })
            })?,
            event_key: from.option("event_key", Cursor::string)?,
            event_id: from.option("event_id", Cursor::string)?,
            event_name: from.option("event_name", Cursor::string)?,
            action_source: from.option("action_source", Cursor::string)?,
            ad_account_id: from.option("ad_account_id", Cursor::string)?,
            test: from.boolean("test")?,
            value: from.option("value", Cursor::string)?,
            currency: from.option("currency", Cursor::string)?,
            identity_parameters: from.items(1, "identity_parameters", |from| from.string("identity_parameters"))?,
            event_time: from.option("event_time", millis)?,
            received_at: from.option("received_at", millis)?,
            posted_at: from.option("posted_at", millis)?,
            delivered_at: from.option("delivered_at", millis)?,
            settled_at: millis(from, "settled_at")?,
            age_at_post_ms: from.option("age_at_post_ms", Cursor::long)?,
            late: from.option("late", Cursor::boolean)?,
            batch_id: from.option("batch_id", Cursor::string)?,
            attempts: from.items(4, "attempts", |from| {
                Ok(RowAttempt {
                    time: millis(from, "attempts.time")?,
                    status: from.option("attempts.status", Cursor::int)?,
                    code: from.option("attempts.code", Cursor::long)?,
                    message: from.option("attempts.message", Cursor::string)?,
                })
            })?,
            replay_id: from.option("replay_id", Cursor::string)?,
            replay_of: from.option("replay_of", |from, _| {
                Ok(RowPosition { partition: from.int("replay_of.partition")?, offset: from.long("replay_of.offset")? })
            })?,
        };
        cursor.end()?;
        Ok(row)
    }
}

fn put_int(out: &mut Vec<u8>, value: i32) {
    put_long(out, value.into());
}

fn put_millis(out: &mut Vec<u8>, time: UnixMillis) {
    put_long(out, time.0);
}

fn millis(from: &mut Cursor<'_>, field: &'static str) -> Result<UnixMillis, Malformed> {
    from.long(field).map(UnixMillis)
}

/// Position in the schema's enum `Outcome`, whose first symbol is `unknown`.
const fn outcome_symbol(kind: OutcomeKind) -> i64 {
    match kind {
        OutcomeKind::Delivered => 1,
        OutcomeKind::Duplicate => 2,
        OutcomeKind::Skipped => 3,
        OutcomeKind::Undecodable => 4,
        OutcomeKind::Unmappable => 5,
        OutcomeKind::Refused => 6,
        OutcomeKind::InDoubt => 7,
        OutcomeKind::Lost => 8,
    }
}

fn outcome(from: &mut Cursor<'_>) -> Result<OutcomeKind, Malformed> {
    let fault = from.malformed("outcome");
    let symbol = from.long("outcome")?;
    OutcomeKind::ALL.into_iter().find(|kind| outcome_symbol(*kind) == symbol).ok_or(fault)
}

/// Position in the schema's enum `KeyState`, whose first symbol is `unknown`.
const fn state_symbol(state: KeyState) -> i64 {
    match state {
        KeyState::Delivered => 1,
        KeyState::InDoubt => 2,
    }
}

fn state(from: &mut Cursor<'_>) -> Result<KeyState, Malformed> {
    let fault = from.malformed("duplicate_of.state");
    match from.long("duplicate_of.state")? {
        1 => Ok(KeyState::Delivered),
        2 => Ok(KeyState::InDoubt),
        _ => Err(fault),
    }
}

#[cfg(test)]
#[path = "audit_row_tests.rs"]
pub(super) mod tests;

//! What a release has written must be readable for as long as it lies in Kafka: values of each version, as stored.
//!
//! A file under `tests/stored` never changes. A new version of a format gets a file of its own beside the old one.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::Value;
use uuid::Uuid;

use super::audit::{self, AuditRow};
use super::audit_row::tests::bare as nothing_known;
use super::audit_row::{FINGERPRINT, RowAttempt, RowDuplicateOf, RowPosition};
use super::binary::SINGLE_OBJECT_MARKER;
use super::changelog;
use super::metadata::{CommitMetadata, Parsed, Stamp};
use crate::domain::{
    ChangelogEntry, ChangelogOffset, EventKey, InDoubtPolicy, KeyState, Offset, OutcomeKind, Redelivery, SettledKind,
    TransactionId, UnixMillis,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits")).collect()
}

/// One entry of each kind, state and policy.
fn entries() -> Vec<ChangelogEntry> {
    use Redelivery::{Impossible, Possible};
    use SettledKind::{Delivered, InDoubt, NotSent};
    let outcome = |offset, kind, redelivery, at| ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind,
        redelivery,
        at: UnixMillis(at),
    };
    let intent =
        |offset, key, policy| ChangelogEntry::Intent { offset: Offset(offset), key: EventKey([key; 16]), policy };
    vec![
        outcome(4_000_000_007, Delivered, Impossible, 1_790_000_000_000),
        outcome(4_000_000_001, Delivered, Possible, 1_790_000_000_250),
        outcome(4_000_000_002, InDoubt, Impossible, 1_790_000_060_000),
        outcome(4_000_000_003, InDoubt, Possible, 1_790_000_000_300),
        outcome(4_000_000_004, NotSent, Impossible, 1_790_000_000_301),
        outcome(4_000_000_005, NotSent, Possible, 1_790_000_000_302),
        ChangelogEntry::Withdrawn { offset: Offset(4_000_000_006) },
        intent(4_000_000_008, 0x5a, InDoubtPolicy::Resend),
        intent(4_000_000_009, 0xc3, InDoubtPolicy::Hold),
    ]
}

#[test]
fn changelog_entries_of_version_1_are_read_and_written_as_they_were() {
    let stored = bytes(include_str!("../../tests/stored/changelog-1.hex"));
    assert_eq!(changelog::decode(&stored), Ok(entries()));
    assert_eq!(changelog::encode(&entries(), 100_000), [stored]);
}

#[test]
fn changelog_entries_of_a_version_that_is_not_known_are_refused_by_its_name() {
    let mut stored = bytes(include_str!("../../tests/stored/changelog-1.hex"));
    stored[2..10].copy_from_slice(b"\x01\x02\x03\x04\x05\x06\x07\x08");
    let fault = changelog::decode(&stored).expect_err("another version").to_string();
    assert_eq!(
        fault,
        "expected changelog schema d9ddd3f566882a62, found 0102030405060708: written by another release of pinrelay"
    );
}

#[test]
fn commit_metadata_of_version_1_is_read_and_written_as_it_was() {
    let stored = include_str!("../../tests/stored/metadata-1.txt").trim_end();
    let expected = CommitMetadata {
        ledger_from: Some(ChangelogOffset(17)),
        window_from: None,
        end: ChangelogOffset(230),
        stamp: Stamp {
            process: Uuid::from_u128(0x1f0e_2d3c_4b5a_4978_8796_a5b4_c3d2_e1f0),
            transaction: TransactionId(41),
        },
        topic_id: "0SzNl1fKTmuSG8DkBdIH5w".to_owned(),
    };
    assert_eq!(CommitMetadata::parse(stored), Parsed::Ours(expected.clone()));
    assert_eq!(expected.to_text(), stored);
}

fn bare(outcome: OutcomeKind) -> AuditRow<'static> {
    AuditRow {
        row_version: 1,
        source_offset: 4_000_000_007,
        outcome,
        reason: "a_reason",
        message: "what the reason means",
        settled_at: UnixMillis(1_790_000_000_123),
        ..nothing_known()
    }
}

/// Every field set, to values that differ from those of its neighbours of the same type.
fn full() -> AuditRow<'static> {
    let failed = RowAttempt { time: UnixMillis(1), status: Some(503), code: Some(-2), message: Some("Grüße") };
    AuditRow {
        source_offset_end: Some(4_000_000_009),
        source_timestamp: Some(UnixMillis(1_790_000_000_001)),
        detail: Some("a detail"),
        warning: Some("a warning"),
        possibly_redelivered: true,
        duplicate_of: Some(RowDuplicateOf { offset: 903, state: KeyState::InDoubt }),
        event_key: Some("00112233445566778899aabbccddeeff"),
        event_id: Some("order-1"),
        event_name: Some("checkout"),
        action_source: Some("web"),
        ad_account_id: Some("549755885175"),
        test: true,
        value: Some("59.90"),
        currency: Some("EUR"),
        identity_parameters: vec!["em", "click_id"],
        event_time: Some(UnixMillis(1_790_000_000_002)),
        received_at: Some(UnixMillis(1_790_000_000_003)),
        posted_at: Some(UnixMillis(1_790_000_000_004)),
        delivered_at: Some(UnixMillis(1_790_000_000_005)),
        age_at_post_ms: Some(-906),
        late: Some(true),
        batch_id: Some("process:7"),
        attempts: vec![failed, RowAttempt { time: UnixMillis(3), status: None, code: None, message: None }],
        replay_id: Some("a replay"),
        replay_of: Some(RowPosition { partition: 912, offset: 913 }),
        ..bare(OutcomeKind::Delivered)
    }
}

/// A full row, then one of each outcome that says nothing more, then the other state of a duplicate.
fn rows() -> Vec<AuditRow<'static>> {
    let of = RowDuplicateOf { offset: 904, state: KeyState::Delivered };
    let duplicate = AuditRow { duplicate_of: Some(of), ..bare(OutcomeKind::Duplicate) };
    [vec![full()], OutcomeKind::ALL.map(bare).to_vec(), vec![duplicate]].concat()
}

/// A row a line.
fn stored_rows() -> Vec<Vec<u8>> {
    include_str!("../../tests/stored/audit-row-1.hex").lines().map(bytes).collect()
}

#[test]
fn audit_rows_of_version_1_are_read_and_written_as_they_were() {
    let (stored, rows) = (stored_rows(), rows());
    assert_eq!(stored.len(), rows.len());
    for (stored, row) in stored.into_iter().zip(rows) {
        assert_eq!(audit::read(&stored), Ok(row.clone()));
        let mut written = [&SINGLE_OBJECT_MARKER[..], &FINGERPRINT].concat();
        row.write(&mut written);
        assert_eq!(written, stored, "{row:?}");
    }
}

#[test]
fn who_reads_audit_rows_by_the_present_schema_reads_those_of_version_1_and_the_other_way_round() {
    let parse = |text| Schema::parse_str(text).expect("the schema parses");
    let (then, now) = (parse(include_str!("../../tests/stored/audit-row-1.avsc")), parse(audit::SCHEMA));
    SchemaCompatibility::mutual_read(&then, &now).expect("what the registry demands as FULL_TRANSITIVE");
    let reader = GenericDatumReader::builder(&then).reader_schema(&now).build().expect("a reader");
    for (stored, row) in stored_rows().iter().zip(rows()) {
        let (_, mut datum) = stored.split_at(SINGLE_OBJECT_MARKER.len() + FINGERPRINT.len());
        let read = reader.read_value(&mut datum).expect("a row of version 1");
        assert!(datum.is_empty(), "{row:?}");
        let read = Value::try_from(read).expect("a row is JSON");
        let row = serde_json::to_value(row).expect("a row is JSON");
        for (field, value) in row.as_object().expect("a record") {
            assert_eq!(read[field], *value, "{field}");
        }
    }
}

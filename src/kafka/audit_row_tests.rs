use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::Value;

use super::*;

/// A row of which nothing more is known than a row must say.
pub(in crate::kafka) fn bare() -> AuditRow<'static> {
    AuditRow {
        row_version: ROW_VERSION,
        feed: "orders",
        source_topic: "shop.orders",
        source_partition: 3,
        source_offset: 0,
        source_offset_end: None,
        source_timestamp: None,
        outcome: OutcomeKind::Skipped,
        reason: "tombstone",
        message: "the record has no value",
        detail: None,
        warning: None,
        possibly_redelivered: false,
        duplicate_of: None,
        event_key: None,
        event_id: None,
        event_name: None,
        action_source: None,
        ad_account_id: None,
        test: false,
        value: None,
        currency: None,
        identity_parameters: vec![],
        event_time: None,
        received_at: None,
        posted_at: None,
        delivered_at: None,
        settled_at: UnixMillis(1_763_974_800_123),
        age_at_post_ms: None,
        late: None,
        batch_id: None,
        attempts: vec![],
        replay_id: None,
        replay_of: None,
    }
}

/// Every field set, to values that differ from those of its neighbours of the same type.
fn full() -> AuditRow<'static> {
    let attempt =
        |n: i64| RowAttempt { time: UnixMillis(n), status: Some(503), code: Some(-n), message: Some("Grüße") };
    AuditRow {
        source_offset: i64::MAX,
        source_offset_end: Some(901),
        source_timestamp: Some(UnixMillis(902)),
        detail: Some("detail"),
        warning: Some("warning"),
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
        event_time: Some(UnixMillis(904)),
        received_at: Some(UnixMillis(905)),
        posted_at: Some(UnixMillis(906)),
        delivered_at: Some(UnixMillis(907)),
        settled_at: UnixMillis(-908),
        age_at_post_ms: Some(-909),
        late: Some(true),
        batch_id: Some("process:7"),
        attempts: vec![attempt(910), RowAttempt { status: None, code: None, message: None, ..attempt(911) }],
        replay_id: Some("replay"),
        replay_of: Some(RowPosition { partition: 912, offset: 913 }),
        ..bare()
    }
}

/// Every outcome and every state of a duplicate, besides.
fn rows() -> Vec<AuditRow<'static>> {
    let outcomes = OutcomeKind::ALL.map(|outcome| AuditRow { outcome, ..full() });
    let state = RowDuplicateOf { offset: 1, state: KeyState::Delivered };
    [vec![bare(), full(), AuditRow { duplicate_of: Some(state), ..bare() }], outcomes.to_vec()].concat()
}

fn written(row: &AuditRow<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    row.write(&mut bytes);
    bytes
}

#[test]
fn another_avro_reader_and_writer_agree_with_ours_in_every_field() {
    let schema = Schema::parse_str(SCHEMA).expect("the schema parses");
    let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
    let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
    for row in rows() {
        let bytes = written(&row);
        let mut rest = &bytes[..];
        let theirs = reader.read_value(&mut rest).expect("a row of the schema");
        assert!(rest.is_empty(), "{row:?}");
        assert_eq!(writer.write_value_to_vec(theirs.clone()).expect("a row of the schema"), bytes, "{row:?}");
        let theirs = Value::try_from(theirs).expect("a row is JSON");
        assert_eq!(theirs, serde_json::to_value(&row).expect("a row is JSON"));
        assert_eq!(AuditRow::read(&bytes), Ok(row));
    }
}

#[test]
fn a_row_that_ends_early_or_goes_on_is_refused() {
    let bytes = written(&full());
    for end in 0..bytes.len() {
        assert!(AuditRow::read(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(AuditRow::read(&longer), Err(Malformed { expected: "the end", at: bytes.len() }));
}

#[test]
fn an_outcome_of_a_later_version_is_refused() {
    let bytes = written(&bare());
    let outcome = bytes.iter().position(|byte| *byte == 6).expect("skipped is 3, 6 in zigzag");
    // `source_partition` is 3 as well and comes first.
    let outcome = outcome + 1 + bytes[outcome + 1..].iter().position(|byte| *byte == 6).expect("the second");
    for symbol in [0, 18] {
        let mut other = bytes.clone();
        other[outcome] = symbol;
        assert_eq!(AuditRow::read(&other), Err(Malformed { expected: "outcome", at: outcome }));
    }
}

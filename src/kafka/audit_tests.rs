use super::*;
use crate::domain::{
    Attempt, BatchId, DuplicateOf, EventFacts, EventKey, FeedId, IdentitySet, KeyState, NextOffset, Offset, Outcome,
    Reason, Trace, TraceContext, UnixMillis,
};

const POSTED: UnixMillis = UnixMillis(1_763_974_800_000);
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn encoder(framing: AuditFraming) -> AuditEncoder {
    let account = |id| AdAccountId::try_new(id).expect("digits");
    AuditEncoder::new(AuditSettings {
        feeds: vec![
            AuditFeed { name: "installs".into(), topic: "app.installs".into() },
            AuditFeed { name: "orders".into(), topic: "shop.orders".into() },
        ],
        lanes: vec![
            AuditLane { ad_account: account("549755885175"), mode: LaneMode::Live },
            AuditLane { ad_account: account("549755885176"), mode: LaneMode::Test },
        ],
        framing,
        process: Uuid::from_u128(0x1f0e_2d3c_4b5a_4978_8796_a5b4_c3d2_e1f0),
    })
}

const ORDERS: PartitionId = PartitionId { feed: FeedId(1), number: 4 };

/// Delivered at the second attempt.
fn delivered() -> Settlement {
    let mut identity = IdentitySet::default();
    identity.insert(Identity::Em);
    identity.insert(Identity::ClickId);
    Settlement {
        offset: Offset(77),
        range_end: None,
        outcome: Outcome { warning: Some(ForeignText::new("event_time is old")), ..Outcome::new(Reason::Processed) },
        redelivery: Redelivery::Possible,
        origin: Origin::Live,
        timestamp: Some(UnixMillis(1_763_974_799_000)),
        received: Some(UnixMillis(1_763_974_799_500)),
        trace: TraceContext::parse(TRACE.as_bytes()).map(|context| Box::new(Trace::Passed(context))),
        key: Some(EventKey([0xab; 16])),
        lane: Some(LaneId(1)),
        facts: Some(Box::new(EventFacts {
            event_id: Some("order-1".into()),
            event_name: Some("checkout".into()),
            action_source: Some(ActionSource::Web),
            event_time: Some(UnixSeconds(1_763_974_795)),
            value: Some("59.90".into()),
            currency: Some("EUR".into()),
            identity,
            parameters: None,
        })),
        batch: Some(BatchId(12)),
        posted: Some(POSTED),
        attempts: vec![
            Attempt {
                at: UnixMillis(1_763_974_798_000),
                status: Some(503),
                code: None,
                message: Some(ForeignText::new("upstream")),
            },
            Attempt { at: UnixMillis(1_763_974_800_042), status: Some(200), code: None, message: None },
        ],
        settled: UnixMillis(1_763_974_800_050),
    }
}

/// Ended before anything was known of it.
fn bare(offset: i64, outcome: Outcome) -> Settlement {
    Settlement {
        offset: Offset(offset),
        range_end: None,
        outcome,
        redelivery: Redelivery::Impossible,
        origin: Origin::Live,
        timestamp: None,
        received: None,
        trace: None,
        key: None,
        lane: None,
        facts: None,
        batch: None,
        posted: None,
        attempts: vec![],
        settled: POSTED,
    }
}

#[test]
fn a_row_says_everything_about_a_delivered_record() {
    let message = encoder(AuditFraming::SingleObject).encode(&delivered(), ORDERS);
    insta::assert_json_snapshot!(read(&message.value).expect("a row of ours"), @r#"
    {
      "row_version": 1,
      "feed": "orders",
      "source_topic": "shop.orders",
      "source_partition": 4,
      "source_offset": 77,
      "source_offset_end": null,
      "source_timestamp": 1763974799000,
      "outcome": "delivered",
      "reason": "processed",
      "message": "Pinterest answered that it processed the event",
      "detail": null,
      "warning": "event_time is old",
      "possibly_redelivered": true,
      "duplicate_of": null,
      "event_key": "abababababababababababababababab",
      "event_id": "order-1",
      "event_name": "checkout",
      "action_source": "web",
      "ad_account_id": "549755885176",
      "test": true,
      "value": "59.90",
      "currency": "EUR",
      "identity_parameters": [
        "em",
        "click_id"
      ],
      "event_time": 1763974795000,
      "received_at": 1763974799500,
      "posted_at": 1763974800000,
      "delivered_at": 1763974800042,
      "settled_at": 1763974800050,
      "age_at_post_ms": 5000,
      "late": false,
      "batch_id": "1f0e2d3c-4b5a-4978-8796-a5b4c3d2e1f0:12",
      "attempts": [
        {
          "time": 1763974798000,
          "status": 503,
          "code": null,
          "message": "upstream"
        },
        {
          "time": 1763974800042,
          "status": 200,
          "code": null,
          "message": null
        }
      ],
      "replay_id": null,
      "replay_of": null
    }
    "#);
}

#[test]
fn a_row_of_which_nothing_is_known_says_so() {
    let lost = Settlement { range_end: Some(NextOffset(90)), ..bare(80, Outcome::new(Reason::DeletedBeforeRead)) };
    let message = encoder(AuditFraming::SingleObject).encode(&lost, ORDERS);
    let row = serde_json::to_value(read(&message.value).expect("a row of ours")).expect("JSON");
    let known: serde_json::Map<_, _> =
        row.as_object().expect("a row").clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    insta::assert_json_snapshot!(known, @r#"
    {
      "attempts": [],
      "feed": "orders",
      "identity_parameters": [],
      "message": "Kafka deleted the records from this offset up to `source_offset_end` before they were read",
      "outcome": "lost",
      "possibly_redelivered": false,
      "reason": "deleted_before_read",
      "row_version": 1,
      "settled_at": 1763974800000,
      "source_offset": 80,
      "source_offset_end": 90,
      "source_partition": 4,
      "source_topic": "shop.orders",
      "test": false
    }
    "#);
}

#[test]
fn a_duplicate_names_its_record_and_what_was_known_of_it() {
    for state in [KeyState::Delivered, KeyState::InDoubt] {
        let outcome = Outcome::duplicate(DuplicateOf { offset: Offset(5), state });
        let message = encoder(AuditFraming::SingleObject).encode(&bare(6, outcome), ORDERS);
        assert_eq!(read(&message.value).unwrap().duplicate_of, Some(RowDuplicateOf { offset: 5, state }));
    }
}

#[test]
fn an_event_is_late_when_it_is_older_than_an_hour_at_its_post() {
    const HOUR: i64 = 3_600_000;
    for (age_ms, late) in [(-5000, false), (0, false), (HOUR, false), (HOUR + 1000, true)] {
        let mut settlement = delivered();
        settlement.posted = Some(UnixMillis(1_763_974_795_000 + age_ms));
        let message = encoder(AuditFraming::SingleObject).encode(&settlement, ORDERS);
        let row = read(&message.value).unwrap();
        assert_eq!((row.age_at_post_ms, row.late), (Some(age_ms), Some(late)));
    }
    let unposted = Settlement { posted: None, ..delivered() };
    let message = encoder(AuditFraming::SingleObject).encode(&unposted, ORDERS);
    assert_eq!(read(&message.value).unwrap().late, None);
}

#[test]
fn only_delivered_records_have_a_time_of_delivery() {
    let in_doubt = Settlement { outcome: Outcome::new(Reason::AnswerLost), ..delivered() };
    let message = encoder(AuditFraming::SingleObject).encode(&in_doubt, ORDERS);
    assert_eq!(read(&message.value).unwrap().delivered_at, None);
}

#[test]
fn rows_of_a_live_lane_are_not_marked_as_test() {
    for (lane, account, test) in [(0, "549755885175", false), (1, "549755885176", true)] {
        let settlement = Settlement { lane: Some(LaneId(lane)), ..delivered() };
        let message = encoder(AuditFraming::SingleObject).encode(&settlement, ORDERS);
        let row = read(&message.value).unwrap();
        assert_eq!((row.ad_account_id, row.test), (Some(account), test));
    }
}

#[test]
fn the_key_is_the_event_key_or_else_the_place_of_the_record() {
    let encoder = encoder(AuditFraming::SingleObject);
    assert_eq!(encoder.encode(&delivered(), ORDERS).key, b"abababababababababababababababab");
    let tombstone = bare(8, Outcome::new(Reason::Tombstone));
    assert_eq!(encoder.encode(&tombstone, ORDERS).key, b"shop.orders/4/8");
}

#[test]
fn headers_carry_the_trace_and_the_version_of_the_row() {
    let encoder = encoder(AuditFraming::SingleObject);
    let version = ("pinrelay-row-version", b"1".to_vec());
    let trace = ("traceparent", TRACE.as_bytes().to_vec());
    assert_eq!(encoder.encode(&delivered(), ORDERS).headers, [version.clone(), trace]);
    assert_eq!(encoder.encode(&bare(8, Outcome::new(Reason::Tombstone)), ORDERS).headers, [version]);
}

#[test]
fn both_framings_hold_the_same_row() {
    let single = encoder(AuditFraming::SingleObject).encode(&delivered(), ORDERS).value;
    let confluent = encoder(AuditFraming::Confluent { schema_id: 258 }).encode(&delivered(), ORDERS).value;
    assert_eq!(confluent[..5], [0, 0, 0, 1, 2]);
    assert_eq!(confluent[5..], single[10..]);
    assert_eq!(read(&confluent), read(&single));
    assert_eq!(Framing::SingleObject.split(None, &single).unwrap().0, SchemaRef::Fingerprint(FINGERPRINT));
}

#[test]
fn what_is_no_row_of_this_release_is_refused_with_the_cause() {
    let value = encoder(AuditFraming::SingleObject).encode(&delivered(), ORDERS).value;
    let mut other = value.clone();
    other[2] ^= 1;
    assert!(matches!(read(&other), Err(AuditFault::UnknownSchema { .. })));
    assert!(matches!(read(b"{}"), Err(AuditFault::Framing(_))));
    assert!(matches!(read(&value[..value.len() - 1]), Err(AuditFault::Malformed(_))));
}

#[test]
fn texts_that_no_row_should_hold_are_shortened_and_the_row_says_which() {
    let mut settlement = delivered();
    let facts = settlement.facts.as_mut().expect("it has facts");
    facts.event_id = Some("é".repeat(1 << 19).into());
    facts.value = Some("9".repeat(1025).into());
    facts.event_name = Some("n".repeat(1024).into());
    let message = encoder(AuditFraming::SingleObject).encode(&settlement, ORDERS);
    let row = read(&message.value).expect("a row of ours");
    let id = row.event_id.expect("an id");
    assert_eq!((id.len(), id.chars().last()), (1023, Some('…')), "é takes two bytes, and none is cut in half");
    assert_eq!(row.value.map(str::len), Some(1024));
    assert_eq!(row.event_name.map(str::len), Some(1024), "just short enough");
    let shortened = message.headers.iter().find(|(name, _)| *name == SHORTENED_HEADER).expect("it is said");
    assert_eq!(String::from_utf8_lossy(&shortened.1), "event_id,value");
    assert_eq!(message.key, encoder(AuditFraming::SingleObject).encode(&delivered(), ORDERS).key, "the key names it");
}

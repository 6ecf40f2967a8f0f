//! Inputs to begin from: valid ones of each kind.

use pinrelay::domain::{
    ChangelogEntry, ChangelogOffset, EventKey, FeedId, InDoubtPolicy, Offset, PartitionId, Redelivery, SettledKind,
    Settlement, TransactionId, UnixMillis,
};
use pinrelay::kafka::audit::{AuditEncoder, AuditFeed, AuditFraming, AuditSettings};
use pinrelay::kafka::changelog;
use pinrelay::kafka::metadata::{CommitMetadata, Stamp};
use uuid::Uuid;

use super::pairs::{PAIRS, Pair};

/// The seeds of the target of this name.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "payload" => with_choice(|pair| &pair.payload),
        "sample" => with_choice(|pair| pair.sample.as_bytes()),
        "schema" => SCHEMAS.iter().map(|schema| schema.as_bytes().to_vec()).collect(),
        "answer" => ANSWERS.iter().map(|(status, events, body)| answer(*status, *events, body)).collect(),
        "stored" => stored(),
        "config" => vec![
            include_bytes!("../../tests/config/good/full.yaml").to_vec(),
            include_bytes!("../../tests/mapping/pinrelay.yaml").to_vec(),
            b"feeds: &a [{name: x}]\nlanes: *a\n".to_vec(),
        ],
        other => unreachable!("there is no target {other}"),
    }
}

fn with_choice(input: impl Fn(&'static Pair) -> &'static [u8]) -> Vec<Vec<u8>> {
    (0..).zip(PAIRS.iter()).map(|(choice, pair)| [&[choice], input(pair)].concat()).collect()
}

/// Small, so that little of a mutation is lost in the words of documentation.
const SCHEMAS: [&str; 5] = [
    r#"{"type":"record","name":"Lead","pinterest":{"event_name":"lead","action_source":"web"},"fields":[{"name":"id","type":"string","pinterest":"event_id"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"pinterest":"event_time"},{"name":"mail","type":["null","string"],"default":null,"pinterest":"user_data.em"}]}"#,
    r#"{"type":"record","name":"a.Node","aliases":["N"],"fields":[{"name":"next","type":["null","Node"]},{"name":"kids","type":{"type":"array","items":"a.Node"}},{"name":"mail","aliases":["m"],"type":{"type":"map","values":"string"},"default":{"k":"v"}}]}"#,
    r#"{"type":"record","name":"R","fields":[{"name":"v","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2},"default":"ÿ","pinterest":{"to":"custom_data.value"}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"],"default":"A"},"pinterest":{"to":"event_name","values":{"A":"lead","B":null},"default":"custom"}}]}"#,
    r#"{"type":"record","name":"Small","fields":[{"name":"id","type":"string"},{"name":"at","type":"int"},{"name":"mail","type":"string"},{"name":"f","type":{"type":"fixed","name":"F","size":3}}]}"#,
    r#"["null",{"type":"array","items":{"type":"map","values":["int","long","float","double","boolean","bytes"]}}]"#,
];

const ANSWERS: [(u8, u8, &str); 6] = [
    (
        0,
        2,
        r#"{"num_events_received":2,"num_events_processed":1,"events":[{"status":"processed"},{"status":"failed","error_message":"bad"}]}"#,
    ),
    (
        10,
        1,
        r#"{"code":422,"message":"none","details":{"num_events_received":1,"num_events_processed":0,"events":[{"status":"failed"}]}}"#,
    ),
    (4, 3, r#"{"code":4,"message":"Invalid request"}"#),
    (11, 1, r#"{"code":8,"message":"slow down"}"#),
    (0, 1, "<html>"),
    (5, 0, ""),
];

fn answer(status: u8, events: u8, body: &str) -> Vec<u8> {
    [&[status, events], &b"Wed, 21 Oct 2026 07:28:00 GMT\0"[..], body.as_bytes()].concat()
}

fn stored() -> Vec<Vec<u8>> {
    let key = EventKey([7; 16]);
    let at = UnixMillis(1_795_500_000_000);
    let intent = |offset| ChangelogEntry::Intent { offset: Offset(offset), key, policy: InDoubtPolicy::Resend };
    let (kind, redelivery) = (SettledKind::Delivered, Redelivery::Possible);
    let outcome = ChangelogEntry::Outcome { offset: Offset(5), kind, redelivery, at };
    let entries = [outcome, ChangelogEntry::Withdrawn { offset: Offset(4) }, intent(6), intent(9)];
    let changelog = changelog::encode(&entries, usize::MAX).concat();

    let encoder = AuditEncoder::new(AuditSettings {
        feeds: vec![AuditFeed { name: "order".into(), topic: "shop.orders".into() }],
        lanes: vec![],
        framing: AuditFraming::SingleObject,
        process: Uuid::from_bytes([7; 16]),
    });
    let settlement = Settlement { key: Some(key), received: Some(at), ..Settlement::of_nothing(Offset(5), at) };
    let row = encoder.encode(&settlement, PartitionId { feed: FeedId(0), number: 3 }).value;

    let metadata = CommitMetadata {
        ledger_from: Some(ChangelogOffset(7)),
        window_from: None,
        end: ChangelogOffset(19),
        stamp: Stamp { process: Uuid::from_bytes([7; 16]), transaction: TransactionId(12) },
        topic_id: "AQIDBAUGBwgJCgsMDQ4PEA".into(),
    };
    let framed = [&[1; 17][..], &[0, 0, 0, 0, 9, 1, 2, 3]].concat();
    let bytes = [changelog, row, metadata.to_text().into_bytes(), framed];
    (0..).zip(bytes).map(|(choice, bytes)| [&[choice], &bytes[..]].concat()).collect()
}

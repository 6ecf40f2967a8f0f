//! `docs/audit.md` is a contract: its tables are those of the code, and its questions can be asked.

use std::fmt::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql};
use serde_json::Value;

use super::audit::{self, AuditEncoder, AuditFeed, AuditFraming, AuditLane, AuditSettings, LaneMode};
use crate::domain::{
    ActionSource, AdAccountId, BatchId, DuplicateOf, EventFacts, EventKey, FeedId, ForeignText, IdentitySet, KeyState,
    LaneId, NextOffset, Offset, Origin, Outcome, OutcomeKind, PartitionId, Reason, Redelivery, Settlement, UnixSeconds,
};

const DOCUMENT: &str = include_str!("../../docs/audit.md");

/// What stands between `<!-- name -->` and the next `<!-- end -->`.
fn section(name: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("<!-- {name} -->\n")).expect("the section begins");
    rest.split_once("<!-- end -->").expect("the section ends").0
}

#[test]
fn the_table_of_reasons_is_that_of_the_catalogue() {
    let mut table = String::from("| reason | outcome | meaning | what to do |\n|---|---|---|---|\n");
    for reason in Reason::ALL {
        let (code, kind) = (reason.code(), reason.kind().as_str());
        writeln!(table, "| `{code}` | `{kind}` | {} | {} |", reason.meaning(), reason.remedy()).expect("memory");
    }
    assert_eq!(section("reasons"), table, "expected this table:\n{table}");
}

#[test]
fn every_outcome_is_explained() {
    let (_, rest) = DOCUMENT.split_once("## What the outcomes mean").expect("the section is there");
    for kind in OutcomeKind::ALL.into_iter().map(OutcomeKind::as_str).chain(["unknown"]) {
        assert!(rest.contains(&format!("\n| `{kind}` | ")), "{kind}");
    }
}

/// A column of the flattened row.
struct Column {
    name: String,
    kind: String,
    doc: String,
}

fn schema() -> Value {
    serde_json::from_str(audit::SCHEMA).expect("a schema is JSON")
}

/// The branch that is not null, and whether there is one that is.
fn without_null(kind: &Value) -> (&Value, bool) {
    match kind.as_array() {
        Some(branches) => (&branches[1], true),
        None => (kind, false),
    }
}

/// `prefix` and `about` come from the record that the fields are in, if it is one within the row.
fn columns(record: &Value, prefix: &str, about: &str, out: &mut Vec<Column>) {
    for field in record["fields"].as_array().expect("a record has fields") {
        let (kind, nullable) = without_null(&field["type"]);
        let name = format!("{prefix}{}", field["name"].as_str().expect("a field has a name"));
        let doc = format!("{about}{}", field["doc"].as_str().expect("a field has a doc"));
        if kind["type"] == "record" {
            columns(kind, &format!("{name}_"), &format!("{doc} "), out);
            continue;
        }
        let base = match (kind["logicalType"].as_str(), kind["type"].as_str(), kind.as_str()) {
            (Some("timestamp-millis"), ..) => "timestamp",
            (None, Some("array"), _) => "array",
            (None, Some("enum"), _) | (None, None, Some("string")) => "text",
            (None, None, Some(primitive)) => primitive,
            other => panic!("{name}: no rule for {other:?}"),
        };
        let nullable = nullable || !prefix.is_empty();
        let kind = if nullable { format!("{base}, nullable") } else { base.to_owned() };
        out.push(Column { name, kind, doc });
    }
}

fn all_columns() -> Vec<Column> {
    let mut all = Vec::new();
    columns(&schema(), "", "", &mut all);
    all
}

#[test]
fn the_table_of_columns_is_that_of_the_schema() {
    let mut table = String::from("| column | type | meaning |\n|---|---|---|\n");
    for Column { name, kind, doc } in all_columns() {
        writeln!(table, "| `{name}` | {kind} | {doc} |").expect("memory");
    }
    assert_eq!(section("columns"), table, "expected this table:\n{table}");
}

/// 2026-03-01 10:00 UTC.
const MORNING: i64 = 1_772_359_200;

fn settlement(offset: i64, outcome: Outcome) -> Settlement {
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
        settled: UnixSeconds(MORNING + offset).to_millis(),
    }
}

/// A record that became an event with this id, worth this much, and was posted `age` seconds later.
fn event(offset: i64, outcome: Outcome, id: &str, value: &str, age: i64) -> Settlement {
    let key = EventKey::new(&AdAccountId::try_new("549755885175").expect("digits"), "checkout", id);
    Settlement {
        key: Some(key),
        lane: Some(LaneId(0)),
        facts: Some(Box::new(EventFacts {
            event_id: Some(id.into()),
            event_name: Some("checkout".into()),
            action_source: Some(ActionSource::Web),
            event_time: Some(UnixSeconds(MORNING)),
            value: Some(value.into()),
            currency: Some("EUR".into()),
            identity: IdentitySet::default(),
            parameters: None,
        })),
        batch: Some(BatchId(1)),
        posted: Some(UnixSeconds(MORNING + age).to_millis()),
        ..settlement(offset, outcome)
    }
}

fn settlements() -> Vec<Settlement> {
    let of = |offset, state| Outcome::duplicate(DuplicateOf { offset: Offset(offset), state });
    let warned = Outcome { warning: Some(ForeignText::new("event_time is old")), ..Outcome::new(Reason::Processed) };
    vec![
        event(0, Outcome::new(Reason::Processed), "order-1", "10.50", 5),
        event(1, of(0, KeyState::Delivered), "order-1", "10.50", 5),
        Settlement {
            redelivery: Redelivery::Possible,
            ..event(2, Outcome::new(Reason::Processed), "order-2", "20.25", 60)
        },
        event(3, warned, "order-3", "30", 7200),
        event(4, Outcome::new(Reason::AnswerLost), "order-4", "40", 30),
        event(5, of(4, KeyState::InDoubt), "order-4", "40", 30),
        settlement(6, Outcome::new(Reason::Tombstone)),
        settlement(7, Outcome::with_detail(Reason::UnknownSchema, "schema 12")),
        settlement(8, Outcome::with_detail(Reason::MissingRequired, "event_id")),
        settlement(9, Outcome::with_detail(Reason::MissingRequired, "value")),
        event(10, Outcome::with_detail(Reason::RefusedByPinterest, "bad value"), "order-5", "50", 5),
        Settlement { range_end: Some(NextOffset(111)), ..settlement(11, Outcome::new(Reason::DeletedBeforeRead)) },
        Settlement { lane: Some(LaneId(1)), ..event(111, Outcome::new(Reason::Processed), "order-6", "60", 5) },
        Settlement { lane: Some(LaneId(1)), ..event(112, Outcome::new(Reason::AnswerLost), "order-7", "70", 5) },
    ]
}

/// One cell as a table has it, after the message has been encoded and read.
fn cell(row: &Value, column: &Column) -> Box<dyn ToSql> {
    let path = match column.name.strip_prefix("duplicate_of_").or(column.name.strip_prefix("replay_of_")) {
        Some(inner) => &row[column.name.trim_end_matches(&format!("_{inner}"))][inner],
        None => &row[&column.name],
    };
    match path {
        Value::Null => Box::new(None::<i64>),
        Value::Bool(flag) => Box::new(*flag),
        Value::Number(number) if column.kind.starts_with("timestamp") => {
            let time = jiff::Timestamp::from_millisecond(number.as_i64().expect("milliseconds")).expect("a time");
            Box::new(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
        }
        Value::Number(number) => Box::new(number.as_i64().expect("an integer")),
        Value::String(text) => Box::new(text.clone()),
        nested @ (Value::Array(_) | Value::Object(_)) => Box::new(nested.to_string()),
    }
}

fn loaded() -> Connection {
    let account = |id| AdAccountId::try_new(id).expect("digits");
    let encoder = AuditEncoder::new(AuditSettings {
        feeds: vec![AuditFeed { name: "orders".into(), topic: "shop.orders".into() }],
        lanes: vec![
            AuditLane { ad_account: account("549755885175"), mode: LaneMode::Live },
            AuditLane { ad_account: account("549755885176"), mode: LaneMode::Test },
        ],
        framing: AuditFraming::SingleObject,
        process: uuid::Uuid::from_u128(7),
    });
    let columns = all_columns();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let database = Connection::open_in_memory().expect("a database");
    database.execute(&format!("CREATE TABLE delivery_results ({})", names.join(", ")), []).expect("a table");
    let insert = format!("INSERT INTO delivery_results VALUES ({})", vec!["?"; names.len()].join(", "));
    for settlement in settlements() {
        let message = encoder.encode(&settlement, PartitionId { feed: FeedId(0), number: 0 });
        let row = serde_json::to_value(audit::read(&message.value).expect("a row")).expect("a row is JSON");
        let cells: Vec<_> = columns.iter().map(|column| cell(&row, column)).collect();
        database.execute(&insert, rusqlite::params_from_iter(cells)).expect("a row fits the table");
    }
    database
}

fn ask(database: &Connection, query: &str) -> String {
    let mut statement = database.prepare(query).unwrap_or_else(|error| panic!("{query}\n{error}"));
    let n = statement.column_count();
    let mut out = statement.column_names().collect::<Vec<_>>().join(" | ") + "\n";
    let mut rows = statement.query([]).expect("a question without parameters");
    while let Some(row) = rows.next().expect("a row") {
        let cells = (0..n).map(|index| match row.get_ref(index).expect("a cell") {
            ValueRef::Null => "null".to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(_) => panic!("no column is a blob"),
        });
        out += &(cells.collect::<Vec<_>>().join(" | ") + "\n");
    }
    out
}

/// Title and query of each.
fn questions() -> Vec<(&'static str, &'static str)> {
    DOCUMENT
        .split("\n### ")
        .skip(1)
        .map(|part| {
            let (title, rest) = part.split_once('\n').expect("a question has a body");
            let (_, query) = rest.split_once("```sql\n").expect("a question has a query");
            (title, query.split_once("```").expect("a query ends").0)
        })
        .collect()
}

#[test]
fn the_second_question_finds_a_record_with_two_rows() {
    let database = loaded();
    let again = "INSERT INTO delivery_results SELECT * FROM delivery_results WHERE source_offset = 4";
    database.execute(again, []).expect("a row can be loaded twice");
    assert!(ask(&database, questions()[1].1).ends_with("\nshop.orders | 0 | 4 | 2\n"));
}

#[test]
fn the_ten_questions_have_answers() {
    let database = loaded();
    assert_eq!(questions().len(), 10);
    let mut answers = String::new();
    for (title, query) in questions() {
        writeln!(answers, "{title}\n{}", ask(&database, query)).expect("memory");
    }
    insta::assert_snapshot!(answers, @r"
    1. What became of the records of a day?
    feed | outcome | records
    orders | delivered | 4
    orders | duplicate | 2
    orders | in_doubt | 2
    orders | lost | 100
    orders | refused | 1
    orders | skipped | 1
    orders | undecodable | 1
    orders | unmappable | 2

    2. Does any record have more than one row?
    source_topic | source_partition | source_offset | row_count

    3. What became of one order?
    settled_at | outcome | reason | detail | possibly_redelivered | source_partition | source_offset
    2026-03-01 10:00:00 | delivered | processed | null | 0 | 0 | 0
    2026-03-01 10:00:01 | duplicate | duplicate_of_delivered | null | 0 | 0 | 1

    4. Which events must a person look for in Pinterest's reports?
    ad_account_id | event_name | event_id | event_time | reason
    549755885175 | checkout | order-4 | 2026-03-01 10:00:00 | answer_lost

    5. How much rests on Pinterest's word that it counts a repetition once?
    feed | currency | events | total
    orders | EUR | 1 | 20.25

    6. What value has been delivered, by ad account?
    ad_account_id | event_name | currency | events | total
    549755885175 | checkout | EUR | 3 | 60.75

    7. Why were records not delivered?
    feed | outcome | reason | message | row_count | example
    orders | unmappable | missing_required | a field that Pinterest requires has no value | 2 | event_id
    orders | lost | deleted_before_read | Kafka deleted the records from this offset up to `source_offset_end` before they were read | 1 | null
    orders | refused | refused_by_pinterest | Pinterest answered that it failed to process the event | 1 | bad value
    orders | undecodable | unknown_schema | the registry or the feed's files do not know the writer schema that the record names | 1 | schema 12

    8. Which record does each duplicate defer to, and what became of that one?
    source_topic | source_partition | duplicate_offset | duplicate_of_state | original_offset | original_outcome
    shop.orders | 0 | 1 | delivered | 0 | delivered
    shop.orders | 0 | 5 | in_doubt | 4 | in_doubt

    9. How many events came too late to count as web or app events?
    feed | action_source | events | late_events | oldest_seconds
    orders | web | 3 | 1 | 7200

    10. What does Pinterest warn about?
    feed | warning | events | example
    orders | event_time is old | 1 | order-3
    ");
}

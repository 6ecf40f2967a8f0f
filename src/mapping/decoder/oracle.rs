//! apache-avro as the oracle: random pairs of schemas, random values, random damage.
//!
//! Where the two differ on purpose a test of its own says so.

mod annotated;
mod choices;

use std::fmt::Write;

use apache_avro::Schema as AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value as Json;

use annotated::Annotated;
use choices::Choices;

use super::tests::{Listed, shown, try_plan_of};
use super::*;
use crate::domain::{AdAccountId, LaneId, LaneMode, Mapped, UnixMillis};
use crate::mapping::{CustomerType, EventRules, LaneRule, Mapper};

/// What the resolved value yields, as [`Listed`] would have it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the generator makes a part of Avro's types")]
fn list(value: &Avro, schema: &Json, path: &str, fed: Option<&str>, out: &mut Vec<(String, String)>) {
    let put = |value: Value<'_>, out: &mut Vec<(String, String)>| {
        if let Some(path) = fed {
            out.push((path.to_owned(), shown(&value)));
        }
    };
    match value {
        Avro::Null => {}
        Avro::Boolean(flag) => put(Value::Boolean(*flag), out),
        Avro::Int(int) => put(Value::Integer((*int).into()), out),
        Avro::Long(long) => put(Value::Integer(*long), out),
        Avro::Float(float) => put(Value::Float(convert::widen(*float)), out),
        Avro::Double(double) => put(Value::Float(*double), out),
        Avro::Bytes(bytes) => put(Value::Text(std::str::from_utf8(bytes).unwrap().into()), out),
        Avro::String(text) | Avro::Enum(_, text) => put(Value::Text(text.into()), out),
        Avro::Fixed(_, bytes) => {
            let mut hex = String::new();
            for byte in bytes {
                write!(hex, "{byte:02x}").unwrap();
            }
            put(Value::Text(hex.into()), out);
        }
        Avro::Date(days) => {
            let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(i64::from(*days))).unwrap();
            let (year, month, day) = (day.year().into(), day.month().cast_unsigned(), day.day().cast_unsigned());
            put(Value::Date { year, month, day }, out);
        }
        Avro::TimestampMillis(count) => put(Value::Instant(UnixMillis(*count)), out),
        Avro::TimestampMicros(count) => put(Value::Instant(UnixMillis(count.div_euclid(1000))), out),
        Avro::LocalTimestampNanos(count) => {
            put(Value::Instant(UnixMillis(count.div_euclid(1_000_000))), out);
        }
        Avro::Union(branch, value) => {
            list(value, &schema[usize::try_from(*branch).unwrap()], path, fed, out);
        }
        Avro::Array(items) => {
            for item in items {
                list(item, &schema["items"], &format!("{path}[]"), fed, out);
            }
        }
        Avro::Map(entries) => {
            for value in entries.values() {
                list(value, &schema["values"], &format!("{path}{{}}"), fed, out);
            }
        }
        Avro::Record(fields) => {
            for (name, value) in fields {
                let field = schema["fields"].as_array().unwrap().iter().find(|field| field["name"] == **name).unwrap();
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let fed = field.get("pinterest").map(|_| path.as_str());
                list(value, &field["type"], &path, fed, out);
            }
        }
        other => panic!("the generator makes no {other:?}"),
    }
}

/// The decoder of the case, and its value as apache-avro writes it.
fn written(case: &Annotated) -> (Decoder, Vec<u8>) {
    let texts: Vec<String> = case.references.iter().map(Json::to_string).collect();
    let references: Vec<&str> = texts.iter().map(String::as_str).collect();
    let schemas = case.references.iter().chain([&case.writer]).map(Json::to_string).collect::<Vec<_>>();
    let parsed = AvroSchema::parse_list(&schemas).unwrap();
    let writer = GenericDatumWriter::builder(parsed.last().unwrap()).schemata(parsed.iter().collect()).unwrap();
    let payload = writer.build().unwrap().write_value_to_vec(case.value.clone()).unwrap();
    let plan = try_plan_of(&case.reader.to_string(), &references);
    let plan = plan.unwrap_or_else(|faults| panic!("{}\n{faults:#?}", case.reader));
    (Decoder::compile(&case.writer.to_string(), &references, &plan).unwrap(), payload)
}

struct Case {
    writer: Json,
    reader: Json,
    payload: Vec<u8>,
}

impl Case {
    fn new(bytes: &[u8]) -> Self {
        let mut choices = Choices::new(bytes);
        let (writer, reader) = choices.records(0);
        let schema = AvroSchema::parse(&writer).unwrap();
        let value = choices.value(&schema);
        let payload = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap();
        Self { writer, reader, payload }
    }

    fn decoder(&self) -> Decoder {
        let plan = Plan::unchecked(&self.reader.to_string());
        Decoder::compile(&self.writer.to_string(), &[], &plan).unwrap()
    }

    fn ours(&self) -> Result<Vec<(String, String)>, DecodeFault> {
        let decoder = self.decoder();
        let mut listed = Listed::default();
        decoder.decode_into(&self.payload, &mut listed)?;
        listed.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(listed.0)
    }

    fn theirs(&self) -> Result<Vec<(String, String)>, apache_avro::Error> {
        let writer = AvroSchema::parse(&self.writer).unwrap();
        let reader = AvroSchema::parse(&self.reader).unwrap();
        let datum = GenericDatumReader::builder(&writer).reader_schema(&reader).build().unwrap();
        let value = datum.read_value(&mut &self.payload[..])?;
        let mut out = Vec::new();
        list(&value, &self.reader, "", None, &mut out);
        out.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(out)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_apache_avro_resolves(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let case = Case::new(&bytes);
        match (case.ours(), case.theirs()) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs, "{}\n{}", case.writer, case.reader),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?}\n{:?}\n{}\n{}", ours, theirs.map_err(|e| e.to_string()), case.writer, case.reader),
        }
    }

    #[test]
    fn every_annotation_and_logical_type_yields_what_the_reference_says(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let case = Annotated::new(&mut Choices::new(&bytes));
        let (decoder, payload) = written(&case);
        let mut listed = Listed::default();
        decoder.decode_into(&payload, &mut listed).unwrap();
        listed.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        prop_assert_eq!(listed.0, case.expected, "{}\n{}", case.writer, case.reader);
    }

    #[test]
    fn a_payload_cut_short_is_truncated_and_one_that_goes_on_trails(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let case = Case::new(&bytes);
        let decoder = case.decoder();
        prop_assume!(decoder.decode_into(&case.payload, &mut Listed::default()).is_ok());
        for end in 0..case.payload.len() {
            let fault = decoder.decode_into(&case.payload[..end], &mut Listed::default()).map_err(|fault| fault.reason);
            prop_assert_eq!(fault, Err(Reason::Truncated), "{} of {}", end, case.payload.len());
        }
        let longer = [&case.payload[..], &[0]].concat();
        let fault = decoder.decode_into(&longer, &mut Listed::default()).map_err(|fault| fault.reason);
        prop_assert_eq!(fault, Err(Reason::TrailingBytes));
    }

    #[test]
    fn damaged_and_random_bytes_have_an_outcome(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut case = Case::new(&bytes);
        let decoder = case.decoder();
        for (at, byte) in damage {
            if !case.payload.is_empty() {
                let at = at.index(case.payload.len());
                case.payload[at] = byte;
            }
        }
        let huge = [&noise[..], &[0xff; 9], &[1]].concat();
        for payload in [&case.payload, &noise, &huge] {
            let mut listed = Listed::default();
            if let Err(fault) = decoder.decode_into(payload, &mut listed) {
                prop_assert_eq!(fault.outcome().kind(), crate::domain::OutcomeKind::Undecodable);
            }
            let held: usize = listed.0.iter().map(|(_, value)| value.len()).sum();
            prop_assert!(held < 4_000_000, "{} bytes out of {}", held, payload.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_schema_is_refused_or_read(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..40), 1..4),
    ) {
        const SCHEMA: &str = include_str!("../../../schemas/order.avsc");
        let plan = Plan::unchecked(SCHEMA);
        let mut writer = SCHEMA.replace(char::is_whitespace, "").into_bytes();
        prop_assume!(writer.is_ascii());
        for (from, to, length) in cuts {
            let from = from.index(writer.len());
            let piece: Vec<u8> = writer[from..].iter().copied().take(length).collect();
            let to = to.index(writer.len());
            writer.splice(to..(to + length).min(writer.len()), piece);
        }
        let writer = String::from_utf8(writer).unwrap();
        if let Ok(decoder) = Decoder::compile(&writer, &[], &plan) {
            let mut listed = Listed::default();
            decoder.decode_into(&[2; 300], &mut listed).ok();
        }
        Plan::compile("damaged", &writer, &[], &crate::mapping::plan::Overrides::new()).ok();
    }
}

/// The holes of apache-avro 0.22 that this decoder does not have, each as it is there, so that it is noticed when one
/// is closed.
#[test]
fn the_oracles_known_holes_are_closed_here() {
    let record = |ty: &str| {
        format!(
            r#"{{"type": "record", "name": "R", "fields": [{{"name": "a", "type": "string"}}, {{"name": "v", "type": {ty}, "pinterest": "user_data.external_id"}}]}}"#
        )
    };
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}"#;
    let aliased = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "w", "aliases": ["v"], "type": "string", "pinterest": "user_data.external_id"}]}"#;
    for (hole, writer, reader, payload, theirs_reads, ours) in [
        ("the end of input reads as null", record(r#"["null", "string"]"#), record(r#"["null", "string"]"#), &b"\x02x"[..], true, Err(Reason::Truncated)),
        ("trailing bytes pass", record("\"int\""), record("\"int\""), b"\x02x\x02!", true, Err(Reason::TrailingBytes)),
        ("a short decimal fails", record(decimal), record(decimal), b"\x02x\x02\x05", false, Ok("decimal 0.05")),
        ("aliases are ignored", record("\"string\""), aliased.to_owned(), b"\x02x\x02y", false, Ok("text y")),
        (
            "names inside unions are ignored",
            record(r#"["null", {"type": "record", "name": "A", "fields": []}]"#),
            record(r#"["null", {"type": "record", "name": "B", "fields": [{"name": "x", "type": "string", "default": "d", "pinterest": "user_data.em"}]}]"#)
                .replace(r#", "pinterest": "user_data.external_id""#, ""),
            b"\x02x\x02",
            true,
            Err(Reason::UnresolvableSchema),
        ),
    ] {
        let (from, to) = (AvroSchema::parse_str(&writer).unwrap(), AvroSchema::parse_str(&reader).unwrap());
        let datum = GenericDatumReader::builder(&from).reader_schema(&to).build().unwrap();
        assert_eq!(datum.read_value(&mut &payload[..]).is_ok(), theirs_reads, "{hole}");

        let decoder = Decoder::compile(&writer, &[], &Plan::unchecked(&reader)).unwrap();
        let mut listed = Listed::default();
        let found = decoder.decode_into(payload, &mut listed).map_err(|fault| fault.reason);
        let found = found.map(|()| listed.0.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "));
        assert_eq!(found.as_deref().map_err(|reason| *reason), ours, "{hole}");
    }
}

/// The holes that would end the test's process if apache-avro were asked: a value that nests as deep as it likes takes
/// its stack, and a few bytes take its memory, because a list may hold 512 MiB by default.
#[test]
fn what_costs_the_oracle_its_stack_or_its_memory_ends_at_once_here() {
    let record = |ty: &str| {
        format!(
            r#"{{"type": "record", "name": "R", "fields": [{{"name": "a", "type": "string", "pinterest": "user_data.external_id"}}, {{"name": "v", "type": {ty}}}]}}"#
        )
    };
    let plan = Plan::unchecked(&record("\"null\""));
    let tree = r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#;
    let a_billion = [0x80, 0xa8, 0xd6, 0xb9, 0x07];
    for (hole, ty, payload, reason) in [
        ("a value as deep as it likes", tree.to_owned(), vec![2; 1_000_000], Reason::TooLarge),
        ("a list of nothing", r#"{"type": "array", "items": "null"}"#.into(), a_billion.to_vec(), Reason::TooLarge),
        (
            "a list of lists of nothing",
            r#"{"type": "array", "items": {"type": "array", "items": "null"}}"#.into(),
            [&[2][..], &a_billion, &[0, 0]].concat(),
            Reason::TooLarge,
        ),
        (
            "a list with more items than bytes",
            r#"{"type": "array", "items": "long"}"#.into(),
            a_billion.to_vec(),
            Reason::Truncated,
        ),
        ("text longer than the payload", "\"string\"".into(), a_billion.to_vec(), Reason::Truncated),
    ] {
        let stepped_over = Decoder::compile(&record(&ty), &[], &plan).unwrap();
        let payload = [&b"\x02x"[..], &payload].concat();
        let found = stepped_over.decode_into(&payload, &mut Listed::default()).map_err(|fault| fault.reason);
        assert_eq!(found, Err(reason), "{hole}");
    }
    let endless = format!(
        r#"{{"type": "record", "name": "R", "fields": [{{"name": "v", "type": {}, "pinterest": "lane"}}]}}"#,
        r#"{"type": "array", "items": ["null", "string"]}"#
    );
    let wanted = Decoder::compile(&endless, &[], &Plan::unchecked(&endless)).unwrap();
    let found = wanted.decode_into(&a_billion, &mut Listed::default()).map_err(|fault| fault.reason);
    assert_eq!(found, Err(Reason::Truncated));
    // A `fixed` of a terabyte is no schema here, and never an allocation.
    let wide = record(r#"{"type": "fixed", "name": "Wide", "size": 1099511627776}"#);
    assert!(Decoder::compile(&wide, &[], &plan).is_err());
}

/// A plan and a record, both random, from the bytes to the body.
#[test]
fn every_body_of_a_random_plan_is_one_that_pinterests_schema_takes() {
    const PLANS: u64 = 2_000;
    // 2026-11-24T06:01:00Z, some hours after the event of the plans.
    let now = UnixMillis(1_795_500_060_000);
    let ad_account = AdAccountId::try_new("549755885175").unwrap();
    let lane = LaneRule { id: LaneId(0), name: "main".into(), ad_account, mode: LaneMode::Live, partner_name: None };
    let mapper = Mapper::new(EventRules { customer_type: CustomerType::Send, ..EventRules::new(lane) });
    let mut events = 0;
    for seed in 0..PLANS {
        let mut bytes = [0; 400];
        StdRng::seed_from_u64(seed).fill(&mut bytes);
        let case = Annotated::new(&mut Choices::new(&bytes));
        let (decoder, payload) = written(&case);
        match mapper.map(&decoder, &payload, now) {
            Mapped::Event(_) => events += 1,
            Mapped::Settled { outcome, .. } => {
                assert_ne!(
                    outcome.reason,
                    Reason::InvalidEvent,
                    "seed {seed}: {:?} by {}",
                    outcome.detail,
                    case.reader
                );
            }
        }
    }
    assert!(PLANS / 2 < events, "{events} of {PLANS} became events");
}

//! apache-avro as the oracle: random pairs of schemas, random values, random damage.
//!
//! Where the two differ on purpose a test of its own says so.

use std::fmt::Write;

use apache_avro::Schema as AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::tests::{Listed, shown};
use super::*;

/// Choices drawn from bytes; the first of every kind once they are used up, so that fewer bytes mean a simpler case.
struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
    n_names: usize,
}

impl<'b> Choices<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes: bytes.iter(), n_names: 0 }
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % count
    }

    fn name(&mut self, stem: &str) -> String {
        self.n_names += 1;
        format!("{stem}{}", self.n_names)
    }

    fn number(&mut self) -> i64 {
        let wide = self.below(8) == 7;
        let mut number = 0_i64;
        for _ in 0..(if wide { 8 } else { 2 }) {
            number = number << 8 | i64::try_from(self.below(256)).unwrap();
        }
        if self.below(2) == 1 { !number } else { number }
    }

    /// A writer's and a reader's record that resolve.
    fn records(&mut self, depth: usize) -> (Json, Json) {
        let name = self.name("R");
        let (mut written, mut read) = (Vec::new(), Vec::new());
        for _ in 0..=self.below(5) {
            let field = self.name("f");
            let nests = depth < 3 && self.below(4) == 3;
            let (from, to) = if nests { self.nested(depth + 1) } else { self.leafy(0) };
            let mut reader_field = json!({"name": field, "type": to});
            if !nests {
                reader_field["pinterest"] = json!("user_data.external_id");
            }
            match self.below(6) {
                4 => {
                    let (ty, default) = [
                        (json!(["null", "string"]), json!(null)),
                        (json!("long"), json!(-7)),
                        (json!(["string", "null"]), json!("d")),
                        (json!({"type": "array", "items": "int"}), json!([1, 2])),
                        (json!("double"), json!(0.25)),
                    ][self.below(5)]
                    .clone();
                    reader_field["type"] = ty;
                    reader_field["default"] = default;
                    reader_field["pinterest"] = json!("user_data.external_id");
                    read.push(reader_field);
                }
                5 => written.push(json!({"name": field, "type": from})),
                _ => {
                    written.push(json!({"name": field, "type": from}));
                    read.insert(self.below(read.len() + 1), reader_field);
                }
            }
        }
        let record = |fields: Vec<Json>| json!({"type": "record", "name": name, "fields": fields});
        (record(written), record(read))
    }

    /// Records within arrays, maps and unions.
    fn nested(&mut self, depth: usize) -> (Json, Json) {
        let (from, to) = self.records(depth);
        match self.below(5) {
            0 => (from, to),
            1 => (json!({"type": "array", "items": from}), json!({"type": "array", "items": to})),
            2 => (json!({"type": "map", "values": from}), json!({"type": "map", "values": to})),
            3 => (json!(["null", from]), json!([to, "null"])),
            _ => (from, json!(["null", to])),
        }
    }

    /// Types without records.
    fn leafy(&mut self, depth: usize) -> (Json, Json) {
        match if depth < 2 { self.below(10) } else { 0 } {
            6 => {
                let (from, to) = self.leafy(depth + 1);
                (json!({"type": "array", "items": from}), json!({"type": "array", "items": to}))
            }
            7 => {
                let (from, to) = self.leafy(depth + 1);
                (json!({"type": "map", "values": from}), json!({"type": "map", "values": to}))
            }
            8 => {
                let (from, to) = self.leaf();
                match self.below(4) {
                    0 => (json!(["null", from]), json!(["null", to])),
                    1 => (from, json!(["null", to])),
                    // The reader may meet a null that it does not know.
                    2 => (json!([from, "null"]), to),
                    _ => (json!(["null", from]), json!([to, "null"])),
                }
            }
            9 => (json!(["null", "int", "string"]), json!(["null", "boolean", "string", "long"])),
            _ => self.leaf(),
        }
    }

    fn leaf(&mut self) -> (Json, Json) {
        let same = |ty: Json| (ty.clone(), ty);
        match self.below(22) {
            0 => same(json!("string")),
            1 => same(json!("boolean")),
            2 => same(json!("int")),
            3 => same(json!("long")),
            4 => same(json!("float")),
            5 => same(json!("double")),
            6 => same(json!("bytes")),
            7 => (json!("int"), json!("long")),
            8 => (json!("int"), json!("float")),
            9 => (json!("int"), json!("double")),
            10 => (json!("long"), json!("float")),
            11 => (json!("long"), json!("double")),
            12 => (json!("float"), json!("double")),
            13 => (json!("string"), json!("bytes")),
            14 => (json!("bytes"), json!("string")),
            15 => {
                let size = self.below(5);
                same(json!({"type": "fixed", "name": self.name("F"), "size": size}))
            }
            16 => {
                let name = self.name("E");
                let mut to = json!({"type": "enum", "name": name, "symbols": ["B", "A", "D"]});
                if self.below(2) == 0 {
                    to["default"] = json!("D");
                }
                (json!({"type": "enum", "name": name, "symbols": ["A", "B", "C"]}), to)
            }
            17 => same(json!({"type": "int", "logicalType": "date"})),
            18 => same(json!({"type": "long", "logicalType": "timestamp-millis"})),
            19 => same(json!({"type": "long", "logicalType": "timestamp-micros"})),
            20 => same(json!({"type": "long", "logicalType": "local-timestamp-nanos"})),
            _ => (json!("long"), json!({"type": "long", "logicalType": "timestamp-millis"})),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the generator makes a part of Avro's types")]
    fn value(&mut self, schema: &AvroSchema) -> Avro {
        match schema {
            AvroSchema::Null => Avro::Null,
            AvroSchema::Boolean => Avro::Boolean(self.below(2) == 1),
            AvroSchema::Int => Avro::Int(self.int()),
            AvroSchema::Long => Avro::Long(self.number()),
            // Quarters, so that float and double name the same decimal.
            AvroSchema::Float => Avro::Float(f32::from(i16::try_from(self.below(200)).unwrap() - 100) / 4.0),
            AvroSchema::Double => Avro::Double(f64::from(self.int()) / 4.0),
            AvroSchema::Bytes => Avro::Bytes(self.text().into_bytes()),
            AvroSchema::String => Avro::String(self.text()),
            AvroSchema::Fixed(fixed) => {
                Avro::Fixed(fixed.size, (0..fixed.size).map(|_| u8::try_from(self.below(256)).unwrap()).collect())
            }
            AvroSchema::Enum(of) => {
                let n = self.below(of.symbols.len());
                Avro::Enum(u32::try_from(n).unwrap(), of.symbols[n].clone())
            }
            AvroSchema::Array(of) => Avro::Array((0..self.below(4)).map(|_| self.value(&of.items)).collect()),
            // One entry at most: apache-avro does not keep their order.
            AvroSchema::Map(of) => {
                Avro::Map((0..self.below(2)).map(|_| (self.text(), self.value(&of.types))).collect())
            }
            AvroSchema::Union(of) => {
                let n = self.below(of.variants().len());
                Avro::Union(u32::try_from(n).unwrap(), Box::new(self.value(&of.variants()[n])))
            }
            AvroSchema::Record(of) => {
                Avro::Record(of.fields.iter().map(|f| (f.name.clone(), self.value(&f.schema))).collect())
            }
            // Within the years 54 to 3886: the calendar that the oracle is shown with ends at 9999.
            AvroSchema::Date => Avro::Date(i32::try_from(self.number() % 700_000).unwrap()),
            AvroSchema::TimestampMillis => Avro::TimestampMillis(self.number()),
            AvroSchema::TimestampMicros => Avro::TimestampMicros(self.number()),
            AvroSchema::LocalTimestampNanos => Avro::LocalTimestampNanos(self.number()),
            other => panic!("the generator makes no {other:?}"),
        }
    }

    fn int(&mut self) -> i32 {
        i32::try_from(self.number() % (1 << 31)).unwrap()
    }

    fn text(&mut self) -> String {
        (0..self.below(4)).map(|_| ['a', 'ß', '𝕏', ' '][self.below(4)]).collect()
    }
}

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
        Avro::TimestampMillis(count) => put(Value::Instant(crate::domain::UnixMillis(*count)), out),
        Avro::TimestampMicros(count) => put(Value::Instant(crate::domain::UnixMillis(count.div_euclid(1000))), out),
        Avro::LocalTimestampNanos(count) => {
            put(Value::Instant(crate::domain::UnixMillis(count.div_euclid(1_000_000))), out);
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

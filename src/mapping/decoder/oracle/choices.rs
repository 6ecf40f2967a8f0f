//! Pairs of schemas that evolve from one another, and values of the writer's, drawn from bytes.

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use serde_json::{Value as Json, json};

/// Choices drawn from bytes; the first of every kind once they are used up, so that fewer bytes mean a simpler case.
pub(super) struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
    n_names: usize,
}

impl<'b> Choices<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes: bytes.iter(), n_names: 0 }
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % count
    }

    pub(super) fn name(&mut self, stem: &str) -> String {
        self.n_names += 1;
        format!("{stem}{}", self.n_names)
    }

    pub(super) fn number(&mut self) -> i64 {
        let wide = self.below(8) == 7;
        let mut number = 0_i64;
        for _ in 0..(if wide { 8 } else { 2 }) {
            number = number << 8 | i64::try_from(self.below(256)).unwrap();
        }
        if self.below(2) == 1 { !number } else { number }
    }

    /// A writer's and a reader's record that resolve.
    pub(super) fn records(&mut self, depth: usize) -> (Json, Json) {
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
    pub(super) fn value(&mut self, schema: &AvroSchema) -> Avro {
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

    pub(super) fn int(&mut self) -> i32 {
        i32::try_from(self.number() % (1 << 31)).unwrap()
    }

    pub(super) fn text(&mut self) -> String {
        (0..self.below(4)).map(|_| ['a', 'ß', '𝕏', ' '][self.below(4)]).collect()
    }
}

/// What a prefix makes of text: blank text stays what it is.
pub(super) fn prefixed(prefix: &str, text: &str) -> String {
    let whole = format!("{prefix}{}", text.trim());
    format!("text {}", if text.trim().is_empty() { text } else { &whole })
}

//! The fingerprint by which a message in Avro's single-object encoding names its writer schema.
//!
//! Rules: Avro 1.12.0, "Parsing Canonical Form for Schemas" and "Schema Fingerprints"
//! (<https://avro.apache.org/docs/1.12.0/specification/>, read 2026-11-24). apache-avro 0.22 has both, but leaves
//! `order`, `precision` and `scale` in the form and writes a timestamp as `{"type":"long"}`: producers in other languages
//! name such schemas by another number.

use std::fmt::Write;

use super::schema::{Field, Kind, Schema, TypeId, parse};

/// Fingerprint of the empty string, and the polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
/// Deepest nesting of types. JSON itself may nest 128 deep; a chain of named types has no such end.
const MAX_DEPTH: usize = 256;

/// The text is no Avro schema, or uses a type that nothing defines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Avro schema: {0}")]
pub struct NotASchema(Box<str>);

/// CRC-64-AVRO of the schema's parsing canonical form, in the byte order in which it stands behind `C3 01`.
///
/// # Errors
/// `schema` is not a complete Avro schema.
pub fn fingerprint(schema: &str) -> Result<[u8; 8], NotASchema> {
    fingerprint_with(schema, &[])
}

/// As [`fingerprint`], of a schema that uses types which `references` define.
///
/// # Errors
/// One of them is not an Avro schema, or a type is missing.
pub fn fingerprint_with(schema: &str, references: &[&str]) -> Result<[u8; 8], NotASchema> {
    let schema = parse(schema, references).map_err(|fault| NotASchema(fault.to_string().into()))?;
    let form = canonical(&schema).ok_or_else(|| NotASchema(format!("nested deeper than {MAX_DEPTH}").into()))?;
    Ok(crc_64_avro(form.as_bytes()).to_le_bytes())
}

fn crc_64_avro(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ EMPTY } else { crc >> 1 })
    })
}

/// `None` if it nests too deeply.
fn canonical(schema: &Schema) -> Option<String> {
    let mut form = Canonical { schema, defined: Vec::new(), deepest: 0, out: String::new() };
    form.write(schema.root(), 0);
    (form.deepest <= MAX_DEPTH).then_some(form.out)
}

struct Canonical<'s> {
    schema: &'s Schema,
    /// Named types that were written out; they are named from then on.
    defined: Vec<&'s str>,
    deepest: usize,
    out: String,
}

impl<'s> Canonical<'s> {
    fn write(&mut self, ty: TypeId, depth: usize) {
        self.deepest = self.deepest.max(depth);
        if MAX_DEPTH < depth {
            return;
        }
        let schema: &'s Schema = self.schema;
        let kind = &schema.get(ty).kind;
        if let Some(names) = kind.names() {
            if self.defined.contains(&&*names.full) {
                return self.push(format_args!("\"{}\"", names.full));
            }
            self.defined.push(&names.full);
            self.push(format_args!("{{\"name\":\"{}\",\"type\":\"{}\",", names.full, kind.word()));
        }
        match kind {
            Kind::Record(record) => {
                self.out.push_str("\"fields\":");
                self.list(&record.fields, |form, field| form.field(field, depth));
                self.out.push('}');
            }
            Kind::Enum(of) => {
                self.out.push_str("\"symbols\":");
                self.list(&of.symbols, |form, symbol| form.push(format_args!("\"{symbol}\"")));
                self.out.push('}');
            }
            Kind::Fixed(fixed) => self.push(format_args!("\"size\":{}}}", fixed.size)),
            Kind::Array(items) => self.around("{\"type\":\"array\",\"items\":", *items, depth),
            Kind::Map(values) => self.around("{\"type\":\"map\",\"values\":", *values, depth),
            Kind::Union(branches) => self.list(branches, |form, branch| form.write(*branch, depth + 1)),
            Kind::Null
            | Kind::Boolean
            | Kind::Int
            | Kind::Long
            | Kind::Float
            | Kind::Double
            | Kind::Bytes
            | Kind::String => self.push(format_args!("\"{}\"", kind.word())),
        }
    }

    fn field(&mut self, field: &Field, depth: usize) {
        self.push(format_args!("{{\"name\":\"{}\",\"type\":", field.name));
        self.write(field.ty, depth + 1);
        self.out.push('}');
    }

    fn around(&mut self, before: &str, ty: TypeId, depth: usize) {
        self.out.push_str(before);
        self.write(ty, depth + 1);
        self.out.push('}');
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.out.push('[');
        for (n, item) in items.iter().enumerate() {
            if 0 < n {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(']');
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a string takes any text");
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema as AvroSchema;
    use apache_avro::rabin::Rabin;

    use super::*;

    #[test]
    fn fingerprints_agree_with_avros_own_examples() {
        // share/test/data/schema-tests.txt of Apache Avro.
        for (schema, fingerprint_le) in [
            ("\"null\"", 7_195_948_357_588_979_594_i64),
            ("\"int\"", 8_247_732_601_305_521_295),
            ("{\"type\": \"string\"}", -8_142_146_995_180_207_161),
        ] {
            assert_eq!(fingerprint(schema), Ok(fingerprint_le.to_le_bytes()), "{schema}");
        }
        assert!(fingerprint("{").is_err());
    }

    #[test]
    fn what_does_not_concern_a_parser_does_not_change_it() {
        let plain = r#"{"type": "record", "name": "a.R", "fields": [
            {"name": "x", "type": ["null", "string"]}, {"name": "e", "type": {"type": "enum", "name": "a.E", "symbols": ["X"]}},
            {"name": "f", "type": {"type": "fixed", "name": "a.F", "size": 4}}, {"name": "t", "type": "long"}, {"name": "g", "type": "a.E"}]}"#;
        let adorned = r#"{"type": "record", "name": "R", "namespace": "a", "aliases": ["Q"], "doc": "d", "pinterest": {"event_name": "lead"}, "fields": [
            {"name": "x", "doc": "d", "default": null, "type": ["null", {"type": "string"}], "pinterest": "event_id"},
            {"name": "e", "order": "ignore", "type": {"type": "enum", "name": "E", "symbols": ["X"], "default": "X"}},
            {"name": "f", "type": {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 5}},
            {"name": "t", "aliases": ["z"], "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "g", "type": "E"}]}"#;
        assert_eq!(fingerprint(plain), fingerprint(adorned));
        assert_eq!(
            canonical(&parse(adorned, &[]).unwrap()).unwrap(),
            r#"{"name":"a.R","type":"record","fields":[{"name":"x","type":["null","string"]},{"name":"e","type":{"name":"a.E","type":"enum","symbols":["X"]}},{"name":"f","type":{"name":"a.F","type":"fixed","size":4}},{"name":"t","type":"long"},{"name":"g","type":"a.E"}]}"#
        );
        // apache-avro agrees on the plain schema, and not on the other.
        let theirs = |schema: &str| AvroSchema::parse_str(schema).unwrap().fingerprint::<Rabin>().bytes;
        assert_eq!(fingerprint(plain).map(Vec::from), Ok(theirs(plain)));
        assert_ne!(theirs(plain), theirs(adorned));
    }

    #[test]
    fn a_chain_of_names_has_an_end() {
        let link = |n: usize| {
            format!(r#"{{"type": "record", "name": "R{n}", "fields": [{{"name": "a", "type": "R{}"}}]}}"#, n + 1)
        };
        let chain: Vec<_> = (0..20_000).map(link).collect();
        let last = r#"{"type": "fixed", "name": "R20000", "size": 1}"#;
        assert!(fingerprint(&format!("[{}, {last}]", chain.join(","))).is_err());
    }

    #[test]
    fn a_referenced_type_stands_where_it_is_used_first() {
        let item = r#"{"type": "record", "name": "Item", "fields": [{"name": "n", "type": "int"}]}"#;
        let apart = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "Item"}}, {"name": "b", "type": "Item"}]}"#;
        let whole = apart.replacen("\"Item\"", item, 1);
        assert_eq!(fingerprint_with(apart, &[item]), fingerprint(&whole));
        assert!(fingerprint(apart).is_err());
    }
}

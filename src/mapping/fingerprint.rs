//! The fingerprint by which a message in Avro's single-object encoding names its writer schema.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;

/// The text is no Avro schema, or uses a type that it does not define.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Avro schema: {0}")]
pub struct NotASchema(Box<str>);

/// CRC-64-AVRO of the schema's parsing canonical form, in the byte order in which it stands behind `C3 01`
/// (Avro 1.12.0, "Single-object encoding").
///
/// # Errors
/// `schema` is not a complete Avro schema.
pub fn fingerprint(schema: &str) -> Result<[u8; 8], NotASchema> {
    let schema = Schema::parse_str(schema).map_err(|error| NotASchema(error.to_string().into()))?;
    let bytes = schema.fingerprint::<Rabin>().bytes;
    Ok(bytes.try_into().expect("64 bits are eight bytes"))
}

#[cfg(test)]
mod tests {
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
    fn annotations_docs_and_defaults_do_not_change_it() {
        let plain = r#"{"type": "record", "name": "a.R", "fields": [{"name": "x", "type": ["null", "string"]}]}"#;
        let annotated = r#"{"type": "record", "name": "R", "namespace": "a", "doc": "d", "pinterest": {"event_name": "lead"},
            "fields": [{"name": "x", "doc": "d", "default": null, "type": ["null", {"type": "string"}], "pinterest": "event_id"}]}"#;
        assert_eq!(fingerprint(plain), fingerprint(annotated));
    }
}

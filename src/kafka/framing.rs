//! What stands in front of an Avro value and names the schema that it was written with.
//!
//! Pure. Where the named schema comes from is decided elsewhere.

use super::binary::SINGLE_OBJECT_MARKER;
use crate::domain::{Outcome, Reason};

/// How the values of a topic name their writer schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Confluent's wire format: the byte 0, then the schema's id in a registry, 4 bytes big-endian.
    Confluent,
    /// Avro's single-object encoding: C3 01, then the schema's CRC-64-AVRO fingerprint, 8 bytes little-endian.
    SingleObject,
}

/// The name of a writer schema, as a value carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaRef {
    /// In a schema registry.
    Id(i32),
    /// CRC-64-AVRO of the canonical form, little-endian.
    Fingerprint([u8; 8]),
}

/// The value does not begin as the framing demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFraming {
    #[error("expected at least {expected} bytes, found {found}")]
    TooShort { expected: usize, found: usize },
    /// Of the value only the first byte is told: what follows may be personal.
    #[error("expected the byte {expected:02x} in front, found {found:02x}")]
    OtherMarker { expected: u8, found: u8 },
    #[error("expected a schema id from 0, found {found}")]
    NegativeId { found: i32 },
}

impl From<BadFraming> for Outcome {
    fn from(fault: BadFraming) -> Self {
        Self::with_detail(Reason::BadFraming, &fault.to_string())
    }
}

/// The byte in front of Confluent's wire format.
pub(crate) const CONFLUENT_MARKER: u8 = 0;

impl Framing {
    /// Splits a value into the name of its schema and the encoded record.
    ///
    /// # Errors
    /// If the value does not begin as this framing demands.
    pub fn split(self, value: &[u8]) -> Result<(SchemaRef, &[u8]), BadFraming> {
        match self {
            Self::Confluent => {
                let (&[marker, ref id @ ..], payload) = head::<5>(value)?;
                check(CONFLUENT_MARKER, marker)?;
                match i32::from_be_bytes(*id) {
                    found @ ..0 => Err(BadFraming::NegativeId { found }),
                    id => Ok((SchemaRef::Id(id), payload)),
                }
            }
            Self::SingleObject => {
                let (&[first, second, ref fingerprint @ ..], payload) = head::<10>(value)?;
                let [marker, version] = SINGLE_OBJECT_MARKER;
                check(marker, first)?;
                check(version, second)?;
                Ok((SchemaRef::Fingerprint(*fingerprint), payload))
            }
        }
    }
}

fn head<const N: usize>(value: &[u8]) -> Result<(&[u8; N], &[u8]), BadFraming> {
    value.split_first_chunk().ok_or(BadFraming::TooShort { expected: N, found: value.len() })
}

const fn check(expected: u8, found: u8) -> Result<(), BadFraming> {
    if expected == found { Ok(()) } else { Err(BadFraming::OtherMarker { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_value_names_its_schema_and_yields_the_rest() {
        for (framing, value, schema, payload) in [
            (Framing::Confluent, &[0, 0, 0, 1, 2, 9, 8][..], SchemaRef::Id(258), &[9, 8][..]),
            (Framing::Confluent, &[0, 0x7f, 0xff, 0xff, 0xff], SchemaRef::Id(i32::MAX), &[]),
            (
                Framing::SingleObject,
                &[0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9],
                SchemaRef::Fingerprint([1, 2, 3, 4, 5, 6, 7, 8]),
                &[9],
            ),
        ] {
            assert_eq!(framing.split(value), Ok((schema, payload)), "{framing:?} {value:?}");
        }
    }

    #[test]
    fn a_value_in_another_framing_is_refused_and_only_its_first_bytes_are_told() {
        let text = b"{\"email\": \"ana@example.com\"}";
        for (framing, value, detail) in [
            (Framing::Confluent, &[][..], "expected at least 5 bytes, found 0"),
            (Framing::Confluent, &[0, 0, 0, 1], "expected at least 5 bytes, found 4"),
            (Framing::Confluent, text, "expected the byte 00 in front, found 7b"),
            (Framing::Confluent, &[0xc3, 1, 0, 0, 0], "expected the byte 00 in front, found c3"),
            (Framing::Confluent, &[0, 0xff, 0xff, 0xff, 0xfe], "expected a schema id from 0, found -2"),
            (Framing::SingleObject, &[0xc3, 1, 0, 0, 0, 0, 0, 0, 0], "expected at least 10 bytes, found 9"),
            (Framing::SingleObject, text, "expected the byte c3 in front, found 7b"),
            (Framing::SingleObject, &[0xc3, 2, 0, 0, 0, 0, 0, 0, 0, 0], "expected the byte 01 in front, found 02"),
        ] {
            let outcome = Outcome::from(framing.split(value).unwrap_err());
            assert_eq!(outcome, Outcome::with_detail(Reason::BadFraming, detail), "{framing:?} {value:?}");
        }
    }
}

//! What names the schema that an Avro value was written with: bytes in front of it, or a header beside it.
//!
//! Pure. Where the named schema comes from is decided elsewhere.

use super::binary::SINGLE_OBJECT_MARKER;
use crate::domain::{Outcome, Reason};

/// How the values of a topic name their writer schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Confluent's wire format: the byte 0, then the schema's id in a registry, 4 bytes big-endian.
    Confluent,
    /// The header `__value_schema_id`: the byte 1 and a GUID of 16 bytes, or the byte 0 and an id of 4; the value is bare.
    /// A value without the header is in Confluent's wire format, as producers wrote it before they changed over
    /// (Confluent Platform 8.0, "Schema ID in headers", read 2026-11).
    ConfluentHeader,
    /// Avro's single-object encoding: C3 01, then the schema's CRC-64-AVRO fingerprint, 8 bytes little-endian.
    SingleObject,
}

/// The name of a writer schema, as a value carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaRef {
    /// In a schema registry.
    Id(i32),
    /// In a schema registry.
    Guid([u8; 16]),
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

/// The byte in front of Confluent's wire format, and of an id in a header.
pub(crate) const CONFLUENT_MARKER: u8 = 0;
/// The byte in front of a GUID in a header.
const GUID_MARKER: u8 = 1;

impl Framing {
    /// Splits a value into the name of its schema and the encoded record. `header` is `__value_schema_id`.
    ///
    /// # Errors
    /// If the value does not begin as this framing demands.
    pub fn split<'v>(self, header: Option<&[u8]>, value: &'v [u8]) -> Result<(SchemaRef, &'v [u8]), BadFraming> {
        match self {
            Self::ConfluentHeader => match header {
                Some(header) => Ok((named(header)?, value)),
                None => id(value),
            },
            Self::Confluent => id(value),
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

fn id(value: &[u8]) -> Result<(SchemaRef, &[u8]), BadFraming> {
    let (&[marker, ref id @ ..], payload) = head::<5>(value)?;
    check(CONFLUENT_MARKER, marker)?;
    match i32::from_be_bytes(*id) {
        found @ ..0 => Err(BadFraming::NegativeId { found }),
        id => Ok((SchemaRef::Id(id), payload)),
    }
}

/// The schema that a header names.
fn named(header: &[u8]) -> Result<SchemaRef, BadFraming> {
    if header.first() == Some(&CONFLUENT_MARKER) {
        return id(header).map(|(schema, _)| schema);
    }
    let (&[marker, ref guid @ ..], _) = head::<17>(header)?;
    check(GUID_MARKER, marker)?;
    Ok(SchemaRef::Guid(*guid))
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
            assert_eq!(framing.split(None, value), Ok((schema, payload)), "{framing:?} {value:?}");
        }
    }

    #[test]
    fn a_header_names_the_schema_and_leaves_the_value_whole() {
        let value = &[0, 0, 0, 0, 9, 1][..];
        let mut guid = vec![1];
        guid.extend(2..18);
        let bytes: [u8; 16] = guid[1..].try_into().unwrap();
        for (header, named) in [
            (Some(&guid[..]), Ok((SchemaRef::Guid(bytes), value))),
            (Some(&[0, 0, 0, 1, 2]), Ok((SchemaRef::Id(258), value))),
            (None, Ok((SchemaRef::Id(9), &value[5..]))),
            (Some(&[]), Err(BadFraming::TooShort { expected: 17, found: 0 })),
            (Some(&guid[..16]), Err(BadFraming::TooShort { expected: 17, found: 16 })),
            (Some(&[7; 17]), Err(BadFraming::OtherMarker { expected: 1, found: 7 })),
        ] {
            assert_eq!(Framing::ConfluentHeader.split(header, value), named, "{header:?}");
            assert_eq!(Framing::Confluent.split(header, value), Ok((SchemaRef::Id(9), &value[5..])));
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
            let outcome = Outcome::from(framing.split(None, value).unwrap_err());
            assert_eq!(outcome, Outcome::with_detail(Reason::BadFraming, detail), "{framing:?} {value:?}");
        }
    }
}

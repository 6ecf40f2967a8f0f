//! Reads Avro's binary encoding from a payload that may be hostile.
//!
//! Every read is checked against what is left; nothing is allocated here. Rules: Avro 1.12.0, "Binary Encoding"
//! (<https://avro.apache.org/docs/1.12.0/specification/>, read 2026-11-24).

use super::Fault;
use crate::domain::Reason;
use crate::mapping::schema::{Kind, Schema, TypeId};

/// Deepest nesting of values that is stepped over. Reader schemas are never recursive, so that what is wanted nests as
/// deep as the plan; what is stepped over may be a recursive type of the producer's.
const MAX_DEPTH: u32 = 64;

/// Most steps that cost no byte: items of no bytes, records of no bytes. Without it a block of six bytes could announce
/// 2^40 nulls.
const MAX_FREE_STEPS: u32 = 65_536;

/// Most items of wanted arrays and maps in one record. Pinterest takes nowhere near as many contents; each costs memory
/// that a byte of payload does not pay for.
const MAX_WANTED_ITEMS: usize = 16_384;

/// What is left of a payload, and of the patience with it.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    free_steps: u32,
    wanted_items: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, free_steps: MAX_FREE_STEPS, wanted_items: MAX_WANTED_ITEMS }
    }

    /// That everything was read.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::new(Reason::TrailingBytes)) }
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed("a boolean that is neither 0 nor 1")),
        }
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        let first = self.byte()?;
        let mut word = u64::from(first & 0x7f);
        if first < 0x80 {
            return Ok(unzigzag(word));
        }
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            // The tenth byte holds the last of 64 bits.
            if shift == 63 && 1 < byte {
                return Err(malformed("a number longer than 64 bits"));
            }
            word |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(unzigzag(word));
            }
            shift += 7;
        }
    }

    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        i32::try_from(self.long()?).map_err(|_| malformed("an int longer than 32 bits"))
    }

    pub(super) fn float(&mut self) -> Result<f32, Fault> {
        Ok(f32::from_le_bytes(*self.chunk()?))
    }

    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        Ok(f64::from_le_bytes(*self.chunk()?))
    }

    /// The bytes of a `bytes` or `string`.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| malformed("a negative length"))?;
        self.take(length)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        utf8(self.bytes()?)
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The index of a union's branch or an enum's symbol; the caller looks it up.
    pub(super) fn index(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.int()?).map_err(|_| malformed("a negative index"))
    }

    /// How many items the next block of an array or map holds, none at its end. `min_bytes`: of one item.
    pub(super) fn block(&mut self, min_bytes: usize) -> Result<usize, Fault> {
        let (count, size) = self.block_header()?;
        if let Some(size) = size
            && self.rest.len() < size
        {
            return Err(truncated());
        }
        self.check_count(count, min_bytes, self.rest.len())?;
        Ok(count)
    }

    /// As [`Cursor::block`], for items that will be kept.
    pub(super) fn wanted_block(&mut self, min_bytes: usize) -> Result<usize, Fault> {
        let count = self.block(min_bytes)?;
        self.wanted_items = self
            .wanted_items
            .checked_sub(count)
            .ok_or_else(|| too_large("more items in arrays and maps than are kept of one record"))?;
        Ok(count)
    }

    /// Steps over one value.
    pub(super) fn skip(&mut self, schema: &Schema, id: TypeId) -> Result<(), Fault> {
        self.skip_at(schema, id, 0)
    }

    fn skip_at(&mut self, schema: &Schema, id: TypeId, depth: u32) -> Result<(), Fault> {
        if MAX_DEPTH < depth {
            return Err(too_large("values nested too deeply"));
        }
        match &schema.get(id).kind {
            Kind::Null => Ok(()),
            Kind::Boolean => self.boolean().map(|_| ()),
            Kind::Int => self.int().map(|_| ()),
            Kind::Long => self.long().map(|_| ()),
            Kind::Float => self.take(4).map(|_| ()),
            Kind::Double => self.take(8).map(|_| ()),
            Kind::Bytes | Kind::String => self.bytes().map(|_| ()),
            Kind::Fixed(fixed) => self.take(fixed.size).map(|_| ()),
            Kind::Enum(symbols) => match symbols.symbols.get(self.index()?) {
                Some(_) => Ok(()),
                None => Err(malformed("an enum index without a symbol")),
            },
            Kind::Union(branches) => {
                let branch = branches.get(self.index()?).ok_or_else(|| malformed("a union index without a branch"))?;
                self.skip_at(schema, *branch, depth + 1)
            }
            Kind::Array(item) => self.skip_blocks(schema, *item, 0, depth),
            Kind::Map(value) => self.skip_blocks(schema, *value, 1, depth),
            Kind::Record(record) => {
                if schema.get(id).min_bytes == 0 {
                    self.pay(1)?;
                }
                record.fields.iter().try_for_each(|field| self.skip_at(schema, field.ty, depth + 1))
            }
        }
    }

    /// `key_bytes`: the fewest that a key takes; 0 for arrays, which have none.
    fn skip_blocks(&mut self, schema: &Schema, item: TypeId, key_bytes: usize, depth: u32) -> Result<(), Fault> {
        let min_bytes = schema.get(item).min_bytes.saturating_add(key_bytes);
        loop {
            let (count, size) = self.block_header()?;
            if let Some(size) = size {
                self.check_count(count, min_bytes, size)?;
                self.take(size)?;
                continue;
            }
            if count == 0 {
                return Ok(());
            }
            self.check_count(count, min_bytes, self.rest.len())?;
            for _ in 0..count {
                if 0 < key_bytes {
                    self.bytes()?;
                }
                self.skip_at(schema, item, depth + 1)?;
            }
        }
    }

    /// A negative count is followed by the size of the block in bytes.
    fn block_header(&mut self) -> Result<(usize, Option<usize>), Fault> {
        let count = self.long()?;
        let size = if count < 0 {
            Some(usize::try_from(self.long()?).map_err(|_| malformed("a negative block size"))?)
        } else {
            None
        };
        let count = usize::try_from(count.unsigned_abs()).map_err(|_| too_large("a block of too many items"))?;
        Ok((count, size))
    }

    fn check_count(&mut self, count: usize, min_bytes: usize, available: usize) -> Result<(), Fault> {
        match available.checked_div(min_bytes) {
            Some(most) if most < count => Err(truncated()),
            Some(_) => Ok(()),
            None => self.pay(count),
        }
    }

    fn pay(&mut self, steps: usize) -> Result<(), Fault> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.free_steps.checked_sub(steps));
        self.free_steps = left.ok_or_else(|| too_large("too many items of no bytes"))?;
        Ok(())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.rest.split_first().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Fault> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(chunk)
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| malformed("a string that is not UTF-8"))
}

fn unzigzag(word: u64) -> i64 {
    (word >> 1).cast_signed() ^ -(word & 1).cast_signed()
}

fn truncated() -> Fault {
    Fault::new(Reason::Truncated)
}

pub(super) fn malformed(detail: &'static str) -> Fault {
    Fault::with_detail(Reason::Malformed, detail)
}

pub(super) fn too_large(detail: &'static str) -> Fault {
    Fault::with_detail(Reason::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::schema::parse;

    fn skip(schema: &str, payload: &[u8]) -> Result<(), Reason> {
        let schema = parse(schema, &[]).unwrap();
        let mut cursor = Cursor::new(payload);
        cursor.skip(&schema, schema.root()).and_then(|()| cursor.finish()).map_err(|fault| fault.0.reason)
    }

    #[test]
    fn numbers_are_zigzag_and_at_most_64_bits_long() {
        for (bytes, number) in [
            (&[0][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0x80, 0x01], 64),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MAX),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MIN),
        ] {
            assert_eq!(Cursor::new(bytes).long().ok(), Some(number), "{bytes:?}");
        }
        let eleven_bytes = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00];
        assert_eq!(Cursor::new(&eleven_bytes).long().map_err(|fault| fault.0.reason), Err(Reason::Malformed));
        assert_eq!(Cursor::new(&[0x80]).long().map_err(|fault| fault.0.reason), Err(Reason::Truncated));
    }

    #[test]
    fn hostile_blocks_end_soon_and_with_their_reason() {
        let nulls = r#"{"type": "array", "items": "null"}"#;
        let longs = r#"{"type": "array", "items": "long"}"#;
        let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let lowest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00, 0x00];
        for (schema, payload, reason) in [
            (nulls, &huge[..], Reason::TooLarge),
            (nulls, &lowest, Reason::TooLarge),
            (longs, &huge, Reason::Truncated),
            (longs, &lowest, Reason::Truncated),
            (longs, &[0x03, 0x01, 0x00], Reason::Malformed),
            (longs, &[0x03, 0x08, 0x02, 0x02, 0x00], Reason::Truncated),
            (longs, &[0x02, 0x02, 0x00, 0x00], Reason::TrailingBytes),
            (r#""string""#, &[0x01], Reason::Malformed),
            (r#""string""#, &huge, Reason::Truncated),
            (r#""boolean""#, &[2], Reason::Malformed),
            (r#"["null", "int"]"#, &[4], Reason::Malformed),
            (r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#, &[2], Reason::Malformed),
        ] {
            assert_eq!(skip(schema, payload), Err(reason), "{schema} {payload:?}");
        }
        assert_eq!(skip(longs, &[0x03, 0x04, 0x02, 0x02, 0x00]), Ok(()), "a block of two with its size");
    }

    #[test]
    fn a_recursive_value_is_stepped_over_down_to_a_depth() {
        let list = r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#;
        let nested = |levels: usize| [vec![2; levels], vec![0]].concat();
        assert_eq!(skip(list, &nested(20)), Ok(()));
        assert_eq!(skip(list, &nested(1_000_000)), Err(Reason::TooLarge));
    }

    #[test]
    fn records_of_nothing_that_multiply_are_cut_short() {
        let mut schema = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
        for level in 1..40 {
            schema = format!(
                r#"{{"type": "record", "name": "R{level}", "fields": [{{"name": "a", "type": {schema}}}, {{"name": "b", "type": "R{}"}}]}}"#,
                level - 1
            );
        }
        assert_eq!(skip(&schema, &[]), Err(Reason::TooLarge));
    }
}

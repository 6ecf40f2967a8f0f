//! Avro's binary encoding, as far as pinrelay's own topics need it: numbers, bytes, strings, blocks of arrays.
//!
//! Writing cannot fail. Reading is strict: it never reads past the end, never reserves more than the input can hold
//! and refuses numbers that do not fit. What the bytes mean is decided by the callers.
//! Source: Avro 1.12 specification, "Binary encoding" and "Single-object encoding".

/// What every value in single-object encoding begins with; the schema's fingerprint follows, 8 bytes little-endian.
pub(crate) const SINGLE_OBJECT_MARKER: [u8; 2] = [0xC3, 0x01];

/// Most bytes of a number.
pub(crate) const MAX_LONG_BYTES: usize = 10;

pub(crate) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    while 0x80 <= rest {
        let [low, ..] = rest.to_le_bytes();
        out.push(low | 0x80);
        rest >>= 7;
    }
    let [last, ..] = rest.to_le_bytes();
    out.push(last);
}

/// The number of items in a block, or of bytes in a string.
pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_long(out, i64::try_from(count).expect("no collection in memory has 2^63 items"));
}

pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// `null`, or the branch behind it with what `put` writes.
pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(2);
            put(out, value);
        }
    }
}

pub(crate) fn put_boolean(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// One block with all items, then the end. `put` writes one item.
pub(crate) fn put_items<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        put_count(out, items.len());
        for item in items {
            put(out, item);
        }
    }
    out.push(0);
}

/// Lower-case hexadecimal digits, two a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('?', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes are not what the schema says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct Malformed {
    pub expected: &'static str,
    pub at: usize,
}

/// A place in bytes that are read from front to back.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }

    pub(crate) const fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed { expected, at: self.total - self.rest.len() }
    }

    pub(crate) fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(self.malformed(expected))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(self.malformed(expected))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn long(&mut self, expected: &'static str) -> Result<i64, Malformed> {
        let fault = self.malformed(expected);
        let mut zigzag = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array(expected)?;
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte only one bit fits.
            if (bits << shift) >> shift != bits {
                return Err(fault);
            }
            zigzag |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(fault)
    }

    /// The position of an enum's symbol or of a union's branch.
    pub(crate) fn index(&mut self, expected: &'static str) -> Result<usize, Malformed> {
        let fault = self.malformed(expected);
        usize::try_from(self.long(expected)?).map_err(|_| fault)
    }

    pub(crate) fn string(&mut self, expected: &'static str) -> Result<&'a str, Malformed> {
        let fault = self.malformed(expected);
        let length = self.index(expected)?;
        std::str::from_utf8(self.take(length, expected)?).map_err(|_| fault)
    }

    pub(crate) fn int(&mut self, expected: &'static str) -> Result<i32, Malformed> {
        let fault = self.malformed(expected);
        i32::try_from(self.long(expected)?).map_err(|_| fault)
    }

    pub(crate) fn boolean(&mut self, expected: &'static str) -> Result<bool, Malformed> {
        let fault = self.malformed(expected);
        match self.array(expected)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(fault),
        }
    }

    /// A union of `null` and what `value` reads.
    pub(crate) fn option<T>(
        &mut self,
        expected: &'static str,
        value: impl FnOnce(&mut Self, &'static str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        let fault = self.malformed(expected);
        match self.long(expected)? {
            0 => Ok(None),
            1 => value(self, expected).map(Some),
            _ => Err(fault),
        }
    }

    /// Reads an array whose items take at least `min_bytes` (at least 1) each, block by block.
    pub(crate) fn items<T>(
        &mut self,
        min_bytes: usize,
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut items = Vec::new();
        loop {
            let fault = self.malformed(expected);
            let count = match self.long(expected)? {
                0 => return Ok(items),
                count @ 1.. => usize::try_from(count).map_err(|_| fault)?,
                negative => {
                    // The size in bytes, for those who skip the block.
                    self.long(expected)?;
                    usize::try_from(negative.unsigned_abs()).map_err(|_| fault)?
                }
            };
            if self.rest.len() / min_bytes < count {
                return Err(fault);
            }
            items.reserve(count);
            for _ in 0..count {
                items.push(item(self)?);
            }
        }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("the end")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_long(&mut bytes, value);
        bytes
    }

    #[test]
    fn numbers_look_as_the_specification_shows_them() {
        for (value, bytes) in
            [(0, &[0][..]), (-1, &[1]), (1, &[2]), (-64, &[0x7f]), (64, &[0x80, 1]), (i64::MIN, &[0xff; 10])]
        {
            let mut expected = bytes.to_vec();
            if value == i64::MIN {
                expected[9] = 1;
            }
            assert_eq!(written(value), expected, "{value}");
        }
    }

    #[test]
    fn a_number_that_does_not_end_or_does_not_fit_is_refused() {
        let mut eleven = vec![0x80; 10];
        eleven.push(0);
        let mut two_bits = vec![0xff; 9];
        two_bits.push(2);
        for bytes in [vec![], vec![0x80], eleven, two_bits] {
            assert!(Cursor::new(&bytes).long("a number").is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_array_that_claims_more_items_than_bytes_is_refused_before_memory_is_reserved() {
        let bytes = written(i64::MAX);
        let fault = Cursor::new(&bytes).items(1, "items", |cursor| cursor.long("an item")).unwrap_err();
        assert_eq!(fault, Malformed { expected: "items", at: 0 });
    }

    #[test]
    fn an_array_may_come_in_blocks_with_and_without_their_size() {
        let blocks: Vec<u8> = [2, 1, 2, -1, 1, 5, 0].into_iter().flat_map(written).collect();
        let mut cursor = Cursor::new(&blocks);
        assert_eq!(cursor.items(1, "items", |cursor| cursor.long("an item")), Ok(vec![1, 2, 5]));
        assert_eq!(cursor.end(), Ok(()));
    }

    proptest! {
        #[test]
        fn every_number_is_read_back(value: i64) {
            let bytes = written(value);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.long("a number"), Ok(value));
            prop_assert_eq!(cursor.end(), Ok(()));
            prop_assert!(bytes.len() <= MAX_LONG_BYTES);
        }
    }
}

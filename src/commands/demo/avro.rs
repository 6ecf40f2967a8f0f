//! Avro's binary encoding, as much as the demo's records need (Avro 1.12, "Binary Encoding").

/// Bytes of one datum, written field by field in the order of its schema.
#[derive(Debug, Default)]
pub(super) struct Datum(Vec<u8>);

impl Datum {
    /// Begins a value in single-object encoding: the marker and the schema's fingerprint.
    pub(super) fn single_object(fingerprint: [u8; 8], capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend([0xc3, 0x01]);
        bytes.extend(fingerprint);
        Self(bytes)
    }

    /// An int or a long: zigzag, then seven bits a byte, lowest first.
    pub(super) fn long(&mut self, value: i64) -> &mut Self {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        loop {
            let low = u8::try_from(rest & 0x7f).expect("seven bits");
            rest >>= 7;
            if rest == 0 {
                self.0.push(low);
                return self;
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.0.push(u8::from(value));
        self
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.long(i64::try_from(value.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// The branch of a union; its value follows.
    pub(super) fn branch(&mut self, index: i64) -> &mut Self {
        self.long(index)
    }

    /// A union of null and text, in this order.
    pub(super) fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            None => self.branch(0),
            Some(value) => self.branch(1).text(value),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_specification_shows() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut datum = Datum::default();
            datum.long(value);
            assert_eq!(datum.into_bytes(), bytes, "{value}");
        }
    }

    #[test]
    fn text_has_its_length_in_front() {
        let mut datum = Datum::default();
        datum.text("foo").optional_text(None).optional_text(Some("é"));
        assert_eq!(datum.into_bytes(), b"\x06foo\x00\x02\x04\xc3\xa9");
    }
}

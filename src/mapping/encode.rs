//! JSON, straight into one buffer: keys in the order in which they are written, no white space, no empty objects.

use crate::domain::Hashed;

/// A growing JSON object. It trusts its caller to close what it opens, and escapes whatever is text.
pub(super) struct Json {
    out: Vec<u8>,
}

/// A key as it stands in the body, made by the compiler: with its quotes, and with what stands before and behind it.
pub(super) struct Key {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl Key {
    /// Pinterest's longest key has 30 letters; a longer one does not compile.
    const SIZE: usize = 36;

    /// Keys are Pinterest's names: nothing in them needs escaping.
    #[expect(clippy::indexing_slicing, reason = "the compiler refuses a key that is too long")]
    pub(super) const fn new(name: &str) -> Self {
        let mut bytes = [0; Self::SIZE];
        let mut len = 2;
        (bytes[0], bytes[1]) = (b',', b'"');
        let mut rest = name.as_bytes();
        while let [byte, behind @ ..] = rest {
            bytes[len] = *byte;
            len += 1;
            rest = behind;
        }
        (bytes[len], bytes[len + 1]) = (b'"', b':');
        Self { bytes, len: len + 2 }
    }

    fn behind_another(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Without the comma.
    fn first(&self) -> &[u8] {
        self.bytes.get(1..self.len).unwrap_or_default()
    }
}

/// Where an object or a list began, so that an empty one can be taken back.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    before: usize,
    inside: usize,
}

impl Json {
    /// The sample of an order, with four items and six hashes, takes 1,549 bytes.
    const CAPACITY: usize = 2_048;

    /// Begins the outermost object.
    pub(super) fn new() -> Self {
        let mut out = Vec::with_capacity(Self::CAPACITY);
        out.push(b'{');
        Self { out }
    }

    /// Ends the outermost object.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    pub(super) fn text(&mut self, key: &Key, text: &str) {
        self.key(key);
        self.push_text(text);
    }

    pub(super) fn integer(&mut self, key: &Key, number: i64) {
        self.key(key);
        self.push_integer(number);
    }

    pub(super) fn boolean(&mut self, key: &Key, flag: bool) {
        self.key(key);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    pub(super) fn open_object(&mut self, key: &Key) -> Opened {
        let before = self.out.len();
        self.key(key);
        self.open(b'{', before)
    }

    /// Begins an object that is an element of a list.
    pub(super) fn open_element(&mut self) -> Opened {
        let before = self.out.len();
        self.comma();
        self.open(b'{', before)
    }

    pub(super) fn open_list(&mut self, key: &Key) -> Opened {
        let before = self.out.len();
        self.key(key);
        self.open(b'[', before)
    }

    /// Ends an object, empty or not.
    pub(super) fn close_object(&mut self) {
        self.out.push(b'}');
    }

    /// Ends an object, or takes it back if nothing was written into it.
    pub(super) fn close_object_unless_empty(&mut self, opened: Opened) {
        self.close(opened, b'}');
    }

    /// Ends a list, or takes it back if nothing was written into it. Says whether it stands.
    pub(super) fn close_list_unless_empty(&mut self, opened: Opened) -> bool {
        self.close(opened, b']')
    }

    pub(super) fn text_element(&mut self, text: &str) {
        self.comma();
        self.push_text(text);
    }

    pub(super) fn hash_element(&mut self, hash: &Hashed) {
        self.comma();
        self.out.push(b'"');
        hash.push_hex(&mut self.out);
        self.out.push(b'"');
    }

    fn open(&mut self, bracket: u8, before: usize) -> Opened {
        self.out.push(bracket);
        Opened { before, inside: self.out.len() }
    }

    fn close(&mut self, opened: Opened, bracket: u8) -> bool {
        let stands = opened.inside < self.out.len();
        if stands {
            self.out.push(bracket);
        } else {
            self.out.truncate(opened.before);
        }
        stands
    }

    /// A comma, unless this is the first within its brackets.
    fn comma(&mut self) {
        if !self.is_first() {
            self.out.push(b',');
        }
    }

    fn key(&mut self, key: &Key) {
        self.out.extend_from_slice(if self.is_first() { key.first() } else { key.behind_another() });
    }

    /// Whether nothing stands within the brackets yet. No value ends in an opening bracket: texts end in `"`.
    fn is_first(&self) -> bool {
        matches!(self.out.last(), Some(b'{' | b'['))
    }

    fn push_text(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while has_special(rest)
            && let Some(at) = rest.iter().position(|b| is_special(*b))
        {
            let (plain, special) = rest.split_at(at);
            self.out.extend_from_slice(plain);
            let Some((byte, behind)) = special.split_first() else { break };
            self.push_escaped(*byte);
            rest = behind;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn push_escaped(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                // Control characters are below 0x20: the upper digit is 0 or 1.
                let lower = byte & 0x0f;
                let digit = if lower < 10 { b'0' + lower } else { b'a' + lower - 10 };
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn push_integer(&mut self, number: i64) {
        if number < 0 {
            self.out.push(b'-');
        }
        let begin = self.out.len();
        let mut rest = number.unsigned_abs();
        loop {
            let digit = u8::try_from(rest % 10).unwrap_or(0);
            self.out.push(b'0' + digit);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if let Some(digits) = self.out.get_mut(begin..) {
            digits.reverse();
        }
    }
}

/// What must not stand in a JSON text as it is (RFC 8259, 7).
#[expect(clippy::needless_bitwise_bool, reason = "without branches a block of them becomes vector instructions")]
const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Whether anything has to be escaped; nearly always nothing. A block is looked at as a whole, not byte by byte.
fn has_special(text: &[u8]) -> bool {
    let block_has = |block: &[u8; 16]| block.map(is_special).into_iter().fold(false, |found, byte| found | byte);
    let (blocks, rest) = text.as_chunks::<16>();
    let mut last = [b' '; 16];
    if let Some(begin) = last.get_mut(..rest.len()) {
        begin.copy_from_slice(rest);
    }
    blocks.iter().any(block_has) || block_has(&last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::new();
        write(&mut json);
        String::from_utf8(json.finish()).expect("UTF-8")
    }

    #[test]
    fn what_stays_empty_leaves_no_trace() {
        let body = written(|json| {
            let empty = json.open_object(&Key::new("a"));
            json.close_object_unless_empty(empty);
            json.boolean(&Key::new("b"), false);
            let list = json.open_list(&Key::new("c"));
            let element = json.open_element();
            json.close_object_unless_empty(element);
            assert!(!json.close_list_unless_empty(list));
            json.open_object(&Key::new("d"));
            json.close_object();
        });
        assert_eq!(body, r#"{"b":false,"d":{}}"#);
    }

    #[test]
    fn elements_are_separated_and_nested() {
        let body = written(|json| {
            let list = json.open_list(&Key::new("a"));
            for n in 0..2 {
                let element = json.open_element();
                json.integer(&Key::new("n"), n);
                json.text(&Key::new("t"), "{[");
                json.close_object_unless_empty(element);
            }
            assert!(json.close_list_unless_empty(list));
            let hashes = json.open_list(&Key::new("h"));
            json.hash_element(&Hashed::of("abc"));
            json.text_element("x");
            json.close_list_unless_empty(hashes);
        });
        assert_eq!(
            body,
            r#"{"a":[{"n":0,"t":"{["},{"n":1,"t":"{["}],"h":["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","x"]}"#
        );
    }

    proptest! {
        #[test]
        fn a_text_has_something_special_if_one_of_its_bytes_is(text in "[a-zü ]{0,40}[\\x00-\\x7f]{0,1}[a-zü ]{0,40}") {
            prop_assert_eq!(has_special(text.as_bytes()), text.bytes().any(is_special));
        }

        #[test]
        fn text_and_numbers_read_back_as_themselves(text in "[\\x00-\\x7f\\PC]{0,40}", number: i64, flag: bool) {
            let body = written(|json| {
                json.text(&Key::new("t"), &text);
                json.integer(&Key::new("n"), number);
                json.boolean(&Key::new("b"), flag);
            });
            let read: Value = serde_json::from_str(&body).expect("JSON");
            prop_assert_eq!(read, json!({"t": text, "n": number, "b": flag}));
        }
    }
}

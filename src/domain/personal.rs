//! Secrets, and what becomes of personal data: only its hash leaves the process, but for what Pinterest wants in the clear.
//!
//! A secret has no `Display` and no `Serialize`, and its `Debug` hides it, so that no log line, error, metric or snapshot
//! can hold one by accident. Personal data in the clear is [`crate::mapping::Value`], which has none of them.

use std::fmt;

use sha2::{Digest, Sha256};

/// A secret of ours: an access token, a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a normalised value: 32 bytes, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hashed([u8; 32]);

impl Hashed {
    /// Hashes the UTF-8 bytes of `normalised`.
    #[must_use]
    pub fn of(normalised: &str) -> Self {
        Self(Sha256::digest(normalised.as_bytes()).into())
    }

    /// Reads a hash that was computed elsewhere: exactly 64 hex digits of either case, else `None`.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits: &[u8; 64] = hex.as_bytes().try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Appends the 64 hex digits.
    pub fn push_hex(&self, out: &mut Vec<u8>) {
        let mut hex = [0; 64];
        for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        out.extend_from_slice(&hex);
    }

    /// The 64 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let mut out = Vec::with_capacity(64);
        self.push_hex(&mut out);
        out.into_iter().map(char::from).collect()
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_agrees_with_fips_180_and_survives_hex() {
        let hash = Hashed::of("abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_hex(), hex);
        assert!(Hashed::from_hex(&hex.to_uppercase()) == Some(hash));
        assert!(Hashed::from_hex(&hex[1..]).is_none());
        assert!(Hashed::from_hex(&hex.replace('b', "g")).is_none());
    }

    #[test]
    fn a_secret_prints_as_nothing() {
        assert_eq!(format!("{:?}", Secret::new("pina_x".into())), "Secret(…)");
    }
}

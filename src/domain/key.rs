//! The event key: what makes two records the same conversion.

use std::fmt;

use sha2::{Digest, Sha256};

use super::ids::AdAccountId;

/// First 128 bits of SHA-256 over ad account id, event name and event id, each preceded by its length.
///
/// Pinterest deduplicates by event name and event id within an ad account; `action_source` is not part of it.
/// Of a test event the word `test` is a fourth part: Pinterest does not record it, so it suppresses no live event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 16]);

impl EventKey {
    /// The lengths (bytes, 8 bytes big-endian) keep ("ab", "c") apart from ("a", "bc").
    #[must_use]
    pub fn new(ad_account: &AdAccountId, event_name: &str, event_id: &str) -> Self {
        Self::of_parts(&[ad_account.as_str(), event_name, event_id])
    }

    /// The key of an event that is posted in test mode.
    #[must_use]
    pub fn of_test(ad_account: &AdAccountId, event_name: &str, event_id: &str) -> Self {
        Self::of_parts(&[ad_account.as_str(), event_name, event_id, "test"])
    }

    fn of_parts(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

impl fmt::Display for EventKey {
    /// 32 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_and_every_boundary_between_parts_counts() {
        let account = AdAccountId::try_new("549755885175").expect("digits");
        let other = AdAccountId::try_new("54975588517").expect("digits");
        let key = EventKey::new(&account, "checkout", "order-1");
        assert_eq!(key, EventKey::new(&account, "checkout", "order-1"));
        assert_ne!(key, EventKey::new(&other, "checkout", "order-1"));
        assert_ne!(key, EventKey::new(&account, "lead", "order-1"));
        assert_ne!(key, EventKey::new(&account, "checkouto", "rder-1"));
        assert_ne!(key, EventKey::of_test(&account, "checkout", "order-1"));
    }

    #[test]
    fn a_key_is_shown_in_hex() {
        let key = EventKey([0x0a, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xd0]);
        assert_eq!(key.to_string(), "0aff000102030405060708090a0b0cd0");
        assert_eq!(format!("{key:?}"), format!("EventKey({key})"));
    }
}

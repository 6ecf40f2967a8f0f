//! Which partition a keyed record lies in, as Kafka's Java producers choose it.

/// The partition of `key` in a topic of `partitions`: murmur2 of the key's bytes without its sign, by the remainder
/// (Kafka 4.3, `BuiltInPartitioner.partitionForKey`).
#[must_use]
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX).checked_rem(partitions).unwrap_or_default()
}

/// Kafka 4.3, `Utils.murmur2`.
fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of Kafka's own test of its hash (`UtilsTest.testMurmur2`).
    #[test]
    fn the_hash_is_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn every_key_has_a_partition_of_the_topic() {
        for key in 0..1000_u16 {
            assert!((0..12).contains(&murmur2_partition(&key.to_be_bytes(), 12)));
        }
        // Its hash without the sign is 1,173,551,340.
        assert_eq!(murmur2_partition(b"21", 7), 3);
    }
}

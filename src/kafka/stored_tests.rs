//! What a release has written must be readable for as long as it lies in Kafka: values of each version, as stored.
//!
//! A file under `tests/stored` never changes. A new version of a format gets a file of its own beside the old one.

use uuid::Uuid;

use super::changelog;
use super::metadata::{CommitMetadata, Parsed, Stamp};
use crate::domain::{
    ChangelogEntry, ChangelogOffset, EventKey, InDoubtPolicy, Offset, Redelivery, SettledKind, TransactionId,
    UnixMillis,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits")).collect()
}

/// One entry of each kind, state and policy.
fn entries() -> Vec<ChangelogEntry> {
    use Redelivery::{Impossible, Possible};
    use SettledKind::{Delivered, InDoubt, NotSent};
    let outcome = |offset, kind, redelivery, at| ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind,
        redelivery,
        at: UnixMillis(at),
    };
    let intent =
        |offset, key, policy| ChangelogEntry::Intent { offset: Offset(offset), key: EventKey([key; 16]), policy };
    vec![
        outcome(4_000_000_007, Delivered, Impossible, 1_790_000_000_000),
        outcome(4_000_000_001, Delivered, Possible, 1_790_000_000_250),
        outcome(4_000_000_002, InDoubt, Impossible, 1_790_000_060_000),
        outcome(4_000_000_003, InDoubt, Possible, 1_790_000_000_300),
        outcome(4_000_000_004, NotSent, Impossible, 1_790_000_000_301),
        outcome(4_000_000_005, NotSent, Possible, 1_790_000_000_302),
        ChangelogEntry::Withdrawn { offset: Offset(4_000_000_006) },
        intent(4_000_000_008, 0x5a, InDoubtPolicy::Resend),
        intent(4_000_000_009, 0xc3, InDoubtPolicy::Hold),
    ]
}

#[test]
fn changelog_entries_of_version_1_are_read_and_written_as_they_were() {
    let stored = bytes(include_str!("../../tests/stored/changelog-1.hex"));
    assert_eq!(changelog::decode(&stored), Ok(entries()));
    assert_eq!(changelog::encode(&entries(), 100_000), [stored]);
}

#[test]
fn changelog_entries_of_a_version_that_is_not_known_are_refused_by_its_name() {
    let mut stored = bytes(include_str!("../../tests/stored/changelog-1.hex"));
    stored[2..10].copy_from_slice(b"\x01\x02\x03\x04\x05\x06\x07\x08");
    let fault = changelog::decode(&stored).expect_err("another version").to_string();
    assert_eq!(
        fault,
        "expected changelog schema d9ddd3f566882a62, found 0102030405060708: written by another release of pinrelay"
    );
}

#[test]
fn commit_metadata_of_version_1_is_read_and_written_as_it_was() {
    let stored = include_str!("../../tests/stored/metadata-1.txt").trim_end();
    let expected = CommitMetadata {
        ledger_from: Some(ChangelogOffset(17)),
        window_from: None,
        end: ChangelogOffset(230),
        stamp: Stamp {
            process: Uuid::from_u128(0x1f0e_2d3c_4b5a_4978_8796_a5b4_c3d2_e1f0),
            transaction: TransactionId(41),
        },
        topic_id: "0SzNl1fKTmuSG8DkBdIH5w".to_owned(),
    };
    assert_eq!(CommitMetadata::parse(stored), Parsed::Ours(expected.clone()));
    assert_eq!(expected.to_text(), stored);
}

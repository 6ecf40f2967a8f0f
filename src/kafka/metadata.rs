//! The metadata that is committed with every input offset: what the next owner of the partition needs to begin (P4).
//!
//! Text, because Kafka's tools show it to people. It decides only what is ours; whether the positions still exist is
//! decided by the restore.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::{ChangelogOffset, TransactionId};

/// What stands beside a committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitMetadata {
    /// From where the changelog must be read for the ledger; nothing if nothing is open.
    pub ledger_from: Option<ChangelogOffset>,
    /// From where the changelog must be read for the window; nothing if no key is live.
    pub window_from: Option<ChangelogOffset>,
    /// The position behind our last entry in the changelog.
    pub end: ChangelogOffset,
    /// The transaction that committed this.
    pub stamp: Stamp,
    /// Kafka's id of the input topic, as Kafka's tools write it: a topic that was created again has another.
    pub topic_id: String,
}

/// Names one transaction of one process (T5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub process: Uuid,
    pub transaction: TransactionId,
}

/// Commit metadata as found in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Ours(CommitMetadata),
    /// Empty, or written by another program.
    Foreign,
    /// Written by a release that knows another version: what it says must not be guessed.
    Newer {
        version: String,
    },
}

/// First word of the text; another version of the format gets another number.
const VERSION: &str = "pinrelay/1";

/// What the first word of every version begins with.
const NAME: &str = "pinrelay/";

impl CommitMetadata {
    /// One line of ASCII under 512 bytes (Kafka allows 4,096: `offset.metadata.max.bytes`).
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { ledger_from, window_from, end, stamp: Stamp { process, transaction }, topic_id } = self;
        format!(
            "{VERSION} ledger={} window={} end={end} stamp={process}:{} topic={topic_id}",
            Position(*ledger_from),
            Position(*window_from),
            transaction.0
        )
    }

    /// Reads exactly what [`CommitMetadata::to_text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Parsed {
        // Whatever `FromStr` of numbers and ids lets through besides (signs, zeros in front, braces) is not ours.
        let ours = read(text).filter(|metadata| metadata.to_text() == text).map(Parsed::Ours);
        ours.or_else(|| newer(text)).unwrap_or(Parsed::Foreign)
    }
}

fn newer(text: &str) -> Option<Parsed> {
    let version = text.split(' ').next()?.strip_prefix(NAME)?;
    let is_number = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    (is_number && !text.starts_with(&format!("{VERSION} "))).then(|| Parsed::Newer { version: version.to_owned() })
}

fn read(text: &str) -> Option<CommitMetadata> {
    let mut words = text.splitn(6, ' ');
    if words.next()? != VERSION {
        return None;
    }
    let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let ledger_from = value("ledger")?.parse::<Position>().ok()?.0;
    let window_from = value("window")?.parse::<Position>().ok()?.0;
    let end = position(value("end")?)?;
    let (process, transaction) = value("stamp")?.split_once(':')?;
    let stamp = Stamp { process: process.parse().ok()?, transaction: TransactionId(transaction.parse().ok()?) };
    Some(CommitMetadata { ledger_from, window_from, end, stamp, topic_id: value("topic")?.to_owned() })
}

fn position(text: &str) -> Option<ChangelogOffset> {
    text.parse().ok().filter(|position| 0 <= *position).map(ChangelogOffset)
}

/// A position or the word `none`.
struct Position(Option<ChangelogOffset>);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(position) => position.fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self(None)),
            number => position(number).map(|position| Self(Some(position))).ok_or(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Kafka calls a topic: 16 bytes in base64, without padding.
    const TOPIC_ID: &str = "0SzNl1fKTmuSG8DkBdIH5w";

    fn metadata() -> CommitMetadata {
        CommitMetadata {
            ledger_from: None,
            window_from: Some(ChangelogOffset(17)),
            end: ChangelogOffset(230),
            stamp: Stamp {
                process: Uuid::from_u128(0x1f0e_2d3c_4b5a_4978_8796_a5b4_c3d2_e1f0),
                transaction: TransactionId(41),
            },
            topic_id: TOPIC_ID.into(),
        }
    }

    #[test]
    fn the_text_is_one_line_that_a_person_can_read() {
        insta::assert_snapshot!(metadata().to_text(), @"pinrelay/1 ledger=none window=17 end=230 stamp=1f0e2d3c-4b5a-4978-8796-a5b4c3d2e1f0:41 topic=0SzNl1fKTmuSG8DkBdIH5w");
    }

    #[test]
    fn the_longest_text_stays_under_512_bytes() {
        let most = Some(ChangelogOffset(i64::MAX));
        let stamp = Stamp { process: Uuid::max(), transaction: TransactionId(u64::MAX) };
        let longest = CommitMetadata {
            ledger_from: most,
            window_from: most,
            end: ChangelogOffset(i64::MAX),
            stamp,
            topic_id: TOPIC_ID.into(),
        };
        let text = longest.to_text();
        assert!(text.is_ascii() && text.len() < 512, "{}", text.len());
        assert_eq!(CommitMetadata::parse(&text), Parsed::Ours(longest));
    }

    #[test]
    fn whatever_differs_from_what_we_write_is_foreign() {
        let ours = metadata().to_text();
        for (from, to) in [
            (ours.as_str(), ""),
            (&ours, "offset-explorer"),
            ("pinrelay/1", "pinrelay/"),
            ("pinrelay/1", "pinrelay/1x"),
            ("ledger=none", "ledger=-1"),
            ("ledger=none", "ledger="),
            ("window=17", "window=+17"),
            ("window=17", "window=9223372036854775808"),
            ("end=230", "end=none"),
            (":41", ""),
            (" topic=", " topic"),
            ("ledger=none window=17", "window=17 ledger=none"),
            (" end", "  end"),
        ] {
            assert!(ours.contains(from), "{from}");
            assert_eq!(CommitMetadata::parse(&ours.replace(from, to)), Parsed::Foreign, "{from} → {to}");
        }
    }

    #[test]
    fn another_version_is_neither_ours_nor_foreign() {
        for version in ["0", "2", "10"] {
            let text = metadata().to_text().replace("pinrelay/1", &format!("pinrelay/{version}"));
            assert_eq!(CommitMetadata::parse(&text), Parsed::Newer { version: version.to_owned() });
        }
        assert_eq!(CommitMetadata::parse("pinrelay/3 something else"), Parsed::Newer { version: "3".to_owned() });
    }

    fn position() -> impl Strategy<Value = ChangelogOffset> {
        (0..=i64::MAX).prop_map(ChangelogOffset)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            ledger_from in proptest::option::of(position()),
            window_from in proptest::option::of(position()),
            end in position(),
            process: u128,
            transaction: u64,
            topic_id in "[A-Za-z0-9_-]{22}",
        ) {
            let stamp = Stamp { process: Uuid::from_u128(process), transaction: TransactionId(transaction) };
            let metadata = CommitMetadata { ledger_from, window_from, end, stamp, topic_id };
            prop_assert_eq!(CommitMetadata::parse(&metadata.to_text()), Parsed::Ours(metadata));
        }
    }
}

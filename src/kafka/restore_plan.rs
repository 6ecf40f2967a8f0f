//! From where a partition goes on, and when a person must decide first (P4, P5). Pure.

use std::time::Duration;

use crate::domain::{ChangelogOffset, NextOffset};

use super::metadata::Parsed;
use super::settings::{OnLost, Retention};

/// What Kafka says about a partition.
#[derive(Clone, Debug)]
pub struct Facts {
    pub committed: Option<(NextOffset, Parsed)>,
    /// First offset and end of the input partition.
    pub input: (NextOffset, NextOffset),
    /// First position and end of the changelog partition.
    pub changelog: (ChangelogOffset, ChangelogOffset),
    /// Of the input topic, now.
    pub topic_id: String,
    pub retention: Retention,
    pub on_lost: OnLost,
}

/// How a partition goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It was never read: its first offset is to be resolved and committed.
    FirstStart,
    /// The changelog is to be read from `from` up to its end.
    Continue {
        next_offset: NextOffset,
        /// Where the records begin that are still there, if some before them were deleted unread.
        lost_until: Option<NextOffset>,
        from: ChangelogOffset,
        /// Behind our last entry; 0 where that is not known.
        end: ChangelogOffset,
    },
}

/// A state from which pinrelay does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    #[error(
        "the records from offset {next_offset} up to {log_start} were deleted before they were read; \
         decide whether to go on at {log_start} without them (the feed's key `on_lost: continue` leaves one row \
         `lost` for them), and lengthen the retention of the input topic"
    )]
    RecordsDeleted { next_offset: NextOffset, log_start: NextOffset },
    #[error(
        "the committed offset {next_offset} lies behind the end {log_end} of the input partition; \
         find out whether records were lost or the offset was set by hand, and set it to a position that exists"
    )]
    OffsetBeyondEnd { next_offset: NextOffset, log_end: NextOffset },
    #[error(
        "no offset is committed although the changelog was written up to {changelog_end}: offsets expired or were \
         deleted; set the offset by hand to where reading shall go on; if the input topic was created again, delete the \
         changelog topic to begin anew"
    )]
    OffsetMissing { changelog_end: ChangelogOffset },
    #[error(
        "the input topic is another one than before (id {found} instead of {expected}): it was deleted and created \
         again; decide whether to begin it anew, and then delete the group's offsets and the changelog topic"
    )]
    TopicRecreated { expected: String, found: String },
    #[error(
        "the changelog begins at {log_start}, but records whose fate is open need it from {ledger_from}: pinrelay was \
         stopped for longer than the changelog's retention; decide what becomes of events that may have been sent"
    )]
    LedgerDeleted { ledger_from: ChangelogOffset, log_start: ChangelogOffset },
    #[error(
        "the changelog begins at {log_start}, but keys of the window need it from {window_from}, and its retention of \
         {} s is shorter than the window with its margin; decide whether duplicates may be sent, and lengthen the \
         retention", .retention.as_secs()
    )]
    WindowDeleted { window_from: ChangelogOffset, log_start: ChangelogOffset, retention: Duration },
    #[error(
        "the changelog ends at {log_end}, but was written up to {end}: entries were lost or the topic was created \
         again; decide what becomes of events that may have been sent"
    )]
    ChangelogCut { end: ChangelogOffset, log_end: ChangelogOffset },
    #[error(
        "the committed offset carries metadata of version {version}, which this release does not know; start the release \
         that wrote it, or a newer one"
    )]
    MetadataUnknown { version: String },
    #[error("there is no changelog partition for this input partition; create it, or add partitions to its topic")]
    ChangelogMissing,
    #[error("the changelog record at {position} cannot be read: {why}; find out who else writes to that topic")]
    ChangelogUnreadable { position: ChangelogOffset, why: String },
}

/// Decides how a partition goes on.
///
/// # Errors
///
/// A person must decide.
pub fn plan(facts: &Facts) -> Result<Plan, Halt> {
    let (log_start, log_end) = facts.changelog;
    let Some((next_offset, metadata)) = &facts.committed else {
        return match log_end {
            ChangelogOffset(0) => Ok(Plan::FirstStart),
            changelog_end => Err(Halt::OffsetMissing { changelog_end }),
        };
    };
    let next_offset = *next_offset;
    if let Parsed::Newer { version } = metadata {
        return Err(Halt::MetadataUnknown { version: version.clone() });
    }
    if let Parsed::Ours(metadata) = metadata
        && metadata.topic_id != facts.topic_id
    {
        return Err(Halt::TopicRecreated { expected: metadata.topic_id.clone(), found: facts.topic_id.clone() });
    }
    let lost_until = check_offset(next_offset, facts)?;
    let Parsed::Ours(metadata) = metadata else {
        return Ok(Plan::Continue { next_offset, lost_until, from: log_start, end: ChangelogOffset(0) });
    };
    let end = metadata.end;
    if log_end < end {
        return Err(Halt::ChangelogCut { end, log_end });
    }
    if let Some(ledger_from) = metadata.ledger_from
        && ledger_from < log_start
    {
        return Err(Halt::LedgerDeleted { ledger_from, log_start });
    }
    if let Some(window_from) = metadata.window_from
        && window_from < log_start
        && !facts.retention.covers_window()
    {
        return Err(Halt::WindowDeleted { window_from, log_start, retention: facts.retention.changelog });
    }
    // What retention has deleted was needed by nothing that is still alive.
    let from = [metadata.ledger_from, metadata.window_from].into_iter().flatten().fold(end, ChangelogOffset::min);
    Ok(Plan::Continue { next_offset, lost_until, from: from.max(log_start), end })
}

fn check_offset(next_offset: NextOffset, facts: &Facts) -> Result<Option<NextOffset>, Halt> {
    let (log_start, log_end) = facts.input;
    if log_end < next_offset {
        return Err(Halt::OffsetBeyondEnd { next_offset, log_end });
    }
    if log_start <= next_offset {
        return Ok(None);
    }
    match facts.on_lost {
        OnLost::Halt => Err(Halt::RecordsDeleted { next_offset, log_start }),
        OnLost::Continue => Ok(Some(log_start)),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::TransactionId;
    use crate::kafka::metadata::{CommitMetadata, Stamp};

    const HOUR: Duration = Duration::from_hours(1);

    /// Committed 50 of 20..90; the changelog is 100..200, ours ends at 180.
    fn facts(ledger_from: Option<i64>, window_from: Option<i64>) -> Facts {
        let metadata = CommitMetadata {
            ledger_from: ledger_from.map(ChangelogOffset),
            window_from: window_from.map(ChangelogOffset),
            end: ChangelogOffset(180),
            stamp: Stamp { process: Uuid::nil(), transaction: TransactionId(1) },
            topic_id: "id".to_owned(),
        };
        Facts {
            committed: Some((NextOffset(50), Parsed::Ours(metadata))),
            input: (NextOffset(20), NextOffset(90)),
            changelog: (ChangelogOffset(100), ChangelogOffset(200)),
            topic_id: "id".to_owned(),
            on_lost: OnLost::Halt,
            retention: Retention { changelog: 50 * HOUR, window: 48 * HOUR, margin: HOUR },
        }
    }

    fn short_retention(facts: Facts) -> Facts {
        let retention = Retention { changelog: 48 * HOUR, ..facts.retention };
        Facts { retention, ..facts }
    }

    #[test]
    fn reading_begins_at_the_lowest_position_that_is_needed_and_still_there() {
        for (what, facts, from) in [
            ("nothing open, nothing live", facts(None, None), 180),
            ("an open intent", facts(Some(120), None), 120),
            ("a live window", facts(None, Some(110)), 110),
            ("both", facts(Some(120), Some(150)), 120),
            ("an open intent at the beginning", facts(Some(100), None), 100),
            ("a live window that begins there, too", short_retention(facts(None, Some(100))), 100),
            (
                "all up to our last entry, and all records read",
                {
                    let mut still = facts(None, None);
                    (still.input, still.changelog) =
                        ((NextOffset(50), NextOffset(50)), (ChangelogOffset(100), ChangelogOffset(180)));
                    still
                },
                180,
            ),
            ("a window that retention has cut", facts(Some(120), Some(10)), 100),
            (
                "an idle partition whose entries have expired",
                {
                    let mut idle = facts(None, None);
                    idle.changelog = (ChangelogOffset(190), ChangelogOffset(200));
                    idle
                },
                190,
            ),
        ] {
            let expected = Plan::Continue {
                next_offset: NextOffset(50),
                lost_until: None,
                from: ChangelogOffset(from),
                end: ChangelogOffset(180),
            };
            assert_eq!(plan(&facts), Ok(expected), "{what}");
        }
    }

    #[test]
    fn deleted_records_are_passed_where_the_feed_says_so() {
        let input = (NextOffset(60), NextOffset(90));
        let facts = Facts { input, on_lost: OnLost::Continue, ..facts(None, None) };
        let (from, end) = (ChangelogOffset(180), ChangelogOffset(180));
        let lost_until = Some(NextOffset(60));
        assert_eq!(plan(&facts), Ok(Plan::Continue { next_offset: NextOffset(50), lost_until, from, end }));
    }

    #[test]
    fn foreign_metadata_means_to_read_everything() {
        let facts = Facts { committed: Some((NextOffset(50), Parsed::Foreign)), ..facts(None, None) };
        let (from, end) = (ChangelogOffset(100), ChangelogOffset(0));
        assert_eq!(plan(&facts), Ok(Plan::Continue { next_offset: NextOffset(50), lost_until: None, from, end }));
    }

    #[test]
    fn a_partition_without_offset_and_without_changelog_is_a_first_start() {
        let changelog = (ChangelogOffset(0), ChangelogOffset(0));
        assert_eq!(plan(&Facts { committed: None, changelog, ..facts(None, None) }), Ok(Plan::FirstStart));
    }

    #[test]
    fn every_state_that_a_person_must_decide_about_halts_and_says_so() {
        let halts = [
            Facts { committed: None, ..facts(None, None) },
            Facts { topic_id: "other".to_owned(), ..facts(None, None) },
            Facts { committed: Some((NextOffset(50), Parsed::Newer { version: "2".to_owned() })), ..facts(None, None) },
            Facts { input: (NextOffset(51), NextOffset(90)), ..facts(None, None) },
            Facts { input: (NextOffset(0), NextOffset(49)), ..facts(None, None) },
            Facts { changelog: (ChangelogOffset(0), ChangelogOffset(179)), ..facts(None, None) },
            facts(Some(99), None),
            short_retention(facts(None, Some(99))),
        ]
        .map(|facts| plan(&facts).expect_err("a halt").to_string());
        insta::assert_snapshot!(halts.join("\n"), @r"
        no offset is committed although the changelog was written up to 200: offsets expired or were deleted; set the offset by hand to where reading shall go on; if the input topic was created again, delete the changelog topic to begin anew
        the input topic is another one than before (id other instead of id): it was deleted and created again; decide whether to begin it anew, and then delete the group's offsets and the changelog topic
        the committed offset carries metadata of version 2, which this release does not know; start the release that wrote it, or a newer one
        the records from offset 50 up to 51 were deleted before they were read; decide whether to go on at 51 without them (the feed's key `on_lost: continue` leaves one row `lost` for them), and lengthen the retention of the input topic
        the committed offset 50 lies behind the end 49 of the input partition; find out whether records were lost or the offset was set by hand, and set it to a position that exists
        the changelog ends at 179, but was written up to 180: entries were lost or the topic was created again; decide what becomes of events that may have been sent
        the changelog begins at 100, but records whose fate is open need it from 99: pinrelay was stopped for longer than the changelog's retention; decide what becomes of events that may have been sent
        the changelog begins at 100, but keys of the window need it from 99, and its retention of 172800 s is shorter than the window with its margin; decide whether duplicates may be sent, and lengthen the retention
        ");
    }
}

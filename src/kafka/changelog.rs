//! The changelog's bytes: many entries in one Kafka record, about 22 bytes for an intent and its outcome.
//!
//! The contract is `schemas/changelog.avsc`; this is a hand-written writer and reader of that one schema, because a
//! restore reads tens of millions of entries. Each value names its schema by fingerprint: a process that meets entries
//! of a version that it does not know must not guess.
//!
//! A record holds outcomes and withdrawals first, then intents: the order of a transaction (R3). Entries in another
//! order are spread over several records, so that decoding gives back what was encoded, in its order, always.

use super::binary::{Cursor, MAX_LONG_BYTES, Malformed, SINGLE_OBJECT_MARKER, hex, put_count, put_long};
use crate::domain::{ChangelogEntry, EventKey, InDoubtPolicy, Offset, Redelivery, SettledKind, UnixMillis};

/// The schema of every value on a changelog topic.
pub const SCHEMA: &str = include_str!("../../schemas/changelog.avsc");

/// Header of every record: Kafka's id of the input topic that its offsets belong to. Deleting a topic deletes the
/// committed offsets and their metadata with it, so only the changelog can tell that a topic was created again.
pub const TOPIC_ID: &str = "topic-id";

/// CRC-64-AVRO of [`SCHEMA`]'s canonical form, little-endian. A test computes it; when it changes, the version does.
pub(super) const FINGERPRINT: [u8; 8] = [0xd9, 0xdd, 0xd3, 0xf5, 0x66, 0x88, 0x2a, 0x62];

/// Most bytes of a record besides its entries: marker, fingerprint, two bases, two block counts, two block ends.
const FRAME_BYTES: usize = 2 + 8 + 4 * MAX_LONG_BYTES + 2;

/// Fewest bytes of an element of `settled`, and of `intents`.
const MIN_SETTLED_BYTES: usize = 3;
const MIN_INTENT_BYTES: usize = 18;

/// Why bytes of a changelog cannot be understood. Either way the partition cannot be restored and a person decides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangelogFault {
    /// Written by a release that knows another version.
    #[error("expected changelog schema {}, found {}: written by another release of pinrelay", hex(&FINGERPRINT), hex(found))]
    UnknownSchema { found: [u8; 8] },
    /// Damaged, or not a changelog.
    #[error("not a changelog record: {0}")]
    Malformed(#[from] Malformed),
}

/// Packs `entries` into values of at most `max_bytes` each, as few as that takes; a value holds at least one entry.
#[must_use]
pub fn encode(entries: &[ChangelogEntry], max_bytes: usize) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let mut packed: Option<Packed> = None;
    for entry in entries {
        if let Some(full) = packed.take_if(|packed| !packed.try_push(entry, max_bytes)) {
            values.push(full.finish());
        }
        if packed.is_none() {
            packed = Some(Packed::begin(entry));
        }
    }
    values.extend(packed.map(Packed::finish));
    values
}

/// Reads one value back, in the order in which its entries count.
///
/// # Errors
/// If the bytes are of another schema, or are not exactly one value of this one.
pub fn decode(value: &[u8]) -> Result<Vec<ChangelogEntry>, ChangelogFault> {
    let mut cursor = Cursor::new(value);
    if cursor.array("the single-object marker")? != SINGLE_OBJECT_MARKER {
        return Err(Cursor::new(value).malformed("the single-object marker").into());
    }
    let found = cursor.array("a fingerprint")?;
    if found != FINGERPRINT {
        return Err(ChangelogFault::UnknownSchema { found });
    }
    let mut place = Place { offset: cursor.long("base_offset")?, time: cursor.long("base_time")? };
    let mut entries = cursor.items(MIN_SETTLED_BYTES, "settled", |cursor| place.read_settled(cursor))?;
    entries.extend(cursor.items(MIN_INTENT_BYTES, "intents", |cursor| place.read_intent(cursor))?);
    cursor.end()?;
    Ok(entries)
}

/// What the next entry's differences are counted from.
#[derive(Clone, Copy)]
struct Place {
    offset: i64,
    time: i64,
}

impl Place {
    fn put(&mut self, entry: &ChangelogEntry, out: &mut Vec<u8>) {
        put_long(out, entry.offset().0.wrapping_sub(self.offset));
        self.offset = entry.offset().0;
        match *entry {
            ChangelogEntry::Intent { key, policy, .. } => {
                out.extend_from_slice(&key.0);
                out.push(match policy {
                    InDoubtPolicy::Resend => 0,
                    InDoubtPolicy::Hold => 2,
                });
            }
            ChangelogEntry::Outcome { kind, redelivery, at, .. } => {
                out.push(2 * what(kind, redelivery));
                put_long(out, at.0.wrapping_sub(self.time));
                self.time = at.0;
            }
            ChangelogEntry::Withdrawn { .. } => out.extend_from_slice(&[2 * WITHDRAWN, 0]),
        }
    }

    fn read_offset(&mut self, cursor: &mut Cursor<'_>) -> Result<Offset, Malformed> {
        self.offset = self.offset.wrapping_add(cursor.long("offset_difference")?);
        Ok(Offset(self.offset))
    }

    fn read_settled(&mut self, cursor: &mut Cursor<'_>) -> Result<ChangelogEntry, Malformed> {
        use Redelivery::{Impossible, Possible};
        use SettledKind::{Delivered, InDoubt, NotSent};
        let offset = self.read_offset(cursor)?;
        let fault = cursor.malformed("a symbol of What");
        let what = cursor.index("what")?;
        let difference = cursor.long("time_difference")?;
        let (kind, redelivery) = match what {
            0 => (Delivered, Impossible),
            1 => (Delivered, Possible),
            2 => (InDoubt, Impossible),
            3 => (InDoubt, Possible),
            4 => (NotSent, Impossible),
            5 => (NotSent, Possible),
            6 if difference == 0 => return Ok(ChangelogEntry::Withdrawn { offset }),
            _ => return Err(fault),
        };
        self.time = self.time.wrapping_add(difference);
        Ok(ChangelogEntry::Outcome { offset, kind, redelivery, at: UnixMillis(self.time) })
    }

    fn read_intent(&mut self, cursor: &mut Cursor<'_>) -> Result<ChangelogEntry, Malformed> {
        let offset = self.read_offset(cursor)?;
        let key = EventKey(cursor.array("key")?);
        let fault = cursor.malformed("a symbol of InDoubtPolicy");
        let policy = match cursor.index("policy")? {
            0 => InDoubtPolicy::Resend,
            1 => InDoubtPolicy::Hold,
            _ => return Err(fault),
        };
        Ok(ChangelogEntry::Intent { offset, key, policy })
    }
}

/// Position of `withdrawn` in the schema's enum `What`.
const WITHDRAWN: u8 = 6;

/// Position in the schema's enum `What`.
const fn what(kind: SettledKind, redelivery: Redelivery) -> u8 {
    let kind = match kind {
        SettledKind::Delivered => 0,
        SettledKind::InDoubt => 2,
        SettledKind::NotSent => 4,
    };
    match redelivery {
        Redelivery::Impossible => kind,
        Redelivery::Possible => kind + 1,
    }
}

/// A value that still takes entries.
struct Packed {
    base: Place,
    place: Place,
    settled: Vec<u8>,
    settled_count: usize,
    intents: Vec<u8>,
    intent_count: usize,
}

impl Packed {
    fn begin(entry: &ChangelogEntry) -> Self {
        let time = match *entry {
            ChangelogEntry::Outcome { at, .. } => at.0,
            ChangelogEntry::Intent { .. } | ChangelogEntry::Withdrawn { .. } => 0,
        };
        let base = Place { offset: entry.offset().0, time };
        let mut packed =
            Self { base, place: base, settled: Vec::new(), settled_count: 0, intents: Vec::new(), intent_count: 0 };
        let fits = packed.try_push(entry, usize::MAX);
        debug_assert!(fits, "an empty value takes any entry");
        packed
    }

    /// Whether the entry has been taken: it fits, and is not settled behind an intent.
    fn try_push(&mut self, entry: &ChangelogEntry, max_bytes: usize) -> bool {
        let is_intent = matches!(entry, ChangelogEntry::Intent { .. });
        if !is_intent && 0 < self.intent_count {
            return false;
        }
        let others = if is_intent { self.settled.len() } else { self.intents.len() };
        let (out, count) = if is_intent {
            (&mut self.intents, &mut self.intent_count)
        } else {
            (&mut self.settled, &mut self.settled_count)
        };
        let (before, place) = (out.len(), self.place);
        self.place.put(entry, out);
        if max_bytes < FRAME_BYTES + others + out.len() {
            out.truncate(before);
            self.place = place;
            return false;
        }
        *count += 1;
        true
    }

    fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_BYTES + self.settled.len() + self.intents.len());
        out.extend_from_slice(&SINGLE_OBJECT_MARKER);
        out.extend_from_slice(&FINGERPRINT);
        put_long(&mut out, self.base.offset);
        put_long(&mut out, self.base.time);
        for (count, items) in [(self.settled_count, &self.settled), (self.intent_count, &self.intents)] {
            if 0 < count {
                put_count(&mut out, count);
                out.extend_from_slice(items);
            }
            out.push(0);
        }
        out
    }
}

#[cfg(test)]
#[path = "changelog_tests.rs"]
mod tests;

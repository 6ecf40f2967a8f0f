//! From changelog entries back to ledger, open intents and window (P3, P4).

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use crate::domain::{
    ChangelogEntry, ChangelogOffset, EventKey, InDoubtPolicy, KeyState, NextOffset, Offset, SettledKind, UnixMillis,
};

use super::ledger::Told;
use super::settings::Settings;
use super::window::{Loading, Window, WindowEntry};

/// An intent without an outcome: the record may have been posted by a former owner (R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    pub offset: Offset,
    pub key: EventKey,
    pub policy: InDoubtPolicy,
    /// Where the changelog holds it.
    pub position: ChangelogOffset,
    /// The latest moment at which the former owner's post may have been taken (R8).
    pub taken_until: UnixMillis,
}

/// What is known of a partition when its epoch begins to read.
#[derive(Debug)]
pub struct Restored {
    pub(crate) next_offset: NextOffset,
    pub(crate) lost_until: Option<NextOffset>,
    pub(crate) end: ChangelogOffset,
    pub(crate) open: Vec<OpenIntent>,
    pub(crate) settled: Vec<(Offset, ChangelogOffset, Told)>,
    /// When the oldest of `open` and `settled` was written.
    pub(crate) oldest: Option<UnixMillis>,
    pub(crate) window: Window,
}

impl Restored {
    /// Where the reader begins.
    #[must_use]
    pub fn next_offset(&self) -> NextOffset {
        self.lost_until.unwrap_or(self.next_offset)
    }

    /// Keys in the restored window.
    #[must_use]
    pub fn window_keys(&self) -> usize {
        self.window.len()
    }

    /// Intents without an outcome.
    #[must_use]
    pub const fn open_intents(&self) -> usize {
        self.open.len()
    }
}

/// An outcome, and where and since when the changelog holds it.
#[derive(Clone, Copy, Debug)]
struct KnownOutcome {
    position: ChangelogOffset,
    appended: UnixMillis,
    told: Told,
}

/// Reads changelog entries in order of position.
#[derive(Debug)]
pub struct Replay {
    next_offset: NextOffset,
    lost_until: Option<NextOffset>,
    end: ChangelogOffset,
    intents: HashMap<Offset, OpenIntent, BuildHasherDefault<OffsetHasher>>,
    settled: BTreeMap<Offset, KnownOutcome>,
    window: Loading,
    may_be_taken_for: Duration,
}

impl Replay {
    /// `next_offset`: the committed offset; `end`: from the commit's metadata, 0 where the changelog was never written.
    #[must_use]
    pub fn new(settings: &Settings, next_offset: NextOffset, end: ChangelogOffset) -> Self {
        Self {
            next_offset,
            lost_until: None,
            end,
            intents: HashMap::default(),
            settled: BTreeMap::new(),
            window: Loading::new(Window::new(settings.window, settings.window_keys)),
            may_be_taken_for: settings.post_deadline + settings.answer_timeout + settings.late_slack,
        }
    }

    /// Records before `until` that were not read are gone for good (P5); what the changelog holds of them still counts.
    pub const fn lost(&mut self, until: NextOffset) {
        self.lost_until = Some(until);
    }

    /// Keys so far.
    #[must_use]
    pub fn window_keys(&self) -> usize {
        self.window.len()
    }

    /// Takes the entries of one changelog record.
    pub fn apply(&mut self, position: ChangelogOffset, appended: UnixMillis, entries: &[ChangelogEntry]) {
        for entry in entries {
            match *entry {
                ChangelogEntry::Intent { offset, key, policy } => {
                    let taken_until = appended.after(self.may_be_taken_for);
                    self.intents.insert(offset, OpenIntent { offset, key, policy, position, taken_until });
                    if !self.next_offset.is_past(offset) {
                        self.settled.remove(&offset);
                    }
                }
                ChangelogEntry::Outcome { offset, kind, redelivery, at } => {
                    // Below the committed offset it is needed for the window only.
                    if !self.next_offset.is_past(offset) {
                        let told = Told { kind, redelivery, at };
                        self.settled.insert(offset, KnownOutcome { position, appended, told });
                    }
                    // An outcome whose intent is gone counts for the ledger only.
                    let Some(intent) = self.intents.remove(&offset) else { continue };
                    let state = match kind {
                        SettledKind::Delivered => KeyState::Delivered,
                        SettledKind::InDoubt => KeyState::InDoubt,
                        SettledKind::NotSent => continue,
                    };
                    let entry = WindowEntry { offset, state, policy: intent.policy };
                    self.window.insert(intent.key, entry, at, Some(intent.position));
                }
                ChangelogEntry::Withdrawn { offset } => {
                    self.intents.remove(&offset);
                }
            }
        }
    }

    /// All entries up to the high watermark have been applied; `now` clears away what has expired.
    #[must_use]
    pub fn finish(self, now: UnixMillis) -> Restored {
        let window = self.window.finish(now);
        let next_offset = self.next_offset;
        let mut open: Vec<_> = self.intents.into_values().filter(|i| !next_offset.is_past(i.offset)).collect();
        open.sort_unstable_by_key(|intent| intent.offset);
        let settled = self.settled;
        let written = open.iter().map(|intent| intent.taken_until.before(self.may_be_taken_for));
        let oldest = written.chain(settled.values().map(|known| known.appended)).min();
        Restored {
            next_offset,
            lost_until: self.lost_until,
            end: self.end,
            open,
            settled: settled.into_iter().map(|(offset, known)| (offset, known.position, known.told)).collect(),
            oldest,
            window,
        }
    }
}

/// Hashes offsets, which come from our own entries: a restore looks for one twice for each key.
#[derive(Clone, Copy, Debug, Default)]
struct OffsetHasher(u64);

impl Hasher for OffsetHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_i64(&mut self, offset: i64) {
        self.write_u64(u64::from_ne_bytes(offset.to_ne_bytes()));
    }

    fn write_u64(&mut self, number: u64) {
        // By the golden ratio, with the high bits brought down: the map takes its group from the low ones.
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }
}

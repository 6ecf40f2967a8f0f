//! P3: stable offset, then watermark, then the changelog up to it.

use std::collections::BTreeSet;

use pinrelay::domain::{ChangelogEntry, ChangelogOffset, Epoch, NextOffset, UnixMillis};
use pinrelay::kafka::restore_plan::{self, Halt, Plan};
use pinrelay::pipeline::{Input, Replay};

use crate::kafka::{Metadata, Stored};
use crate::process::{Held, Stage};
use crate::scenario::{WALL, partition_id};
use crate::variants::Variant;
use crate::world::{Own, World};

/// How far a restore has come.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    #[expect(clippy::option_option, reason = "the outer layer says whether it was asked for")]
    stored: Option<Option<Stored>>,
    watermark: Option<i64>,
    begun: Option<Begun>,
    /// Why it does not go on, unless the offset has moved meanwhile.
    halt: Option<Halt>,
    /// Offset at the time of the assignment, for the variant that reads from there.
    early: Option<i64>,
}

/// A restore that reads.
#[derive(Debug)]
struct Begun {
    replay: Replay,
    /// In the changelog.
    position: i64,
    /// Where the input will be read.
    start: i64,
    /// Records with an intent and nothing after it.
    open: BTreeSet<i64>,
}

impl World {
    /// One step of a restore; the next one comes a little later, or much later if the process sleeps before it.
    pub(crate) fn restore(&mut self, slot: usize, partition: usize, epoch: Epoch) {
        let unstable = self.is(Variant::UnstableOffset) || self.is(Variant::UnstableOffsetWithoutFlush);
        let early = self.is(Variant::WatermarkFirst) || self.is(Variant::WatermarkFirstWithoutFlush);
        let stored = self.kafka.transactions.stored(partition);
        let stable = self.kafka.transactions.stable(partition);
        let watermark = self.kafka.changelogs[partition].end;
        let Some(Held { epoch: held, stage: Stage::Restoring(restoring), .. }) =
            self.processes[slot].held.get_mut(&partition)
        else {
            return;
        };
        if *held != epoch {
            return;
        }
        restoring.early.get_or_insert(stored.next);
        if let Some(halt) = restoring.halt.take() {
            match stable {
                // It is asked for until no transaction would move it.
                None => restoring.halt = Some(halt),
                found if found == restoring.stored => return self.halted(slot, partition, &halt),
                Some(_) => **restoring = Restoring { early: restoring.early, ..Restoring::default() },
            }
        } else if early && restoring.watermark.is_none() {
            restoring.watermark = Some(watermark);
        } else if restoring.stored.is_none() {
            restoring.stored = if unstable { Some(Some(stored)) } else { stable };
        } else if restoring.watermark.is_none() {
            restoring.watermark = Some(watermark);
        } else if self.read_changelog(slot, partition, epoch) {
            return;
        }
        let delay = self.pauses(slot).unwrap_or(0) + self.random.between(1, 12);
        self.own(slot, delay, Own::Restore { partition, epoch });
    }

    /// Where a restore begins, decided as in a real one.
    fn begin_restore(
        &mut self,
        slot: usize,
        partition: usize,
        stored: Option<Stored>,
        watermark: i64,
    ) -> Result<Begun, Halt> {
        let clamps = self.is(Variant::ClampsToLogStart);
        let kept = self.scenario.kind.retention().map(|kept| if clamps { kept / 8 } else { kept });
        let log_start = kept.map_or(0, |kept| {
            let oldest = i64::try_from(self.now.saturating_sub(kept)).expect("worlds are short");
            self.kafka.changelogs[partition].start(UnixMillis(WALL + oldest))
        });
        let facts = self.facts(partition, stored, log_start, watermark);
        let (next_offset, lost_until, from, end) = match (restore_plan::plan(&facts), stored) {
            (Ok(Plan::FirstStart), _) => {
                let added = self.scenario.initial <= partition;
                let from_end = added && self.is(Variant::AddedFromEnd);
                let start = if from_end { facts.input.1 } else { facts.input.0 };
                // The shell commits it before it reads, unless another owner was faster.
                if self.kafka.transactions.stable(partition) == Some(None) {
                    let (stamp, topic) = ((self.processes[slot].life, 0), self.topic);
                    let metadata = Metadata { ledger_from: None, window_from: None, end: 0, stamp, topic };
                    self.kafka.transactions.set(partition, Some(Stored { next: start.0, metadata: Some(metadata) }));
                }
                (start, None, ChangelogOffset(watermark), ChangelogOffset(0))
            }
            (Ok(Plan::Continue { next_offset, lost_until, from, end }), _) => (next_offset, lost_until, from, end),
            (Err(Halt::LedgerDeleted { .. }), Some(stored)) if clamps => {
                (NextOffset(stored.next), None, ChangelogOffset(log_start), facts.changelog.1)
            }
            (Err(Halt::OffsetMissing { .. }), _) if self.is(Variant::MissingIsFirst) => {
                (facts.input.0, None, ChangelogOffset(watermark), ChangelogOffset(0))
            }
            (Err(Halt::ChangelogCut { .. }), Some(stored)) if self.is(Variant::IgnoresCut) => {
                (NextOffset(stored.next), None, ChangelogOffset(log_start), facts.changelog.1)
            }
            (Err(Halt::TopicRecreated { .. }), _) if self.is(Variant::IgnoresTopic) => {
                (facts.input.0, None, ChangelogOffset(watermark), facts.changelog.1)
            }
            (Err(halt), _) => return Err(halt),
        };
        let mut replay = Replay::new(&self.scenario.settings, next_offset, end);
        if let Some(until) = lost_until.filter(|_| !self.is(Variant::LostUnsaid)) {
            replay.lost(until);
        }
        let start = lost_until.unwrap_or(next_offset).0;
        let is_foreign = stored.is_some_and(|stored| stored.metadata.is_none());
        let from = if self.is(Variant::ReadsFromEnd) {
            end.0.max(log_start)
        } else if is_foreign && self.is(Variant::ForeignFromEnd) {
            watermark
        } else {
            from.0
        };
        Ok(Begun { replay, position: from, start, open: BTreeSet::new() })
    }

    /// Offset and changelog were looked at one after the other: the offset is looked at again. Returns whether the restore
    /// has ended.
    fn would_halt(&mut self, slot: usize, partition: usize, halt: Halt) -> bool {
        if self.is(Variant::HaltsAtOnce) {
            self.halted(slot, partition, &halt);
            return true;
        }
        if let Some(Held { stage: Stage::Restoring(restoring), .. }) = self.processes[slot].held.get_mut(&partition) {
            restoring.halt = Some(halt);
        }
        false
    }

    /// Returns whether the restore has ended.
    fn read_changelog(&mut self, slot: usize, partition: usize, epoch: Epoch) -> bool {
        let early = self.is(Variant::ReadsFromEarlyOffset);
        let Some(Held { stage: Stage::Restoring(restoring), .. }) = self.processes[slot].held.get_mut(&partition)
        else {
            return true;
        };
        let (Some(stored), Some(watermark)) = (restoring.stored, restoring.watermark) else { return false };
        let begun = match restoring.begun.take() {
            Some(begun) => Ok(begun),
            None => self.begin_restore(slot, partition, stored, watermark),
        };
        let mut begun = match begun {
            Ok(begun) => begun,
            Err(halt) => return self.would_halt(slot, partition, halt),
        };
        let (visible, stable) = self.kafka.read_committed(partition, begun.position);
        // No further than P3 demands.
        let mut of_another = None;
        for packed in visible.into_iter().filter(|packed| packed.position < watermark) {
            if packed.topic != self.topic {
                of_another = Some(packed.topic);
            }
            for entry in &packed.entries {
                match entry {
                    ChangelogEntry::Intent { offset, .. } => begun.open.insert(offset.0),
                    ChangelogEntry::Outcome { offset, .. } | ChangelogEntry::Withdrawn { offset } => {
                        begun.open.remove(&offset.0)
                    }
                };
            }
            begun.replay.apply(ChangelogOffset(packed.position), packed.appended, &packed.entries);
        }
        if let Some(expected) = of_another.filter(|_| !self.is(Variant::IgnoresTopic)) {
            let (expected, found) = (expected.to_string(), self.topic.to_string());
            return self.would_halt(slot, partition, Halt::TopicRecreated { expected, found });
        }
        begun.position = begun.position.max(stable);
        let Some(Held { stage: Stage::Restoring(restoring), .. }) = self.processes[slot].held.get_mut(&partition)
        else {
            return true;
        };
        if begun.position < watermark {
            restoring.begun = Some(begun);
            return false;
        }
        let start = restoring.early.filter(|_| early).unwrap_or(begun.start);
        self.goes_on(slot, partition, stored, watermark);
        if let Some(held) = self.processes[slot].held.get_mut(&partition) {
            held.stage = Stage::Reading { position: start };
            held.inherited = begun.open;
        }
        let restored = Box::new(begun.replay.finish(self.clocks(slot).wall));
        self.step(slot, Input::Restored { partition: partition_id(partition), epoch, restored });
        true
    }
}

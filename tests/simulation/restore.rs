//! P3: stable offset, then watermark, then the changelog up to it.

use pinrelay::domain::{ChangelogOffset, Epoch, NextOffset, UnixMillis};
use pinrelay::pipeline::{Input, Replay};

use crate::checker::Law;
use crate::kafka::{Metadata, Stored};
use crate::process::{Held, Stage};
use crate::scenario::{WALL, partition_id};
use crate::variants::Variant;
use crate::world::{Own, World};

/// How far a restore has come.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    stored: Option<Stored>,
    watermark: Option<i64>,
    reading: Option<(Replay, i64)>,
    /// Offset at the time of the assignment, for the variant that reads from there.
    early: Option<i64>,
}

impl World {
    /// One step of a restore; the next one comes a little later.
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
        if early && restoring.watermark.is_none() {
            restoring.watermark = Some(watermark);
        } else if restoring.stored.is_none() {
            restoring.stored = if unstable { Some(stored) } else { stable };
        } else if restoring.watermark.is_none() {
            restoring.watermark = Some(watermark);
        } else if self.read_changelog(slot, partition, epoch) {
            return;
        }
        let delay = self.random.between(1, 12);
        self.own(slot, delay, Own::Restore { partition, epoch });
    }

    /// Returns whether the watermark has been reached.
    fn read_changelog(&mut self, slot: usize, partition: usize, epoch: Epoch) -> bool {
        let settings = self.scenario.settings.clone();
        let clamps = self.is(Variant::ClampsToLogStart);
        let from_end = self.is(Variant::ReadsFromEnd);
        let early = self.is(Variant::ReadsFromEarlyOffset);
        let Some(Held { stage: Stage::Restoring(restoring), .. }) = self.processes[slot].held.get_mut(&partition)
        else {
            return true;
        };
        let (Some(stored), Some(watermark)) = (restoring.stored, restoring.watermark) else { return false };
        let next_offset = NextOffset(stored.next);
        let kept = self.scenario.kind.retention().map(|kept| if clamps { kept / 8 } else { kept });
        let start = kept.map_or(0, |kept| {
            let oldest = i64::try_from(self.now.saturating_sub(kept)).expect("worlds are short");
            self.kafka.changelogs[partition].start(UnixMillis(WALL + oldest))
        });
        let ledger_from = stored.metadata.and_then(|metadata| metadata.ledger_from);
        if restoring.reading.is_none() && ledger_from.is_some_and(|from| from < start) && !clamps {
            let what = format!("halt: the ledger of {partition} begins at {ledger_from:?}, its changelog at {start}");
            self.checker.blame(self.now, Law::G7, what);
        }
        let (replay, position) = restoring.reading.get_or_insert_with(|| {
            let end = stored.metadata.map_or(0, |metadata| metadata.end);
            let from = if from_end { end } else { read_from(stored.metadata) };
            // What is missing of the window had expired: the changelog is kept for longer than that.
            (Replay::new(&settings, next_offset, ChangelogOffset(end)), from.max(start))
        });
        let (visible, stable) = self.kafka.read_committed(partition, *position);
        // No further than P3 demands.
        for packed in visible.into_iter().filter(|packed| packed.position < watermark) {
            replay.apply(ChangelogOffset(packed.position), packed.appended, &packed.entries);
        }
        *position = (*position).max(stable);
        if *position < watermark {
            return false;
        }
        let beyond = stored.metadata.is_some_and(|metadata| self.kafka.changelogs[partition].end < metadata.end);
        if beyond {
            self.checker.blame(
                self.now,
                Law::Contract,
                format!("`end` of {partition} lies behind the changelog's end"),
            );
        }
        let (replay, _) = restoring.reading.take().expect("it was put there above");
        let start = if early { restoring.early.unwrap_or(stored.next) } else { stored.next };
        if let Some(held) = self.processes[slot].held.get_mut(&partition) {
            held.stage = Stage::Reading { position: start };
        }
        let restored = Box::new(replay.finish(self.clocks(slot).wall));
        self.step(slot, Input::Restored { partition: partition_id(partition), epoch, restored });
        true
    }
}

/// P4: the earliest position that ledger and window need; the log's start without metadata.
fn read_from(metadata: Option<Metadata>) -> i64 {
    metadata.map_or(0, |metadata| {
        metadata.ledger_from.into_iter().chain(metadata.window_from).chain([metadata.end]).min().unwrap_or(0)
    })
}

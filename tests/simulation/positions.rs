//! What people and retention do to positions: records deleted before they are read, offsets set by hand, a topic created
//! again. What pinrelay does about it is decided by the very function that decides in a real restore.

use std::time::Duration;

use pinrelay::domain::{ChangelogOffset, NextOffset, TransactionId};
use pinrelay::kafka::metadata::{CommitMetadata, Parsed, Stamp};
use pinrelay::kafka::restore_plan::{Facts, Halt};
use pinrelay::kafka::settings::{OnLost, Retention};
use uuid::Uuid;

use crate::checker::Law;
use crate::kafka::{Metadata, Stored};
use crate::scenario::{Kind, Time};
use crate::variants::Variant;
use crate::world::{Event, World};

/// Longer than a session and an open transaction last: then nobody is a member, and nothing is pending.
const STOPPED_FOR: Time = 2600;

impl World {
    /// Retention deletes the beginning of a partition, up to one of its records.
    pub(crate) fn cut_input(&mut self, partition: usize) {
        let now = self.now;
        let there = self.scenario.records[partition].iter().filter(|spec| spec.available <= now);
        let offsets: Vec<i64> = there.map(|spec| spec.offset).collect();
        if offsets.is_empty() || 0 < self.topic {
            return;
        }
        let start = (self.random.pick(&offsets) + 1).max(self.input_starts[partition]);
        self.input_starts[partition] = start;
        for spec in self.scenario.records[partition].iter_mut().filter(|spec| spec.offset < start) {
            spec.vanishes.get_or_insert(now);
        }
        self.checker.cut(now, partition, start);
        self.trace.say(now, || format!("{partition} begins at {start}"));
    }

    /// Somebody stops all processes, waits, and does something.
    pub(crate) fn by_hand(&mut self, what: Event) {
        self.closed_until = self.now + STOPPED_FOR + 1;
        for slot in 0..self.processes.len() {
            self.kill(slot);
        }
        self.after(STOPPED_FOR, what);
    }

    /// To where it is, or further back; without metadata, as Kafka's tools leave it.
    pub(crate) fn set_by_hand(&mut self, partition: usize) {
        self.kafka.group.empty(self.now);
        let stored = self.kafka.transactions.stored(partition).next;
        let start = self.input_starts[partition];
        if 0 < self.topic || stored < start {
            return;
        }
        let back = self.random.below(u64::try_from(stored - start).expect("not negative") + 1);
        let to = stored - i64::try_from(back).expect("small");
        self.trace.say(self.now, || format!("the offset of {partition} is set to {to}"));
        self.kafka.transactions.set(partition, Some(Stored { next: to, metadata: None }));
    }

    /// Kafka deletes the offsets with the topic; the new one is empty.
    pub(crate) fn recreate(&mut self) {
        self.topic += 1;
        self.undecided = true;
        for partition in 0..self.scenario.records.len() {
            self.input_starts[partition] = 0;
            self.scenario.ends[partition] = 0;
            self.kafka.transactions.set(partition, None);
            for spec in &mut self.scenario.records[partition] {
                spec.vanishes = Some(0);
            }
        }
        self.checker.topic_deleted(self.now);
    }

    /// Offsets and changelogs are deleted, and the topic is read as a new one.
    pub(crate) fn begin_anew(&mut self) {
        self.kafka.group.empty(self.now);
        self.undecided = false;
        for partition in 0..self.scenario.records.len() {
            self.kafka.transactions.set(partition, None);
            self.kafka.changelogs[partition].records.clear();
            self.kafka.changelogs[partition].end = 0;
        }
    }

    /// What Kafka says when a partition is restored.
    pub(crate) fn facts(&self, partition: usize, stored: Option<Stored>, log_start: i64, watermark: i64) -> Facts {
        let appended = self.scenario.records[partition].iter().filter(|spec| spec.available <= self.now);
        let all = self.scenario.records[partition].iter().all(|spec| spec.available <= self.now);
        let end = appended.map(|spec| spec.offset + 1).max().unwrap_or(self.input_starts[partition]);
        let end = if all { self.scenario.ends[partition] } else { end };
        let kept = self.scenario.kind.retention().map_or(Duration::MAX, Duration::from_millis);
        let window = if self.is(Variant::ShortRetention) { Duration::ZERO } else { self.scenario.settings.window };
        Facts {
            committed: stored.map(|stored| (NextOffset(stored.next), parsed(stored.metadata))),
            input: (NextOffset(self.input_starts[partition]), NextOffset(end)),
            changelog: (ChangelogOffset(log_start), ChangelogOffset(watermark)),
            topic_id: self.topic.to_string(),
            retention: Retention { changelog: kept, window, margin: Duration::ZERO },
            on_lost: OnLost::Continue,
        }
    }

    /// pinrelay does not go on by itself: the process ends, and somebody decides.
    pub(crate) fn halted(&mut self, slot: usize, partition: usize, halt: &Halt) {
        self.trace.say(self.now, || format!("process {slot} halts: {halt}"));
        // An offset that was fetched before the topic was deleted lies behind the end of the new one.
        let of_another_topic =
            matches!(halt, Halt::TopicRecreated { .. } | Halt::OffsetMissing { .. } | Halt::OffsetBeyondEnd { .. });
        let expected = self.undecided && of_another_topic;
        if self.scenario.kind != Kind::Positions || !expected {
            return self.checker.blame(self.now, Law::G7, format!("{partition} halts: {halt}"));
        }
        if self.closed_until < self.now {
            self.by_hand(Event::BeginAnew);
        }
    }

    /// Whether the restore of a partition may go on: not into another topic than before, unless it was first read as one
    /// of this topic. A process that was there before that topic came meets it when it reads.
    pub(crate) fn goes_on(&mut self, slot: usize, partition: usize, stored: Option<Stored>, watermark: i64) {
        let of_this_topic = stored.and_then(|stored| stored.metadata).is_some_and(|known| known.topic == self.topic);
        if self.undecided && 0 < watermark && !of_this_topic && self.processes[slot].topic == self.topic {
            let what = format!("{partition} goes on in another topic, and nobody has decided so");
            self.checker.blame(self.now, Law::Contract, what);
        }
    }
}

/// The text beside the offset, read back.
fn parsed(metadata: Option<Metadata>) -> Parsed {
    let Some(Metadata { ledger_from, window_from, end, stamp: (life, transaction), topic }) = metadata else {
        return CommitMetadata::parse("");
    };
    let written = CommitMetadata {
        ledger_from: ledger_from.map(ChangelogOffset),
        window_from: window_from.map(ChangelogOffset),
        end: ChangelogOffset(end),
        stamp: Stamp { process: Uuid::from_u128(life.into()), transaction: TransactionId(transaction) },
        topic_id: topic.to_string(),
    };
    CommitMetadata::parse(&written.to_text())
}

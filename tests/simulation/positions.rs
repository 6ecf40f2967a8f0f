//! What people and retention do to positions: records deleted before they are read, offsets set by hand, a topic created
//! again. What pinrelay does about it is decided by the very function that decides in a real restore.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinrelay::domain::{ChangelogEntry, ChangelogOffset, NextOffset, TransactionId};
use pinrelay::kafka::metadata::{CommitMetadata, Parsed, Stamp};
use pinrelay::kafka::restore_plan::{Facts, Halt};
use pinrelay::kafka::settings::{OnLost, Retention};
use uuid::Uuid;

use crate::checker::Law;
use crate::kafka::{Metadata, Stored};
use crate::scenario::Time;
use crate::variants::Variant;
use crate::world::{Event, World};

/// Longer than a session and an open transaction last: then nobody is a member, and nothing is pending.
const STOPPED_FOR: Time = 2600;

/// What a world has lost that a restore may need.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Everything was stopped for longer than the changelog is kept.
    was_closed: bool,
    /// Committed offsets, by partition.
    offsets: BTreeMap<usize, i64>,
    /// Partitions whose changelog has lost its end.
    ends: BTreeSet<usize>,
    /// What may have been sent is not known any more, and pinrelay has said so: what follows is for a person to decide.
    pub(crate) is_out_of_hand: bool,
}

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

    /// Everything stops for so long: at once, or as in calm worlds after a drain.
    pub(crate) fn close(&mut self, duration: Time) {
        self.closed_until = self.now + duration;
        self.lost.was_closed = true;
        for slot in 0..self.processes.len() {
            if self.scenario.kind.is_calm() {
                self.terminate(slot);
            } else {
                self.kill(slot);
            }
        }
    }

    /// Kafka deletes the offsets of a group that nobody has been a member of for a week.
    pub(crate) fn forget(&mut self, partition: usize) {
        self.kafka.group.empty(self.now);
        let stored = self.kafka.transactions.stable(partition).flatten();
        let Some(stored) = stored.filter(|_| self.topic == 0) else { return };
        // That of a partition whose changelog was never written is that of a first start.
        if 0 < self.kafka.changelogs[partition].end {
            self.lost.offsets.insert(partition, stored.next);
            self.kafka.transactions.set(partition, None);
            self.trace.say(self.now, || format!("the offset {} of {partition} is deleted", stored.next));
        }
    }

    /// Somebody sets it to where audit rows end.
    pub(crate) fn remember(&mut self, partition: usize) {
        self.kafka.group.empty(self.now);
        if let Some(next) = self.lost.offsets.remove(&partition) {
            self.kafka.transactions.set(partition, Some(Stored { next, metadata: None }));
        }
    }

    /// As after an election of a broker that was behind. Not where somebody has set the offset by hand: then nothing says
    /// how long the changelog was.
    pub(crate) fn shorten(&mut self, partition: usize) {
        let stored = self.kafka.transactions.stable(partition).flatten();
        let log = &mut self.kafka.changelogs[partition];
        if log.last_stable() < log.end || stored.is_none_or(|stored| stored.metadata.is_none()) {
            return;
        }
        let end = self.random.below(u64::try_from(log.end).expect("not negative") + 1);
        let end = i64::try_from(end).expect("small");
        log.records.retain(|packed| packed.position < end);
        log.end = end;
        self.lost.ends.insert(partition);
        self.trace.say(self.now, || format!("the changelog of {partition} ends at {end}"));
    }

    /// To where it is, or further back; without metadata, as Kafka's tools leave it.
    pub(crate) fn set_by_hand(&mut self, partition: usize) {
        self.kafka.group.empty(self.now);
        let stored = self.kafka.transactions.stored(partition).next;
        let start = self.input_starts[partition];
        let is_spoilt = self.lost.offsets.contains_key(&partition) || self.lost.ends.contains(&partition);
        if 0 < self.topic || stored < start || is_spoilt {
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
        self.lost.offsets.clear();
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
        let is_cut = matches!(halt, Halt::ChangelogCut { .. }) && self.lost.ends.contains(&partition);
        if is_cut || matches!(halt, Halt::LedgerDeleted { .. }) && self.ledger_is_deleted(partition) {
            self.lost.is_out_of_hand = true;
            return;
        }
        // An offset that was fetched before the topic was deleted lies behind the end of the new one.
        let of_another_topic =
            matches!(halt, Halt::TopicRecreated { .. } | Halt::OffsetMissing { .. } | Halt::OffsetBeyondEnd { .. });
        let decision = if self.undecided && of_another_topic {
            Event::BeginAnew
        } else if self.lost.offsets.contains_key(&partition) && matches!(halt, Halt::OffsetMissing { .. }) {
            Event::Remember(partition)
        } else {
            return self.checker.blame(self.now, Law::G7, format!("{partition} halts: {halt}"));
        };
        if self.closed_until < self.now {
            self.by_hand(decision);
        }
    }

    /// Whether retention has taken the last entry of a record that the committed offset has not passed, while nobody was
    /// there to write it again (P7).
    fn ledger_is_deleted(&self, partition: usize) -> bool {
        let Some(kept) = self.scenario.kind.retention().filter(|_| self.lost.was_closed) else { return false };
        let next = self.kafka.transactions.stored(partition).next;
        let oldest = self.broker_clock().before(Duration::from_millis(kept));
        let (committed, _) = self.kafka.read_committed(partition, 0);
        let mut last = BTreeMap::new();
        for packed in committed {
            last.extend(packed.entries.iter().map(|entry| (entry.offset().0, (packed.appended, entry))));
        }
        last.range(next..)
            .any(|(_, (appended, entry))| *appended < oldest && !matches!(entry, ChangelogEntry::Withdrawn { .. }))
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

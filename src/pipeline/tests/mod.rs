//! Stories of the core, step by step. What crashes, moves and lies is in `tests/simulation`.

mod aging;
mod bisection;
mod leaving;
mod pacing;
mod posting;
mod restoring;
mod rewriting;
mod rows;
mod sampling;
mod shadow;
mod silence;
mod status;
mod ticking;
mod waking;

use std::num::NonZeroU32;
use std::time::Duration;

use super::test_events::{event, record};
use super::{Batch, Effect, Input, LaneSettings, Pipeline, Replay, Settings, Trouble};
use crate::domain::{
    Answer, Answered, Attempt, BootTime, CallLimit, ChangelogEntry, ChangelogOffset, ConversionEvent, DuplicateOf,
    Epoch, EventBody, EventKey, Fate, FeedId, ForeignText, InDoubtPolicy, KeyState, LaneId, LaneMode, Mapped,
    NextOffset, NotTaken, Now, Offset, Outcome, PartitionId, PostBy, Reason, Record, Redelivery, SettledKind,
    Settlement, Transaction, UnixMillis, Verdict, WholeRefusal, Written,
};

use InDoubtPolicy::{Hold, Resend};

const P0: PartitionId = PartitionId { feed: FeedId(0), number: 0 };

/// A core, a clock, and what it has asked for.
struct Desk {
    core: Pipeline,
    now: Now,
    effects: Vec<Effect>,
    changelog: i64,
    rows: Vec<Settlement>,
    /// The last one that was committed.
    offset: Option<NextOffset>,
}

/// Small batches, one at a time.
fn settings() -> Settings {
    let lane = LaneSettings {
        batch_events: 10,
        concurrency: 1,
        calls: CallLimit::per_minute(NonZeroU32::MAX),
        linger: Duration::from_millis(1),
        backoff_min: Duration::from_secs(1),
        ..LaneSettings::default()
    };
    Settings { window_keys: 1000, span: 100, lanes: vec![lane], ..Settings::default() }
}

impl Desk {
    /// Owns partition 0, restored from `entries`, reading from offset 0.
    fn restored(entries: &[ChangelogEntry]) -> Self {
        Self::restored_without(None, entries)
    }

    /// The same, where the input partition begins at `lost_until` only.
    fn restored_without(lost_until: Option<NextOffset>, entries: &[ChangelogEntry]) -> Self {
        Self::open(settings(), lost_until, entries)
    }

    fn with(settings: Settings) -> Self {
        Self::open(settings, None, &[])
    }

    fn open(settings: Settings, lost_until: Option<NextOffset>, entries: &[ChangelogEntry]) -> Self {
        let mut replay = Replay::new(&settings, NextOffset(0), ChangelogOffset(0));
        let core = Pipeline::new(settings, 1);
        let now = Now { boot: BootTime(1_000_000), wall: UnixMillis(1_000_000) };
        let mut desk = Self { core, now, effects: Vec::new(), changelog: 100, rows: Vec::new(), offset: None };
        desk.step(Input::Assigned(P0));
        let Some(Effect::Restore { partition, epoch }) = desk.effects.pop() else { panic!("no restore") };
        if let Some(until) = lost_until {
            replay.lost(until);
        }
        replay.apply(ChangelogOffset(7), UnixMillis(900_000), entries);
        let restored = Box::new(replay.finish(desk.now.wall));
        desk.step(Input::Restored { partition, epoch, restored });
        desk
    }

    fn new() -> Self {
        Self::restored(&[])
    }

    fn step(&mut self, input: Input) {
        self.core.step(self.now, input, &mut self.effects);
    }

    fn pass(&mut self, duration: Duration) {
        self.now = Now { boot: self.now.boot.after(duration), wall: self.now.wall.after(duration) };
        self.step(Input::Woke);
    }

    fn read(&mut self, offset: i64, key: u8, policy: InDoubtPolicy) {
        self.read_event(offset, event(key, policy));
    }

    /// An event of a lane, with a key of its own.
    fn read_in(&mut self, offset: i64, lane: u16) {
        let event = event(u8::try_from(offset).expect("small"), Resend);
        self.read_event(offset, ConversionEvent { lane: LaneId(lane), ..event });
    }

    fn read_event(&mut self, offset: i64, mut event: ConversionEvent) {
        event.event_time = crate::domain::UnixSeconds(self.now.wall.0 / 1000);
        self.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record(offset, event)) });
    }

    /// The transaction that was begun, taken off the desk; waits for the tick.
    fn transaction(&mut self) -> Transaction {
        self.pass(Duration::from_millis(100));
        let position = self.effects.iter().position(|effect| matches!(effect, Effect::Commit(_)));
        let effect = self.effects.remove(position.expect("a transaction begins"));
        let Effect::Commit(transaction) = effect else { panic!("{effect:?}") };
        transaction
    }

    /// Commits the next transaction; gives back its entries.
    fn commit(&mut self) -> Vec<ChangelogEntry> {
        let transaction = self.transaction();
        self.committed(transaction)
    }

    /// A transaction has committed; gives back its entries.
    fn committed(&mut self, transaction: Transaction) -> Vec<ChangelogEntry> {
        let id = transaction.id;
        let first = ChangelogOffset(self.changelog);
        self.changelog += 2;
        let end = ChangelogOffset(self.changelog);
        let (mut entries, mut written) = (Vec::new(), Vec::new());
        for part in transaction.parts {
            written.push(Written { partition: part.partition, first, end });
            self.offset = Some(part.next_offset);
            self.rows.extend(part.rows);
            entries.extend(part.entries);
        }
        self.step(Input::Ended { transaction: id, fate: Fate::Committed(written) });
        entries
    }

    fn posted(&mut self) -> Option<Batch> {
        let position = self.effects.iter().position(|effect| matches!(effect, Effect::Post(_)))?;
        let effect = self.effects.remove(position);
        let Effect::Post(batch) = effect else { panic!("{effect:?}") };
        Some(batch)
    }

    /// Commits the intents that wait, and takes the post that follows.
    fn commit_and_post(&mut self) -> Batch {
        self.commit();
        self.posted().expect("a committed batch is posted")
    }

    fn answer(&mut self, batch: &Batch, answer: Answer) {
        let attempt = Attempt { at: self.now.wall, status: None, code: None, message: None };
        self.step(Input::Posted { batch: batch.id, answered: Answered { answer, attempt, limit: None } });
    }

    fn process_all(&mut self, batch: &Batch) {
        let verdicts = batch.bodies.iter().map(|_| Verdict::Processed { warning: None }).collect();
        self.answer(batch, Answer::Verdicts(verdicts));
    }

    fn outcomes(&self) -> Vec<(i64, Reason, Redelivery)> {
        self.rows.iter().map(|row| (row.offset.0, row.outcome.reason, row.redelivery)).collect()
    }

    fn releases(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Release { .. })).count()
    }
}

fn failed() -> Answer {
    Answer::Verdicts(vec![Verdict::Failed { message: ForeignText::new("no") }])
}

/// No answer, or one that says nothing.
fn silence() -> Answer {
    Answer::Ambiguous { retry_after: None }
}

fn not_taken(cause: NotTaken) -> Answer {
    Answer::NotTaken { cause, retry_after: None }
}

fn intent(offset: i64, key: u8, policy: InDoubtPolicy) -> ChangelogEntry {
    ChangelogEntry::Intent { offset: Offset(offset), key: EventKey([key; 16]), policy }
}

//! Stories of the core, step by step. What crashes, moves and lies is in `tests/simulation`.

use std::time::Duration;

use super::test_events::{event, record};
use super::{Batch, Effect, Input, LaneSettings, Pipeline, Replay, Rules, Settings};
use crate::domain::{
    Answer, Answered, Attempt, BootTime, ChangelogEntry, ChangelogOffset, DuplicateOf, Epoch, EventKey, Fate, FeedId,
    ForeignText, InDoubtPolicy, KeyState, Mapped, NextOffset, NotTaken, Now, Offset, Outcome, PartitionId, Reason,
    Redelivery, Settlement, Transaction, UnixMillis, Verdict, WholeRefusal, Written,
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
    committed: Option<NextOffset>,
}

fn settings() -> Settings {
    Settings {
        window: Duration::from_hours(48),
        window_keys: 1000,
        span: 100,
        drain_deadline: Duration::from_secs(15),
        post_deadline: Duration::from_secs(30),
        answer_timeout: Duration::from_secs(10),
        late_slack: Duration::from_secs(60),
        tick_min: Duration::from_millis(20),
        tick_max: Duration::from_millis(100),
        lanes: vec![LaneSettings {
            batch_events: 10,
            batch_bytes: 1 << 20,
            concurrency: 1,
            linger: Duration::from_millis(1),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(30),
        }],
        rules: Rules::default(),
    }
}

impl Desk {
    /// Owns partition 0, restored from `entries`, reading from offset 0.
    fn restored(entries: &[ChangelogEntry]) -> Self {
        let core = Pipeline::new(settings(), 1);
        let now = Now { boot: BootTime(1_000_000), wall: UnixMillis(1_000_000) };
        let mut desk = Self { core, now, effects: Vec::new(), changelog: 100, rows: Vec::new(), committed: None };
        desk.step(Input::Assigned(P0));
        let Some(Effect::Restore { partition, epoch }) = desk.effects.pop() else { panic!("no restore") };
        let mut replay = Replay::new(&settings(), NextOffset(0), ChangelogOffset(0));
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
        let mut event = event(key, policy);
        event.event_time = crate::domain::UnixSeconds(self.now.wall.0 / 1000);
        self.step(Input::Record { partition: P0, epoch: Epoch(1), record: record(offset, event) });
    }

    /// The transaction that was begun, taken off the desk; waits for the tick.
    fn transaction(&mut self) -> Transaction {
        self.pass(Duration::from_millis(100));
        let position = self.effects.iter().position(|effect| matches!(effect, Effect::Commit(_)));
        match self.effects.remove(position.expect("a transaction begins")) {
            Effect::Commit(transaction) => transaction,
            other => panic!("{other:?}"),
        }
    }

    /// Commits the next transaction; gives back its entries.
    fn commit(&mut self) -> Vec<ChangelogEntry> {
        let transaction = self.transaction();
        let id = transaction.id;
        let mut entries = Vec::new();
        for part in transaction.parts {
            self.committed = Some(part.next_offset);
            self.rows.extend(part.rows);
            entries.extend(part.entries);
        }
        let first = ChangelogOffset(self.changelog);
        self.changelog += 2;
        let written = Written { partition: P0, first, end: ChangelogOffset(self.changelog) };
        self.step(Input::Ended { transaction: id, fate: Fate::Committed(vec![written]) });
        entries
    }

    fn posted(&mut self) -> Option<Batch> {
        let position = self.effects.iter().position(|effect| matches!(effect, Effect::Post(_)))?;
        match self.effects.remove(position) {
            Effect::Post(batch) => Some(batch),
            other => panic!("{other:?}"),
        }
    }

    /// Commits the intents that wait, and takes the post that follows.
    fn commit_and_post(&mut self) -> Batch {
        self.commit();
        self.posted().expect("a committed batch is posted")
    }

    fn answer(&mut self, batch: &Batch, answer: Answer) {
        let attempt = Attempt { at: self.now.wall, status: None, code: None, message: None };
        self.step(Input::Posted { batch: batch.id, answered: Answered { answer, attempt } });
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

fn not_taken(cause: NotTaken) -> Answer {
    Answer::NotTaken { cause, retry_after: None }
}

fn intent(offset: i64, key: u8, policy: InDoubtPolicy) -> ChangelogEntry {
    ChangelogEntry::Intent { offset: Offset(offset), key: EventKey([key; 16]), policy }
}

#[test]
fn an_event_is_posted_after_its_intent_is_committed_and_committed_after_its_verdict() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let transaction = desk.transaction();
    assert!(desk.posted().is_none(), "the intent is not committed yet");
    assert_eq!(transaction.parts[0].entries, [intent(0, 1, Resend)]);
    assert_eq!(transaction.parts[0].next_offset, NextOffset(0));
    let written = Written { partition: P0, first: ChangelogOffset(5), end: ChangelogOffset(6) };
    desk.step(Input::Ended { transaction: transaction.id, fate: Fate::Committed(vec![written]) });
    let batch = desk.posted().expect("now it may be posted");
    desk.process_all(&batch);
    let transaction = desk.transaction();
    let part = &transaction.parts[0];
    assert_eq!(part.rows[0].outcome.reason, Reason::Processed);
    assert_eq!(part.next_offset, NextOffset(1));
    assert_eq!(part.ledger_from.resolve(Some(ChangelogOffset(6))), None, "nothing is open");
    assert_eq!(
        part.window_from.resolve(Some(ChangelogOffset(6))),
        Some(ChangelogOffset(5)),
        "the key is in the intent"
    );
}

#[test]
fn duplicates_in_flight_wait_and_duplicates_after_delivery_do_not() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    desk.read(1, 1, Resend);
    let batch = desk.commit_and_post();
    assert_eq!(batch.bodies.len(), 1);
    desk.process_all(&batch);
    desk.read(2, 1, Resend);
    desk.commit();
    use Redelivery::Impossible;
    assert_eq!(
        desk.outcomes(),
        [
            (0, Reason::Processed, Impossible),
            (1, Reason::DuplicateOfDelivered, Impossible),
            (2, Reason::DuplicateOfDelivered, Impossible),
        ]
    );
    let of = Some(DuplicateOf { offset: Offset(0), state: KeyState::Delivered });
    assert!(desk.rows[1..].iter().all(|row| row.outcome.duplicate_of == of));
    assert_eq!(desk.committed, Some(NextOffset(3)));
}

#[test]
fn when_the_holder_is_refused_the_next_one_takes_the_claim() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    desk.read(1, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, failed());
    let batch = desk.commit_and_post();
    desk.process_all(&batch);
    desk.commit();
    let reasons: Vec<_> = desk.rows.iter().map(|row| row.outcome.reason).collect();
    assert_eq!(reasons, [Reason::RefusedByPinterest, Reason::Processed]);
}

#[test]
fn a_lost_answer_under_resend_is_posted_again_and_marked() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, Answer::Ambiguous);
    assert!(desk.posted().is_none(), "it waits before it probes");
    desk.pass(Duration::from_secs(2));
    let again = desk.posted().expect("its intent is fresh enough");
    desk.process_all(&again);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::Processed, Redelivery::Possible)]);
    assert_eq!(desk.rows[0].attempts.len(), 2);
}

#[test]
fn a_lost_answer_under_hold_ends_in_doubt_and_so_do_its_duplicates() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    desk.answer(&batch, Answer::Ambiguous);
    desk.read(1, 1, Resend);
    desk.commit();
    assert_eq!(
        desk.outcomes(),
        [(0, Reason::AnswerLost, Redelivery::Impossible), (1, Reason::DuplicateOfInDoubt, Redelivery::Impossible),]
    );
}

#[test]
fn a_refusal_after_a_lost_answer_leaves_the_record_in_doubt() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, Answer::Ambiguous);
    desk.pass(Duration::from_secs(2));
    let again = desk.posted().expect("a probe");
    desk.answer(&again, failed());
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::RefusedAfterDoubt, Redelivery::Possible)]);
}

#[test]
fn a_doubtful_event_older_than_an_hour_is_not_posted_again() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.pass(Duration::from_mins(61));
    desk.answer(&batch, Answer::Ambiguous);
    desk.pass(Duration::from_secs(2));
    desk.commit();
    assert!(desk.posted().is_none());
    assert_eq!(desk.outcomes(), [(0, Reason::TooLateToRepeat, Redelivery::Impossible)]);
}

#[test]
fn a_lane_in_doubt_sends_one_event_at_a_time_until_a_verdict_comes() {
    let mut desk = Desk::new();
    for offset in 0..3 {
        desk.read(offset, u8::try_from(offset).unwrap(), Resend);
    }
    let first = desk.commit_and_post();
    desk.answer(&first, Answer::Ambiguous);
    for _ in 0..2 {
        desk.pass(Duration::from_mins(1));
        let probe = match desk.posted() {
            Some(probe) => probe,
            None => desk.commit_and_post(),
        };
        assert_eq!(probe.bodies.len(), 1);
        desk.answer(&probe, Answer::Ambiguous);
    }
    desk.pass(Duration::from_mins(1));
    let probe = desk.commit_and_post();
    assert_eq!(probe.bodies.len(), 1);
    desk.process_all(&probe);
    let rest = desk.commit_and_post();
    assert_eq!(rest.bodies.len(), 2, "the lane is open again");
}

#[test]
fn a_throttled_batch_goes_again_unmarked_when_pinterest_said() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    let retry_after = Some(Duration::from_secs(7));
    desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
    desk.pass(Duration::from_millis(6_999));
    assert!(desk.posted().is_none());
    desk.pass(Duration::from_millis(1));
    let again = desk.posted().expect("the waiting time is over");
    desk.process_all(&again);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::Processed, Redelivery::Impossible)]);
}

#[test]
fn an_intent_older_than_the_post_deadline_is_written_again_before_the_post() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    let retry_after = Some(Duration::from_mins(5));
    desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
    desk.pass(Duration::from_mins(5));
    assert!(desk.posted().is_none());
    assert_eq!(desk.commit(), [intent(0, 1, Hold)]);
    assert!(desk.posted().is_some());
}

#[test]
fn a_refused_body_is_halved_until_the_culprit_is_alone() {
    let mut desk = Desk::new();
    desk.read(0, 0, Resend);
    let blocker = desk.commit_and_post();
    for (offset, key) in (1..).zip(1..5_u8) {
        desk.read(offset, key, Resend);
    }
    desk.process_all(&blocker);
    // Four events in a batch; the first one breaks every body that it is in.
    let mut batch = desk.commit_and_post();
    let mut sizes = Vec::new();
    loop {
        sizes.push(batch.bodies.len());
        // The culprit goes before the others, so it is in each first half.
        if sizes == [4] || sizes == [4, 2] || sizes == [4, 2, 1] {
            desk.answer(&batch, Answer::WholeRefused { why: WholeRefusal::Invalid, message: ForeignText::new("bad") });
        } else {
            desk.process_all(&batch);
        }
        match desk.posted() {
            Some(next) => batch = next,
            None => break,
        }
    }
    assert_eq!(sizes, [4, 2, 1, 1, 2]);
    desk.commit();
    let reasons: Vec<_> = desk.rows.iter().map(|row| (row.offset.0, row.outcome.reason)).collect();
    use Reason::{InvalidRequest, Processed};
    assert_eq!(reasons, [(0, Processed), (1, InvalidRequest), (2, Processed), (3, Processed), (4, Processed)]);
}

#[test]
fn outcomes_of_an_aborted_transaction_go_into_the_next_one_and_nothing_is_posted_again() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.process_all(&batch);
    let transaction = desk.transaction();
    desk.step(Input::Ended { transaction: transaction.id, fate: Fate::Aborted(transaction) });
    desk.commit();
    assert!(desk.posted().is_none());
    assert_eq!(desk.outcomes(), [(0, Reason::Processed, Redelivery::Impossible)]);
}

#[test]
fn nothing_begins_while_the_end_of_a_transaction_is_unknown() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let transaction = desk.transaction();
    desk.step(Input::Unknown(transaction.id));
    assert!(matches!(desk.effects[..], [Effect::Resolve(id)] if id == transaction.id));
    desk.read(1, 2, Resend);
    desk.pass(Duration::from_mins(1));
    assert_eq!(desk.effects.len(), 1);
    assert_eq!(desk.core.next_wakeup(), None);
}

#[test]
fn a_revoked_partition_withdraws_what_was_not_posted_and_leaves_when_that_is_committed() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    desk.answer(&batch, not_taken(NotTaken::Throttled));
    desk.step(Input::Revoked(vec![P0]));
    assert_eq!(desk.releases(), 0);
    assert_eq!(desk.commit(), [ChangelogEntry::Withdrawn { offset: Offset(0) }]);
    assert_eq!(desk.releases(), 1);
    assert!(desk.core.is_empty() && desk.rows.is_empty());
}

#[test]
fn an_intent_that_is_committed_is_withdrawn_although_its_batch_waits_for_others() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    let retry_after = Some(Duration::from_secs(1));
    desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
    desk.read(1, 2, Hold);
    desk.pass(Duration::from_secs(1));
    // The batch holds both; its transaction writes the intent of the second alone.
    let transaction = desk.transaction();
    assert_eq!(transaction.parts[0].entries, [intent(1, 2, Hold)]);
    desk.step(Input::Revoked(vec![P0]));
    desk.step(Input::Ended { transaction: transaction.id, fate: Fate::Aborted(transaction) });
    assert_eq!(desk.commit(), [ChangelogEntry::Withdrawn { offset: Offset(0) }]);
    assert_eq!(desk.releases(), 1);
}

#[test]
fn a_revoked_partition_waits_for_its_answers_but_not_past_the_deadline() {
    for (wait, released) in [(14, 0), (15, 1)] {
        let mut desk = Desk::new();
        desk.read(0, 1, Hold);
        desk.commit_and_post();
        desk.step(Input::Revoked(vec![P0]));
        desk.pass(Duration::from_secs(wait));
        assert_eq!(desk.releases(), released, "after {wait} s");
    }
}

#[test]
fn an_answer_that_comes_while_the_partition_leaves_is_written_before_it_goes() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    desk.step(Input::Revoked(vec![P0]));
    desk.process_all(&batch);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::Processed, Redelivery::Impossible)]);
    assert_eq!(desk.releases(), 1);
}

#[test]
fn a_restored_intent_under_hold_ends_in_doubt_when_its_record_is_read() {
    let mut desk = Desk::restored(&[intent(1, 9, Hold)]);
    desk.read(0, 9, Resend);
    assert!(desk.effects.is_empty(), "its key is claimed");
    desk.read(1, 9, Hold);
    desk.commit();
    assert_eq!(
        desk.outcomes(),
        [(1, Reason::OwnerLost, Redelivery::Impossible), (0, Reason::DuplicateOfInDoubt, Redelivery::Impossible),]
    );
}

#[test]
fn a_restored_intent_under_resend_is_posted_again_and_marked() {
    let mut desk = Desk::restored(&[intent(0, 9, Resend)]);
    desk.read(0, 9, Resend);
    assert_eq!(desk.commit(), [intent(0, 9, Resend)], "the old intent is too old to post by");
    let batch = desk.posted().expect("it goes again");
    desk.process_all(&batch);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::Processed, Redelivery::Possible)]);
}

#[test]
fn a_restored_intent_counts_whatever_has_become_of_its_record() {
    let unmapped = Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: None };
    for (mapped, reason) in [(unmapped, Reason::OwnerLost), (Mapped::Event(event(8, Resend)), Reason::KeyChanged)] {
        let mut desk = Desk::restored(&[intent(0, 9, Resend)]);
        let mut record = record(0, event(9, Resend));
        record.mapped = mapped;
        desk.step(Input::Record { partition: P0, epoch: Epoch(1), record });
        desk.commit();
        assert_eq!(desk.outcomes(), [(0, reason, Redelivery::Possible)]);
    }
}

#[test]
fn a_restored_intent_whose_record_is_gone_ends_in_doubt_when_the_reader_passes_it() {
    let mut desk = Desk::restored(&[intent(3, 9, Hold), intent(5, 8, Hold)]);
    desk.read(4, 1, Resend);
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(9) });
    desk.commit();
    assert_eq!(
        desk.outcomes(),
        [(3, Reason::RecordGone, Redelivery::Impossible), (5, Reason::RecordGone, Redelivery::Impossible),]
    );
    assert_eq!(desk.committed, Some(NextOffset(4)), "record 4 is still open");
}

#[test]
fn a_restored_outcome_is_not_written_twice() {
    let at = UnixMillis(900_000);
    let settled = ChangelogEntry::Outcome {
        offset: Offset(1),
        kind: crate::domain::SettledKind::Delivered,
        redelivery: Redelivery::Impossible,
        at,
    };
    let mut desk = Desk::restored(&[intent(1, 9, Hold), settled]);
    desk.read(0, 9, Hold);
    desk.read(1, 9, Hold);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::DuplicateOfDelivered, Redelivery::Impossible)]);
    assert_eq!(desk.committed, Some(NextOffset(2)));
}

#[test]
fn what_belongs_to_a_dead_epoch_changes_nothing() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.step(Input::Lost(vec![P0]));
    desk.step(Input::Assigned(P0));
    desk.effects.clear();
    desk.process_all(&batch);
    desk.read(1, 2, Resend);
    desk.pass(Duration::from_mins(1));
    assert!(desk.effects.is_empty(), "{:?}", desk.effects);
}

#[test]
fn a_partition_has_room_up_to_its_span_and_for_every_restored_intent() {
    let mut desk = Desk::restored(&[intent(150, 200, Hold)]);
    for offset in 0..150 {
        assert!(desk.core.has_room(P0), "at {offset}");
        desk.read(offset, u8::try_from(offset).unwrap(), Resend);
    }
    desk.read(150, 200, Hold);
    assert!(!desk.core.has_room(P0));
}

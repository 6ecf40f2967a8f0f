//! How a partition leaves.

use super::*;

const P1: PartitionId = PartitionId { number: 1, ..P0 };

/// A posted batch and one that is ready, each with an event of another partition and one of ours.
fn with_two_batches() -> Desk {
    let mut settings = settings();
    settings.lanes[0].batch_events = 2;
    let mut desk = Desk::with(settings.clone());
    desk.step(Input::Assigned(P1));
    let Some(Effect::Restore { epoch, .. }) = desk.effects.pop() else { panic!("no restore") };
    let restored = Box::new(Replay::new(&settings, NextOffset(0), ChangelogOffset(0)).finish(desk.now.wall));
    desk.step(Input::Restored { partition: P1, epoch, restored });
    for (offset, ours, theirs) in [(0, 1, 11), (1, 2, 12)] {
        let record = Box::new(record(offset, event(theirs, Resend)));
        desk.step(Input::Record { partition: P1, epoch, record });
        desk.read(offset + 1, ours, Resend);
    }
    desk.commit();
    assert_eq!(desk.commit().len(), 2, "the intents of the second");
    desk
}

#[test]
fn a_revoked_partition_withdraws_what_was_not_posted_and_leaves_when_that_is_committed() {
    let mut desk = Desk::new();
    desk.read(0, 1, Hold);
    let batch = desk.commit_and_post();
    desk.answer(&batch, not_taken(NotTaken::Throttled));
    desk.step(Input::Revoked(vec![P0]));
    assert!(desk.releases() == 0 && !desk.core.is_empty());
    assert_eq!(desk.commit(), [ChangelogEntry::Withdrawn { offset: Offset(0) }]);
    assert_eq!(desk.releases(), 1);
    assert!(desk.core.is_empty() && desk.rows.is_empty());
}

#[test]
fn the_intent_of_an_event_that_may_have_been_taken_stays_for_the_next_owner() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, silence());
    desk.step(Input::Revoked(vec![P0]));
    assert!(matches!(desk.effects[..], [Effect::Release { .. }]), "nothing is written: {:?}", desk.effects);
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
fn a_revoked_partition_waits_for_the_transaction_that_writes_its_rows() {
    let mut desk = Desk::new();
    let mut record = record(0, event(1, Resend));
    record.mapped = Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: None };
    desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record) });
    let transaction = desk.transaction();
    desk.step(Input::Revoked(vec![P0]));
    assert_eq!(desk.releases(), 0);
    desk.committed(transaction);
    assert_eq!(desk.releases(), 1);
}

#[test]
fn a_revoked_partition_takes_its_own_events_out_of_a_batch_and_leaves_the_others() {
    let mut desk = with_two_batches();
    let first = desk.posted().expect("the first");
    desk.step(Input::Revoked(vec![P1]));
    assert_eq!(desk.commit(), [ChangelogEntry::Withdrawn { offset: Offset(1) }]);
    desk.process_all(&first);
    let second = desk.posted().expect("the rest of the second batch");
    assert_eq!(second.bodies, [vec![2]]);
}

#[test]
fn verdicts_on_a_batch_count_for_their_own_events_after_a_partition_was_lost() {
    let mut desk = with_two_batches();
    let first = desk.posted().expect("the first");
    desk.step(Input::Lost(vec![P1]));
    let message = ForeignText::new("no");
    desk.answer(&first, Answer::Verdicts(vec![Verdict::Processed { warning: None }, Verdict::Failed { message }]));
    let second = desk.posted().expect("the rest of the second batch");
    assert_eq!(second.bodies, [vec![2]]);
    desk.commit();
    assert_eq!(desk.outcomes(), [(1, Reason::RefusedByPinterest, Redelivery::Impossible)]);
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

//! What must outlive the changelog's retention, and what moves the committed offset without a row.

use super::*;

/// 57,600 seconds.
const PERIOD: Duration = Duration::from_hours(16);

fn not_sent(offset: i64) -> ChangelogEntry {
    ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind: SettledKind::NotSent,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(900_000),
    }
}

fn unmapped(desk: &mut Desk, offset: i64) {
    let mut record = record(offset, event(1, Resend));
    record.mapped = Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: None };
    desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record) });
}

/// Offset 0 is posted and has no answer; 1 is settled behind it.
fn half_settled() -> Desk {
    let mut desk = Desk::new();
    desk.read(0, 9, Hold);
    unmapped(&mut desk, 1);
    assert_eq!(desk.commit().len(), 2);
    assert!(desk.posted().is_some());
    desk
}

#[test]
fn open_intents_and_outcomes_above_the_watermark_are_written_again_before_they_are_old() {
    let mut desk = half_settled();
    let began = desk.now.boot;
    assert_eq!(desk.core.next_wakeup(), Some(began.after(PERIOD)));
    desk.pass(Duration::from_millis(57_600_000 - 200));
    assert!(desk.effects.is_empty(), "{:?}", desk.effects);
    desk.pass(Duration::from_millis(200));
    let transaction = desk.transaction();
    let part = &transaction.parts[0];
    assert!(part.rows.is_empty());
    let [ChangelogEntry::Outcome { offset, kind, .. }, again] = part.entries[..] else { panic!("{:?}", part.entries) };
    assert_eq!((offset, kind), (Offset(1), SettledKind::NotSent));
    assert_eq!(again, intent(0, 9, Hold));
    assert_eq!(part.next_offset, NextOffset(0));
    assert_eq!(part.ledger_from.resolve(Some(ChangelogOffset(500))), Some(ChangelogOffset(500)), "nothing older");
}

#[test]
fn what_was_written_again_is_needed_from_there_and_written_again_after_another_period() {
    let mut desk = half_settled();
    for _ in 0..3 {
        desk.pass(PERIOD);
        assert_eq!(desk.commit().len(), 2);
    }
    desk.pass(PERIOD / 2);
    unmapped(&mut desk, 2);
    let part = desk.transaction().parts.remove(0);
    assert_eq!(part.entries.len(), 1, "the copies are young");
    assert_eq!(part.ledger_from.earlier, Some(ChangelogOffset(desk.changelog - 2)), "the last copy");
}

#[test]
fn an_aborted_copy_is_written_once_more_and_brings_no_row() {
    let mut desk = half_settled();
    desk.pass(PERIOD);
    unmapped(&mut desk, 2);
    let transaction = desk.transaction();
    assert_eq!((transaction.parts[0].entries.len(), transaction.parts[0].rows.len()), (3, 1));
    let id = transaction.id;
    desk.step(Input::Ended { transaction: id, fate: Fate::Aborted(transaction) });
    assert_eq!(desk.commit().len(), 3);
    assert_eq!(desk.outcomes().iter().map(|(offset, ..)| *offset).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_a_restore_has_brought_is_written_again_by_its_age() {
    // Written 100 seconds before the restore, and not read yet.
    let mut desk = Desk::restored(&[not_sent(5), intent(7, 9, Hold)]);
    let left = Duration::from_secs(57_600 - 100);
    assert_eq!(desk.core.next_wakeup(), Some(desk.now.boot.after(left)));
    desk.pass(left);
    assert_eq!(desk.commit(), [not_sent(5), intent(7, 9, Hold)]);
    desk.pass(PERIOD);
    assert_eq!(desk.commit().len(), 2);
}

#[test]
fn nothing_is_written_again_where_nothing_is_needed_or_the_partition_leaves() {
    let mut desk = Desk::new();
    unmapped(&mut desk, 0);
    desk.commit();
    desk.pass(PERIOD * 3);
    assert!(desk.effects.is_empty(), "{:?}", desk.effects);
    let mut desk = half_settled();
    desk.pass(Duration::from_secs(57_600 - 1));
    desk.step(Input::Revoked(vec![P0]));
    desk.pass(Duration::from_secs(2));
    assert!(desk.effects.is_empty(), "{:?}", desk.effects);
}

#[test]
fn records_that_a_restore_passes_over_move_the_committed_offset() {
    let mut desk = Desk::restored(&[not_sent(0), not_sent(1)]);
    unmapped(&mut desk, 0);
    unmapped(&mut desk, 1);
    assert_eq!(desk.commit(), []);
    assert_eq!((desk.offset, desk.rows.len()), (Some(NextOffset(2)), 0));
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(6) });
    assert_eq!(desk.commit(), []);
    assert_eq!(desk.offset, Some(NextOffset(6)));
}

#[test]
fn a_position_behind_an_open_record_begins_no_transaction() {
    let mut desk = half_settled();
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(6) });
    desk.pass(Duration::from_mins(1));
    assert!(desk.effects.is_empty(), "{:?}", desk.effects);
}

#[test]
fn an_offset_whose_transaction_was_aborted_is_committed_by_the_next_one() {
    let mut desk = Desk::new();
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(6) });
    let transaction = desk.transaction();
    let id = transaction.id;
    desk.step(Input::Ended { transaction: id, fate: Fate::Aborted(transaction) });
    desk.commit();
    assert_eq!(desk.offset, Some(NextOffset(6)));
}

#[test]
fn an_intent_that_is_renewed_for_its_post_is_not_copied_besides() {
    let mut desk = Desk::new();
    desk.read(0, 9, Hold);
    let batch = desk.commit_and_post();
    desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(PERIOD) });
    desk.pass(PERIOD);
    assert_eq!(desk.commit(), [intent(0, 9, Hold)]);
}

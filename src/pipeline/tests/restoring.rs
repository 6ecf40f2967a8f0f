//! What a new owner does with what it restores.

use super::*;

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
fn of_the_policy_of_a_restored_intent_and_that_of_its_record_the_stricter_decides() {
    for (former, present) in [(Hold, Resend), (Resend, Hold), (Hold, Hold)] {
        let mut desk = Desk::restored(&[intent(0, 9, former)]);
        desk.read(0, 9, present);
        desk.commit();
        assert!(desk.posted().is_none());
        assert_eq!(desk.rows[0].outcome.reason, Reason::OwnerLost, "{former:?}, then {present:?}");
    }
}

#[test]
fn a_restored_intent_counts_whatever_has_become_of_its_record() {
    let unmapped = Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: None };
    for (mapped, reason) in [(unmapped, Reason::OwnerLost), (Mapped::Event(event(8, Resend)), Reason::KeyChanged)] {
        let mut desk = Desk::restored(&[intent(0, 9, Resend)]);
        let mut record = record(0, event(9, Resend));
        record.mapped = mapped;
        desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record) });
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
    let keys = [9, 8].map(|key| Some(EventKey([key; 16])));
    assert!(desk.rows.iter().map(|row| row.key).eq(keys), "all that is known of them");
    assert_eq!(desk.offset, Some(NextOffset(4)), "record 4 is still open");
}

#[test]
fn a_restored_outcome_is_not_written_twice() {
    let at = UnixMillis(900_000);
    let settled = ChangelogEntry::Outcome {
        offset: Offset(1),
        kind: SettledKind::Delivered,
        redelivery: Redelivery::Impossible,
        at,
    };
    let mut desk = Desk::restored(&[intent(1, 9, Hold), settled]);
    desk.read(0, 9, Hold);
    desk.read(1, 9, Hold);
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::DuplicateOfDelivered, Redelivery::Impossible)]);
    assert_eq!(desk.offset, Some(NextOffset(2)));
}

#[test]
fn an_intent_behind_an_outcome_opens_its_record_again() {
    let settled = ChangelogEntry::Outcome {
        offset: Offset(1),
        kind: SettledKind::NotSent,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(900_000),
    };
    let mut desk = Desk::restored(&[intent(1, 9, Hold), settled, intent(1, 9, Hold)]);
    desk.read(0, 8, Hold);
    desk.read(1, 9, Hold);
    desk.commit();
    assert_eq!(desk.outcomes(), [(1, Reason::OwnerLost, Redelivery::Impossible)]);
}

#[test]
fn a_restore_counts_the_keys_and_the_intents_that_it_holds() {
    let delivered = |offset| ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind: SettledKind::Delivered,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(900_000),
    };
    let entries = [1, 2, 3, 4, 5].map(|offset| intent(offset, u8::try_from(offset).unwrap(), Hold));
    let mut replay = Replay::new(&settings(), NextOffset(0), ChangelogOffset(0));
    replay.apply(ChangelogOffset(0), UnixMillis(900_000), &entries);
    replay.apply(ChangelogOffset(1), UnixMillis(900_000), &[delivered(2), delivered(4)]);
    assert_eq!(replay.window_keys(), 2);
    let restored = replay.finish(UnixMillis(1_000_000));
    assert_eq!((restored.window_keys(), restored.open_intents()), (2, 3));
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
    let mut desk = Desk::new();
    for offset in 0..100 {
        assert!(desk.core.has_room(P0), "at {offset}");
        desk.read(offset, u8::try_from(offset).unwrap(), Resend);
    }
    assert!(!desk.core.has_room(P0));
}

#[test]
fn deleted_records_leave_one_row_for_each_run_of_which_nothing_is_known() {
    let settled = |offset| ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind: SettledKind::NotSent,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(900_000),
    };
    let entries = [intent(2, 9, Hold), settled(4), settled(5)];
    let mut desk = Desk::restored_without(Some(NextOffset(8)), &entries);
    desk.commit();
    let rows: Vec<_> =
        desk.rows.iter().map(|row| (row.offset.0, row.range_end.map(|end| end.0), row.outcome.reason)).collect();
    assert_eq!(
        rows,
        [
            (0, Some(2), Reason::DeletedBeforeRead),
            (2, None, Reason::RecordGone),
            (3, Some(4), Reason::DeletedBeforeRead),
            (6, Some(8), Reason::DeletedBeforeRead),
        ]
    );
    assert_eq!(desk.offset, Some(NextOffset(8)));
}

#[test]
fn a_restored_window_that_is_nearly_full_reaches_back_to_its_oldest_key() {
    let whole = Duration::from_hours(48);
    for (keys, covers) in [(0, whole), (874, whole), (875, Duration::from_millis(900_001))] {
        let entries: Vec<_> = (0..keys)
            .flat_map(|n: i64| {
                let mut key = [0; 16];
                key[..8].copy_from_slice(&n.to_be_bytes());
                let intent = ChangelogEntry::Intent { offset: Offset(n), key: EventKey(key), policy: Resend };
                let outcome = ChangelogEntry::Outcome {
                    offset: Offset(n),
                    kind: SettledKind::Delivered,
                    redelivery: Redelivery::Impossible,
                    at: UnixMillis(100_000 + 100 * n),
                };
                [intent, outcome]
            })
            .collect();
        let desk = Desk::restored(&entries);
        let status = desk.core.status(desk.now);
        assert_eq!(status.partitions[0].window_covers, covers, "{keys} of 1000");
    }
}

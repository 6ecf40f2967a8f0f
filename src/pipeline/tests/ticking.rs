//! When a transaction begins, and what its end changes.

use super::*;

/// A record that ends as it is read.
fn unmapped(desk: &mut Desk, offset: i64) {
    let mut record = record(offset, event(1, Resend));
    record.mapped = Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: None };
    desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record) });
}

#[test]
fn few_outcomes_wait_for_others_and_a_thousand_go_at_once_but_not_twice_within_the_shortest_tick() {
    for (outcomes, waits) in [(1, 100), (999, 100), (1000, 0)] {
        let mut desk = Desk::new();
        (0..outcomes).for_each(|offset| unmapped(&mut desk, offset));
        let due = desk.now.boot.after(Duration::from_millis(waits));
        assert_eq!(desk.core.next_wakeup(), Some(due), "{outcomes}");
        desk.commit();
        (0..1000).for_each(|offset| unmapped(&mut desk, outcomes + offset));
        assert_eq!(desk.core.next_wakeup(), Some(desk.now.boot.after(Duration::from_millis(20))), "{outcomes}");
    }
}

#[test]
fn a_batch_is_formed_as_long_before_its_call_as_two_of_the_longest_transactions_of_late_take() {
    let mut desk = Desk::new();
    let leads = |desk: &Desk| desk.core.tick.lead().as_millis();
    assert_eq!(leads(&desk), 200, "nothing is known yet");
    unmapped(&mut desk, 0);
    let transaction = desk.transaction();
    desk.pass(Duration::from_secs(1));
    desk.committed(transaction);
    assert_eq!(leads(&desk), 2000);
    for (commits, lead) in [(1, 1750), (1, 1531), (98, 40)] {
        for _ in 0..commits {
            let NextOffset(offset) = desk.offset.expect("a commit");
            unmapped(&mut desk, offset);
            desk.commit();
        }
        assert_eq!(leads(&desk), lead, "after {commits} more");
    }
}

#[test]
fn the_end_of_a_transaction_changes_nothing_in_a_partition_that_was_assigned_anew() {
    for commits in [true, false] {
        let mut desk = Desk::new();
        unmapped(&mut desk, 0);
        let transaction = desk.transaction();
        desk.step(Input::Lost(vec![P0]));
        desk.step(Input::Assigned(P0));
        let restored = Box::new(Replay::new(&settings(), NextOffset(0), ChangelogOffset(0)).finish(desk.now.wall));
        desk.step(Input::Restored { partition: P0, epoch: Epoch(2), restored });
        // A record of the former epoch.
        unmapped(&mut desk, 0);
        if commits {
            desk.committed(transaction);
        } else {
            desk.step(Input::Ended { transaction: transaction.id, fate: Fate::Aborted(transaction) });
        }
        let partition = &desk.core.partitions[&P0];
        assert_eq!((partition.committed, partition.end), (NextOffset(0), ChangelogOffset(0)));
        assert!(partition.outbox.is_empty());
    }
}

#[test]
fn the_end_of_an_earlier_transaction_ends_no_later_one() {
    let mut desk = Desk::new();
    unmapped(&mut desk, 0);
    let first = desk.transaction();
    let id = first.id;
    desk.committed(first);
    unmapped(&mut desk, 1);
    let second = desk.transaction();
    desk.step(Input::Ended { transaction: id, fate: Fate::Committed(Vec::new()) });
    assert_eq!(desk.core.partitions[&P0].committed, NextOffset(1));
    desk.committed(second);
    assert_eq!(desk.core.partitions[&P0].committed, NextOffset(2));
}

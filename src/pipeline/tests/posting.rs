//! Claims, posts, answers, transactions.

use super::*;

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
    assert_eq!(
        desk.outcomes(),
        [
            (0, Reason::Processed, Redelivery::Impossible),
            (1, Reason::DuplicateOfDelivered, Redelivery::Impossible),
            (2, Reason::DuplicateOfDelivered, Redelivery::Impossible),
        ]
    );
    let of = Some(DuplicateOf { offset: Offset(0), state: KeyState::Delivered });
    assert!(desk.rows[1..].iter().all(|row| row.outcome.duplicate_of == of));
    assert_eq!(desk.offset, Some(NextOffset(3)));
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
    desk.answer(&batch, silence());
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
    desk.answer(&batch, silence());
    desk.read(1, 1, Resend);
    desk.commit();
    assert_eq!(
        desk.outcomes(),
        [(0, Reason::AnswerLost, Redelivery::Impossible), (1, Reason::DuplicateOfInDoubt, Redelivery::Impossible),]
    );
}

/// A record whose first answer was lost, and whose second said that it is refused.
fn refused_after_doubt() -> Desk {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, silence());
    desk.pass(Duration::from_secs(2));
    let again = desk.posted().expect("a probe");
    desk.answer(&again, failed());
    desk
}

#[test]
fn a_refusal_after_a_lost_answer_leaves_the_record_in_doubt() {
    let mut desk = refused_after_doubt();
    desk.commit();
    assert_eq!(desk.outcomes(), [(0, Reason::RefusedAfterDoubt, Redelivery::Possible)]);
}

#[test]
fn a_key_that_was_in_doubt_is_remembered_no_shorter_when_its_repetition_is_delivered() {
    let mut desk = refused_after_doubt();
    let mut entries = desk.commit();
    desk.read(1, 1, Resend);
    let batch = desk.commit_and_post();
    desk.process_all(&batch);
    entries.extend(desk.commit());
    let moments: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            ChangelogEntry::Outcome { at, kind, .. } => Some((*kind, *at)),
            ChangelogEntry::Intent { .. } | ChangelogEntry::Withdrawn { .. } => None,
        })
        .collect();
    let [(SettledKind::InDoubt, doubtful), (SettledKind::Delivered, repeated)] = moments[..] else {
        panic!("{moments:?}")
    };
    assert!(desk.now.wall < doubtful, "the first post may still be taken");
    assert_eq!(repeated, doubtful);
}

#[test]
fn a_doubtful_event_older_than_an_hour_is_not_posted_again() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.pass(Duration::from_mins(61));
    desk.answer(&batch, silence());
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
    desk.answer(&first, silence());
    for _ in 0..2 {
        desk.pass(Duration::from_mins(1));
        let probe = match desk.posted() {
            Some(probe) => probe,
            None => desk.commit_and_post(),
        };
        assert_eq!(probe.bodies.len(), 1);
        desk.answer(&probe, silence());
    }
    desk.pass(Duration::from_mins(1));
    let probe = desk.commit_and_post();
    assert_eq!(probe.bodies.len(), 1);
    desk.process_all(&probe);
    // Each of the other two got no verdict alone, so each goes alone; but neither waits.
    let rest = desk.commit_and_post();
    desk.process_all(&rest);
    let last = desk.commit_and_post();
    assert_eq!((rest.bodies.len(), last.bodies.len()), (1, 1));
}

#[test]
fn a_batch_that_was_ready_when_the_trouble_began_is_no_probe() {
    let mut settings = settings();
    settings.lanes[0].batch_events = 2;
    let mut desk = Desk::with(settings);
    for offset in 0..4 {
        desk.read(offset, u8::try_from(offset).unwrap(), Resend);
    }
    let first = desk.commit_and_post();
    assert_eq!(desk.commit().len(), 2, "the intents of the second are committed");
    desk.answer(&first, silence());
    desk.pass(Duration::from_secs(2));
    assert_eq!(desk.posted().expect("a probe").bodies.len(), 1);
}

#[test]
fn a_refused_token_no_access_and_a_wrong_address_halt_the_lane_until_one_event_alone_gets_its_verdict() {
    // 401, 403, and what 404 and 3xx mean.
    for cause in [NotTaken::Unauthorized, NotTaken::Forbidden, NotTaken::WrongAddress] {
        let mut desk = Desk::new();
        let trouble = |desk: &Desk| desk.core.status(desk.now).lanes[0].trouble;
        for offset in 0..3 {
            desk.read(offset, u8::try_from(offset).unwrap(), Hold);
        }
        let mut batch = desk.commit_and_post();
        assert_eq!(batch.bodies.len(), 3);
        for _ in 0..3 {
            desk.answer(&batch, not_taken(cause));
            assert_eq!(trouble(&desk), Some(Trouble::NotTaken(cause)));
            assert!(desk.posted().is_none(), "{cause:?}: the lane waits");
            desk.pass(Duration::from_mins(1));
            batch = desk.commit_and_post();
            assert_eq!(batch.bodies.len(), 1, "{cause:?}: a probe");
        }
        assert_eq!(desk.outcomes(), [], "{cause:?}: the records are kept");
        desk.process_all(&batch);
        assert_eq!(trouble(&desk), None);
        let rest = desk.commit_and_post();
        assert_eq!(rest.bodies.len(), 2, "{cause:?}: it goes on by itself");
        desk.process_all(&rest);
        desk.commit();
        assert_eq!(desk.outcomes(), [0, 1, 2].map(|offset| (offset, Reason::Processed, Redelivery::Impossible)));
    }
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
fn verdicts_that_are_not_one_for_each_event_say_nothing_of_any() {
    for verdicts in [1, 3] {
        let mut desk = Desk::new();
        desk.read(0, 1, Hold);
        desk.read(1, 2, Hold);
        let batch = desk.commit_and_post();
        desk.answer(&batch, Answer::Verdicts(vec![Verdict::Processed { warning: None }; verdicts]));
        desk.commit();
        assert_eq!(desk.rows.iter().map(|row| row.outcome.reason).collect::<Vec<_>>(), [Reason::AnswerLost; 2]);
    }
}

#[test]
fn a_batch_is_formed_by_intents_that_are_younger_than_half_the_post_deadline() {
    for (waited, renewed) in [(14_999, false), (15_000, true), (20_000, true)] {
        let mut desk = Desk::new();
        desk.read(0, 1, Hold);
        let batch = desk.commit_and_post();
        let retry_after = Some(Duration::from_millis(waited));
        desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
        desk.pass(Duration::from_millis(waited));
        assert_eq!(desk.posted().is_none(), renewed, "after {waited} ms");
    }
}

#[test]
fn each_answer_counts_for_its_own_batch_or_half_of_one() {
    for batch_events in [1, 2] {
        let mut settings = settings();
        settings.lanes[0] = LaneSettings { batch_events, concurrency: 2, ..settings.lanes[0].clone() };
        let mut desk = Desk::with(settings);
        desk.read(0, 1, Resend);
        desk.read(1, 2, Resend);
        let mut first = desk.commit_and_post();
        if batch_events == 2 {
            let message = ForeignText::new("too large");
            desk.answer(&first, Answer::WholeRefused { why: WholeRefusal::TooLarge, message });
            first = desk.posted().expect("a half");
        }
        let second = desk.posted().expect("both are under way");
        desk.answer(&second, failed());
        desk.process_all(&first);
        desk.commit();
        let expected = [(1, Reason::RefusedByPinterest), (0, Reason::Processed)];
        assert_eq!(desk.outcomes(), expected.map(|(offset, reason)| (offset, reason, Redelivery::Impossible)));
    }
}

#[test]
fn a_batch_that_waits_for_an_answer_to_another_is_posted_until_its_intents_are_too_old() {
    for (waited, posted) in [(30_000, true), (30_001, false)] {
        let mut settings = settings();
        settings.lanes[0].batch_events = 1;
        let mut desk = Desk::with(settings);
        desk.read(0, 1, Hold);
        desk.read(1, 2, Hold);
        let first = desk.commit_and_post();
        desk.commit();
        assert!(desk.core.next_wakeup().is_none_or(|next| desk.now.boot < next), "nothing but the answer helps");
        desk.pass(Duration::from_millis(waited));
        desk.process_all(&first);
        assert_eq!(desk.posted().is_some(), posted, "after {waited} ms");
    }
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
    assert_eq!(
        reasons,
        [
            (0, Reason::Processed),
            (1, Reason::InvalidRequest),
            (2, Reason::Processed),
            (3, Reason::Processed),
            (4, Reason::Processed)
        ]
    );
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

//! Events that grow too old while they wait (R10).

use super::*;

/// An event that is to be posted within so long, or ends as `otherwise`.
fn aging(desk: &Desk, key: u8, within: Duration, otherwise: Reason) -> ConversionEvent {
    ConversionEvent { post_by: PostBy { at: desk.now.wall.after(within), otherwise }, ..event(key, Resend) }
}

/// A lane whose token is refused, with records 0 and 1 of one key and 2 of another in it.
fn halted(within: Duration, otherwise: Reason) -> Desk {
    let mut desk = Desk::new();
    for (offset, key) in [(0, 1), (1, 1), (2, 2)] {
        // Record 1 may wait for longer than its fellow.
        let event = aging(&desk, key, if offset == 1 { within * 2 } else { within }, otherwise);
        let body = EventBody::unchecked(vec![u8::try_from(offset).unwrap()]);
        desk.read_event(offset, ConversionEvent { body, ..event });
    }
    let batch = desk.commit_and_post();
    desk.answer(&batch, not_taken(NotTaken::Unauthorized));
    desk
}

#[test]
fn an_event_that_was_not_taken_is_posted_until_its_moment_and_is_skipped_from_then_on() {
    let tick = Duration::from_millis(100);
    for (within, otherwise) in [(Duration::from_hours(168), Reason::TooOld), (Duration::from_hours(1), Reason::Late)] {
        for (late, posted, intents) in
            [(Duration::ZERO, true, true), (tick / 100, false, true), (tick * 2, false, false)]
        {
            let mut desk = halted(within, otherwise);
            // What was posted first passed one tick; the intents of the probe take another.
            desk.pass(within.saturating_sub(tick * 2) + late);
            let entries = desk.commit();
            let written = entries.iter().any(|entry| matches!(entry, ChangelogEntry::Intent { offset: Offset(0), .. }));
            assert_eq!(written, intents, "{late:?}");
            let batch = desk.posted();
            assert_eq!(batch.is_some_and(|batch| *batch.bodies[0] == [0]), posted, "{late:?}");
            if !posted {
                if desk.rows.is_empty() {
                    desk.commit();
                }
                assert_eq!(desk.outcomes()[0], (0, otherwise, Redelivery::Impossible), "{late:?}");
            }
        }
    }
}

#[test]
fn all_that_are_past_their_moment_end_before_the_next_probe_and_a_duplicate_that_is_not_goes_on() {
    let mut desk = halted(Duration::from_hours(1), Reason::Late);
    desk.pass(Duration::from_mins(61));
    desk.commit();
    let batch = desk.posted().expect("record 1 has the claim now");
    assert_eq!((batch.bodies.len(), &*batch.bodies[0]), (1, &[1][..]));
    desk.process_all(&batch);
    desk.commit();
    let expected = [(0, Reason::Late), (2, Reason::Late), (1, Reason::Processed)];
    assert_eq!(desk.outcomes(), expected.map(|(offset, reason)| (offset, reason, Redelivery::Impossible)));
    assert_eq!(desk.offset, Some(NextOffset(3)));
}

#[test]
fn an_event_that_may_have_been_taken_is_not_skipped() {
    for (waits, reason) in [(30, Reason::Processed), (61, Reason::TooLateToRepeat)] {
        let mut desk = Desk::new();
        let event = aging(&desk, 1, Duration::from_mins(10), Reason::TooOld);
        desk.read_event(0, event);
        let batch = desk.commit_and_post();
        desk.answer(&batch, silence());
        desk.pass(Duration::from_mins(waits));
        desk.commit();
        if let Some(batch) = desk.posted() {
            desk.process_all(&batch);
            desk.commit();
        }
        assert_eq!(desk.outcomes().iter().map(|(_, reason, _)| *reason).collect::<Vec<_>>(), [reason]);
    }
}

#[test]
fn a_newcomer_whose_key_is_in_doubt_is_skipped_without_a_mark_if_its_moment_is_past() {
    let mut desk = Desk::restored(&[intent(0, 1, Resend)]);
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(1) });
    let event = aging(&desk, 1, Duration::from_millis(50), Reason::TooOld);
    desk.read_event(1, event);
    desk.commit();
    assert!(desk.posted().is_none());
    assert_eq!(
        desk.outcomes(),
        [(0, Reason::RecordGone, Redelivery::Possible), (1, Reason::TooOld, Redelivery::Impossible)]
    );
}

#[test]
fn a_newcomer_whose_key_is_in_doubt_is_its_duplicate_once_it_is_too_old_to_repeat() {
    let mut desk = Desk::restored(&[intent(0, 1, Resend)]);
    desk.step(Input::Reached { partition: P0, epoch: Epoch(1), position: NextOffset(1) });
    desk.read(1, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, not_taken(NotTaken::Unauthorized));
    desk.pass(Duration::from_mins(61));
    assert!(desk.posted().is_none());
    desk.commit();
    let duplicate = (1, Reason::DuplicateOfInDoubt, Redelivery::Impossible);
    assert_eq!(desk.outcomes(), [(0, Reason::RecordGone, Redelivery::Possible), duplicate]);
}

//! What a row says of its record.

use super::*;
use crate::domain::{EventFacts, SpanId, Trace, TraceContext, TraceId};

const TAKEN: UnixMillis = UnixMillis(999_000);
const RECEIVED: UnixMillis = UnixMillis(999_500);

fn own_span() -> TraceContext {
    TraceContext::sampled(TraceId::try_new([1; 16]).unwrap(), SpanId::try_new([2; 8]).unwrap())
}

fn facts() -> EventFacts {
    EventFacts { event_id: Some("order-1".into()), ..EventFacts::default() }
}

fn told(key: u8) -> Mapped {
    Mapped::Event(ConversionEvent { facts: Box::new(facts()), ..event(key, Hold) })
}

/// Reads record 0, of which all is known that can be.
fn read(desk: &mut Desk, mapped: Mapped) {
    let trace = Some(Box::new(Trace::Watched { own: own_span(), parent: None }));
    let known = Record { timestamp: Some(TAKEN), received: RECEIVED, trace, mapped, ..record(0, event(0, Hold)) };
    desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(known) });
}

#[test]
fn a_row_tells_what_is_known_of_its_record_however_it_ended() {
    let unmapped = || Mapped::Settled { outcome: Outcome::new(Reason::NoIdentity), facts: Some(Box::new(facts())) };
    for (restored, mapped, reason, key) in [
        (&[][..], unmapped(), Reason::NoIdentity, None),
        (&[intent(0, 9, Hold)], unmapped(), Reason::OwnerLost, Some(9)),
        (&[intent(0, 9, Hold)], told(9), Reason::OwnerLost, Some(9)),
        (&[intent(0, 9, Hold)], told(8), Reason::KeyChanged, Some(9)),
    ] {
        let mut desk = Desk::restored(restored);
        read(&mut desk, mapped);
        let settled = desk.now.wall;
        desk.commit();
        let row = desk.rows.remove(0);
        assert_eq!((row.outcome.reason, row.key), (reason, key.map(|key| EventKey([key; 16]))));
        assert_eq!((row.timestamp, row.received, row.settled), (Some(TAKEN), Some(RECEIVED), settled), "{reason:?}");
        assert_eq!(row.trace.map(|trace| trace.context()), Some(own_span()), "{reason:?}");
        assert_eq!(row.facts.as_deref(), Some(&facts()), "{reason:?}");
    }
}

#[test]
fn an_event_that_fails_the_check_gets_its_row_while_those_beside_it_are_posted() {
    let mut desk = Desk::new();
    let detail = "event_id: expected text that is not empty, found nothing";
    let outcome = Outcome::with_detail(Reason::InvalidEvent, detail);
    desk.read(0, 1, Hold);
    let failed = Mapped::Settled { outcome: outcome.clone(), facts: Some(Box::new(facts())) };
    let failed = Record { mapped: failed, ..record(1, event(0, Hold)) };
    desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(failed) });
    desk.read(2, 2, Hold);
    let mut entries = desk.commit();
    entries.retain(|entry| matches!(entry, ChangelogEntry::Intent { .. }));
    assert_eq!(entries, [intent(0, 1, Hold), intent(2, 2, Hold)]);
    assert_eq!(desk.outcomes(), [(1, Reason::InvalidEvent, Redelivery::Impossible)]);
    assert_eq!((&desk.rows[0].outcome, desk.rows[0].attempts.len()), (&outcome, 0));
    let batch = desk.posted().expect("the others");
    assert_eq!(batch.bodies, [vec![1], vec![2]]);
    desk.process_all(&batch);
    desk.commit();
    assert_eq!((desk.rows.len(), desk.offset), (3, Some(NextOffset(3))));
}

#[test]
fn the_row_of_a_posted_event_names_its_last_batch_and_its_last_three_attempts() {
    let mut desk = Desk::new();
    read(&mut desk, told(1));
    let mut batch = desk.commit_and_post();
    assert_eq!(batch.watched, [own_span()]);
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(desk.now.wall);
        let retry_after = Some(Duration::from_secs(1));
        desk.answer(&batch, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
        desk.pass(Duration::from_secs(1));
        batch = desk.posted().expect("its turn has come");
    }
    let posted = desk.now.wall;
    desk.pass(Duration::from_millis(10));
    times.push(desk.now.wall);
    desk.process_all(&batch);
    desk.commit();
    let row = &desk.rows[0];
    assert_eq!((row.key, row.lane), (Some(EventKey([1; 16])), Some(LaneId(0))));
    assert_eq!((row.batch, row.posted, row.settled), (Some(batch.id), Some(posted), times[4]));
    assert_eq!(row.attempts.iter().map(|attempt| attempt.at).collect::<Vec<_>>(), times[2..]);
}

#[test]
fn what_pinterest_says_of_an_event_stands_in_its_row() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    desk.read(1, 2, Resend);
    let batch = desk.commit_and_post();
    let (warning, message) = (ForeignText::new("no currency"), ForeignText::new("no value"));
    desk.answer(
        &batch,
        Answer::Verdicts(vec![
            Verdict::Processed { warning: Some(warning.clone()) },
            Verdict::Failed { message: message.clone() },
        ]),
    );
    desk.commit();
    let said = desk.rows.iter().map(|row| (row.outcome.warning.clone(), row.outcome.detail.clone()));
    assert!(said.eq([(Some(warning), None), (None, Some(message))]));
}

//! A core that is woken when it asks for it and at no other time misses nothing, and does not ask without need.

use super::*;

/// Lets the time pass from one wish to the next until a batch is posted; gives it with how long that took.
fn next_post(desk: &mut Desk) -> (Duration, Batch) {
    let start = desk.now.boot;
    for _ in 0..4 {
        while let Some(position) = desk.effects.iter().position(|effect| matches!(effect, Effect::Commit(_))) {
            let Effect::Commit(transaction) = desk.effects.remove(position) else { unreachable!() };
            desk.committed(transaction);
        }
        if let Some(batch) = desk.posted() {
            assert!(desk.core.next_wakeup().is_none_or(|next| desk.now.boot < next), "there is nothing to do now");
            return (desk.now.boot.since(start), batch);
        }
        let next = desk.core.next_wakeup().expect("something is to be done");
        desk.pass(next.since(desk.now.boot));
    }
    panic!("nothing is posted: {:?}", desk.effects)
}

#[test]
fn every_post_goes_at_its_moment() {
    let limited = |calls| {
        let mut settings = settings();
        let calls = CallLimit::per_minute(NonZeroU32::new(calls).expect("some calls"));
        let linger = Duration::from_millis(50);
        settings.lanes[0] = LaneSettings { calls, concurrency: 2, linger, ..settings.lanes[0].clone() };
        settings
    };
    let throttled =
        |secs| Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(Duration::from_secs(secs)) };
    let silent = |secs| Answer::Ambiguous { retry_after: Some(Duration::from_secs(secs)) };
    for (what, calls, events, answer, waits) in [
        ("a single event lingers", u32::MAX, 1, None, 50),
        ("a full batch does not", u32::MAX, 10, None, 0),
        ("the second call waits for the pace", 60, 11, None, 766),
        ("a lane that was throttled waits as long as it is asked", u32::MAX, 1, Some(throttled(7)), 7000),
        ("its intents are renewed where they have become old", u32::MAX, 1, Some(throttled(40)), 40_000),
        ("a probe comes when the wait is over", u32::MAX, 2, Some(silent(20)), 20_000),
    ] {
        let mut desk = Desk::with(limited(calls));
        for key in 0..events {
            desk.read(i64::from(key), key, Resend);
        }
        let (mut waited, batch) = next_post(&mut desk);
        if let Some(answer) = answer {
            desk.answer(&batch, answer);
            waited = next_post(&mut desk).0;
        } else if 10 < events {
            waited = next_post(&mut desk).0;
        }
        assert_eq!(waited, Duration::from_millis(waits), "{what}");
    }
}

//! Events on which Pinterest never gives a verdict (R13).

use super::*;

/// A desk whose reader has taken `keys` events, the keys being their offsets; all fit into one batch.
fn full_desk(keys: u8) -> Desk {
    let mut desk = Desk::new();
    desk.read(0, 0, Resend);
    let first = desk.commit_and_post();
    for key in 1..=keys {
        desk.read(i64::from(key), key, Resend);
    }
    desk.process_all(&first);
    desk
}

/// The next post, whatever has to pass before it; nothing if nothing is left to be posted.
fn next_post(desk: &mut Desk) -> Option<Batch> {
    if let Some(batch) = desk.posted() {
        return Some(batch);
    }
    for _ in 0..40 {
        desk.pass(Duration::from_secs(1));
        if desk.effects.iter().any(|effect| matches!(effect, Effect::Commit(_))) {
            desk.commit();
        }
        if let Some(batch) = desk.posted() {
            return Some(batch);
        }
    }
    None
}

/// Answers every post: no verdict for those with a silent event, else all processed. Gives back the keys of each.
fn serve(desk: &mut Desk, silent: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut posts = Vec::new();
    while posts.len() < most
        && let Some(batch) = next_post(desk)
    {
        let keys: Vec<u8> = batch.bodies.iter().map(|body| body[0]).collect();
        if keys.iter().any(|key| silent.contains(key)) {
            desk.answer(&batch, silence());
        } else {
            desk.process_all(&batch);
        }
        posts.push(keys);
    }
    posts
}

fn outcome_of(desk: &Desk, offset: i64) -> Option<(Reason, Redelivery)> {
    desk.rows.iter().find(|row| row.offset.0 == offset).map(|row| (row.outcome.reason, row.redelivery))
}

#[test]
fn an_event_that_never_gets_a_verdict_is_found_set_aside_and_given_up_while_all_others_are_delivered() {
    let mut desk = full_desk(8);
    let mut posts = Vec::new();
    for key in 9..40 {
        posts.extend(serve(&mut desk, &[3], 1));
        desk.read(i64::from(key), key, Resend);
    }
    posts.extend(serve(&mut desk, &[3], 100));
    let with_it: Vec<usize> = posts.iter().filter(|keys| keys.contains(&3)).map(Vec::len).collect();
    assert_eq!(with_it, [8, 4, 2, 1, 1, 1, 1, 1], "fewer go with it each time, then none");
    assert_eq!(outcome_of(&desk, 3), Some((Reason::NoVerdict, Redelivery::Possible)));
    for offset in (1..=8).filter(|offset| *offset != 3) {
        assert_eq!(outcome_of(&desk, offset), Some((Reason::Processed, Redelivery::Possible)), "{offset}");
    }
}

#[test]
fn while_nothing_gets_a_verdict_no_event_is_given_up_and_the_probes_go_round() {
    let mut desk = full_desk(8);
    let posts = serve(&mut desk, &[1, 2, 3, 4, 5, 6, 7, 8], 30);
    assert_eq!(desk.rows.len(), 1, "an outage says nothing about the events");
    let mut probed: Vec<u8> = posts[1..].iter().flatten().copied().collect();
    assert_eq!(probed.len(), 29, "one at a time");
    probed.sort_unstable();
    probed.dedup();
    assert_eq!(probed, [1, 2, 3, 4, 5, 6, 7, 8], "no event is tried for ever");
}

#[test]
fn events_that_nothing_speaks_against_never_share_a_batch_with_those_that_got_no_verdict() {
    let mut desk = full_desk(4);
    let lost = next_post(&mut desk).expect("a batch");
    desk.answer(&lost, silence());
    desk.read(5, 5, Hold);
    desk.read(6, 6, Hold);
    let posts = serve(&mut desk, &[], 100);
    assert_eq!(posts, [vec![1], vec![2, 3], vec![4], vec![5, 6]]);
    assert_eq!(outcome_of(&desk, 5), Some((Reason::Processed, Redelivery::Impossible)));
}

#[test]
fn the_lane_waits_as_long_as_an_answer_without_verdict_asks() {
    let mut desk = Desk::new();
    desk.read(0, 1, Resend);
    let batch = desk.commit_and_post();
    desk.answer(&batch, Answer::Ambiguous { retry_after: Some(Duration::from_secs(20)) });
    desk.pass(Duration::from_millis(19_999));
    assert!(desk.posted().is_none());
    desk.pass(Duration::from_millis(1));
    assert!(desk.posted().is_some() || !desk.commit().is_empty());
}

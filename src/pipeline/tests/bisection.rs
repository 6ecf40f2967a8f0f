//! What it costs to find the events for which Pinterest refuses whole requests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What was posted for one batch of `n` events.
struct Found {
    calls: usize,
    /// By offset: how often the event was in a request that Pinterest took.
    taken: BTreeMap<i64, usize>,
    rows: Vec<Settlement>,
}

/// Posts `n` events as one batch to a Pinterest that answers 400 to every request with a culprit in it, and names one.
fn bisect(n: usize, culprits: &BTreeSet<usize>) -> Found {
    let mut settings = settings();
    settings.span = 10_000;
    settings.lanes[0].batch_events = 1000;
    let mut desk = Desk::with(settings);
    for number in 0..n {
        let text = number.to_string();
        let mut key = [0; 16];
        key[..text.len()].copy_from_slice(text.as_bytes());
        let event = ConversionEvent { key: EventKey(key), body: EventBody::unchecked(text), ..event(0, Resend) };
        desk.read_event(i64::try_from(number).unwrap(), event);
    }
    let (mut calls, mut taken) = (0, BTreeMap::new());
    let mut next = Some(desk.commit_and_post());
    while let Some(batch) = next {
        calls += 1;
        let numbers: Vec<usize> =
            batch.bodies.iter().map(|body| str::from_utf8(body).unwrap().parse().unwrap()).collect();
        if let Some(culprit) = numbers.iter().find(|number| culprits.contains(number)) {
            let message = ForeignText::new(&format!("event {culprit} is not valid"));
            desk.answer(&batch, Answer::WholeRefused { why: WholeRefusal::Invalid, message });
        } else {
            for number in numbers {
                *taken.entry(i64::try_from(number).unwrap()).or_default() += 1;
            }
            desk.process_all(&batch);
        }
        desk.pass(Duration::from_millis(1));
        next = desk.posted();
    }
    // The rows that the transactions on the way have not taken yet.
    while desk.rows.len() < n {
        let waiting = desk.effects.iter().position(|effect| matches!(effect, Effect::Commit(_)));
        match waiting.map(|position| desk.effects.remove(position)) {
            Some(Effect::Commit(transaction)) => drop(desk.committed(transaction)),
            _ => drop(desk.commit()),
        }
    }
    Found { calls, taken, rows: desk.rows }
}

/// The bound on the calls beyond the first, for `k` culprits among `n` events.
fn most_extra(n: usize, k: usize) -> usize {
    let depth = usize::try_from(n.next_power_of_two().trailing_zeros()).unwrap();
    (2 * k * depth).min(2 * n - 2)
}

fn check(n: usize, culprits: &BTreeSet<usize>) -> Found {
    let found = bisect(n, culprits);
    assert!(found.calls - 1 <= most_extra(n, culprits.len()), "{} calls, {n} events, {culprits:?}", found.calls);
    assert_eq!(found.rows.len(), n);
    for row in &found.rows {
        let number = usize::try_from(row.offset.0).unwrap();
        assert_eq!(row.redelivery, Redelivery::Impossible);
        if culprits.contains(&number) {
            assert_eq!(row.outcome.reason, Reason::InvalidRequest);
            let own = format!("event {number} is not valid");
            assert_eq!(row.outcome.detail.as_ref().map(ForeignText::as_str), Some(own.as_str()));
            assert_eq!(found.taken.get(&row.offset.0), None);
        } else {
            assert_eq!(row.outcome.reason, Reason::Processed);
            assert_eq!(found.taken.get(&row.offset.0), Some(&1), "event {number} is taken once");
        }
    }
    found
}

#[test]
fn of_a_thousand_events_each_good_one_is_taken_once_and_each_bad_one_refused_with_its_own_message() {
    for (culprits, least) in [
        (BTreeSet::from([0]), 10),
        (BTreeSet::from([617]), 10),
        (BTreeSet::from([499, 500]), 20),
        ((0..1000).step_by(2).collect(), 500),
    ] {
        let calls = check(1000, &culprits).calls;
        println!(
            "{} of 1,000 poisonous: {calls} calls, {} at most",
            culprits.len(),
            1 + most_extra(1000, culprits.len())
        );
        assert!(least <= calls, "nobody finds them with fewer");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_culprits_are_found_within_the_bound(
        (n, culprits) in (1_usize..200).prop_flat_map(|n| (Just(n), proptest::collection::btree_set(0..n, 0..=n.min(12)))),
    ) {
        check(n, &culprits);
    }
}

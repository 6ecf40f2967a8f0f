//! The checker against histories made by hand: a sound one passes, and each that is spoilt in one place is caught.

use pinrelay::domain::{EventKey, InDoubtPolicy, KeyState, OutcomeKind, Redelivery};

use crate::checker::{Attempt, Checker, Law, Moved, Row};
use crate::scenario::{EventSpec, Kind, Nature, Scenario, Spec};

/// Three records of one partition: 0 is delivered, 1 is its duplicate, 2 (another key) is sent twice and marked.
#[derive(Clone)]
struct History {
    kind: Kind,
    attempts: Vec<Attempt>,
    rows: Vec<(usize, Row, i64)>,
    moved: Vec<Moved>,
}

const NOW: u64 = 1000;

impl History {
    fn sound() -> Self {
        let row = |kind, redelivery, key: u8, of| Row {
            kind,
            redelivery,
            key: Some(EventKey([key; 16])),
            duplicate_of: of,
            end: None,
        };
        Self {
            kind: Kind::Faults,
            attempts: vec![attempt(0, 1, 10), attempt(2, 2, 20), attempt(2, 2, 30)],
            rows: vec![
                (0, row(OutcomeKind::Delivered, Redelivery::Impossible, 1, None), 0),
                (0, row(OutcomeKind::Duplicate, Redelivery::Impossible, 1, Some((0, KeyState::Delivered))), 1),
                (0, row(OutcomeKind::Delivered, Redelivery::Possible, 2, None), 2),
            ],
            moved: vec![Moved { partition: 0, from: 0, to: 3, owned: true }],
        }
    }

    fn verdict(&self) -> Option<Law> {
        let mut scenario = Scenario::new(self.kind, 1);
        let spec = |offset, key| {
            let event = EventSpec { key, policy: InDoubtPolicy::Resend, old: false };
            Spec { offset, available: 0, vanishes: None, post_by: None, nature: Nature::Good, plans: [Some(event); 2] }
        };
        scenario.records = vec![vec![spec(0, 1), spec(1, 1), spec(2, 2)]];
        let mut checker = Checker::new(&scenario);
        checker.attempts.clone_from(&self.attempts);
        checker.committed(NOW, &self.rows, &self.moved);
        checker.finish(NOW);
        checker.violation.map(|violation| violation.law)
    }
}

fn attempt(offset: i64, key: u8, start: u64) -> Attempt {
    Attempt {
        partition: 0,
        offset,
        key: EventKey([key; 16]),
        policy: InDoubtPolicy::Resend,
        start,
        taken: Some(start + 1),
        unsure: false,
    }
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(History::sound().verdict(), None);
}

#[test]
fn a_history_that_is_spoilt_in_one_place_is_caught() {
    type Spoil = fn(&mut History);
    let table: &[(&str, Law, Spoil)] = &[
        ("a row is missing below the offset", Law::G1, |h| h.rows.truncate(2)),
        ("a row is missing at the end", Law::G7, |h| {
            h.rows.pop();
            h.moved[0].to = 2;
        }),
        ("a row stands twice", Law::G1, |h| h.rows.push(h.rows[0].clone())),
        ("a row of a record that never was", Law::G1, |h| h.rows[2].2 = 7),
        ("a duplicate of a record without a row", Law::G2, |h| {
            h.rows[1].1.duplicate_of = Some((9, KeyState::Delivered));
        }),
        ("a duplicate of another key", Law::G2, |h| h.rows[1].1.duplicate_of = Some((2, KeyState::Delivered))),
        ("a duplicate of itself", Law::G2, |h| h.rows[1].1.duplicate_of = Some((1, KeyState::Delivered))),
        ("a duplicate that says in doubt of a delivered one", Law::G2, |h| {
            h.rows[1].1.duplicate_of = Some((0, KeyState::InDoubt));
        }),
        ("a duplicate of a refused record", Law::G2, |h| {
            h.rows[0].1.kind = OutcomeKind::Refused;
            h.attempts.remove(0);
        }),
        ("a duplicate that names nothing", Law::G2, |h| h.rows[1].1.duplicate_of = None),
        ("sent twice without a mark", Law::G3, |h| h.rows[2].1.redelivery = Redelivery::Impossible),
        ("sent twice under hold", Law::G3, |h| h.attempts.iter_mut().for_each(|a| a.policy = InDoubtPolicy::Hold)),
        ("sent twice, the second under hold", Law::G3, |h| h.attempts[2].policy = InDoubtPolicy::Hold),
        ("perhaps sent twice under hold", Law::G3, |h| {
            h.attempts.iter_mut().for_each(|a| a.policy = InDoubtPolicy::Hold);
            (h.attempts[2].taken, h.attempts[2].unsure) = (None, true);
        }),
        ("a duplicate is sent, too", Law::G3, |h| h.attempts.push(attempt(1, 1, 40))),
        ("sent with two keys", Law::G3, |h| h.attempts[2].key = EventKey([3; 16])),
        ("delivered and never taken", Law::G3, |h| h.attempts.retain(|a| a.offset != 0)),
        ("refused and taken", Law::G3, |h| h.rows[2].1.kind = OutcomeKind::Refused),
        ("the offset goes back", Law::G4, |h| {
            h.moved[0].from = 5;
        }),
        ("another process commits", Law::G4, |h| h.moved[0].owned = false),
        ("a mark in a calm world", Law::Calm, |h| h.kind = Kind::Calm),
        ("sent twice in a calm world", Law::Calm, |h| {
            h.kind = Kind::Calm;
            h.rows[2].1.redelivery = Redelivery::Impossible;
        }),
    ];
    for (what, law, spoil) in table {
        let mut history = History::sound();
        spoil(&mut history);
        assert_eq!(history.verdict(), Some(*law), "{what}");
    }
}

#[test]
fn what_certainly_was_not_taken_may_be_sent_again_without_a_mark() {
    let mut history = History::sound();
    history.attempts[1].taken = None;
    history.rows[2].1.redelivery = Redelivery::Impossible;
    assert_eq!(history.verdict(), None);
}

//! A window that is plainly right, and the laws that bind the compact one to it.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{Loading, Window, WindowEntry};
use crate::domain::{ChangelogOffset, EventKey, InDoubtPolicy, KeyState, Offset, UnixMillis};

const MINUTE_MS: i64 = 60_000;
const LENGTH: Duration = Duration::from_hours(48);
const KEYS: u16 = 120;

/// Every key with its last entry, as long as it lives; no bound.
#[derive(Default)]
struct Model {
    keys: HashMap<EventKey, (WindowEntry, UnixMillis, ChangelogOffset)>,
}

impl Model {
    fn lives(at: UnixMillis, now: UnixMillis) -> bool {
        let hour = 60 * MINUTE_MS;
        now < UnixMillis((at.0.div_euclid(hour) + 1) * hour).after(LENGTH)
    }

    fn get(&self, key: &EventKey, now: UnixMillis) -> Option<WindowEntry> {
        self.keys.get(key).filter(|(_, at, _)| Self::lives(*at, now)).map(|(entry, _, _)| *entry)
    }

    fn expire(&mut self, now: UnixMillis) {
        self.keys.retain(|_, (_, at, _)| Self::lives(*at, now));
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Minutes that pass.
    Pass(i64),
    /// `ago`: minutes since Pinterest may have taken it; below zero for an answer that is not given up yet.
    Insert {
        key: u16,
        entry: WindowEntry,
        ago: i64,
        intent: i64,
    },
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![Just(KeyState::Delivered), Just(KeyState::InDoubt)];
    let policy = prop_oneof![Just(InDoubtPolicy::Resend), Just(InDoubtPolicy::Hold)];
    // Far apart now and then, as after a reset by hand.
    let offset = prop_oneof![20 => 0_i64..5_000, 1 => Just(3_000_000_000)].prop_map(Offset);
    let entry = (offset, state, policy).prop_map(|(offset, state, policy)| WindowEntry { offset, state, policy });
    prop_oneof![
        20 => (0..KEYS, entry, -3..90_i64, 0..1_000_000_i64)
            .prop_map(|(key, entry, ago, intent)| Step::Insert { key, entry, ago, intent }),
        4 => (0..40_i64).prop_map(Step::Pass),
        1 => (0..3_000_i64).prop_map(Step::Pass),
        3 => Just(Step::Expire),
    ]
}

fn key(n: u16) -> EventKey {
    let digest: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
    EventKey(digest[..16].try_into().unwrap())
}

/// Plays the steps on both and shows them after each.
fn play(
    steps: &[Step],
    max_keys: usize,
    mut check: impl FnMut(&Window, &Model, UnixMillis) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut window, mut model) = (Window::new(LENGTH, max_keys), Model::default());
    let mut now = UnixMillis(1_790_000_000_000);
    for step in steps {
        match *step {
            Step::Pass(minutes) => now.0 += minutes * MINUTE_MS,
            Step::Insert { key: n, entry, ago, intent } => {
                let (at, intent) = (UnixMillis(now.0 - ago * MINUTE_MS), ChangelogOffset(intent));
                window.insert(key(n), entry, at, Some(intent));
                model.keys.insert(key(n), (entry, at, intent));
            }
            Step::Expire => {
                window.expire(now);
                model.expire(now);
            }
        }
        check(&window, &model, now)?;
    }
    Ok(())
}

/// Whatever lies within the reach that the window tells of is there.
fn knows_its_reach(window: &Window, model: &Model, now: UnixMillis, max_keys: usize) -> Result<(), TestCaseError> {
    prop_assert!(window.len() <= max_keys);
    for n in 0..KEYS {
        let known = model.keys.get(&key(n)).filter(|(_, at, _)| Model::lives(*at, now));
        let found = window.get(&key(n), now);
        match known {
            Some((entry, at, _)) if now.since(*at) < window.covers(now) || now < *at && window.evicted() == 0 => {
                prop_assert_eq!(found, Some(*entry), "key {}", n);
            }
            Some((entry, _, _)) => prop_assert!(found.is_none() || found == Some(*entry), "key {}", n),
            None => prop_assert_eq!(found, None, "key {}", n),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn below_its_bound_the_window_knows_what_the_model_knows(steps in proptest::collection::vec(step(), 0..150)) {
        play(&steps, 10_000, |window, model, now| {
            prop_assert_eq!(window.len(), model.keys.len());
            prop_assert_eq!((window.evicted(), window.covers(now)), (0, LENGTH));
            for n in 0..KEYS {
                prop_assert_eq!(window.get(&key(n), now), model.get(&key(n), now), "key {}", n);
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_position_to_read_from_reaches_every_living_key(steps in proptest::collection::vec(step(), 0..150)) {
        play(&steps, 10_000, |window, model, _| {
            let lowest = model.keys.values().map(|(_, _, intent)| *intent).min();
            prop_assert!(window.read_from() <= lowest || lowest.is_none(), "{:?} {:?}", window.read_from(), lowest);
            prop_assert_eq!(window.read_from().is_none(), window.len() == 0);
            Ok(())
        })?;
    }

    #[test]
    fn over_its_bound_the_window_forgets_the_oldest_alone(
        steps in proptest::collection::vec(step(), 0..150),
        max_keys in 10..60_usize,
    ) {
        play(&steps, max_keys, |window, model, now| knows_its_reach(window, model, now, max_keys))?;
    }

    #[test]
    fn a_window_that_is_loaded_knows_what_one_does_that_lives(
        steps in proptest::collection::vec(step(), 0..300),
        max_keys in prop_oneof![10..60_usize, Just(10_000)],
        put_every in 1..100_usize,
    ) {
        let (mut loading, mut model) = (Loading::new(Window::new(LENGTH, max_keys)), Model::default());
        let mut now = UnixMillis(1_790_000_000_000);
        for (n, step) in (1..).zip(steps) {
            match step {
                Step::Pass(minutes) => now.0 += minutes * MINUTE_MS,
                Step::Insert { key: n, entry, ago, intent } => {
                    let (at, intent) = (UnixMillis(now.0 - ago * MINUTE_MS), ChangelogOffset(intent));
                    loading.insert(key(n), entry, at, Some(intent));
                    model.keys.insert(key(n), (entry, at, intent));
                }
                // A changelog tells of no moment at which something was cleared away.
                Step::Expire => {}
            }
            if n % put_every == 0 {
                loading.put();
            }
        }
        let window = loading.finish(now);
        model.expire(now);
        if max_keys == 10_000 {
            prop_assert_eq!(window.len(), model.keys.len());
            prop_assert_eq!((window.evicted(), window.covers(now)), (0, LENGTH));
        }
        knows_its_reach(&window, &model, now, max_keys)?;
    }
}

//! The accounting protocol against a world that goes wrong: Kafka, Pinterest, several processes, one seed.
//!
//! No thread, no clock, no socket. Each world is a seed; a failure names it, and
//! `SIMULATION_KIND=F SIMULATION_SEED=17 cargo test --test simulation one_world -- --nocapture` prints what happened.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod checker;
#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod pinterest;
#[cfg(test)]
mod positions;
#[cfg(test)]
mod posts;
#[cfg(test)]
mod process;
#[cfg(test)]
mod random;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod ticks;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod variants;
#[cfg(test)]
mod world;

#[cfg(test)]
mod worlds {
    use std::collections::{BTreeMap, BTreeSet};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::checker::{Law, Violation};
    use crate::scenario::{Kind, Scenario};
    use crate::trace::Trace;
    use crate::variants::Broken;
    use crate::world::{Report, World};

    /// Worlds of each kind in a plain run, half of them under each policy; `SIMULATION_WORLDS` asks for others.
    const WORLDS: u64 = 10_000;
    /// Most worlds in which a negative control is looked for; the rarest shows in one of 5,000.
    const CONTROL_WORLDS: u64 = 20_000;

    /// A long run says so often how far it is.
    const TOLD_EVERY: u64 = 10_000;

    /// Worlds for a control that is expected to do no harm.
    const HARMLESS_WORLDS: u64 = 300;

    #[expect(clippy::disallowed_methods, reason = "a person who replays a seed has no configuration file")]
    fn from_environment(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn number(name: &str) -> Option<u64> {
        from_environment(name)?.parse().ok()
    }

    /// A panic is a violation too, and has a seed like any other.
    fn run(kind: Kind, seed: u64, broken: Broken, trace: Trace) -> Report {
        let world = AssertUnwindSafe(|| {
            let mut scenario = Scenario::new(kind, seed);
            broken.apply(&mut scenario);
            World::new(scenario, broken.variant(), trace).run()
        });
        catch_unwind(world).unwrap_or_else(|_| Report {
            violation: Some(Violation { law: Law::Panic, what: "panicked".to_owned(), at: 0 }),
            in_doubt: 0,
            events: 0,
            is_out_of_hand: false,
        })
    }

    fn holds(kind: Kind) {
        let (mut events, mut in_doubt) = (0, 0);
        let mut failures: BTreeMap<Law, Vec<String>> = BTreeMap::new();
        let worlds = number("SIMULATION_WORLDS").unwrap_or(WORLDS);
        let first = number("SIMULATION_FIRST").unwrap_or(0);
        for seed in first..first + worlds {
            if first < seed && (seed - first).is_multiple_of(TOLD_EVERY) {
                println!("{kind:?}: {} of {worlds} worlds", seed - first);
            }
            let report = run(kind, seed, Broken::Nothing, Trace::Silent);
            events += report.events;
            in_doubt += report.in_doubt;
            if let Some(violation) = report.violation {
                let line = format!("SIMULATION_KIND={} SIMULATION_SEED={seed}: {violation:?}", kind.letter());
                failures.entry(violation.law).or_default().push(line);
            }
        }
        println!("{kind:?}: {worlds} worlds, {events} events, {in_doubt} rows in doubt");
        let shown: Vec<String> = failures
            .iter()
            .map(|(law, lines)| format!("{law:?}, {} worlds:\n{}", lines.len(), lines[..lines.len().min(5)].join("\n")))
            .collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }

    #[test]
    fn with_all_faults_every_record_has_one_row_and_no_event_is_repeated_without_a_mark() {
        holds(Kind::Faults);
    }

    #[test]
    fn in_a_calm_world_nothing_is_in_doubt_and_every_event_is_sent_once() {
        holds(Kind::Calm);
    }

    #[test]
    fn with_a_policy_for_each_event_the_stricter_of_two_decides() {
        holds(Kind::Mixed);
    }

    #[test]
    fn records_that_compaction_takes_away_are_accounted_for_if_they_were_sent() {
        holds(Kind::Compaction);
    }

    #[test]
    fn a_key_is_not_sent_twice_within_a_short_window_by_processes_that_sleep() {
        holds(Kind::Window);
    }

    #[test]
    fn a_feed_that_was_idle_for_longer_than_its_changelog_is_kept_goes_on() {
        holds(Kind::Idle);
    }

    #[test]
    fn a_lane_that_is_halted_for_longer_than_the_changelog_is_kept_loses_nothing() {
        holds(Kind::Halted);
    }

    #[test]
    fn two_processes_with_one_identity_count_nothing_twice() {
        holds(Kind::Shared);
    }

    #[test]
    fn deleted_records_offsets_set_by_hand_and_a_topic_created_again_are_accounted_for() {
        holds(Kind::Positions);
    }

    #[test]
    fn partitions_that_are_added_are_read_from_their_beginning() {
        holds(Kind::Growth);
    }

    /// Else that they halt would show nothing of those that must not.
    #[test]
    fn a_service_that_loses_what_it_needs_says_so_and_one_that_needs_nothing_goes_on() {
        for kind in [Kind::Halted, Kind::Positions] {
            let reports = (0..1000).map(|seed| run(kind, seed, Broken::Nothing, Trace::Silent));
            let ended = reports.filter(|report| report.is_out_of_hand).count();
            assert!((1..500).contains(&ended), "{kind:?}: {ended} of 1000 worlds end in the hands of a person");
        }
    }

    /// `scripts/soak-simulation` asks for other numbers of worlds.
    ///
    /// With `SIMULATION_SHARES` every control runs in so many worlds of each of its kinds, and the share of those in
    /// which it was caught is printed; else each runs until it is caught. `SIMULATION_BROKEN` names a single one, and
    /// `SIMULATION_KIND` a single kind.
    #[test]
    fn every_broken_rule_is_caught() {
        let shares = number("SIMULATION_SHARES");
        let mut survivors = Vec::new();
        let wanted = from_environment("SIMULATION_BROKEN").unwrap_or_default();
        let letter = from_environment("SIMULATION_KIND").unwrap_or_default();
        for broken in Broken::all().into_iter().filter(|broken| broken.name().ends_with(&wanted)) {
            let (mut shares_by_kind, mut laws) = (Vec::new(), BTreeSet::<Law>::new());
            let mut caught = 0;
            let kinds = if shares.is_some() { &Kind::ALL } else { broken.kinds() };
            for kind in kinds.iter().filter(|kind| letter.is_empty() || letter.starts_with(kind.letter())) {
                let most = if broken.harmless().is_some() { HARMLESS_WORLDS } else { CONTROL_WORLDS };
                let worlds = shares.unwrap_or(most);
                let enough = if shares.is_some() { usize::MAX } else { 1 };
                let violations = (0..worlds).filter_map(|seed| run(*kind, seed, broken, Trace::Silent).violation);
                let found: Vec<Law> = violations.take(enough).map(|violation| violation.law).collect();
                laws.extend(&found);
                let here = found.len();
                caught += here;
                shares_by_kind.push(format!(" {}:{here:5}", kind.letter()));
                if shares.is_none() && 0 < here {
                    break;
                }
            }
            let table = shares_by_kind.concat();
            println!("{:34}{table}  {laws:?} {}", broken.name(), broken.harmless().unwrap_or_default());
            if (caught == 0) == broken.harmless().is_none() {
                survivors.push(broken.name());
            }
        }
        assert!(survivors.is_empty(), "neither caught nor harmless as said: {survivors:?}");
    }

    #[test]
    fn one_world_is_told_when_its_seed_is_asked_for() {
        let letter = from_environment("SIMULATION_KIND").unwrap_or_default();
        let kind = Kind::ALL.into_iter().find(|kind| letter.starts_with(kind.letter())).unwrap_or(Kind::Faults);
        let broken = from_environment("SIMULATION_BROKEN")
            .and_then(|name| Broken::all().into_iter().find(|broken| broken.name().ends_with(&name)))
            .unwrap_or(Broken::Nothing);
        if let Some(seed) = number("SIMULATION_SEED") {
            let report = run(kind, seed, broken, Trace::Printed);
            println!("{report:?}");
        }
    }
}

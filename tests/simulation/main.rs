//! The accounting protocol against a world that goes wrong: Kafka, Pinterest, several processes, one seed.
//!
//! No thread, no clock, no socket. Each world is a seed; a failure names it, and
//! `SIMULATION_KIND=F SIMULATION_SEED=17 cargo test --test simulation one_world -- --nocapture` prints what happened.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod pinterest;
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
    use crate::scenario::{Kind, Scenario};
    use crate::trace::Trace;
    use crate::variants::Variant;
    use crate::world::{Report, World};

    #[expect(clippy::disallowed_methods, reason = "a person who replays a seed has no configuration file")]
    fn from_environment(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn count(default: u64) -> u64 {
        from_environment("SIMULATION_WORLDS").and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    fn run(kind: Kind, seed: u64, variant: Option<Variant>, trace: Trace) -> Report {
        World::new(Scenario::new(kind, seed), variant, trace).run()
    }

    fn holds(kind: Kind) {
        let mut events = 0;
        let mut in_doubt = 0;
        for seed in 0..count(4000) {
            let report = run(kind, seed, None, Trace::Silent);
            events += report.events;
            in_doubt += report.in_doubt;
            assert!(
                report.violation.is_none(),
                "SIMULATION_KIND={} SIMULATION_SEED={seed}: {:?}",
                kind.letter(),
                report.violation
            );
        }
        println!("{kind:?}: {events} events, {in_doubt} rows in doubt");
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
    fn every_changed_rule_is_caught() {
        for variant in Variant::ALL {
            for kind in variant.kinds() {
                let worlds = count(300);
                let caught =
                    (0..worlds).filter(|seed| run(*kind, *seed, Some(*variant), Trace::Silent).violation.is_some()).count();
                println!("{:8} {variant:?} {kind:?} {caught} of {worlds}", variant.rule());
            }
        }
    }

    #[test]
    fn one_world() {
        let letter = from_environment("SIMULATION_KIND").unwrap_or_default();
        let kind = Kind::ALL.into_iter().find(|kind| letter.starts_with(kind.letter())).unwrap_or(Kind::Faults);
        let Some(seed) = from_environment("SIMULATION_SEED").and_then(|text| text.parse().ok()) else { return };
        let variant = from_environment("SIMULATION_VARIANT")
            .and_then(|name| Variant::ALL.iter().copied().find(|variant| format!("{variant:?}") == name));
        let report = run(kind, seed, variant, Trace::Printed);
        println!("{report:?}");
    }
}

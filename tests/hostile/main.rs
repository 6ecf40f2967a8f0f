//! Foreign bytes of every kind, mutated from valid ones by a seed: nothing panics, and none costs much memory.
//!
//! The functions that take them are those of `scripts/fuzz`, which runs for as long as one likes; this is the part of it
//! that runs in seconds and finds the same every time.

#[cfg(test)]
mod memory;
#[cfg(test)]
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

#[cfg(test)]
mod tests {
    use pinrelay::domain::Mapped;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use crate::memory::{Cost, cost};
    use crate::targets::mutation::mutated;
    use crate::targets::pairs::PAIRS;
    use crate::targets::{NOW, TARGETS, Target, seeds};

    fn target(name: &str) -> Target {
        TARGETS.into_iter().find(|target| target.name == name).expect("a target of this name")
    }

    /// Gives `inputs` mutated seeds to a target. Each may cost `bound`, which is about twice what the dearest costs.
    fn run(name: &str, inputs: u32, bound: Cost) {
        let target = target(name);
        let seeds = seeds(name);
        // What is compiled once is not the input's.
        for seed in &seeds {
            (target.run)(seed);
        }
        let mut random = StdRng::seed_from_u64(0x70_69_6e);
        let mut dearest = Cost::default();
        for number in 0..inputs {
            let input = mutated(&seeds, &mut random);
            let cost = cost(|| (target.run)(&input));
            assert!(cost.fits(bound), "input {number} of {name} costs {cost:?}, bound {bound:?}: {input:?}");
            dearest = dearest.max(cost);
        }
        println!("{name}: {inputs} inputs, the dearest {dearest:?}");
    }

    #[test]
    fn payloads_end_in_events_that_pinterest_takes_or_in_an_outcome() {
        run("payload", 200_000, Cost { peak_bytes: 8 << 20, allocations: 20_000 });
    }

    #[test]
    fn samples_that_can_be_written_are_read_again() {
        run("sample", 200_000, Cost { peak_bytes: 128 << 10, allocations: 1_000 });
    }

    #[test]
    fn schemas_are_refused_or_compiled() {
        run("schema", 200_000, Cost { peak_bytes: 128 << 10, allocations: 10_000 });
    }

    #[test]
    fn answers_have_as_many_verdicts_as_events_or_none() {
        run("answer", 200_000, Cost { peak_bytes: 128 << 10, allocations: 1_000 });
    }

    #[test]
    fn what_is_stored_beside_the_records_is_refused_or_read_as_it_was_written() {
        run("stored", 200_000, Cost { peak_bytes: 64 << 10, allocations: 100 });
    }

    #[test]
    fn configurations_are_refused_or_read() {
        run("config", 50_000, Cost { peak_bytes: 512 << 10, allocations: 30_000 });
    }

    #[test]
    fn every_payload_that_is_mutated_is_an_event_to_begin_with() {
        for pair in PAIRS.iter() {
            let mapped = pair.mapper.map(&pair.decoder, &pair.payload, NOW);
            assert!(matches!(mapped, Mapped::Event(_)), "{}: {mapped:?}", pair.name);
        }
    }
}

//! Foreign bytes of every kind, mutated without end, until something panics or the time is over.
//!
//! `scripts/fuzz` runs it. `tests/hostile` runs the same functions for seconds, the same each time, and counts what they
//! allocate.

#![expect(clippy::print_stdout, reason = "the command's output")]
#![expect(clippy::disallowed_methods, reason = "it runs for the time that it is given")]
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a panic is what is looked for")]

mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use targets::mutation::mutated;
use targets::{TARGETS, Target, seeds};

/// Mutated inputs that are kept to be mutated again, so that damage adds up.
const KEPT: usize = 2_000;

/// `TARGET SECONDS SEED`: all targets where it is `all`.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [target, seconds, seed] = arguments.as_slice() else {
        println!("usage: TARGET|all SECONDS SEED");
        return ExitCode::from(64);
    };
    let (Ok(seconds), Ok(seed)) = (seconds.parse(), seed.parse()) else {
        println!("SECONDS and SEED are numbers");
        return ExitCode::from(64);
    };
    let wanted: Vec<Target> = TARGETS.into_iter().filter(|known| target == "all" || target == known.name).collect();
    if wanted.is_empty() {
        println!("there is no target {target}, but all, {}", TARGETS.map(|target| target.name).join(", "));
        return ExitCode::from(64);
    }
    let found = wanted.into_iter().filter(|target| !run(*target, Duration::from_secs(seconds), seed)).count();
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether nothing panicked.
fn run(target: Target, time: Duration, seed: u64) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    let mut pool = seeds(target.name);
    let n_seeds = pool.len();
    let (start, mut count, mut longest) = (Instant::now(), 0_u64, Duration::ZERO);
    while start.elapsed() < time {
        // Half of them from the seeds: what is damaged again and again ends at the first look.
        let from = if random.random() { &pool[..n_seeds] } else { &pool[..] };
        let input = mutated(from, &mut random);
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            let file =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/fuzz-{}-{seed}-{count}", target.name));
            fs::write(&file, &input).unwrap();
            println!("{}: input {count} of seed {seed} panics; it lies in {}", target.name, file.display());
            return false;
        }
        longest = longest.max(began.elapsed());
        count += 1;
        if random.random_ratio(1, 100) {
            // Beside the seeds, in place of any other.
            let at = n_seeds + random.random_range(0..KEPT);
            if at < pool.len() { pool[at] = input } else { pool.push(input) }
        }
    }
    println!("{}: {count} inputs of seed {seed} in {} s, the longest took {longest:?}", target.name, time.as_secs());
    true
}

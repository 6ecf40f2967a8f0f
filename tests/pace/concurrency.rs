//! The level that finds itself against the best fixed number of calls, over latencies and capacities.

use std::time::Duration;

use pinrelay::pipeline::LaneSettings;

use crate::server::{Latency, Server};
use crate::settings::{defaults, lane};
use crate::world::{Source, Time, World};

const FIXED: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Events taken in five minutes, and calls that were given up or refused.
fn run(latency: &Latency, lane: LaneSettings) -> (usize, usize) {
    let settings = defaults(1, &[lane]);
    let mut world = World::new(&settings, vec![vec![Source::full(&[0])]], Server::new(latency.clone()));
    world.run(Duration::from_mins(5));
    let lost = world.server.given_up + world.server.unavailable.len();
    (world.server.events(0, 0..300_000) - world.server.given_up * 2, lost)
}

#[test]
fn the_level_finds_at_least_90_percent_of_what_the_best_fixed_number_reaches() {
    let worlds = [
        ("0 ms", Latency::Of(0)),
        ("20 ms", Latency::Of(20)),
        ("100 ms", Latency::Of(100)),
        ("500 ms", Latency::Of(500)),
        ("20, 500, 100, 0 ms", Latency::Changing(vec![20, 500, 100, 0])),
        ("8 workers, 200 ms", Latency::Workers(8, 200)),
        ("2 workers, 500 ms", Latency::Workers(2, 500)),
        ("1 worker, 1 s", Latency::Workers(1, 1000)),
        ("503 beyond 8, 200 ms", Latency::Most(8, 200)),
    ];
    println!("events/s at 5,000 calls a minute of 2 events, and calls that were lost or refused, by calls at a time");
    println!("{:22}{}{:>14}", "", FIXED.map(|n| format!("{n:>14}")).concat(), "found");
    let mut worst: f64 = f64::MAX;
    for (name, latency) in &worlds {
        let fixed = FIXED.map(|n| run(latency, LaneSettings { concurrency: n, least_concurrency: n, ..lane(5000) }));
        let found = run(latency, lane(5000));
        let show = |(events, lost): (usize, usize)| format!("{:>8}{:>6}", events / 300, format!("/{lost}"));
        println!("{name:22}{}{}", fixed.map(show).concat(), show(found));
        let best = fixed.iter().map(|(events, _)| *events).max().unwrap_or(0);
        let ratio = ratio(found.0, best);
        worst = worst.min(ratio);
        assert!(0.9 <= ratio, "{name}: {ratio:.3} of the best fixed number");
    }
    println!("measured: the level that is found makes at worst {worst:.3} of the events of the best fixed one");
}

const SECONDS: [Time; 5] = [1, 2, 3, 5, 10];

/// Calls answered within each of these seconds after the start.
fn answered_by(latency: Time, lane: LaneSettings) -> [usize; 5] {
    let settings = defaults(1, &[lane]);
    let mut world = World::new(&settings, vec![vec![Source::full(&[0])]], Server::new(Latency::Of(latency)));
    world.run(Duration::from_secs(12));
    SECONDS.map(|second| world.server.calls(0, 0..second * 1000 - latency))
}

#[test]
fn the_level_is_found_within_five_seconds_and_costs_less_than_two_seconds_of_the_budget() {
    println!("calls answered within so many seconds of the start, of 83 a second: found / 64 at a time");
    println!("{:>8}{}", "", SECONDS.map(|second| format!("{second:>10} s")).concat());
    for latency in [0, 20, 100, 200, 500] {
        let found = answered_by(latency, lane(5000));
        let fixed = answered_by(latency, LaneSettings { least_concurrency: 64, ..lane(5000) });
        let pairs = found.iter().zip(fixed).map(|(found, fixed)| format!("{:>12}", format!("{found}/{fixed}")));
        println!("{latency:>5} ms{}", pairs.collect::<String>());
        let ([.., five, ten], [.., fixed_five, fixed_ten]) = (found, fixed);
        let ratio = ratio(ten - five, fixed_ten - fixed_five);
        assert!(0.97 <= ratio, "{latency} ms: {ratio:.3} of the fixed number's calls after five seconds");
        assert!(fixed_ten - ten < 2 * 84, "{latency} ms: {ten} of {fixed_ten} calls within ten seconds");
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(found: usize, best: usize) -> f64 {
    found as f64 / best.max(1) as f64
}

//! 5,000 calls a minute, however they are counted, by one process and by three.

use std::time::Duration;

use pinrelay::pinterest::sandbox::{Counting, Limit};

use crate::server::{Latency, Server};
use crate::settings::{defaults, lane};
use crate::world::{Source, Time, World};

const MINUTE: Time = 60_000;
const CALLS: u32 = 5000;

/// Saturated processes, and a limiter that was never used before.
fn saturated(processes: u32, counted: Counting, prepare: impl FnOnce(&mut Server)) -> World {
    let settings = defaults(processes, &[lane(CALLS)]);
    let mut server = Server::new(Latency::Of(40)).limited(0, &Limit::per_minute(CALLS, counted));
    prepare(&mut server);
    let sources = (0..processes).map(|_| vec![Source::full(&[0])]).collect();
    World::new(&settings, sources, server)
}

/// The bucket holds half a second: less than most services grant.
const COUNTINGS: [Counting; 3] = [Counting::Fixed, Counting::Sliding, Counting::Bucket(CALLS / 120)];

#[test]
fn at_least_97_percent_of_a_limit_are_spent_without_a_429() {
    for counted in COUNTINGS {
        for processes in [1, 3] {
            let mut world = saturated(processes, counted, |_| ());
            world.run(Duration::from_mins(4));
            let spent = share(world.server.calls(0, MINUTE..4 * MINUTE), 3 * MINUTE);
            let throttled = world.server.throttled.len();
            println!("{counted:?}, {processes} processes: {spent:.1} % of the limit, {throttled} answers 429");
            assert!(97.0 <= spent && throttled == 0, "{counted:?}, {processes}: {spent} %, {throttled}");
        }
    }
}

#[test]
fn after_a_minute_of_503_the_limit_is_spent_again_within_ten_seconds() {
    for counted in COUNTINGS {
        for processes in [1, 3] {
            let back = 2 * MINUTE;
            let mut world = saturated(processes, counted, |server| server.away = MINUTE..back);
            world.run(Duration::from_mins(4));
            let ten = 10_000;
            let first = share(world.server.calls(0, back..back + ten), ten);
            let second = share(world.server.calls(0, back + ten..back + 2 * ten), ten);
            let throttled = world.server.throttled.len();
            println!(
                "{counted:?}, {processes} processes: {first:.1} % in the first ten seconds after the outage, \
                 {second:.1} % in the next, {throttled} answers 429"
            );
            assert!(97.0 <= second && throttled == 0, "{counted:?}, {processes}: {second} %, {throttled}");
        }
    }
}

#[test]
fn an_hour_of_503_leaves_in_doubt_what_was_under_way_and_the_probes() {
    // A tenth of a full batch: the bound is the same formula, and the world has a tenth of the events.
    const BATCH: usize = 100;
    const CONCURRENCY: usize = 8;
    let mut lane = lane(CALLS);
    (lane.batch_events, lane.concurrency) = (BATCH, CONCURRENCY);
    let settings = defaults(1, &[lane]);
    let mut server = Server::new(Latency::Of(400));
    server.away = MINUTE..61 * MINUTE;
    let mut world = World::new(&settings, vec![vec![Source::full(&[0])]], server);
    world.run(Duration::from_mins(61));
    let probes = world.server.unavailable.iter().filter(|call| call.events == 1).count();
    world.run(Duration::from_mins(2));
    let back = share(world.server.calls(0, 62 * MINUTE..63 * MINUTE), MINUTE);
    let most = CONCURRENCY * BATCH + probes;
    println!(
        "an hour of 503 under `hold`: {} rows in doubt of at most {most}: {CONCURRENCY} calls at a time x {BATCH} \
         events in each + {probes} probes",
        world.in_doubt
    );
    assert!(world.in_doubt <= most, "{} in doubt, {most} at most", world.in_doubt);
    // 8 calls at a time and 400 ms make 20 calls a second at most: a quarter of the limit.
    assert!(100 < probes && 20.0 < back, "{probes} probes, {back} % of the limit afterwards");
}

#[test]
fn where_others_spend_the_limit_too_the_lane_goes_on_with_what_they_leave() {
    // Three processes that each think that they are alone.
    for counted in COUNTINGS {
        let settings = defaults(1, &[lane(CALLS)]);
        let server = Server::new(Latency::Of(40)).limited(0, &Limit::per_minute(CALLS, counted));
        let sources = (0..3).map(|_| vec![Source::full(&[0])]).collect();
        let mut world = World::new(&settings, sources, server);
        world.run(Duration::from_mins(30));
        let spent = share(world.server.calls(0, 10 * MINUTE..30 * MINUTE), 20 * MINUTE);
        let throttled = world.server.throttled.iter().filter(|call| 10 * MINUTE <= call.at).count();
        println!(
            "{counted:?}, 3 processes that know nothing of each other: {spent:.1} %, {throttled} answers 429 in 20 min"
        );
        assert!(25.0 <= spent, "{counted:?}: {spent} %");
        assert!(throttled < 20 * 64, "{counted:?}: {throttled} answers 429");
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a percentage for people")]
fn share(calls: usize, span: Time) -> f64 {
    calls as f64 * 100.0 / (f64::from(CALLS) * span as f64 / MINUTE as f64)
}

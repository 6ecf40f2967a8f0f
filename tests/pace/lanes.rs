//! Three lanes: one dead, one limited to 60 calls a minute, one fine.

use std::time::Duration;

use pinrelay::domain::LaneId;
use pinrelay::pinterest::sandbox::{Counting, Limit};

use crate::server::{Latency, Server};
use crate::settings::{defaults, lane};
use crate::world::{Source, World};

const DEAD: u16 = 0;
const LIMITED: u16 = 1;
const FINE: u16 = 2;

fn world(sources: Vec<Source>) -> World {
    let settings = defaults(1, &[lane(5000), lane(60), lane(5000)]);
    let mut server = Server::new(Latency::Of(40)).limited(LIMITED, &Limit::per_minute(60, Counting::Fixed));
    server.dead = vec![LaneId(DEAD)];
    World::new(&settings, vec![sources], server)
}

#[test]
fn a_fine_lane_keeps_its_speed_beside_a_dead_and_a_limited_one_and_memory_is_bounded() {
    let minutes = 10;
    let run = |sources: Vec<Source>| {
        let mut world = world(sources);
        world.run(Duration::from_mins(minutes));
        world
    };
    let end = minutes * 60_000;
    let alone = run(vec![Source::full(&[FINE])]).server.events(FINE, 0..end);
    let world = run([DEAD, LIMITED, FINE].map(|lane| Source::full(&[lane])).to_vec());
    let beside = world.server.events(FINE, 0..end);
    let span = defaults(1, &[]).span;
    println!(
        "the fine lane: {alone} events in {minutes} min alone, {beside} beside a dead and a limited one; \
         at most {} records unaccounted, {} calls of the limited lane, {} of them answered 429",
        world.most_unaccounted,
        world.server.calls(LIMITED, 0..end) + world.server.throttled.len(),
        world.server.throttled.len()
    );
    assert!(alone * 95 <= beside * 100, "{alone} alone, {beside} beside");
    assert!(world.most_unaccounted <= 3 * span, "{} unaccounted", world.most_unaccounted);
    assert!(world.server.throttled.is_empty());
    let limited = world.server.calls(LIMITED, 60_000..end);
    assert!((58 * 9..=60 * 9).contains(&limited), "{limited}");
}

#[test]
fn a_mixed_partition_goes_on_past_the_waiting_records_as_far_as_the_bounds_allow() {
    let mut settings = defaults(1, &[lane(5000), lane(60), lane(5000)]);
    for (lanes, waiting_bytes, ends) in [
        // The span, from the first record that waits.
        (&[DEAD, FINE, FINE][..], 512 << 20, 2000),
        (&[DEAD], 512 << 20, 2000),
        (&[FINE, FINE, FINE, FINE, DEAD], 512 << 20, 2004),
        // Memory: 1,200 bytes for each record that waits, and none for what has its row.
        (&[DEAD, FINE, FINE], 120_000, 300),
        (&[DEAD], 120_000, 100),
    ] {
        settings.waiting_bytes = waiting_bytes;
        let mut server = Server::new(Latency::Of(40));
        server.dead = vec![LaneId(DEAD)];
        let source = Source { lanes: lanes.to_vec(), per_second: Some(100) };
        let mut world = World::new(&settings, vec![vec![source]], server);
        world.run(Duration::from_mins(2));
        let read = world.read_of(0)[0];
        let share = format!("{} of {} records", lanes.iter().filter(|lane| **lane == DEAD).count(), lanes.len());
        println!("{share} for the dead lane, {waiting_bytes} bytes: reading stops after {read} records");
        assert!(read.abs_diff(ends) <= 2, "{share}: {read}, not {ends}");
        let fine = (0..read).filter(|n| lanes[n % lanes.len()] == FINE).count();
        assert_eq!(world.server.events(FINE, 0..u64::MAX), fine, "whatever was read of the fine lane was posted");
    }
}

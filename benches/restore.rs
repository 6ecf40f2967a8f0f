//! How fast a changelog becomes a window again, what the window weighs, and how long a step takes that changes it.
//!
//! `cargo bench --bench restore`: changelog bytes in memory, ten million keys.
//! `cargo bench --bench restore -- KEYS PARTITIONS`: the same with other numbers; partitions are restored one by one.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates for people")]

#[path = "restore/changelog.rs"]
mod entries;
#[path = "restore/memory.rs"]
mod memory;
#[path = "restore/steps.rs"]
mod steps;

use std::num::NonZeroU32;
use std::time::Instant;

use pinrelay::domain::{CallLimit, ChangelogOffset, NextOffset, Offset, UnixMillis};
use pinrelay::kafka::changelog;
use pinrelay::pipeline::{LaneSettings, Replay, Restored, Settings};

use entries::key;
use memory::{Resident, memory};

/// The moment of the restore.
const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn main() {
    // cargo passes `--bench` on.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default| {
        arguments.get(index).map_or(default, |text| text.parse().expect("KEYS and PARTITIONS are whole numbers"))
    };
    let (keys, partitions): (u64, u64) = (number(0, 10_000_000), number(1, 1));
    let each = keys / partitions;
    let values: Vec<Vec<u8>> =
        entries::records(0..each, NOW, Offset).flat_map(|entries| changelog::encode(&entries, 900_000)).collect();
    let bytes: usize = values.iter().map(Vec::len).sum();
    let before = memory(Resident::Now);
    let start = Instant::now();
    let mut restored: Vec<Restored> = (0..partitions).map(|_| replay(each, &values)).collect();
    let seconds = start.elapsed().as_secs_f64();
    let held = memory(Resident::Now) - before;
    let most = memory(Resident::AtMost);
    let found: u64 = restored.iter().map(|partition| partition.window_keys() as u64).sum();
    assert_eq!(found, each * partitions, "keys were lost");
    println!(
        "restore: {found} keys in {partitions} partitions: {:.2} s, {:.2} M keys/s on one core; {:.1} bytes a key in \
         the changelog, {:.1} in memory; {:.1} MB of memory at most, the changelog's included",
        seconds,
        found as f64 / seconds / 1e6,
        bytes as f64 / each as f64,
        held as f64 / found as f64,
        most as f64 / 1e6,
    );
    steps::run(restored.remove(0), each);
}

fn replay(each: u64, values: &[Vec<u8>]) -> Restored {
    let mut replay = Replay::new(&settings(each), NextOffset(i64::try_from(each).expect("fits")), ChangelogOffset(0));
    for (value, position) in values.iter().zip(0..) {
        let entries = changelog::decode(value).expect("its own encoding");
        replay.apply(ChangelogOffset(position), NOW, &entries);
    }
    replay.finish(NOW)
}

/// `keys` is also the bound: each further key costs an old one.
fn settings(keys: u64) -> Settings {
    let calls = CallLimit::per_minute(NonZeroU32::MAX);
    let lane = LaneSettings { concurrency: 8, calls, ..LaneSettings::default() };
    let window_keys = usize::try_from(keys).expect("fits");
    Settings { window_keys, span: 20_000, lanes: vec![lane], ..Settings::default() }
}

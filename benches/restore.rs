//! How fast a changelog becomes a window again, what the window weighs, and how long a step takes that changes it.
//!
//! `cargo bench --bench restore`: changelog bytes in memory, ten million keys.
//! `cargo bench --bench restore -- KEYS PARTITIONS`: the same with other numbers; partitions are restored one by one.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates for people")]

#[path = "restore/steps.rs"]
mod steps;

use std::fs;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use pinrelay::domain::{
    CallLimit, ChangelogEntry, ChangelogOffset, EventKey, InDoubtPolicy, NextOffset, Offset, Redelivery, SettledKind,
    UnixMillis,
};
use pinrelay::kafka::changelog;
use pinrelay::pipeline::{LaneSettings, Replay, Restored, Settings};

/// Events of a call, and so outcomes and intents of a changelog record.
const BATCH: u64 = 1000;

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
    let values = changelog(each);
    let bytes: usize = values.iter().map(Vec::len).sum();
    let before = resident_bytes();
    let start = Instant::now();
    let mut restored: Vec<Restored> = (0..partitions).map(|_| replay(each, &values)).collect();
    let seconds = start.elapsed().as_secs_f64();
    let held = resident_bytes() - before;
    let found: u64 = restored.iter().map(|partition| partition.window_keys() as u64).sum();
    assert_eq!(found, each * partitions, "keys were lost");
    println!(
        "restore: {found} keys in {partitions} partitions: {:.2} s, {:.2} M keys/s on one core; {:.1} bytes a key in \
         the changelog, {:.1} in memory",
        seconds,
        found as f64 / seconds / 1e6,
        bytes as f64 / each as f64,
        held as f64 / found as f64,
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

/// Changelog values of `keys` records that were delivered evenly over the last 48 hours: each holds the outcomes of a
/// batch and the intents of the next.
fn changelog(keys: u64) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let mut waiting: Vec<ChangelogEntry> = Vec::new();
    for first in (0..keys).step_by(usize::try_from(BATCH).expect("small")) {
        let batch = first..keys.min(first + BATCH);
        let at = NOW.before(Duration::from_secs(48 * 3600 * (keys - first) / keys));
        let mut entries = std::mem::take(&mut waiting);
        entries.extend(batch.clone().map(|n| ChangelogEntry::Intent {
            offset: offset(n),
            key: key(n),
            policy: InDoubtPolicy::Resend,
        }));
        values.extend(changelog::encode(&entries, 900_000));
        waiting.extend(batch.map(|n| ChangelogEntry::Outcome {
            offset: offset(n),
            kind: SettledKind::Delivered,
            redelivery: Redelivery::Impossible,
            at,
        }));
    }
    values.extend(changelog::encode(&waiting, 900_000));
    values
}

fn offset(n: u64) -> Offset {
    Offset(i64::try_from(n).expect("fits"))
}

/// As evenly spread as a digest.
fn key(n: u64) -> EventKey {
    let mut key = [0; 16];
    let mut state = n.wrapping_mul(0x2545_F491_4F6C_DD1D);
    for half in key.chunks_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        half.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    }
    EventKey(key)
}

/// `keys` is also the bound: each further key costs an old one.
fn settings(keys: u64) -> Settings {
    let calls = CallLimit::per_minute(NonZeroU32::MAX);
    let lane = LaneSettings { concurrency: 8, calls, ..LaneSettings::default() };
    let window_keys = usize::try_from(keys).expect("fits");
    Settings { window_keys, span: 20_000, lanes: vec![lane], ..Settings::default() }
}

/// What the process holds of the machine's memory.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

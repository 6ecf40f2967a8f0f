//! Restores all partitions at once, each on a thread of its own, as `pinrelay run` does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pinrelay::domain::{ChangelogOffset, NextOffset, PartitionId};
use pinrelay::kafka::restore::{Replayed, Restorer};
use pinrelay::kafka::settings::KafkaSettings;
use pinrelay::pipeline::{Replay, Restored, Settings};
use pinrelay::run::clock;
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use super::memory::{Resident, memory};
use super::{Size, TELL_EVERY};

/// How the restore of one partition went.
struct Outcome {
    restored: Restored,
    took: Duration,
    /// Of the thread that restores: reading what has come, decoding, filling the window. Fetching is librdkafka's.
    processor: Duration,
}

/// Prints the figures. `bytes`: of the changelog's values.
pub(crate) fn restore(settings: KafkaSettings, size: Size, bytes: u64) {
    let restorer = Restorer::new(Arc::new(settings), Uuid::from_u128(2), vec![size.partitions]).unwrap();
    let window_keys = usize::try_from(size.each).unwrap();
    let core = Settings { window_keys, ..Settings::default() };
    let keys: Vec<AtomicUsize> = size.partitions().map(|_| AtomicUsize::new(0)).collect();
    let before = memory(Resident::Now);
    let began = Instant::now();
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let (restorer, core) = (&restorer, &core);
        let threads: Vec<_> =
            size.partitions().zip(&keys).map(|(p, keys)| scope.spawn(move || one(restorer, core, p, keys))).collect();
        let mut told = Instant::now();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(20));
            if TELL_EVERY <= told.elapsed() {
                told = Instant::now();
                let so_far: Vec<usize> = keys.iter().map(|keys| keys.load(Ordering::Relaxed)).collect();
                println!(
                    "restoring: {} of {} keys, by partition {so_far:?}",
                    so_far.iter().sum::<usize>(),
                    size.keys()
                );
            }
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let held = memory(Resident::Now).saturating_sub(before);
    let found: u64 = outcomes.iter().map(|outcome| outcome.restored.window_keys() as u64).sum();
    assert_eq!(found, size.keys(), "keys were lost");
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    let worked: Duration = outcomes.iter().map(|outcome| outcome.processor).sum();
    let share = worked.as_secs_f64() / took.as_secs_f64();
    println!(
        "restored: {found} keys in {} partitions at once: {seconds:.2} s, {:.2} M keys/s; {:.0} MB read, {:.1} bytes a \
         key, {:.0} MB/s; {:.1} bytes a key in memory, {:.0} MB of the process at most",
        size.partitions,
        found as f64 / seconds / 1e6,
        bytes as f64 / 1e6,
        bytes as f64 / found as f64,
        bytes as f64 / seconds / 1e6,
        held as f64 / found as f64,
        memory(Resident::AtMost) as f64 / 1e6,
    );
    println!(
        "processor: {:.2} s of the threads that restore, {:.2} s of all; those threads waited for Kafka, or for a \
         processor, {:.0} % of their time",
        worked.as_secs_f64(),
        processor_time(ClockId::ProcessCPUTime).as_secs_f64(),
        100.0 * (1.0 - share),
    );
}

fn one(restorer: &Restorer, core: &Settings, partition: PartitionId, keys: &AtomicUsize) -> Outcome {
    let began = Instant::now();
    let mut replay = Replay::new(core, NextOffset(0), ChangelogOffset(0));
    let first_start = |_, _| panic!("partition {partition} was never committed");
    restorer
        .restore(
            partition,
            || true,
            first_start,
            |step| match step {
                Replayed::Begin { next_offset, end } => replay = Replay::new(core, next_offset, end),
                Replayed::Lost { until } => panic!("records up to {until} are gone"),
                Replayed::Reading { .. } => {}
                Replayed::Entries { position, appended, entries } => {
                    replay.apply(position, appended, entries);
                    keys.store(replay.window_keys(), Ordering::Relaxed);
                }
            },
        )
        .unwrap();
    Outcome {
        restored: replay.finish(clock::wall()),
        took: began.elapsed(),
        processor: processor_time(ClockId::ThreadCPUTime),
    }
}

/// Used so far.
fn processor_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).expect("not negative"), u32::try_from(time.tv_nsec).expect("below 1e9"))
}

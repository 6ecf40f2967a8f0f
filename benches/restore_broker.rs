//! How fast partitions are restored from a real broker, several at once: from the committed offset to a full window.
//!
//! `scripts/bench-restore-broker [--keys N] [--partitions N]`. The changelog is written by the transactions of a process;
//! a process of its own then restores it, so that its memory is that of the restore.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates for people")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark ends at the first fault")]

#[path = "restore/changelog.rs"]
mod entries;
#[path = "restore_broker/filling.rs"]
mod filling;
#[path = "restore/memory.rs"]
mod memory;
#[path = "restore_broker/restoring.rs"]
mod restoring;
#[expect(clippy::indexing_slicing, reason = "it is written for tests")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use pinrelay::domain::{FeedId, PartitionId};
use pinrelay::kafka::credential::Credential;
use pinrelay::kafka::settings::{
    BacklogLimits, Cluster, FeedTopics, KafkaSettings, OnLost, Retention, Start, Timeouts,
};
use tokio::runtime::Runtime;

use support::Broker;

/// Between two lines about how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What is restored.
#[derive(Clone, Copy, Debug)]
struct Size {
    partitions: i32,
    /// Keys of each partition.
    each: u64,
}

impl Size {
    /// The keys are rounded down to as many in each partition.
    fn new(keys: u64, partitions: i32) -> Self {
        let each = keys / u64::try_from(partitions).expect("at least one partition");
        assert!(0 < each, "expected at least a key for each partition");
        Self { partitions, each }
    }

    fn keys(self) -> u64 {
        self.each * u64::from(self.partitions.unsigned_abs())
    }

    fn partitions(self) -> impl Iterator<Item = PartitionId> {
        (0..self.partitions).map(partition)
    }
}

const fn partition(number: i32) -> PartitionId {
    PartitionId { feed: FeedId(0), number }
}

fn main() {
    // cargo passes `--bench` on.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["restore", bootstrap, each, partitions, bytes] => {
            let size = Size { partitions: partitions.parse().unwrap(), each: each.parse().unwrap() };
            restoring::restore(settings(bootstrap), size, bytes.parse().unwrap());
        }
        [] => fill_and_restore(Size::new(10_000_000, 4)),
        [keys, partitions] => fill_and_restore(Size::new(keys.parse().unwrap(), partitions.parse().unwrap())),
        _ => panic!("expected KEYS and PARTITIONS"),
    }
}

fn fill_and_restore(size: Size) {
    let runtime = Runtime::new().unwrap();
    let broker = runtime.block_on(Broker::start());
    let began = Instant::now();
    let bytes = runtime.block_on(filling::fill(&broker, settings(&broker.bootstrap()), size));
    println!(
        "filled: {} keys in {} partitions, {:.0} MB of changelog values, in {:.0} s",
        size.keys(),
        size.partitions,
        bytes as f64 / 1e6,
        began.elapsed().as_secs_f64(),
    );
    let mut restore = Command::new(env::current_exe().unwrap());
    restore.args(["restore", &broker.bootstrap(), &size.each.to_string(), &size.partitions.to_string()]);
    let restored = restore.arg(bytes.to_string()).status().unwrap();
    assert!(restored.success(), "the restore ended with {restored}");
}

fn settings(bootstrap: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap: bootstrap.to_owned(),
        properties: [].into(),
        credential: Credential::default(),
        group_id: "restored".to_owned(),
        identity: "restored.one".to_owned(),
        timeouts: Timeouts::default(),
        feeds: vec![FeedTopics {
            name: "order".to_owned(),
            input: "orders".to_owned(),
            start: Start::Earliest,
            on_lost: OnLost::Halt,
        }],
        audit_topic: "restored.results".to_owned(),
        max_message_bytes: 1_000_000,
        backlog: BacklogLimits::default(),
        retention: Retention {
            changelog: Duration::from_hours(72),
            window: Duration::from_hours(48),
            margin: Duration::from_mins(2),
        },
        cluster: Cluster::Kafka,
    }
}

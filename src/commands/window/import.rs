//! The import: all lines are read and judged first, then written.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::{self, not_written};
use super::super::run;
use super::sent::{self, Reading};
use crate::config::Config;
use crate::domain::FeedId;
use crate::kafka::audit::AuditFraming;
use crate::kafka::import::{ImportError, Importer, SentKey};
use crate::kafka::partitioner::murmur2_partition;
use crate::kafka::topics;
use crate::run::{self as relay, clock, kafka_settings};

/// Take the ids that an earlier sender has sent into the window, so that their records are not sent again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  pinrelay window import --config pinrelay.yaml --feed order sent.csv

FILE has a line for each event that was sent, as CSV with a header or as JSON, with these fields; others are passed over:
  lane or ad_account_id   the ad account that it was sent to
  event_name, event_id    as they were sent
  time                    when: 2026-11-24T06:01:00Z, or seconds or milliseconds since 1970

Nothing may run in the group meanwhile, and nothing does until the session time-out after the last process has passed.
Where a feed was never read, its start is settled now. To import again does no harm.")]
pub(super) struct Arguments {
    /// Configuration, a YAML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Feed whose records carry the ids
    #[arg(long, value_name = "NAME")]
    feed: String,
    /// Lines to import; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// In which partition the record of an id will lie
    #[arg(long, value_enum, default_value_t, value_name = "RULE")]
    partitioner: Partitioner,
    /// Judge the lines and the group, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Partitioner {
    /// Nobody knows: each id goes into the window of every partition
    #[default]
    All,
    /// The record's key is the event id, and Java's default partitioner has placed it
    Murmur2,
}

/// What the command did, or would do.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Summary<'a> {
    feed: &'a str,
    lines: usize,
    /// Older than the window.
    expired: usize,
    /// Different keys among the others.
    keys: usize,
    partitions: usize,
    /// Keys in windows: each as often as it has partitions.
    entries: usize,
    written: bool,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = run::load(&arguments.config)?;
    let Some(feed) = config.feeds.iter().position(|feed| feed.name == arguments.feed) else {
        let names: Vec<_> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
        return Err(wrong(
            format!("{} has no feed {:?}", arguments.config.display(), arguments.feed),
            &format!("name one of {}", names.join(", ")),
        ));
    };
    let reading = read(arguments, &config)?;
    let feed = FeedId(u16::try_from(feed).unwrap_or(u16::MAX));
    let settings = kafka_settings(&config);
    let inputs = run::runtime()?.block_on(topics::check(Arc::clone(&settings))).map_err(|faults| Failure {
        exit: Exit::StartFailed,
        problem: faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n       "),
        next: "make missing topics with `pinrelay topics --config FILE --apply`".to_owned(),
    })?;
    let count = inputs.partitions.get(usize::from(feed.0)).copied().unwrap_or_default();
    let keys = place(reading.sent, arguments.partitioner, count);
    check_bound(&keys, count, config.pipeline.window_keys)?;
    // It writes no rows, so that their framing does not matter.
    let scribe = relay::scribe(&config, inputs.topic_ids, AuditFraming::SingleObject);
    let mut importer =
        Importer::open(&settings, scribe, feed, inputs.partitions).map_err(|error| not_imported(&error))?;
    if !arguments.dry_run {
        let all = keys.len();
        importer
            .import(&keys, |done| tracing::info!(done, all, "ids are imported"))
            .map_err(|error| not_imported(&error))?;
    }
    let partitions = importer.partitions();
    let entries = keys.iter().map(|key| if key.partition.is_some() { 1 } else { partitions }).sum();
    show(
        arguments,
        &Summary {
            feed: &arguments.feed,
            lines: reading.lines,
            expired: reading.expired,
            keys: keys.len(),
            partitions,
            entries,
            written: !arguments.dry_run,
        },
    )
    .map_err(|error| not_written(&error))?;
    Ok(Exit::Drained)
}

fn read(arguments: &Arguments, config: &Config) -> Result<Reading, Failure> {
    let name = arguments.file.display();
    let unreadable = |why: String| wrong(format!("{name} cannot be read: {why}"), "name a readable file");
    let input: Box<dyn io::Read> = if arguments.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&arguments.file).map_err(|error| unreadable(error.kind().to_string()))?)
    };
    let lanes: Vec<_> = config.lanes.iter().map(|lane| (lane.name.as_str(), &lane.ad_account_id)).collect();
    let reading = sent::read(BufReader::new(input), &lanes, config.pipeline.window, clock::wall())
        .map_err(|error| unreadable(error.kind().to_string()))?;
    if reading.faults.is_empty() {
        return Ok(reading);
    }
    let mut told = reading.faults.clone();
    if told.len() < reading.faulty {
        told.push(format!("and {} more", reading.faulty - told.len()));
    }
    Err(wrong(format!("{name} has faults:\n       {}", told.join("\n       ")), "mend the lines; nothing was imported"))
}

/// Each key once, by its last time, in the order of time, with its partition.
fn place(sent: Vec<sent::Sent>, partitioner: Partitioner, partitions: i32) -> Vec<SentKey> {
    let mut keys: Vec<SentKey> = sent
        .into_iter()
        .map(|sent| SentKey {
            key: sent.key,
            at: sent.at,
            partition: match partitioner {
                Partitioner::All => None,
                Partitioner::Murmur2 => Some(murmur2_partition(sent.event_id.as_bytes(), partitions)),
            },
        })
        .collect();
    keys.sort_unstable_by_key(|sent| (sent.key, Reverse(sent.at)));
    keys.dedup_by_key(|sent| sent.key);
    keys.sort_unstable_by_key(|sent| sent.at);
    keys
}

fn check_bound(keys: &[SentKey], partitions: i32, window_keys: u64) -> Result<(), Failure> {
    for number in 0..partitions {
        let count = keys.iter().filter(|sent| sent.partition.is_none_or(|own| own == number)).count();
        if window_keys < u64::try_from(count).unwrap_or(u64::MAX) {
            return Err(wrong(
                format!("{count} ids for partition {number}, but its window holds {window_keys}"),
                "raise `pipeline.window_keys`, or leave the oldest ids out",
            ));
        }
    }
    Ok(())
}

fn show(arguments: &Arguments, summary: &Summary<'_>) -> io::Result<()> {
    let mut out = output::stdout();
    if arguments.json {
        return writeln!(out, "{}", serde_json::to_string(summary).expect("a plain struct is JSON"));
    }
    let Summary { feed, lines, expired, keys, partitions, entries, written } = summary;
    let done = if *written { "imported" } else { "would import" };
    writeln!(out, "{done} {keys} ids of {lines} lines for feed {feed}: {entries} entries in {partitions} partitions")?;
    if 0 < *expired {
        writeln!(out, "{expired} lines are older than the window and were passed over")?;
    }
    Ok(())
}

fn wrong(problem: String, next: &str) -> Failure {
    Failure { exit: Exit::Configuration, problem, next: next.to_owned() }
}

fn not_imported(error: &ImportError) -> Failure {
    let (exit, next) = match error {
        ImportError::GroupInUse { .. } => (
            Exit::StartFailed,
            "stop every process of the group, wait for `kafka.session_timeout`, and run the command again",
        ),
        ImportError::Halt { .. } => {
            (Exit::Halted, "decide what the message asks; docs/operations.md has a section for each halt")
        }
        ImportError::Again(_) => (Exit::StartFailed, "run the command again: what is imported already does no harm"),
    };
    Failure { exit, problem: error.to_string(), next: next.to_owned() }
}

//! Plays the demo: produces, lets the relay work, reads the audit topic back.

use std::collections::HashMap;
use std::io::{IsTerminal as _, stderr};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Arguments;
use super::records::Generator;
use super::report::{Broker, Latencies, Posted, Report, Rows};
use super::scenario::{Counts, DemoFeed, expected};
use super::stage::{Stage, failed};
use crate::commands::exit::Failure;
use crate::commands::run::not_started;
use crate::domain::{BootTime, OutcomeKind};
use crate::kafka::audit_reader::read_to_end;
use crate::kafka::feeding::Feeder;
use crate::kafka::settings::KafkaSettings;
use crate::run::{self, End, Names, Progress, Traces, clock, kafka_settings};

/// The demo gives up when nothing has been accounted for in so long.
const STALLED: Duration = Duration::from_mins(1);

/// How long the broker may take to answer while records are produced and rows are read.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn play(arguments: &Arguments) -> Result<Report, Failure> {
    let stage = Stage::set(arguments.bootstrap.as_deref(), arguments.seed).await?;
    let settings = kafka_settings(&stage.config);
    let parts = stage.parts().await?;
    let (stop, stopped) = unbounded_channel();
    let (progress, watched) = watch::channel(Progress::default());
    let traces = Traces { one_in: 0, spans: None, names: Names::of(&stage.config) };
    let (_leaving, staying) = watch::channel(run::Leaving::Stay);
    let relay = tokio::spawn(run::run(parts, stopped, staying, progress, traces));
    // Joining the group takes seconds, and would be all that the latencies show.
    let joined = wait_until_reading(watched.clone()).await;
    let begun = clock::boot();
    let feeding = feed(Arc::clone(&settings), arguments.seed, arguments.records);
    let settled = wait_for(watched, arguments.records);
    let (fed, settled) = match joined {
        Ok(()) => tokio::join!(feeding, settled),
        Err(failure) => (Ok(()), Err(failure)),
    };
    let elapsed = clock::boot().since(begun);
    // The relay may have ended by itself; its own words then say more than the silence that followed.
    stop.send(()).ok();
    let end = relay.await.map_err(|error| failed("the relay", error))?.map_err(not_started)?;
    if end != End::Drained {
        return Err(failed("the relay ended", format!("{end:?}")));
    }
    fed?;
    settled?;
    let stats = stage.sandbox.stats();
    let audit = read_back(settings).await?;
    stage.clear().await?;
    Ok(Report {
        seed: arguments.seed,
        records: arguments.records,
        broker: arguments.bootstrap.as_ref().map_or(Broker::Mock, |_| Broker::Real),
        expected: expected(arguments.seed, arguments.records),
        rows: audit.rows_for(arguments.records),
        found: audit.counts,
        posted: Posted { events: stats.posted, requests: stats.requests, keys_more_than_once: stats.keys_posted_again },
        elapsed,
        latency: audit.latencies.percentiles(),
        age: audit.ages.percentiles(),
        late: audit.late,
    })
}

/// Produces every record, in the order of their numbers.
async fn feed(settings: Arc<KafkaSettings>, seed: u64, records: u64) -> Result<(), Failure> {
    let produce = move || {
        let feeder = Feeder::new(&settings).map_err(|error| failed("the demo's producer", error))?;
        let generator = Generator::try_new(seed, clock::wall()).map_err(|error| failed("a shipped schema", error))?;
        for record in generator.generate(records) {
            let topic = topic(&settings, record.feed);
            feeder
                .put(topic, record.partition, &record.key, record.value.as_deref())
                .map_err(|error| failed("the demo's producer", error))?;
        }
        feeder.finish(PATIENCE).map_err(|error| failed("the demo's producer", error))
    };
    spawn_blocking(produce).await.map_err(|error| failed("the demo's producer", error))?
}

fn topic(settings: &KafkaSettings, feed: DemoFeed) -> &str {
    let named = settings.feeds.iter().find(|topics| topics.name == feed.name());
    &named.expect("the demo's configuration names its feeds").input
}

/// Waits until every partition of the demo's topics is being read.
async fn wait_until_reading(mut progress: watch::Receiver<Progress>) -> Result<(), Failure> {
    let all = DemoFeed::ALL.iter().map(|feed| feed.partitions()).sum();
    let reading = |progress: &Progress| {
        let partitions = progress.status.iter().flat_map(|status| &status.partitions);
        u32::try_from(partitions.filter(|partition| !partition.restoring).count()) == Ok(all)
    };
    let waited = timeout(STALLED, progress.wait_for(reading)).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(failed("the relay", "it ended before it read anything")),
        Err(_) => Err(failed("the relay", "it has not read all partitions within a minute")),
    }
}

/// Shows the progress until as many records as were generated are accounted for.
async fn wait_for(mut progress: watch::Receiver<Progress>, records: u64) -> Result<(), Failure> {
    let bar = bar(records);
    let mut last = (0, clock::boot());
    loop {
        let done = progress.borrow_and_update().totals.sum();
        bar.set_position(done);
        if records <= done {
            bar.finish_and_clear();
            return Ok(());
        }
        last = advance(last, done, clock::boot());
        if STALLED < clock::boot().since(last.1) {
            return Err(failed(
                "the relay",
                format!("{done} of {records} records are accounted for, and no more come"),
            ));
        }
        // The picture is renewed as long as the loop turns; its end closes the channel.
        if let Ok(Err(_)) = timeout(STALLED, progress.changed()).await {
            return Err(failed("the relay", format!("it ended when {done} of {records} records were accounted for")));
        }
    }
}

fn advance(last: (u64, BootTime), done: u64, now: BootTime) -> (u64, BootTime) {
    if last.0 == done { last } else { (done, now) }
}

fn bar(records: u64) -> ProgressBar {
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} records accounted for, {per_sec}")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(Some(records), target).with_style(style)
}

/// What the audit topic holds.
struct Audit {
    counts: Counts,
    rows: HashMap<(DemoFeed, i32, i64), u32>,
    latencies: Latencies,
    ages: Latencies,
    late: u64,
}

impl Audit {
    fn rows_for(&self, records: u64) -> Rows {
        let with_one_or_more = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        let several = self.rows.values().filter(|rows| 1 < **rows).count();
        Rows {
            records_without: records.saturating_sub(with_one_or_more),
            records_with_several: u64::try_from(several).unwrap_or(u64::MAX),
        }
    }
}

async fn read_back(settings: Arc<KafkaSettings>) -> Result<Audit, Failure> {
    let read = move || {
        let mut audit = Audit {
            counts: Counts::default(),
            rows: HashMap::new(),
            latencies: Latencies::new(),
            ages: Latencies::new(),
            late: 0,
        };
        read_to_end(&settings, PATIENCE, |row, written| {
            let Some(feed) = DemoFeed::ALL.into_iter().find(|feed| feed.name() == row.feed) else { return };
            audit.counts.add(feed, row.outcome);
            *audit.rows.entry((feed, row.source_partition, row.source_offset)).or_insert(0) += 1;
            if let (Some(written), Some(produced)) = (written, row.source_timestamp) {
                audit.latencies.record(written.since(produced));
            }
            if row.outcome == OutcomeKind::Delivered
                && let Some(age) = row.age_at_post_ms
            {
                audit.ages.record(Duration::from_millis(u64::try_from(age).unwrap_or(0)));
                audit.late += u64::from(row.late == Some(true));
            }
        })
        .map_err(|error| failed("the audit topic", error))?;
        Ok(audit)
    };
    spawn_blocking(read).await.map_err(|error| failed("the audit topic", error))?
}

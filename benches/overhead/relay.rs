//! One process that relays, and what it has cost when all is accounted for.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use pinrelay::config::{Config, process_environment};
use pinrelay::run::{self, Names, Parts, Progress, Traces, clock};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accounting {
    /// As in every release.
    Full,
    /// One row for each record, and nothing else.
    Plain,
}

impl Accounting {
    pub(crate) const ALL: [Self; 2] = [Self::Full, Self::Plain];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Plain => "plain",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|accounting| accounting.name() == name).expect("one of the two")
    }
}

/// From the start of a process to the last row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Of all threads.
    pub(crate) processor: Duration,
    pub(crate) wall: Duration,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.processor.as_millis(), self.wall.as_millis())
    }
}

impl FromStr for Cost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = |text: &str| text.parse().map(Duration::from_millis).map_err(|error| format!("{text}: {error}"));
        let (processor, wall) = text.trim().split_once(' ').ok_or_else(|| format!("no cost: {text}"))?;
        Ok(Self { processor: millis(processor)?, wall: millis(wall)? })
    }
}

/// Relays until so many records have their rows.
pub(crate) async fn relay(accounting: Accounting, config: &str, records: u64) -> Cost {
    let began = Instant::now();
    let config = Config::load(Path::new(config), &process_environment).expect("a good configuration");
    let parts = Parts::prepare(&config).await.expect("the topics are there");
    let parts = match accounting {
        Accounting::Full => parts,
        Accounting::Plain => parts.without_accounting(),
    };
    let (_stop, stopped) = unbounded_channel();
    let nothing = Progress { turned: clock::boot(), started: clock::wall(), ..Progress::default() };
    let (progress, mut watched) = watch::channel(nothing);
    let traces = Traces { one_in: 0, spans: None, names: Names::of(&config) };
    let (_leaving, staying) = watch::channel(run::Leaving::Stay);
    let relaying = tokio::spawn(run::run(parts, stopped, staying, progress, traces));
    let done = watched.wait_for(|progress| records <= progress.totals.sum()).await;
    assert!(done.is_ok(), "it ends before its work: {:?}", relaying.await);
    Cost { processor: processor_time(), wall: began.elapsed() }
}

/// Of this process so far, as Linux counts it: in hundredths of a second.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in brackets, may hold spaces; user and system time are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

//! `pinrelay run`: relays what the configuration names until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::exit::{Exit, Failure};
use crate::admin::{self, MetricsPage, Sources};
use crate::config::{self, Config, Faults, OnStop};
use crate::run::{self, End, Exporter, Leaving, Names, Parts, Progress, StartFault, Traces, clock};
use crate::telemetry::otlp::{Collector, CollectorSettings, Source};
use crate::telemetry::text::{CONTENT_TYPE, expose};

/// How long the end of the process waits for the collector.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Relay the feeds of a configuration to Pinterest until SIGTERM or SIGINT; a second signal stops at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay run --config pinrelay.yaml")]
pub struct Arguments {
    /// Configuration, a YAML file; docs/configuration.md describes its keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    relay(&load(&arguments.config)?)
}

/// Reads the configuration, for every command that takes one.
pub(super) fn load(file: &Path) -> Result<Config, Failure> {
    Config::load(file, &config::process_environment).map_err(|faults| refuse(&faults))
}

pub(super) fn refuse(faults: &Faults) -> Failure {
    Failure {
        exit: Exit::Configuration,
        problem: faults.to_string(),
        next: "mend the file; docs/configuration.md describes every key".to_owned(),
    }
}

/// Runs the loop on a valid configuration until it has come to rest.
fn relay(config: &Config) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(until_rest(config));
    // A thread that waits for a broker would hold up the end of the process.
    runtime.shutdown_background();
    ended
}

async fn until_rest(config: &Config) -> Result<Exit, Failure> {
    let mut stop = stop_signals()?;
    let leaving = leave_signals(config.kafka.on_stop)?;
    let names = Names::of(config);
    let (progress, watched) =
        watch::channel(Progress { turned: clock::boot(), started: clock::wall(), ..Progress::default() });
    if let Some(admin) = &config.admin {
        serve_pages(admin.listen, names.clone(), watched.clone()).await?;
    }
    let (exporting, traces) = start_exporting(config, names, watched)?;
    let parts = select! {
        parts = Parts::prepare(config) => parts.map_err(not_started)?,
        _ = stop.recv() => return Ok(Exit::Drained),
    };
    tokio::spawn(parts.ask_lanes());
    let end = run::run(parts, stop, leaving, progress, traces).await.map_err(not_started)?;
    if end != End::StoppedAtOnce && timeout(LAST_WORDS, exporting).await.is_err() {
        tracing::warn!("the collector was too slow for the last metrics and traces");
    }
    match end {
        End::Drained => Ok(Exit::Drained),
        End::StoppedAtOnce => Ok(Exit::SecondSignal),
        End::Halted(problem) => {
            let next = "decide what the message asks; docs/operations.md has a section for each halt".to_owned();
            Err(Failure { exit: Exit::Halted, problem, next })
        }
        End::Restart(problem) => {
            Err(Failure { exit: Exit::Fenced, problem, next: "start it again; what was open is taken up".to_owned() })
        }
    }
}

/// Sends metrics and traces to the collector, if there is one, until the loop has ended.
fn start_exporting(
    config: &Config,
    names: Names,
    progress: watch::Receiver<Progress>,
) -> Result<(JoinHandle<()>, Traces), Failure> {
    let Some(telemetry) = &config.telemetry else {
        return Ok((tokio::spawn(async {}), Traces { one_in: 0, spans: None, names }));
    };
    let settings = CollectorSettings {
        endpoint: telemetry.otlp.clone(),
        authorization: telemetry.authorization.as_ref().map(|secret| secret.value.clone()),
    };
    let source = Source { instance: config.kafka.identity(), started: progress.borrow().started };
    let collector = Collector::try_new(&settings, source).map_err(|fault| Failure {
        exit: Exit::Configuration,
        problem: fault.to_string(),
        next: "mend `telemetry` in the configuration".to_owned(),
    })?;
    let (exporter, spans) = Exporter::new(collector, names.clone(), telemetry.interval);
    let traces = Traces { one_in: telemetry.trace_one_in, spans: Some(spans), names };
    Ok((tokio::spawn(exporter.run(progress)), traces))
}

/// Serves the admin pages for as long as the process lives.
async fn serve_pages(listen: SocketAddr, names: Names, mut progress: watch::Receiver<Progress>) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen).await.map_err(|error| Failure {
        exit: Exit::StartFailed,
        problem: format!("the admin pages cannot be served on {listen}: {error}"),
        next: "choose another address for `admin.listen`".to_owned(),
    })?;
    let (pictures, picture) = watch::channel(names.picture(&progress.borrow()));
    let metrics = metrics_page(names.clone(), progress.clone());
    tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            pictures.send_replace(names.picture(&progress.borrow_and_update()));
        }
    });
    tokio::spawn(async move {
        if let Err(error) =
            admin::serve(listener, Sources { picture, metrics, clock: clock::boot }, std::future::pending()).await
        {
            tracing::error!(%error, "the admin pages are served no longer");
        }
    });
    Ok(())
}

/// `/metrics`, measured when it is asked for.
fn metrics_page(names: Names, progress: watch::Receiver<Progress>) -> MetricsPage {
    let text = move || expose(&names.reading(&progress.borrow(), clock::wall()));
    MetricsPage { content_type: CONTENT_TYPE, text: Arc::new(text) }
}

/// A runtime with room for the threads that restore partitions.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(|error| Failure {
        exit: Exit::StartFailed,
        problem: format!("no threads can be started: {error}"),
        next: "raise the limit of processes for this user".to_owned(),
    })
}

/// SIGTERM and SIGINT, each as one message.
pub(super) fn stop_signals() -> Result<UnboundedReceiver<()>, Failure> {
    let (stops, stop) = unbounded_channel();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| no_signals(&error))?;
        let stops = stops.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && stops.send(()).is_ok() {} });
    }
    Ok(stop)
}

/// What a stop means to the group: as configured, until SIGUSR1 says that the next one is for good.
fn leave_signals(on_stop: OnStop) -> Result<watch::Receiver<Leaving>, Failure> {
    let (leaves, leaving) = watch::channel(match on_stop {
        OnStop::Stay => Leaving::Stay,
        OnStop::Leave => Leaving::Leave,
    });
    let mut signals = signal(SignalKind::user_defined1()).map_err(|error| no_signals(&error))?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            tracing::info!("the next stop leaves the group");
            leaves.send_replace(Leaving::Leave);
        }
    });
    Ok(leaving)
}

fn no_signals(error: &io::Error) -> Failure {
    Failure {
        exit: Exit::StartFailed,
        problem: format!("signals cannot be received: {error}"),
        next: "run it as a process of its own".to_owned(),
    }
}

/// What is wrong, a line each, with the exit code by what must be mended.
pub(super) fn not_started(fault: StartFault) -> Failure {
    let (exit, lines, next) = match fault {
        StartFault::Mend(lines) => (
            Exit::Configuration,
            lines,
            "mend the configuration or the schemas that it names; docs/mapping.md says how",
        ),
        StartFault::Surroundings(lines) => (
            Exit::StartFailed,
            lines,
            "mend it and start again; `pinrelay topics --config FILE --apply` makes what is missing",
        ),
    };
    Failure { exit, problem: lines.join("\n       "), next: next.to_owned() }
}

//! The one loop: effects of the core go out, inputs come in.
//!
//! `prepare` turns a configuration into parts and finds what is wrong with it before anything starts; `mapping` makes of
//! a feed's files what maps its records; `engine` is the loop and `holding` what it keeps of a partition; `feed` and
//! `intake` decode and map; `restoring` brings partitions back; `picture` shows the work to the admin pages and
//! `measures` to the metrics, from what `totals`, `traffic` and `notes` count and `behind` asks for; `trouble` tells of
//! lanes in the log, `traces` of single records, and `export` sends it all to a collector; `clock` reads the clocks;
//! `asking` looks at tokens and ad accounts; `audit_subject` at the registry's subject of the audit rows; `renewal` at the
//! credentials of Kafka.

pub mod behind;
pub mod clock;
pub mod export;
pub mod feed;
pub mod mapping;
pub mod notes;
pub mod picture;
pub mod prepare;
pub mod totals;
pub mod traces;
pub mod traffic;

mod asking;
mod audit_subject;
mod engine;
mod holding;
mod intake;
mod measures;
mod renewal;
mod restoring;
mod settings;
mod trouble;

pub use crate::kafka::consumer::Leaving;
pub use audit_subject::{RegisteredAudit, look_at_audit, register_audit};
pub use behind::Ends;
pub use export::{Exporter, SpanSender};
pub use mapping::FeedMapping;
pub use notes::Notes;
pub use picture::Names;
pub use prepare::{Parts, StartFault, check_files, kafka_settings, scribe};
pub use renewal::Credentials;
pub use restoring::Headway;
pub use totals::Totals;
pub use traces::Watching;
pub use traffic::Traffic;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::domain::{BootTime, PartitionId, UnixMillis};
use crate::kafka::consumer::Consumer;
use crate::kafka::ends::EndReader;
use crate::kafka::restore::Restorer;
use crate::kafka::transactions::Transactions;
use crate::pipeline::{Pipeline, Status};

use engine::{Ending, Engine, Inputs, State};
use restoring::Restoring;
use traces::Tracing;

/// How the relay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop, and everything came to rest or the deadline passed.
    Drained,
    /// A second request did not let it wait. What was open is taken up by the next owner.
    StoppedAtOnce,
    /// A person must decide; the text says what.
    Halted(String),
    /// The process must be started again; the text says why.
    Restart(String),
}

/// A picture of the work.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// When the loop turned last.
    pub turned: BootTime,
    /// When the process started.
    pub started: UnixMillis,
    /// Records whose audit rows are committed.
    pub totals: Totals,
    pub traffic: Traffic,
    /// Since when partitions are being restored.
    pub restoring: HashMap<PartitionId, BootTime>,
    /// When Kafka took the first record of a partition that the core has not taken.
    pub waiting: HashMap<PartitionId, UnixMillis>,
    pub ends: Ends,
    /// In the order of the feeds.
    pub notes: Vec<Notes>,
    /// Since when the access token of each lane is known, in the order of the lanes.
    pub tokens: Vec<UnixMillis>,
    pub spans_dropped: u64,
    pub credentials: Credentials,
    pub status: Option<Status>,
    /// Of the partitions that are being restored.
    pub restores: BTreeMap<PartitionId, Headway>,
}

/// Which records are watched beside those whose trace somebody watches already, and where spans go.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Of records without a trace, one in so many begins one; 0 for none.
    pub one_in: u64,
    pub spans: Option<SpanSender>,
    pub names: Names,
}

/// Relays until a request to stop has come and the work is at rest, or the work cannot go on; goes on with new clients
/// where a credential of Kafka has changed.
///
/// `leaving` is looked at when the work has come to rest: whether the group is told that the process is gone for good.
/// Threads that wait for a broker may outlive it: the caller ends the process, or leaves them behind.
///
/// # Errors
/// If it could not start.
pub async fn run(
    mut parts: Parts,
    mut stop: UnboundedReceiver<()>,
    leaving: watch::Receiver<Leaving>,
    progress: watch::Sender<Progress>,
    traces: Traces,
) -> Result<End, StartFault> {
    let (to_credentials, credentials) = watch::channel(Credentials::default());
    loop {
        let (to_next, next) = unbounded_channel();
        let (lasting, credential) = (parts.lasting.clone(), parts.kafka.credential.clone());
        let watch = renewal::watch(lasting, credential, parts.fingerprint, to_credentials.clone(), to_next);
        let watching = tokio::spawn(watch);
        let sources = Sources { stop: &mut stop, leaving: &leaving, next, credentials: credentials.clone() };
        let ending = serve(parts, sources, progress.clone(), traces.clone()).await;
        watching.abort();
        match ending? {
            Ending::Over(end) => return Ok(end),
            Ending::Renewed(next) => parts = *next,
        }
        to_credentials.send_modify(|credentials| credentials.renewed += 1);
    }
}

/// What comes in from outside of Kafka.
struct Sources<'a> {
    stop: &'a mut UnboundedReceiver<()>,
    leaving: &'a watch::Receiver<Leaving>,
    next: UnboundedReceiver<Box<Parts>>,
    credentials: watch::Receiver<Credentials>,
}

/// Relays with one consumer and one producer, which are closed at the end.
async fn serve(
    parts: Parts,
    sources: Sources<'_>,
    progress: watch::Sender<Progress>,
    traces: Traces,
) -> Result<Ending, StartFault> {
    let (group_events, from_group) = unbounded_channel();
    let (commit_events, from_commits) = unbounded_channel();
    let (restorations, restored) = unbounded_channel();
    let Parts { lasting, kafka, scribe, partitions, .. } = parts;
    let core = lasting.core;
    let process = scribe.process;
    let patience = kafka.timeouts.transaction;
    let restore_patience = kafka.timeouts.restore_patience;
    let reader = Restorer::new(Arc::clone(&kafka), process, partitions).map(Arc::new).map_err(StartFault::client)?;
    if kafka.credential.is_token() {
        tokio::spawn(restoring::authorize(Arc::downgrade(&reader)));
    }
    let consumer = Consumer::open(&kafka, group_events).map_err(StartFault::client)?;
    let remote = consumer.remote();
    let transactions =
        Transactions::open(Arc::clone(&kafka), scribe, remote.clone(), commit_events).map_err(StartFault::client)?;
    let end_reader = EndReader::new(Arc::clone(&kafka)).map_err(StartFault::client)?;
    let (to_ends, ends) = watch::channel(Ends::new());
    tokio::spawn(behind::watch(end_reader, progress.subscribe(), to_ends));
    let watching = Watching::new(process, traces.spans.as_ref().map(|_| traces.one_in));
    let (seed, _) = process.as_u64_pair();
    let state = State::after(&progress.borrow());
    let engine = Engine {
        core: Pipeline::new(core.clone(), seed),
        consumer: remote.clone(),
        transactions,
        clients: lasting.clients,
        readers: lasting.readers,
        restoring: Restoring {
            restorer: reader,
            consumer: remote,
            settings: Arc::new(core),
            patience: restore_patience,
            done: restorations,
        },
        state,
        progress,
        ends,
        credentials: sources.credentials,
        tracing: Tracing { watching, spans: traces.spans, names: traces.names },
    };
    let mut inputs =
        Inputs { stop: sources.stop, next: sources.next, consumer: from_group, transactions: from_commits, restored };
    let (ending, engine) = engine.run(&mut inputs).await;
    if matches!(ending, Ending::Over(End::StoppedAtOnce)) {
        return Ok(ending);
    }
    // Whoever cannot go on is started again, and finds its partitions where they were.
    let is_drained = matches!(ending, Ending::Over(End::Drained));
    let leaving = if is_drained { *sources.leaving.borrow() } else { Leaving::Stay };
    let closing = spawn_blocking(move || {
        // The producer first: it asks the consumer's thread for its membership.
        engine.transactions.close();
        consumer.close(leaving);
    });
    // While the brokers are away a commit does not end; what comes of it is for the next owner to find out.
    select! {
        closed = timeout(patience, closing) => {
            if let Ok(closed) = closed {
                closed.expect("closing does not panic, and nothing cancels it");
            } else {
                tracing::warn!("the last transaction has not ended; the next owner finds out how it does");
            }
        }
        _ = inputs.stop.recv() => {
            return Ok(Ending::Over(match ending {
                Ending::Over(_) => End::StoppedAtOnce,
                // The work is at rest already.
                Ending::Renewed(_) => End::Drained,
            }));
        }
    }
    Ok(ending)
}

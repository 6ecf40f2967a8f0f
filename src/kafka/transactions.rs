//! The transaction thread: one producer, one transaction at a time (T1).
//!
//! It says how each transaction ended, and takes a new producer where the old one cannot say (T5, T7). What goes into
//! a transaction, and what becomes of the rows of an aborted one, is decided by the core.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use crate::domain::{Fate, Transaction, TransactionId, Written};

use super::audit::AuditEncoder;
use super::client;
use super::commit::{Breakage, End, Steps};
use super::consumer::ConsumerRemote;
use super::deadline::Deadline;
use super::delivery::Deliveries;
use super::holdings::MetadataRefusal;
use super::metadata::Stamp;
use super::repeats::repeats;
use super::resolve::{self, Found};
use super::settings::KafkaSettings;

/// A second fencing within this time means that two processes share one identity (T7).
const FENCED_AGAIN: Duration = Duration::from_mins(10);

/// How a transaction is put into words for Kafka.
pub struct Scribe {
    /// Names this run of the process in commit metadata.
    pub process: Uuid,
    /// Kafka's ids of the input topics, in the order of the feeds.
    pub topic_ids: Vec<String>,
    /// Most bytes of a packed changelog record; below the topic's `max.message.bytes`.
    pub max_changelog_bytes: usize,
    pub audit: AuditEncoder,
    #[cfg(feature = "broken-rules")]
    pub accounting: Accounting,
}

/// Whether rows are accounted for; a benchmark compares the two.
#[cfg(feature = "broken-rules")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accounting {
    /// As in every release.
    #[default]
    Full,
    /// Rows alone.
    None,
}

/// What the transaction thread tells the shell.
#[derive(Debug)]
pub enum TransactionEvent {
    /// The producer has taken over from an earlier process with the same identity: pending transactions have ended.
    Ready,
    Ended {
        transaction: TransactionId,
        fate: Fate,
    },
    /// To be answered by [`Transactions::resolve`].
    Unknown(TransactionId),
    Failed(TransactionFailure),
}

/// Why no more transactions can be carried out, by what must be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionFailure {
    /// Start the process again (T4).
    #[error("the membership in the consumer group is lost: {0}")]
    MembershipLost(String),
    /// Start the process again; if it happens again, find the other process.
    #[error("fenced twice within ten minutes: another process uses the identity `{identity}`")]
    Fenced { identity: String },
    /// A person must find out: the committed offset, which tells how a transaction ended, is gone.
    #[error("the end of a transaction is not known, and the committed offset that tells it was deleted meanwhile")]
    Untold,
    /// A person must decide: the cluster or the settings refuse the producer.
    #[error("the transactional producer is refused: {0}")]
    Refused(String),
}

pub(super) enum Command {
    Commit(Transaction),
    Resolve(TransactionId),
    Close,
}

/// The transaction thread.
#[derive(Debug)]
pub struct Transactions {
    commands: Sender<Command>,
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Transactions {
    /// Starts the thread, which first takes over from earlier producers with the same identity.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn open(
        settings: Arc<KafkaSettings>,
        scribe: Scribe,
        consumer: ConsumerRemote,
        events: UnboundedSender<TransactionEvent>,
    ) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let committer = Committer {
            settings,
            scribe,
            consumer,
            events,
            closing: Arc::clone(&closing),
            fenced: None,
            unknown: None,
        };
        let thread = thread::Builder::new().name("transactions".to_owned()).spawn(move || committer.run(&inbox))?;
        Ok(Self { commands, closing, thread })
    }

    /// To be answered by [`TransactionEvent::Ended`] or [`TransactionEvent::Unknown`]; one at a time.
    pub fn commit(&self, transaction: Transaction) {
        self.send(Command::Commit(transaction));
    }

    /// To be answered by [`TransactionEvent::Ended`].
    pub fn resolve(&self, transaction: TransactionId) {
        self.send(Command::Resolve(transaction));
    }

    /// Ends the thread after the transaction under way; blocks until then.
    pub fn close(self) {
        self.closing.store(true, Ordering::Relaxed);
        self.send(Command::Close);
        if self.thread.join().is_err() {
            tracing::error!("the transaction thread had panicked");
        }
    }

    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("a transaction came after its thread had ended");
        }
    }
}

/// Shared with calls that may never return: one that was given up keeps its producer.
type Producer = Arc<ThreadedProducer<Deliveries>>;

struct Committer {
    settings: Arc<KafkaSettings>,
    scribe: Scribe,
    consumer: ConsumerRemote,
    events: UnboundedSender<TransactionEvent>,
    closing: Arc<AtomicBool>,
    /// Until when a fencing is the second one.
    fenced: Option<Deadline>,
    unknown: Option<(Transaction, Vec<Written>)>,
}

/// The thread is to end.
struct Closed;

impl Committer {
    fn run(mut self, inbox: &Receiver<Command>) {
        #[cfg(feature = "broken-rules")]
        if self.scribe.accounting == Accounting::None {
            return super::plain::run(&self.settings, &self.scribe, inbox, |event| self.tell(event));
        }
        let Ok(mut producer) = self.take_over() else { return };
        self.tell(TransactionEvent::Ready);
        while let Ok(command) = inbox.recv() {
            let still_good = match command {
                Command::Commit(transaction) => self.commit(producer, transaction),
                Command::Resolve(transaction) => self.resolve(producer, transaction),
                Command::Close => return,
            };
            match still_good {
                Ok(good) => producer = good,
                Err(Closed) => return,
            }
        }
    }

    fn commit(&mut self, producer: Producer, transaction: Transaction) -> Result<Producer, Closed> {
        let consumer = &self.consumer;
        let steps = Steps { settings: &self.settings, scribe: &self.scribe, producer: &producer };
        match steps.carry_out(&transaction, |parts| consumer.group_metadata(parts)) {
            End::Committed(written) => self.ended(transaction.id, Fate::Committed(written)),
            End::Aborted { failure } => {
                if let Some(failure) = failure {
                    self.fail(failure);
                }
                self.ended(transaction.id, Fate::Aborted(transaction));
            }
            End::Broken(breakage) => {
                let producer = self.replace(producer, &breakage)?;
                // Commit was never called, and the new producer has ended whatever the old one had begun.
                self.ended(transaction.id, Fate::Aborted(transaction));
                return Ok(producer);
            }
            End::Unknown { written, breakage } => {
                let id = transaction.id;
                self.unknown = Some((transaction, written));
                // Judged now, replaced when the core asks for the end.
                self.judge(&breakage)?;
                self.tell(TransactionEvent::Unknown(id));
            }
        }
        Ok(producer)
    }

    fn resolve(&mut self, producer: Producer, id: TransactionId) -> Result<Producer, Closed> {
        let Some((transaction, written)) = self.unknown.take_if(|(transaction, _)| transaction.id == id) else {
            return Ok(producer);
        };
        drop(producer);
        let producer = self.take_over()?;
        let stamp = Stamp { process: self.scribe.process, transaction: id };
        let found = loop {
            match resolve::resolve(&self.settings, &transaction.parts, stamp, |parts| self.consumer.held(parts)) {
                Ok(found) => break found,
                Err(error) => tracing::warn!(%error, "the end of a transaction is not known yet"),
            }
            self.stay_open()?;
        };
        let fate = match found {
            Found::Committed => Fate::Committed(written),
            Found::NotCommitted => Fate::Aborted(transaction),
            Found::Untold => {
                self.fail(TransactionFailure::Untold);
                return Err(Closed);
            }
        };
        let is_committed = found == Found::Committed;
        tracing::info!(transaction = id.0, is_committed, "the end of a transaction is known");
        self.ended(id, fate);
        Ok(producer)
    }

    fn replace(&mut self, broken: Producer, breakage: &Breakage) -> Result<Producer, Closed> {
        self.judge(breakage)?;
        drop(broken);
        self.take_over()
    }

    /// Whether a new producer may be taken (T7).
    fn judge(&mut self, breakage: &Breakage) -> Result<(), Closed> {
        if let Some(repeats) = repeats(&format!("new producer: {breakage}")) {
            tracing::warn!(cause = %breakage, repeats, "a new transactional producer is needed");
        }
        if *breakage != Breakage::Fenced {
            return Ok(());
        }
        // Its answer comes from the polling thread, behind whatever the group has to say.
        if let Err(MetadataRefusal::MembershipLost(why)) = self.consumer.group_metadata(Vec::new()) {
            self.fail(TransactionFailure::MembershipLost(why));
            return Err(Closed);
        }
        let again = self.fenced.replace(Deadline::after(FENCED_AGAIN));
        if again.is_some_and(|until| !until.has_passed()) {
            self.fail(TransactionFailure::Fenced { identity: self.settings.identity.clone() });
            return Err(Closed);
        }
        Ok(())
    }

    /// A new producer, initialised: from here on every earlier one with this identity is fenced.
    fn take_over(&self) -> Result<Producer, Closed> {
        // Whoever closes it may have a new one already, which must not be fenced.
        self.stay_open()?;
        let config = client::producer(&self.settings);
        let producer: ThreadedProducer<Deliveries> =
            config.create_with_context(Deliveries::of(&self.settings)).map_err(|error| self.refuse(&error))?;
        client::authorize(&self.settings, producer.client());
        loop {
            match producer.init_transactions(self.settings.timeouts.request) {
                Ok(()) => return Ok(Arc::new(producer)),
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                    tracing::warn!(%error, "the transactional producer is not ready yet");
                }
                Err(error) => return Err(self.refuse(&error)),
            }
            self.stay_open()?;
        }
    }

    fn refuse(&self, error: &KafkaError) -> Closed {
        self.fail(TransactionFailure::Refused(error.to_string()));
        Closed
    }

    fn stay_open(&self) -> Result<(), Closed> {
        if self.closing.load(Ordering::Relaxed) { Err(Closed) } else { Ok(()) }
    }

    fn ended(&self, transaction: TransactionId, fate: Fate) {
        self.tell(TransactionEvent::Ended { transaction, fate });
    }

    fn fail(&self, failure: TransactionFailure) {
        tracing::error!(error = %failure, "no more transactions can be carried out");
        self.tell(TransactionEvent::Failed(failure));
    }

    fn tell(&self, event: TransactionEvent) {
        if self.events.send(event).is_err() {
            tracing::debug!("an event of the transaction thread came after its listener had gone");
        }
    }
}

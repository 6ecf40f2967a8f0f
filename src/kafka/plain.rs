//! Audit rows without any accounting: what a pipeline does that produces one row for each record and promises nothing.
//!
//! No transaction, no changelog, no offsets: a crash loses rows or doubles them. It is there for the benchmark that
//! tells what the accounting costs, and in no release.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rdkafka::producer::{Producer as _, ThreadedProducer};

use crate::domain::{ChangelogOffset, Fate, Written};

use super::client;
use super::commit::Steps;
use super::delivery::Deliveries;
use super::settings::KafkaSettings;
use super::transactions::{Command, Scribe, TransactionEvent};

/// Says of each transaction that it was committed, when its rows are on their brokers.
pub(super) fn run(
    settings: &KafkaSettings,
    scribe: &Scribe,
    inbox: &Receiver<Command>,
    tell: impl Fn(TransactionEvent),
) {
    let mut config = client::producer(settings);
    config.remove("transactional.id");
    config.set("enable.idempotence", "true");
    let producer: Arc<ThreadedProducer<Deliveries>> =
        Arc::new(config.create_with_context(Deliveries::of(settings)).expect("the settings of the other producer"));
    client::authorize(settings, producer.client());
    let steps = Steps { settings, scribe, producer: &producer };
    tell(TransactionEvent::Ready);
    let mut position = 0;
    while let Ok(Command::Commit(transaction)) = inbox.recv() {
        steps.produce_rows(&transaction).expect("a broker that takes rows");
        position += 1;
        let written = transaction.parts.iter().map(|part| Written {
            partition: part.partition,
            first: ChangelogOffset(position),
            end: ChangelogOffset(position + 1),
        });
        let fate = Fate::Committed(written.collect());
        tell(TransactionEvent::Ended { transaction: transaction.id, fate });
    }
}

//! Writes the changelog, as a process does that delivers all the time: by its transactions, as fast as they follow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pinrelay::domain::{
    AdAccountId, ChangelogEntry, ChangelogOffset, Epoch, Fate, NextOffset, Offset, OwnEntries, PartitionId, ReadFrom,
    Transaction, TransactionId, TransactionPart, Written,
};
use pinrelay::kafka::audit::{AuditEncoder, AuditFeed, AuditFraming, AuditLane, AuditSettings, LaneMode};
use pinrelay::kafka::changelog;
use pinrelay::kafka::consumer::{Consumer, Leaving};
use pinrelay::kafka::message::ConsumerEvent;
use pinrelay::kafka::settings::KafkaSettings;
use pinrelay::kafka::topics::{self, NewTopics};
use pinrelay::kafka::transactions::{Accounting, Scribe, TransactionEvent, Transactions};
use pinrelay::run::clock;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::support::Broker;
use super::{Size, TELL_EVERY, entries};

/// Of a changelog record, as in `src/run/prepare.rs`.
const MAX_CHANGELOG_BYTES: usize = 500_000;

/// Changelog records of a partition in one transaction: the batches of a tick of 50 ms at 5,000 calls a minute.
const RECORDS: usize = 4;

/// One partition's part of what is written.
struct Source {
    partition: PartitionId,
    records: Box<dyn Iterator<Item = Vec<ChangelogEntry>>>,
    /// Where its first entries lie, and behind its last ones.
    first: Option<ChangelogOffset>,
    end: ChangelogOffset,
}

/// Gives the bytes of the values.
///
/// The keys stand for those of no record, so that the input may be empty; nothing else differs from a process at work.
pub(crate) async fn fill(broker: &Broker, settings: KafkaSettings, size: Size) -> u64 {
    let settings = Arc::new(settings);
    broker.create_topic(&settings.feeds.first().unwrap().input, size.partitions, &[]).await;
    let new = NewTopics { replication: 1, audit_partitions: 1, audit_retention: Duration::from_hours(24) };
    topics::create_missing(Arc::clone(&settings), new).await.unwrap();
    let consumer = hold_all(&settings, size).await;
    let (transactions, mut events) = open(&settings, &consumer).await;

    let now = clock::wall();
    let mut sources: Vec<Source> = (0..)
        .zip(size.partitions())
        .map(|(n, partition)| Source {
            partition,
            records: Box::new(entries::records(n * size.each..(n + 1) * size.each, now, Offset::imported)),
            first: None,
            end: ChangelogOffset(0),
        })
        .collect();
    let (mut bytes, mut keys, mut told) = (0, 0, Instant::now());
    for id in 1.. {
        let parts: Vec<TransactionPart> = sources.iter_mut().filter_map(Source::next).collect();
        if parts.is_empty() {
            break;
        }
        for part in &parts {
            bytes += values(&part.entries).map(|value| value.len() as u64).sum::<u64>();
            keys += part.entries.iter().filter(|entry| matches!(entry, ChangelogEntry::Outcome { .. })).count();
        }
        transactions.commit(Transaction { id: TransactionId(id), parts });
        let Some(TransactionEvent::Ended { fate: Fate::Committed(written), .. }) = events.recv().await else {
            panic!("a transaction was not committed");
        };
        for source in &mut sources {
            source.advance(&written);
        }
        if TELL_EVERY <= told.elapsed() {
            told = Instant::now();
            println!("filling: {keys} of {} keys", size.keys());
        }
    }
    let close = || {
        transactions.close();
        consumer.close(Leaving::Leave);
    };
    spawn_blocking(close).await.unwrap();
    bytes
}

impl Source {
    fn next(&mut self) -> Option<TransactionPart> {
        let entries: Vec<_> = self.records.by_ref().take(RECORDS).flatten().collect();
        (!entries.is_empty()).then(|| TransactionPart {
            partition: self.partition,
            epoch: epoch_of(self.partition),
            rows: Vec::new(),
            entries,
            next_offset: NextOffset(0),
            ledger_from: ReadFrom { earlier: None, own_entries: OwnEntries::NotNeeded },
            window_from: ReadFrom { earlier: self.first, own_entries: OwnEntries::Needed },
            end_before: self.end,
        })
    }

    fn advance(&mut self, written: &[Written]) {
        if let Some(written) = written.iter().find(|written| written.partition == self.partition) {
            self.first.get_or_insert(written.first);
            self.end = written.end;
        }
    }
}

fn values(entries: &[ChangelogEntry]) -> impl Iterator<Item = Vec<u8>> {
    changelog::encode(entries, MAX_CHANGELOG_BYTES).into_iter()
}

fn epoch_of(partition: PartitionId) -> Epoch {
    Epoch(u64::from(partition.number.unsigned_abs()) + 1)
}

/// The one member of the group, when it has every partition.
async fn hold_all(settings: &Arc<KafkaSettings>, size: Size) -> Consumer {
    let (sender, mut events) = unbounded_channel();
    let consumer = Consumer::open(settings, sender).unwrap();
    let mut held = 0;
    while held < size.partitions {
        if let ConsumerEvent::Assigned { partition, assignment } = events.recv().await.unwrap() {
            consumer.remote().start(partition, assignment, epoch_of(partition), NextOffset(0));
            held += 1;
        }
    }
    consumer
}

async fn open(
    settings: &Arc<KafkaSettings>,
    consumer: &Consumer,
) -> (Transactions, UnboundedReceiver<TransactionEvent>) {
    let process = Uuid::from_u128(1);
    let feed = settings.feeds.first().unwrap();
    let audit = AuditEncoder::new(AuditSettings {
        feeds: vec![AuditFeed { name: feed.name.clone(), topic: feed.input.clone() }],
        lanes: vec![AuditLane { ad_account: AdAccountId::try_new("549755885175").unwrap(), mode: LaneMode::Live }],
        framing: AuditFraming::SingleObject,
        process,
    });
    let topic_ids = topics::check(Arc::clone(settings)).await.unwrap().topic_ids;
    let scribe =
        Scribe { process, topic_ids, max_changelog_bytes: MAX_CHANGELOG_BYTES, audit, accounting: Accounting::Full };
    let (sender, mut events) = unbounded_channel();
    let transactions = Transactions::open(Arc::clone(settings), scribe, consumer.remote(), sender).unwrap();
    assert!(matches!(events.recv().await, Some(TransactionEvent::Ready)), "the producer is not ready");
    (transactions, events)
}

//! One feed on the shared broker, its members, and plain values for transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pinrelay::domain::{
    AdAccountId, ChangelogEntry, ChangelogOffset, Epoch, EventFacts, FeedId, NextOffset, Offset, Origin, Outcome,
    OwnEntries, PartitionId, ReadFrom, Reason, Redelivery, SettledKind, Settlement, Transaction, TransactionId,
    TransactionPart, UnixMillis,
};
use pinrelay::kafka::audit::{AuditEncoder, AuditFeed, AuditFraming, AuditLane, AuditSettings, LaneMode};
use pinrelay::kafka::consumer::{Consumer, ConsumerRemote, Leaving};
use pinrelay::kafka::credential::Credential;
use pinrelay::kafka::message::{Assignment, ConsumerEvent};
use pinrelay::kafka::settings::{BacklogLimits, FeedTopics, KafkaSettings, OnLost, Retention, Start, Timeouts};
use pinrelay::kafka::topics::{self, NewTopics};
#[cfg(feature = "broken-rules")]
use pinrelay::kafka::transactions::Accounting;
use pinrelay::kafka::transactions::{Scribe, TransactionEvent, Transactions};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{Broker, Input};

/// Long enough for a machine that is busy with other things, and shorter than [`SESSION`].
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What waits for the session time-out has not worked.
const SESSION: Duration = Duration::from_mins(5);

pub(crate) const PROCESS: Uuid = Uuid::from_u128(7);

pub(crate) const fn partition(number: i32) -> PartitionId {
    PartitionId { feed: FeedId(0), number }
}

/// The settings of a member called `<name>-a`, for one feed whose topics all begin with `name`.
pub(crate) fn settings(broker: &Broker, name: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap: broker.bootstrap(),
        properties: [].into(),
        credential: Credential::default(),
        group_id: name.to_owned(),
        identity: format!("{name}-a"),
        timeouts: Timeouts { session: SESSION, ..Timeouts::default() },
        feeds: vec![FeedTopics {
            name: "feed".to_owned(),
            input: name.to_owned(),
            start: Start::Earliest,
            on_lost: OnLost::Halt,
        }],
        audit_topic: format!("{name}-audit"),
        max_message_bytes: 1_000_000,
        backlog: BacklogLimits::default(),
        retention: Retention {
            changelog: Duration::from_hours(72),
            window: Duration::from_hours(48),
            margin: Duration::from_mins(2),
        },
        cluster: pinrelay::kafka::settings::Cluster::Kafka,
    }
}

pub(crate) async fn create_topics(broker: &Broker, settings: &KafkaSettings, partitions: i32) {
    broker.create_topic(&settings.feeds[0].input, partitions, &[]).await;
    let new = NewTopics { replication: 1, audit_partitions: 2, audit_retention: Duration::from_hours(24) };
    topics::create_missing(Arc::new(settings.clone()), new).await.unwrap();
}

pub(crate) fn records(partition: i32, count: usize) -> Vec<Input> {
    vec![Input { partition, value: Some(b"value".to_vec()), ..Input::default() }; count]
}

/// A consumer and what it has told.
pub(crate) struct Member {
    pub(crate) consumer: Consumer,
    pub(crate) events: UnboundedReceiver<ConsumerEvent>,
    /// What the group has given; partitions that have gone since are not taken out.
    pub(crate) given: BTreeMap<PartitionId, Assignment>,
}

impl Member {
    pub(crate) fn join(settings: &KafkaSettings) -> Self {
        let (sender, events) = unbounded_channel();
        let consumer = Consumer::open(&Arc::new(settings.clone()), sender).unwrap();
        Self { consumer, events, given: BTreeMap::new() }
    }

    pub(crate) fn remote(&self) -> ConsumerRemote {
        self.consumer.remote()
    }

    pub(crate) async fn next(&mut self) -> ConsumerEvent {
        let event = timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a living consumer");
        assert!(!matches!(event, ConsumerEvent::Failed(_)), "{event:?}");
        event
    }

    pub(crate) async fn assigned(&mut self) -> (PartitionId, Assignment) {
        let event = self.next().await;
        let ConsumerEvent::Assigned { partition, assignment } = event else {
            panic!("an assignment was due, not {event:?}")
        };
        self.given.insert(partition, assignment);
        (partition, assignment)
    }

    /// Takes `count` partitions and starts them at their beginnings, each in the epoch of its number.
    pub(crate) async fn start(&mut self, count: usize) -> Vec<PartitionId> {
        let mut started = Vec::new();
        while started.len() < count {
            let (partition, assignment) = self.assigned().await;
            self.remote().start(partition, assignment, epoch_of(partition), NextOffset(0));
            started.push(partition);
        }
        started.sort();
        started
    }

    pub(crate) fn release(&self, partition: PartitionId) {
        self.remote().released(partition, self.given[&partition]);
    }

    /// What the next revocation takes; messages before it are passed over.
    pub(crate) async fn revoked(&mut self) -> Vec<PartitionId> {
        loop {
            let event = self.next().await;
            assert!(!matches!(event, ConsumerEvent::Assigned { .. } | ConsumerEvent::Lost(_)), "{event:?}");
            if let ConsumerEvent::Revoked(partitions) = event {
                return partitions;
            }
        }
    }

    /// Lets go of everything, of what is still given meanwhile too, and closes.
    pub(crate) async fn close(self, leaving: Leaving) {
        for partition in self.given.keys() {
            self.release(*partition);
        }
        let Self { consumer, mut events, .. } = self;
        let remote = consumer.remote();
        let closed = tokio::task::spawn_blocking(move || consumer.close(leaving));
        while let Some(event) = events.recv().await {
            if let ConsumerEvent::Assigned { partition, assignment } = event {
                remote.released(partition, assignment);
            }
        }
        closed.await.unwrap();
    }
}

pub(crate) fn epoch_of(partition: PartitionId) -> Epoch {
    Epoch(u64::try_from(partition.number).unwrap() + 1)
}

/// Asks the consumer thread something, without standing in the way of the test's own runtime.
pub(crate) async fn ask<T: Send + 'static>(
    remote: &ConsumerRemote,
    question: impl FnOnce(&ConsumerRemote) -> T + Send + 'static,
) -> T {
    let remote = remote.clone();
    tokio::task::spawn_blocking(move || question(&remote)).await.unwrap()
}

/// A transaction thread and what it has told.
pub(crate) struct Writer {
    pub(crate) transactions: Transactions,
    pub(crate) events: UnboundedReceiver<TransactionEvent>,
}

impl Writer {
    /// When it is ready.
    pub(crate) async fn open(settings: &KafkaSettings, consumer: ConsumerRemote) -> Self {
        let settings = Arc::new(settings.clone());
        let topics = topics::check(Arc::clone(&settings)).await.unwrap();
        let scribe = Scribe {
            process: PROCESS,
            topic_ids: topics.topic_ids,
            max_changelog_bytes: 100_000,
            audit: AuditEncoder::new(AuditSettings {
                feeds: vec![AuditFeed { name: "feed".to_owned(), topic: settings.feeds[0].input.clone() }],
                lanes: vec![AuditLane { ad_account: AdAccountId::try_new("1").unwrap(), mode: LaneMode::Live }],
                framing: AuditFraming::SingleObject,
                process: PROCESS,
            }),
            #[cfg(feature = "broken-rules")]
            accounting: Accounting::Full,
        };
        let (sender, events) = unbounded_channel();
        let transactions = Transactions::open(settings, scribe, consumer, sender).unwrap();
        let mut writer = Self { transactions, events };
        assert!(matches!(writer.next().await, TransactionEvent::Ready));
        writer
    }

    pub(crate) async fn next(&mut self) -> TransactionEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a living thread")
    }

    pub(crate) async fn commit(&mut self, transaction: Transaction) -> TransactionEvent {
        self.transactions.commit(transaction);
        self.next().await
    }

    pub(crate) async fn close(self) {
        tokio::task::spawn_blocking(move || self.transactions.close()).await.unwrap();
    }
}

pub(crate) fn transaction(id: u64, parts: Vec<TransactionPart>) -> Transaction {
    Transaction { id: TransactionId(id), parts }
}

/// Offsets 0 to `count` of partition `number`, all of them skipped, with an outcome each in the changelog.
pub(crate) fn part(number: i32, count: i64) -> TransactionPart {
    TransactionPart {
        partition: partition(number),
        epoch: epoch_of(partition(number)),
        rows: (0..count).map(|offset| row(offset, "id")).collect(),
        entries: (0..count).map(outcome).collect(),
        next_offset: NextOffset(count),
        ledger_from: ReadFrom { earlier: None, own_entries: OwnEntries::Needed },
        window_from: ReadFrom { earlier: None, own_entries: OwnEntries::NotNeeded },
        end_before: ChangelogOffset(0),
    }
}

pub(crate) fn outcome(offset: i64) -> ChangelogEntry {
    ChangelogEntry::Outcome {
        offset: Offset(offset),
        kind: SettledKind::NotSent,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(1_700_000_000_000),
    }
}

pub(crate) fn row(offset: i64, event_id: &str) -> Settlement {
    Settlement {
        offset: Offset(offset),
        range_end: None,
        outcome: Outcome::new(Reason::Filtered),
        redelivery: Redelivery::Impossible,
        origin: Origin::Live,
        timestamp: None,
        received: None,
        trace: None,
        key: None,
        lane: None,
        facts: Some(Box::new(EventFacts { event_id: Some(event_id.into()), ..EventFacts::default() })),
        batch: None,
        posted: None,
        attempts: Vec::new(),
        settled: UnixMillis(1_700_000_000_000),
    }
}

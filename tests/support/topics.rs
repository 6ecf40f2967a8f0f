//! What is in a topic: filling it, reading all of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use tokio::time::Instant;

use super::Kafka;

/// How long the broker may take for one request of the set-up, on a machine that is busy with other things, and while it
/// starts again.
const DEADLINE: Duration = Duration::from_mins(3);

/// One record for a topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Kafka {
    /// Creates a topic with `config` over the broker's defaults, for example `("cleanup.policy", "compact")`.
    pub(crate) async fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("a valid configuration");
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(self.replication()));
        let topic = config.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
        for created in admin.create_topics([&topic], &options).await.expect("the broker answers") {
            created.expect("the name is new and the settings are valid");
        }
        self.knows(name, usize::try_from(partitions).expect("a count")).await;
    }

    /// Returns when the broker tells of so many partitions, which the controller has made a moment before.
    pub(crate) async fn knows(&self, topic: &str, partitions: usize) {
        let (config, topic) = (self.client(), topic.to_owned());
        let asked = tokio::task::spawn_blocking(move || {
            let client: BaseConsumer = config.create().expect("a valid configuration");
            let deadline = Instant::now() + DEADLINE;
            loop {
                let metadata = client.fetch_metadata(Some(&topic), DEADLINE).expect("the broker answers");
                let led = |topic: &MetadataTopic| topic.partitions().iter().filter(|p| 0 <= p.leader()).count();
                if metadata.topics().iter().any(|found| found.error().is_none() && led(found) == partitions) {
                    return;
                }
                assert!(Instant::now() < deadline, "the broker does not know {partitions} partitions of {topic}");
            }
        });
        asked.await.expect("the broker knows its topics");
    }

    /// Writes `records` in order, without a transaction, and returns when the broker has all of them: offsets in a new
    /// topic are 0, 1, 2, ….
    pub(crate) async fn produce(&self, topic: &str, records: Vec<Input>) {
        let (config, topic) = (self.client(), topic.to_owned());
        tokio::task::spawn_blocking(move || produce(config, &topic, &records)).await.expect("the records are taken");
    }

    /// All messages of `topic` that a `read_committed` reader sees now, partition by partition in order of offsets.
    ///
    /// Ends where the broker says that each partition ends, which is before the first transaction that is still open.
    pub(crate) async fn read_all(&self, topic: &str) -> Vec<OwnedMessage> {
        let (config, topic) = (self.client(), topic.to_owned());
        tokio::task::spawn_blocking(move || {
            let mut reader = Reader::new(config, &topic);
            reader.read(DEADLINE, Reader::is_at_end);
            reader.in_order()
        })
        .await
        .expect("the topic can be read")
    }

    /// The messages that a `read_committed` reader of `topic` has seen when `enough` is true of them. Panics with their
    /// number when that takes longer than `within`.
    pub(crate) async fn read_until<F>(&self, topic: &str, within: Duration, mut enough: F) -> Vec<OwnedMessage>
    where
        F: FnMut(&[OwnedMessage]) -> bool + Send + 'static,
    {
        let (config, topic) = (self.client(), topic.to_owned());
        tokio::task::spawn_blocking(move || {
            let mut reader = Reader::new(config, &topic);
            reader.read(within, |reader| enough(&reader.messages));
            reader.in_order()
        })
        .await
        .expect("enough messages arrive in time")
    }
}

struct Reader {
    consumer: BaseConsumer,
    topic: String,
    messages: Vec<OwnedMessage>,
    /// Partitions whose end has not been reached.
    open: BTreeSet<i32>,
}

impl Reader {
    fn new(mut config: ClientConfig, topic: &str) -> Self {
        let consumer: BaseConsumer = config
            .set("group.id", "test-reader")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            // At the end of a partition the broker answers after this long.
            .set("fetch.wait.max.ms", "20")
            .create()
            .expect("a valid configuration");
        let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).expect("the broker answers");
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let open: BTreeSet<i32> = partitions.map(MetadataPartition::id).collect();
        assert!(!open.is_empty(), "there is no topic {topic}");
        let mut all = TopicPartitionList::new();
        for &partition in &open {
            all.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition of this topic");
        }
        consumer.assign(&all).expect("partitions that exist");
        Self { consumer, topic: topic.to_owned(), messages: Vec::new(), open }
    }

    fn is_at_end(&self) -> bool {
        self.open.is_empty()
    }

    fn read(&mut self, within: Duration, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + within;
        let mut said = None;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let found = self.messages.len();
            assert!(!left.is_zero(), "{found} messages of {} in {within:?}, not enough: {said:?}", self.topic);
            match self.consumer.poll(left) {
                Some(Ok(message)) => self.messages.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.open.remove(&partition);
                }
                None => {}
                // While a broker is away, or knows little yet, librdkafka says so and goes on trying.
                Some(Err(error @ KafkaError::MessageConsumption(_))) => said = Some(error),
                Some(Err(error)) => panic!("reading {}: {error}", self.topic),
            }
        }
    }

    fn in_order(self) -> Vec<OwnedMessage> {
        use rdkafka::Message;
        let mut messages = self.messages;
        messages.sort_by_key(|message| (message.partition(), message.offset()));
        messages
    }
}

#[derive(Debug, Default)]
struct Delivered {
    n_written: AtomicUsize,
}

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        if result.is_ok() {
            self.n_written.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn produce(mut config: ClientConfig, topic: &str, records: &[Input]) {
    let producer: BaseProducer<Delivered> = config
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        // A request to a broker that is frozen is given up after 60 s by default; its successor leads after two.
        .set("socket.timeout.ms", "10000")
        .create_with_context(Delivered::default())
        .expect("a valid configuration");
    for record in records {
        let mut next = BaseRecord::to(topic).partition(record.partition);
        if let Some(key) = &record.key {
            next = next.key(key.as_slice());
        }
        if let Some(value) = &record.value {
            next = next.payload(value.as_slice());
        }
        if !record.headers.is_empty() {
            let headers = record.headers.iter().map(|(key, value)| Header { key, value: Some(value) });
            next = next.headers(headers.fold(OwnedHeaders::new(), OwnedHeaders::insert));
        }
        // The queue holds a part of a large set: it is filled again as the broker takes from it.
        while let Err((error, refused)) = producer.send(next) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "writing to {topic}: {error}");
            next = refused;
            producer.poll(Duration::from_millis(100));
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(DEADLINE).expect("the broker takes the records");
    assert_eq!(producer.context().n_written.load(Ordering::Relaxed), records.len(), "records written to {topic}");
}

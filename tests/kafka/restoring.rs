//! Restores: what is read back, where reading goes on, and what is waited for.

use std::sync::Arc;
use std::time::Duration;

use pinrelay::domain::{
    ChangelogEntry, ChangelogOffset, Fate, NextOffset, OwnEntries, ReadFrom, TransactionPart, UnixMillis,
};
use pinrelay::kafka::changelog;
use pinrelay::kafka::consumer::Leaving;
use pinrelay::kafka::metadata::{CommitMetadata, Parsed};
use pinrelay::kafka::restore::{Began, Halt, Replayed, RestoreError, RestoredPartition, Restorer};
use pinrelay::kafka::settings::{KafkaSettings, Start};
use pinrelay::kafka::transactions::TransactionEvent;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::rig::{
    Member, PATIENCE, PROCESS, Writer, create_topics, outcome, part, partition, records, settings, transaction,
};
use crate::support::Broker;

/// What a replay was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    begun: Vec<(NextOffset, ChangelogOffset)>,
    entries: Vec<(ChangelogOffset, ChangelogEntry)>,
    appended: Vec<UnixMillis>,
}

async fn restore(settings: &KafkaSettings, member: &Member) -> (Result<RestoredPartition, RestoreError>, Told) {
    restore_of(settings, member, 0).await
}

/// The feed had one partition when the process started.
async fn restore_of(
    settings: &KafkaSettings,
    member: &Member,
    number: i32,
) -> (Result<RestoredPartition, RestoreError>, Told) {
    restore_while(settings, member, number, || {}).await
}

/// `reading` happens each time before a changelog is read.
async fn restore_while(
    settings: &KafkaSettings,
    member: &Member,
    number: i32,
    mut reading: impl FnMut() + Send + 'static,
) -> (Result<RestoredPartition, RestoreError>, Told) {
    let settings = Arc::new(settings.clone());
    let (remote, assignment) = (member.remote(), member.given[&partition(number)]);
    tokio::task::spawn_blocking(move || {
        let source = Restorer::new(settings, PROCESS, vec![1]).unwrap();
        let mut told = Told::default();
        let restored = source.restore(
            partition(number),
            || true,
            |at, metadata| remote.commit_start(partition(number), assignment, at, metadata),
            |step| match step {
                Replayed::Begin { next_offset, end } => told.begun.push((next_offset, end)),
                Replayed::Reading { from, to } => {
                    assert!(from <= to);
                    reading();
                }
                Replayed::Lost { until } => panic!("nothing was deleted, not even before {until}"),
                Replayed::Entries { position, appended, entries } => {
                    told.appended.push(appended);
                    told.entries.extend(entries.iter().map(|entry| (position, *entry)));
                }
            },
        );
        (restored, told)
    })
    .await
    .unwrap()
}

/// Five records of which three are settled, by a member that goes on holding the partition.
async fn committed(broker: &Broker, settings: &KafkaSettings) -> (Member, Writer) {
    create_topics(broker, settings, 1).await;
    broker.produce(&settings.feeds[0].input, records(0, 5)).await;
    let mut member = Member::join(settings);
    member.start(1).await;
    let mut writer = Writer::open(settings, member.remote()).await;
    let event = writer.commit(transaction(1, vec![part(0, 3)])).await;
    assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");
    (member, writer)
}

fn open_transaction(broker: &Broker, id: &str, topic: &str, payload: &[u8]) -> BaseProducer {
    let producer: BaseProducer = broker.client().set("transactional.id", id).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), [u8]>::to(topic).partition(0).payload(payload)).unwrap();
    producer.flush(PATIENCE).unwrap();
    producer
}

#[tokio::test]
async fn a_restore_reads_back_what_was_committed_and_ends_behind_aborted_entries() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "reads-back");
    let (member, writer) = committed(broker, &settings).await;
    let topic = settings.changelog_topic(&settings.feeds[0]);
    let aborted = open_transaction(broker, "reads-back-aborted", &topic, b"not an entry");
    aborted.abort_transaction(PATIENCE).unwrap();

    let (restored, told) = restore(&settings, &member).await;
    assert_eq!(restored, Ok(RestoredPartition { next_offset: NextOffset(3), began: Began::Before }));
    assert_eq!(told.begun, [(NextOffset(3), ChangelogOffset(1))]);
    assert_eq!(told.entries, [0, 1, 2].map(|offset| (ChangelogOffset(0), outcome(offset))));
    assert!(told.appended.iter().all(|appended| 0 < appended.0));
    writer.close().await;
    member.close(Leaving::Leave).await;
}

/// An entry that belongs to another topic of the same name.
fn append_foreign(broker: &Broker, settings: &KafkaSettings) {
    let topic = settings.changelog_topic(&settings.feeds[0]);
    let packed = changelog::encode(&[outcome(3)], 1_000).remove(0);
    let producer: BaseProducer = broker.client().create().unwrap();
    let header = Header { key: changelog::TOPIC_ID, value: Some("another") };
    let record = BaseRecord::<(), [u8]>::to(&topic).partition(0).payload(&packed);
    producer.send(record.headers(OwnedHeaders::new().insert(header))).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// What stands beside the committed offset of the first partition.
async fn commit_metadata(broker: &Broker, settings: &KafkaSettings) -> CommitMetadata {
    let topic = settings.feeds[0].input.clone();
    let consumer: BaseConsumer = broker.client().set("group.id", &settings.group_id).create().unwrap();
    tokio::task::spawn_blocking(move || {
        let mut list = TopicPartitionList::new();
        list.add_partition(&topic, 0);
        let found = consumer.committed_offsets(list, PATIENCE).unwrap();
        match CommitMetadata::parse(found.find_partition(&topic, 0).unwrap().metadata()) {
            Parsed::Ours(metadata) => metadata,
            Parsed::Foreign | Parsed::Newer { .. } => panic!("not ours"),
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_restore_that_would_halt_begins_again_if_the_offset_has_moved_meanwhile() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "moved-meanwhile");
    let (member, writer) = committed(broker, &settings).await;
    append_foreign(broker, &settings);
    // As if another owner had cleared it up while this one slept: nothing before the end is needed any more.
    let after =
        CommitMetadata { ledger_from: None, end: ChangelogOffset(3), ..commit_metadata(broker, &settings).await };
    let (remote, assignment) = (member.remote(), member.given[&partition(0)]);
    let moves = move || remote.commit_start(partition(0), assignment, NextOffset(4), after.to_text()).unwrap();

    let (restored, told) = restore_while(&settings, &member, 0, moves).await;
    assert_eq!(restored.map(|restored| restored.next_offset), Ok(NextOffset(4)));
    assert_eq!(told.begun, [(NextOffset(3), ChangelogOffset(1)), (NextOffset(4), ChangelogOffset(3))]);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_changelog_that_belongs_to_an_earlier_topic_of_the_same_name_halts_a_restore() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "created-again");
    let (member, writer) = committed(broker, &settings).await;
    append_foreign(broker, &settings);

    let (restored, _) = restore(&settings, &member).await;
    let halt = restored.expect_err("a halt").to_string();
    assert!(halt.contains("instead of another"), "{halt}");
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_restore_waits_for_a_transaction_that_is_open_in_the_changelog() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "waits-for-open");
    let (member, writer) = committed(broker, &settings).await;
    let topic = settings.changelog_topic(&settings.feeds[0]);
    let packed = changelog::encode(&[outcome(3)], 1_000).remove(0);
    let open = open_transaction(broker, "waits-for-open-other", &topic, &packed);

    let mut restored = Box::pin(restore(&settings, &member));
    // The reader sees what is committed before, and must not take that for the end.
    let read = broker.read_until(&topic, PATIENCE, |messages| messages.len() == 1);
    tokio::select! {
        early = &mut restored => panic!("the restore ended before the transaction: {early:?}"),
        _ = read => {}
    }
    open.commit_transaction(PATIENCE).unwrap();
    let (restored, told) = restored.await;
    assert_eq!(restored.map(|restored| restored.next_offset), Ok(NextOffset(3)));
    let offsets: Vec<i64> = told.entries.iter().map(|(_, entry)| entry.offset().0).collect();
    assert_eq!(offsets, [0, 1, 2, 3]);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

/// Deletes the first record of a topic, and says how long the others are kept.
async fn forget_the_first(broker: &Broker, topic: &str, retention_ms: &str) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(1)).unwrap();
    admin.delete_records(&offsets, &AdminOptions::new()).await.unwrap();
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", retention_ms);
    for altered in admin.alter_configs([&config], &AdminOptions::new()).await.unwrap() {
        altered.unwrap();
    }
    // The controller has the setting; the broker tells of it a moment later.
    let tells = async {
        let topic = ResourceSpecifier::Topic(topic);
        loop {
            let mut told = admin.describe_configs([&topic], &AdminOptions::new()).await.unwrap();
            let config = told.remove(0).unwrap();
            if config.get("retention.ms").unwrap().value.as_deref() == Some(retention_ms) {
                return;
            }
        }
    };
    timeout(PATIENCE, tells).await.expect("the setting is told");
}

/// A changelog of which the window needs a part that is gone, with this retention; the settings ask for 72 hours.
async fn restored_without_window(name: &str, retention: Duration) -> Result<RestoredPartition, RestoreError> {
    let broker = Broker::shared().await;
    let settings = settings(broker, name);
    let retention_ms = retention.as_millis().to_string();
    let topic = settings.changelog_topic(&settings.feeds[0]);
    broker.create_topic(&topic, 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let (member, mut writer) = committed(broker, &settings).await;
    let live = ReadFrom { earlier: Some(ChangelogOffset(0)), own_entries: OwnEntries::NotNeeded };
    let nothing = ReadFrom { earlier: None, own_entries: OwnEntries::NotNeeded };
    let second = TransactionPart {
        rows: Vec::new(),
        entries: Vec::new(),
        ledger_from: nothing,
        window_from: live,
        end_before: ChangelogOffset(1),
        ..part(0, 3)
    };
    writer.commit(transaction(2, vec![second])).await;
    forget_the_first(broker, &topic, &retention_ms).await;
    let (restored, _) = restore(&settings, &member).await;
    writer.close().await;
    member.close(Leaving::Leave).await;
    restored
}

#[tokio::test]
async fn keys_that_are_gone_halt_a_restore_only_if_the_topic_is_kept_for_less_than_the_window() {
    let short = Duration::from_hours(1);
    let halt = restored_without_window("window-gone", short).await.expect_err("a halt");
    let expected =
        Halt::WindowDeleted { window_from: ChangelogOffset(0), log_start: ChangelogOffset(1), retention: short };
    assert_eq!(halt, RestoreError::Halt(expected));
    let restored = restored_without_window("window-expired", Duration::from_hours(72)).await;
    assert_eq!(restored.map(|restored| restored.next_offset), Ok(NextOffset(3)));
}

async fn add_partitions(broker: &Broker, topic: &str, count: usize) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    for added in admin.create_partitions([&NewPartitions::new(topic, count)], &AdminOptions::new()).await.unwrap() {
        added.unwrap();
    }
    broker.knows(topic, count).await;
}

#[tokio::test]
async fn a_partition_that_is_added_is_read_from_its_beginning_once_the_changelog_has_it() {
    let broker = Broker::shared().await;
    let mut settings = settings(broker, "grows");
    settings.feeds[0].start = Start::Latest;
    // Five minutes otherwise, until a member hears of a new partition.
    settings.properties.insert("topic.metadata.refresh.interval.ms".to_owned(), "500".to_owned());
    create_topics(broker, &settings, 1).await;
    let mut member = Member::join(&settings);
    member.start(1).await;
    let topic = settings.feeds[0].input.clone();
    add_partitions(broker, &topic, 2).await;
    assert_eq!(member.assigned().await.0, partition(1));
    broker.produce(&topic, records(1, 5)).await;

    let (restored, _) = restore_of(&settings, &member, 1).await;
    assert_eq!(restored, Err(RestoreError::Halt(Halt::ChangelogMissing)));
    add_partitions(broker, &settings.changelog_topic(&settings.feeds[0]), 2).await;
    let (restored, _) = restore_of(&settings, &member, 1).await;
    assert_eq!(restored, Ok(RestoredPartition { next_offset: NextOffset(0), began: Began::Now }));
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_first_start_is_resolved_to_a_number_and_committed() {
    let broker = Broker::shared().await;
    for (name, start, expected) in [
        ("start-earliest", Start::Earliest, 0),
        ("start-latest", Start::Latest, 5),
        ("start-time-before", Start::Time(UnixMillis(1)), 0),
        ("start-time-after", Start::Time(UnixMillis(i64::MAX / 1000)), 5),
    ] {
        let mut settings = settings(broker, name);
        settings.feeds[0].start = start;
        create_topics(broker, &settings, 1).await;
        broker.produce(name, records(0, 5)).await;
        let mut member = Member::join(&settings);
        member.assigned().await;
        let (restored, told) = restore(&settings, &member).await;
        let next_offset = NextOffset(expected);
        assert_eq!(restored, Ok(RestoredPartition { next_offset, began: Began::Now }), "{name}");
        assert_eq!(told.begun, [(next_offset, ChangelogOffset(0))]);
        broker.produce(name, records(0, 5)).await;
        let (restored, _) = restore(&settings, &member).await;
        assert_eq!(restored, Ok(RestoredPartition { next_offset, began: Began::Before }), "{name}, again");
        member.close(Leaving::Leave).await;
    }
}

//! Transactions: what becomes visible together, what does not, and what is said about it.

use pinrelay::domain::{ChangelogOffset, Epoch, Fate, NextOffset, TransactionId, Written};
use pinrelay::kafka::audit;
use pinrelay::kafka::changelog;
use pinrelay::kafka::consumer::Leaving;
use pinrelay::kafka::metadata::{CommitMetadata, Parsed, Stamp};
use pinrelay::kafka::resolve::{self, Found};
use pinrelay::kafka::settings::KafkaSettings;
use pinrelay::kafka::transactions::{TransactionEvent, TransactionFailure};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use crate::rig::{
    Member, PATIENCE, PROCESS, Writer, create_topics, outcome, part, partition, row, settings, transaction,
};
use crate::support::Broker;

async fn rig(broker: &Broker, settings: &KafkaSettings) -> (Member, Writer) {
    create_topics(broker, settings, 2).await;
    let mut member = Member::join(settings);
    member.start(2).await;
    let writer = Writer::open(settings, member.remote()).await;
    (member, writer)
}

/// Stable offset and metadata of partition `number`.
async fn committed(broker: &Broker, settings: &KafkaSettings, number: i32) -> Option<(NextOffset, Parsed)> {
    let mut config = broker.client();
    config.set("group.id", &settings.group_id).set("isolation.level", "read_committed");
    let topic = settings.feeds[0].input.clone();
    tokio::task::spawn_blocking(move || {
        let reader: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&topic, number);
        let list = reader.committed_offsets(list, PATIENCE).unwrap();
        let element = list.find_partition(&topic, number).unwrap();
        if let Offset::Offset(offset) = element.offset() {
            Some((NextOffset(offset), CommitMetadata::parse(element.metadata())))
        } else {
            assert_eq!(element.offset(), Offset::Invalid);
            None
        }
    })
    .await
    .unwrap()
}

fn of_partition(messages: &[OwnedMessage], number: i32) -> Vec<&OwnedMessage> {
    messages.iter().filter(|message| message.partition() == number).collect()
}

#[tokio::test]
async fn rows_entries_and_offsets_become_visible_together_and_written_names_their_positions() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "together");
    let (member, mut writer) = rig(broker, &settings).await;
    let changelog = settings.changelog_topic(&settings.feeds[0]);

    for id in [1, 2] {
        let mut second = part(1, 2);
        second.entries.clear();
        second.end_before = ChangelogOffset(0);
        let event = writer.commit(transaction(id, vec![part(0, 3), second])).await;
        let TransactionEvent::Ended { transaction, fate: Fate::Committed(written) } = event else {
            panic!("{event:?}")
        };
        assert_eq!(transaction, TransactionId(id));

        let messages = broker.read_all(&changelog).await;
        let last = *of_partition(&messages, 0).last().expect("entries of partition 0 lie in partition 0");
        let (first, end) = (ChangelogOffset(last.offset()), ChangelogOffset(last.offset() + 1));
        assert_eq!(written, [Written { partition: partition(0), first, end }], "parts without entries have no place");
        assert_eq!(changelog::decode(last.payload().unwrap()).unwrap(), [outcome(0), outcome(1), outcome(2)]);
        assert_eq!(of_partition(&messages, 1).len(), 0);

        let (next_offset, metadata) = committed(broker, &settings, 0).await.unwrap();
        let Parsed::Ours(metadata) = metadata else { panic!("the metadata is ours") };
        assert_eq!(next_offset, NextOffset(3));
        let stamp = Stamp { process: PROCESS, transaction: TransactionId(id) };
        assert_eq!((metadata.ledger_from, metadata.window_from), (Some(first), None));
        assert_eq!((metadata.end, metadata.stamp), (end, stamp));
        let (next_offset, metadata) = committed(broker, &settings, 1).await.unwrap();
        let Parsed::Ours(metadata) = metadata else { panic!("the metadata is ours") };
        assert_eq!((next_offset, metadata.end, metadata.stamp), (NextOffset(2), ChangelogOffset(0), stamp));
    }
    let rows = broker.read_all(&settings.audit_topic).await;
    assert_eq!(rows.len(), 10);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_transaction_with_a_part_of_another_epoch_leaves_nothing_and_gives_its_rows_back() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "other-epoch");
    let (member, mut writer) = rig(broker, &settings).await;
    let mut stale = part(1, 2);
    stale.epoch = Epoch(99);
    let refused = transaction(1, vec![part(0, 3), stale]);
    let event = writer.commit(refused.clone()).await;
    let TransactionEvent::Ended { transaction: id, fate: Fate::Aborted(back) } = event else { panic!("{event:?}") };
    assert_eq!((id, &back), (TransactionId(1), &refused));
    assert_eq!(committed(broker, &settings, 0).await, None);

    // The next one begins with a clean slate.
    let event = writer.commit(transaction(2, vec![part(0, 1)])).await;
    assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");
    assert_eq!(broker.read_all(&settings.audit_topic).await.len(), 1);
    assert_eq!(broker.read_all(&settings.changelog_topic(&settings.feeds[0])).await.len(), 1);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn nothing_is_committed_once_the_consumer_is_closed() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "consumer-closed");
    let (member, mut writer) = rig(broker, &settings).await;
    member.close(Leaving::Leave).await;
    let event = writer.commit(transaction(1, vec![part(0, 3)])).await;
    assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Aborted(_), .. }), "{event:?}");
    assert_eq!(broker.read_all(&settings.audit_topic).await.len(), 0);
    assert_eq!(committed(broker, &settings, 0).await, None);
    writer.close().await;
}

/// What a second process with the same identity does first.
async fn take_over(broker: &Broker, settings: &KafkaSettings) {
    let mut config = broker.client();
    config.set("transactional.id", &settings.identity);
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_producer_that_is_fenced_is_replaced_once_and_then_names_the_identity() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "fenced");
    let (member, mut writer) = rig(broker, &settings).await;

    take_over(broker, &settings).await;
    let refused = transaction(1, vec![part(0, 3)]);
    let event = writer.commit(refused.clone()).await;
    let TransactionEvent::Ended { fate: Fate::Aborted(back), .. } = event else { panic!("{event:?}") };
    assert_eq!(back, refused);
    let event = writer.commit(transaction(2, vec![part(0, 3)])).await;
    assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");

    take_over(broker, &settings).await;
    let event = writer.commit(transaction(3, vec![part(0, 3)])).await;
    let TransactionEvent::Failed(failure) = event else { panic!("{event:?}") };
    assert_eq!(failure, TransactionFailure::Fenced { identity: "fenced-a".to_owned() });
    assert_eq!(broker.read_all(&settings.audit_topic).await.len(), 3);
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_row_with_the_longest_texts_that_a_record_can_have_is_shortened_and_written() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "long-texts");
    let (member, mut writer) = rig(broker, &settings).await;
    let mut long = part(0, 2);
    long.rows[1] = row(1, &"x".repeat(2_000_000));
    let event = writer.commit(transaction(1, vec![long])).await;
    assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");
    let rows = broker.read_all(&settings.audit_topic).await;
    let shortened = |message: &OwnedMessage| {
        let mut headers = message.headers().into_iter().flat_map(Headers::iter);
        let header = headers.find(|header| header.key == "pinrelay-shortened")?;
        let row = audit::read(message.payload().unwrap()).unwrap();
        Some((header.value.unwrap().to_vec(), row.event_id.unwrap().len()))
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.iter().filter_map(shortened).collect::<Vec<_>>(), [(b"event_id".to_vec(), 1024)]);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_topic_that_takes_smaller_records_than_it_did_at_the_start_halts_and_loses_nothing() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "smaller-records");
    let (member, mut writer) = rig(broker, &settings).await;
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let audit = ResourceSpecifier::Topic(&settings.audit_topic);
    let config = AlterConfig::new(audit).set("max.message.bytes", "100").set("cleanup.policy", "delete");
    for altered in admin.alter_configs([&config], &AdminOptions::new()).await.unwrap() {
        altered.unwrap();
    }
    let started = Instant::now();
    // The controller has the setting; the broker takes it up a moment later.
    let mut taken = 0;
    let (refused, why) = loop {
        let next = transaction(u64::try_from(taken).unwrap() + 1, vec![part(0, 2)]);
        let event = writer.commit(next.clone()).await;
        if let TransactionEvent::Failed(TransactionFailure::Refused(why)) = event {
            break (next, why);
        }
        assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");
        taken += 1;
        assert!(started.elapsed() < PATIENCE, "{taken} transactions are taken");
    };
    assert_eq!(why, "a record is too large for its topic");
    let event = writer.next().await;
    let TransactionEvent::Ended { fate: Fate::Aborted(back), .. } = event else { panic!("{event:?}") };
    assert_eq!(back, refused);
    assert_eq!(broker.read_all(&settings.audit_topic).await.len(), 2 * taken);
    writer.close().await;
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn the_end_of_a_transaction_is_told_by_its_stamp_at_a_partition_that_is_held_before_and_after() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "stamped");
    let (member, mut writer) = rig(broker, &settings).await;
    let parts = vec![part(0, 3), part(1, 2)];
    for transaction in [transaction(1, parts.clone()), transaction(2, vec![part(0, 4)])] {
        let event = writer.commit(transaction).await;
        assert!(matches!(&event, TransactionEvent::Ended { fate: Fate::Committed(_), .. }), "{event:?}");
    }
    let (zero, one) = (partition(0), partition(1));
    // What is held at each question, and what is found of transactions 1 and 2.
    for (id, held, found) in [
        (2, vec![vec![zero, one]; 2], Found::Committed),
        (3, vec![vec![zero, one]; 2], Found::NotCommitted),
        (1, vec![vec![one]; 2], Found::Committed),
        // Another owner has written its stamp over ours while we looked: the next partition tells.
        (1, vec![vec![zero, one], vec![one], vec![one], vec![one]], Found::Committed),
        (1, vec![vec![]], Found::NotCommitted),
    ] {
        let (settings, parts) = (settings.clone(), parts.clone());
        let stamp = Stamp { process: PROCESS, transaction: TransactionId(id) };
        let told = tokio::task::spawn_blocking(move || {
            let mut held = held.into_iter();
            let told = resolve::resolve(&settings, &parts, stamp, |_| held.next()).unwrap();
            (told, held.len())
        });
        assert_eq!(told.await.unwrap(), (found, 0), "transaction {id}");
    }
    writer.close().await;
    member.close(Leaving::Leave).await;
}

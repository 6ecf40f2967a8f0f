//! The consumer thread and the group: what is read, by whom, from where, and how partitions change hands.

use std::collections::BTreeMap;
use std::time::Duration;

use pinrelay::domain::{NextOffset, PartitionId};
use pinrelay::kafka::consumer::Leaving;
use pinrelay::kafka::message::ConsumerEvent;
use pinrelay::kafka::settings::{BacklogLimits, KafkaSettings};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::time::{sleep, timeout};

use crate::rig::{Member, PATIENCE, ask, create_topics, epoch_of, partition, records, settings};
use crate::support::Broker;

fn second(settings: &KafkaSettings) -> KafkaSettings {
    named(settings, "b")
}

fn named(settings: &KafkaSettings, name: &str) -> KafkaSettings {
    KafkaSettings { identity: format!("{}-{name}", settings.group_id), ..settings.clone() }
}

/// The group's state, and how many members it has.
async fn group(broker: &Broker, settings: &KafkaSettings) -> (String, usize) {
    let (client, name) = (broker.client(), settings.group_id.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = client.create().unwrap();
        let list = client.fetch_group_list(Some(&name), PATIENCE).unwrap();
        let group = &list.groups()[0];
        (group.state().to_owned(), group.members().len())
    });
    asked.await.unwrap()
}

/// A second member takes one of the first one's two partitions; the one that stays.
async fn hand_one_over(first: &mut Member, settings: &KafkaSettings) -> (Member, PartitionId) {
    let held = first.start(2).await;
    let mut other = Member::join(&second(settings));
    let moving = first.revoked().await;
    for p in &moving {
        first.release(*p);
    }
    other.start(1).await;
    (other, *held.iter().find(|p| !moving.contains(p)).unwrap())
}

#[tokio::test]
async fn the_first_record_is_exactly_the_one_that_reading_was_started_at() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "first-record");
    create_topics(broker, &settings, 1).await;
    broker.produce("first-record", records(0, 10)).await;

    let mut member = Member::join(&settings);
    let (p, assignment) = member.assigned().await;
    member.remote().start(p, assignment, epoch_of(p), NextOffset(4));
    let mut offsets = Vec::new();
    while offsets.len() < 6 {
        let ConsumerEvent::Messages(batch) = member.next().await else { panic!("messages were due") };
        assert_eq!((batch.partition, batch.epoch), (p, epoch_of(p)));
        offsets.extend(batch.messages.iter().map(|message| message.offset.0));
    }
    assert_eq!(offsets, [4, 5, 6, 7, 8, 9]);
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn markers_at_the_end_of_the_log_are_reported_as_passed() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "trailing-markers");
    create_topics(broker, &settings, 1).await;
    let producer: BaseProducer = broker.client().set("transactional.id", "trailing-markers-input").create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    for _ in 0..2 {
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<(), str>::to("trailing-markers").payload("record")).unwrap();
        producer.commit_transaction(PATIENCE).unwrap();
    }

    let mut member = Member::join(&settings);
    member.start(1).await;
    let mut seen = Vec::new();
    let position = loop {
        let event = member.next().await;
        if let ConsumerEvent::Messages(batch) = &event {
            seen.extend(batch.messages.iter().map(|message| message.offset.0));
        } else if let ConsumerEvent::Reached { position, .. } = event {
            break position;
        }
    };
    // Records at 0 and 2, markers at 1 and 3.
    assert_eq!((seen, position), (vec![0, 2], NextOffset(4)));
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_revocation_waits_until_the_partitions_are_released_and_serves_metadata_meanwhile() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "revocation-waits");
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    first.start(2).await;

    let mut other = Member::join(&second(&settings));
    let revoked = first.revoked().await;
    let [moving] = revoked[..] else { panic!("one of two partitions was due, not {revoked:?}") };
    let parts = vec![(moving, epoch_of(moving))];
    let metadata = ask(&first.remote(), move |remote| remote.group_metadata(parts).map(drop)).await;
    assert_eq!(metadata, Ok(()), "a last transaction may commit for what is about to go");
    assert!(other.events.try_recv().is_err(), "the partition has not changed hands yet");

    first.release(moving);
    assert_eq!(other.assigned().await.0, moving);
    let parts = vec![(moving, epoch_of(moving))];
    let metadata = ask(&first.remote(), move |remote| remote.group_metadata(parts).map(drop)).await;
    assert!(metadata.is_err(), "what has gone is not committed for");
    first.close(Leaving::Leave).await;
    other.close(Leaving::Leave).await;
}

#[tokio::test]
async fn while_a_partition_is_not_released_the_others_are_read_and_a_restored_one_begins() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "others-are-read");
    create_topics(broker, &settings, 4).await;
    let mut first = Member::join(&settings);
    let (restoring, assignment) = first.assigned().await;
    first.start(3).await;

    let mut other = Member::join(&second(&settings));
    let moving = first.revoked().await;
    let held: Vec<PartitionId> = (0..4).map(partition).filter(|p| !moving.contains(p)).collect();
    for p in held.iter().chain(&moving) {
        broker.produce("others-are-read", records(p.number, 10)).await;
    }
    first.remote().start(restoring, assignment, epoch_of(restoring), NextOffset(0));
    let mut read: BTreeMap<PartitionId, usize> = BTreeMap::new();
    while held.iter().any(|p| read.get(p) != Some(&10)) {
        let event = first.next().await;
        assert!(!matches!(event, ConsumerEvent::Lost(_)), "the wait for the release is over: {event:?}");
        if let ConsumerEvent::Messages(batch) = event {
            *read.entry(batch.partition).or_default() += batch.messages.len();
        }
    }
    let leaving: Vec<_> = moving.iter().filter(|p| **p != restoring && read.contains_key(p)).collect();
    assert!(leaving.is_empty(), "what leaves is read no more: {leaving:?}");
    assert!(other.events.try_recv().is_err(), "the partitions have not changed hands yet");
    first.close(Leaving::Leave).await;
    other.close(Leaving::Leave).await;
}

#[tokio::test]
async fn two_members_share_the_partitions_and_each_record_is_read_by_one_of_them() {
    const PARTITIONS: i32 = 4;
    let broker = Broker::shared().await;
    let settings = settings(broker, "two-members");
    create_topics(broker, &settings, PARTITIONS).await;
    let mut first = Member::join(&settings);
    first.start(4).await;
    let mut other = Member::join(&second(&settings));
    let moving = first.revoked().await;
    for p in &moving {
        first.release(*p);
    }
    let taken = other.start(2).await;
    assert_eq!(taken, moving);

    for number in 0..PARTITIONS {
        broker.produce("two-members", records(number, 50)).await;
    }
    let mut readers: BTreeMap<(i32, i64), Vec<&str>> = BTreeMap::new();
    while readers.len() < 200 {
        let (name, event) = tokio::select! {
            event = first.next() => ("first", event),
            event = other.next() => ("other", event),
        };
        if let ConsumerEvent::Messages(batch) = event {
            for message in &batch.messages {
                readers.entry((batch.partition.number, message.offset.0)).or_default().push(name);
            }
        }
    }
    for ((number, offset), readers) in &readers {
        let owner = if taken.contains(&partition(*number)) { "other" } else { "first" };
        assert_eq!(*readers, [owner], "{number}@{offset}");
    }
    first.close(Leaving::Leave).await;
    other.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_static_member_that_leaves_hands_its_partitions_over_at_once() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "leaves");
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    let (mut other, staying) = hand_one_over(&mut first, &settings).await;
    first.close(Leaving::Leave).await;
    assert_eq!(other.assigned().await.0, staying);
    other.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_member_that_leaves_while_the_group_rebalances_is_no_member_once_it_has_closed() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "leaves-meanwhile");
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    first.start(2).await;
    let other = Member::join(&second(&settings));
    let moving = first.revoked().await;
    let third = Member::join(&named(&settings, "c"));
    // Until the first one lets go of what is revoked.
    let rebalancing = async { while group(broker, &settings).await.0 != "PreparingRebalance" {} };
    timeout(PATIENCE, rebalancing).await.expect("a rebalance begins");
    // The other one hears of it with a heartbeat, in a second. Before that nothing keeps it from leaving.
    sleep(Duration::from_secs(2)).await;
    let mut closing = tokio::spawn(other.close(Leaving::Leave));
    if timeout(Duration::from_secs(1), &mut closing).await.is_err() {
        for p in &moving {
            first.release(*p);
        }
        closing.await.unwrap();
    }
    assert_eq!(group(broker, &settings).await.1, 2);
    third.close(Leaving::Leave).await;
    first.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_restarted_static_member_gets_its_partitions_back_and_the_other_notices_nothing() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "restarted");
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    let (mut other, staying) = hand_one_over(&mut first, &settings).await;
    first.close(Leaving::Stay).await;

    let mut again = Member::join(&settings);
    assert_eq!(again.assigned().await.0, staying);
    assert!(other.events.try_recv().is_err(), "the other was disturbed");
    again.close(Leaving::Leave).await;
    other.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_pause_ends_with_the_assignment_in_which_it_was_made() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "pause-ends");
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    first.start(2).await;
    first.given.iter().for_each(|(p, assignment)| first.remote().pause(*p, *assignment));
    let mut other = Member::join(&second(&settings));
    let moving = first.revoked().await[0];
    first.release(moving);
    other.assigned().await;
    other.close(Leaving::Leave).await;

    broker.produce("pause-ends", records(moving.number, 3)).await;
    let (back, assignment) = first.assigned().await;
    assert_eq!(back, moving);
    first.remote().start(back, assignment, epoch_of(back), NextOffset(0));
    let ConsumerEvent::Messages(batch) = first.next().await else { panic!("messages were due") };
    assert_eq!((batch.partition, batch.messages[0].offset.0), (moving, 0));
    first.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_partition_stops_when_too_much_of_it_is_under_way_and_goes_on_when_it_has_been_taken() {
    const RECORDS: usize = 20_000;
    let broker = Broker::shared().await;
    let mut settings = settings(broker, "backlog");
    settings.backlog = BacklogLimits { messages: 100, bytes: 1 << 20 };
    create_topics(broker, &settings, 1).await;
    broker.produce("backlog", records(0, RECORDS)).await;

    let mut member = Member::join(&settings);
    member.start(1).await;
    let mut under_way = Vec::new();
    let mut offsets = Vec::new();
    while offsets.len() <= 100 {
        let ConsumerEvent::Messages(batch) = member.next().await else { panic!("messages were due") };
        offsets.extend(batch.messages.iter().map(|message| message.offset.0));
        under_way.push(batch.receipt);
    }
    // Each question is answered between two sweeps: without the limit each sweep would bring 1,000 records.
    for _ in 0..50 {
        ask(&member.remote(), |remote| remote.held(Vec::new())).await;
    }
    while let Ok(event) = member.events.try_recv() {
        let ConsumerEvent::Messages(batch) = event else { panic!("messages were due") };
        offsets.extend(batch.messages.iter().map(|message| message.offset.0));
        under_way.push(batch.receipt);
    }
    assert!(offsets.len() < 5_000, "{} records came against the limit", offsets.len());

    under_way.clear();
    while offsets.len() < RECORDS {
        if let ConsumerEvent::Messages(batch) = member.next().await {
            offsets.extend(batch.messages.iter().map(|message| message.offset.0));
        }
    }
    assert!(offsets.iter().copied().eq(0..i64::try_from(RECORDS).unwrap()));
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn an_offset_that_does_not_exist_is_reported_and_nothing_is_read() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "out-of-range");
    create_topics(broker, &settings, 1).await;
    broker.produce("out-of-range", records(0, 3)).await;
    let mut member = Member::join(&settings);
    let (p, assignment) = member.assigned().await;
    member.remote().start(p, assignment, epoch_of(p), NextOffset(1_000));
    let event = timeout(PATIENCE, member.events.recv()).await.expect("an event in time");
    let Some(ConsumerEvent::Failed(failure)) = event else { panic!("a failure was due, not {event:?}") };
    insta::assert_snapshot!(failure, @"a position to read from is outside its partition: records were deleted, or a topic was created again");
    member.close(Leaving::Leave).await;
}

#[tokio::test]
async fn a_member_that_was_not_polled_for_too_long_says_that_it_has_lost_its_membership() {
    let broker = Broker::shared().await;
    let mut settings = settings(broker, "not-polled");
    settings.timeouts.session = Duration::from_secs(10);
    settings.timeouts.max_poll = Duration::from_secs(10);
    create_topics(broker, &settings, 2).await;
    let mut first = Member::join(&settings);
    let held = first.start(2).await;
    let other = Member::join(&second(&settings));
    // The callback waits and nobody answers it: the thread does not poll.
    let moving = first.revoked().await[0];
    let staying = *held.iter().find(|p| **p != moving).unwrap();
    let refusal = loop {
        let parts = vec![(staying, epoch_of(staying))];
        match ask(&first.remote(), move |remote| remote.group_metadata(parts).map(drop)).await {
            Ok(()) => {}
            Err(refusal) => break refusal,
        }
    };
    insta::assert_snapshot!(refusal, @"the group does not know this member any more");
    first.close(Leaving::Stay).await;
    other.close(Leaving::Leave).await;
}

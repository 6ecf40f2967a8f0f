//! That the broker and the ways to use it are as the other tests take for granted.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::{Broker, Input};

const TIMEOUT: Duration = Duration::from_mins(2);

fn values(messages: &[rdkafka::message::OwnedMessage]) -> Vec<&str> {
    messages.iter().map(|message| str::from_utf8(message.payload().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn of_two_transactions_only_the_committed_one_is_read() {
    let broker = Broker::shared().await;
    broker.create_topic("two-transactions", 1, &[]).await;

    let producer: BaseProducer = broker.client().set("transactional.id", "two-transactions").create().unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    for (value, commit) in [("aborted", false), ("committed", true), ("aborted later", false)] {
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<(), str>::to("two-transactions").payload(value)).unwrap();
        if commit {
            producer.commit_transaction(TIMEOUT).unwrap();
        } else {
            producer.flush(TIMEOUT).unwrap();
            producer.abort_transaction(TIMEOUT).unwrap();
        }
    }

    assert_eq!(values(&broker.read_all("two-transactions").await), ["committed"]);
}

#[tokio::test]
async fn a_reader_sees_nothing_of_a_transaction_until_it_is_committed() {
    let broker = Broker::shared().await;
    broker.create_topic("open-transaction", 1, &[]).await;

    let producer: BaseProducer = broker.client().set("transactional.id", "open-transaction").create().unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), str>::to("open-transaction").payload("pending")).unwrap();
    producer.flush(TIMEOUT).unwrap();

    assert_eq!(values(&broker.read_all("open-transaction").await), [""; 0]);
    let read = broker.read_until("open-transaction", TIMEOUT, |messages| !messages.is_empty());
    let (read, ()) = tokio::join!(read, async { producer.commit_transaction(TIMEOUT).unwrap() });
    assert_eq!(values(&read), ["pending"]);
}

#[tokio::test]
async fn every_partition_is_read_to_its_end_in_order() {
    let broker = Broker::shared().await;
    broker.create_topic("three-partitions", 3, &[("cleanup.policy", "compact")]).await;
    // Partition 1 stays empty.
    let input = |number: i32| Input {
        headers: Vec::new(),
        partition: number % 2 * 2,
        key: Some(number.to_be_bytes().into()),
        value: (number != 7).then(|| number.to_string().into_bytes()),
    };
    broker.produce("three-partitions", (0..1000).map(input).collect()).await;

    let read = broker.read_all("three-partitions").await;
    let places: Vec<(i32, i64)> = read.iter().map(|message| (message.partition(), message.offset())).collect();
    let expected: Vec<(i32, i64)> = [0, 2].into_iter().flat_map(|p| (0..500).map(move |offset| (p, offset))).collect();
    assert_eq!(places, expected);
    let tombstones: Vec<_> = read.iter().filter(|message| message.payload().is_none()).map(Message::key).collect();
    assert_eq!(tombstones, [Some(7_i32.to_be_bytes().as_slice())]);
}

#[tokio::test]
async fn a_broker_that_was_away_is_back_at_its_address_with_its_data() {
    let broker = Broker::start().await;
    broker.create_topic("away", 1, &[]).await;
    let input = |value: &str| vec![Input { value: Some(value.into()), ..Input::default() }];
    broker.produce("away", input("before")).await;

    broker.pause().await;
    let written = broker.produce("away", input("while frozen"));
    let ((), ()) = tokio::join!(written, broker.unpause());
    assert_eq!(values(&broker.read_all("away").await), ["before", "while frozen"]);

    broker.kill().await;
    let written = broker.produce("away", input("while dead"));
    let ((), ()) = tokio::join!(written, broker.restart());
    assert_eq!(values(&broker.read_all("away").await), ["before", "while frozen", "while dead"]);
}

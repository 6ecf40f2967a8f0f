//! Restores that do not come forward: the other partitions go on, and in the end it is said aloud.

use pinrelay::commands::demo::scenario::DemoFeed;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::task::spawn_blocking;

use super::account::Account;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

/// One that nobody commits: a restore waits for its end.
struct OpenTransaction(BaseProducer);

impl OpenTransaction {
    async fn in_changelog(shop: &Shop<'_>, feed: DemoFeed, partition: i32) -> Self {
        let (config, topic) = (shop.broker.client(), format!("{}.{}.changelog", shop.name, feed.name()));
        let id = format!("{}.hangs", shop.name);
        spawn_blocking(move || {
            let mut config = config;
            let producer: BaseProducer =
                config.set("transactional.id", id).set("transaction.timeout.ms", "600000").create().unwrap();
            producer.init_transactions(PATIENCE).unwrap();
            producer.begin_transaction().unwrap();
            let record = BaseRecord::<(), [u8]>::to(&topic).partition(partition).payload(b"never read");
            producer.send(record).unwrap();
            producer.flush(PATIENCE).unwrap();
            Self(producer)
        })
        .await
        .unwrap()
    }

    async fn abort(self) {
        spawn_blocking(move || self.0.abort_transaction(PATIENCE).unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_partition_is_restored_the_others_are_read_and_posted() {
    let mut shop = Shop::open(Broker::shared().await, "slow-restore", 91, Terms::default()).await;
    shop.sell(600).await;
    let first = shop.spawn("a");
    shop.settled().await;
    first.leave(PATIENCE).await;
    let open = OpenTransaction::in_changelog(&shop, DemoFeed::Order, 0).await;
    shop.sell(1_200).await;
    let second = shop.spawn("a");
    let held_up = (DemoFeed::Order, 0);
    let mut others = shop.ends().clone();
    let waiting = others.remove(&held_up).expect("it has records");
    shop.reach(&others).await;
    let before = shop.committed().await;
    assert!(before.get(&held_up).is_some_and(|at| *at < waiting), "{before:?}: it has to wait");
    open.abort().await;
    shop.settled().await;
    second.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

/// Of a process that waits for the hanging transaction. The others have all the time that they need to restore.
const IMPATIENT: &str = "session_timeout: 45s, transaction_timeout: 15s, drain_deadline: 30s, termination_grace: 1m, \
                         restore_patience: 1s";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_without_headway_ends_the_process_and_says_what_may_stand_in_its_way() {
    let mut shop = Shop::open(Broker::shared().await, "stuck-restore", 92, Terms::default()).await;
    shop.sell(300).await;
    let first = shop.spawn("a");
    shop.settled().await;
    first.leave(PATIENCE).await;
    let open = OpenTransaction::in_changelog(&shop, DemoFeed::Order, 1).await;
    shop.terms.times = IMPATIENT;
    let mut second = shop.spawn("a");
    assert_eq!(second.ended(PATIENCE).await.code(), Some(75));
    let log = shop.logs().pop().unwrap();
    assert!(log.contains("a restore has made no headway for"), "{log}");
    assert!(log.contains("find-hanging"), "{log}");
    open.abort().await;
    shop.terms.times = Terms::default().times;
    let third = shop.spawn("a");
    shop.sell(300).await;
    shop.settled().await;
    third.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

//! What keeps a process from starting, and what it says.

use std::fs;

use pinrelay::commands::demo::scenario::DemoFeed;

use super::account::Account;
use super::process::{binary, run, text};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_topics_a_process_ends_with_1_and_names_them_and_the_command_that_makes_them() {
    let mut shop = Shop::without_topics(Broker::shared().await, "no-topics", 71, Terms::default()).await;
    shop.create_inputs().await;
    let mut start = binary();
    start.args(["run", "--config"]).arg(shop.config("a"));
    let output = run(start).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let topics = ["order.changelog", "install.changelog", "in_store_purchase.changelog", "delivery-results"];
    for topic in topics {
        assert!(said.contains(&format!("topic no-topics.{topic} does not exist")), "{said}");
    }
    assert!(said.contains("pinrelay topics --config FILE --apply"), "{said}");
    let looked = run(shop.topics_command(&[])).await;
    assert_eq!(looked.status.code(), Some(1), "looking makes nothing");

    let made = run(shop.topics_command(&["--apply"])).await;
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert_eq!(text(&made.stdout).matches("created no-topics.").count(), topics.len(), "{}", text(&made.stdout));
    let again = run(shop.topics_command(&["--apply"])).await;
    assert_eq!((again.status.code(), text(&again.stdout).matches("created").count()), (Some(0), 0));

    let relay = shop.spawn("a");
    shop.sell(300).await;
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_work_ends_with_64_and_every_fault() {
    let shop = Shop::without_topics(Broker::shared().await, "wrong", 72, Terms::default()).await;
    // Two schemas that are none, one that maps a field to nothing that Pinterest has. (A missing file is found before.)
    let [order, install, in_store] = DemoFeed::ALL.map(|feed| shop.folder().join(format!("{}.avsc", feed.name())));
    fs::write(order, "{").unwrap();
    fs::write(install, r#"{"type": "record"}"#).unwrap();
    let wrong = DemoFeed::InStorePurchase.schema().replacen("\"user_data.em\"", "\"user_data.email\"", 1);
    assert_ne!(wrong, DemoFeed::InStorePurchase.schema());
    fs::write(in_store, wrong).unwrap();
    let mut start = binary();
    start.args(["run", "--config"]).arg(shop.config("a"));
    let output = run(start).await;
    assert_eq!(output.status.code(), Some(64));
    let said = text(&output.stderr);
    for fault in ["feed order: ", "feed install: ", "feed in_store_purchase: ", "user_data.email"] {
        assert!(said.contains(fault), "{said}");
    }
}

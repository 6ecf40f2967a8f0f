//! The topics that pinrelay needs: what is created, and what is complained about.

use std::sync::Arc;
use std::time::Duration;

use pinrelay::kafka::settings::KafkaSettings;
use pinrelay::kafka::topics;

use crate::rig::{create_topics, settings};
use crate::support::Broker;

async fn faults(settings: &KafkaSettings) -> Vec<String> {
    let faults = topics::check(Arc::new(settings.clone())).await.expect_err("there are faults");
    faults.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_is_created_passes_the_check() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "created-topics");
    create_topics(broker, &settings, 3).await;
    let found = topics::check(Arc::new(settings.clone())).await.unwrap();
    assert_eq!(found.partitions, [3]);
    assert_eq!(found.topic_ids.len(), 1);
    assert!(!found.topic_ids[0].is_empty());
}

#[tokio::test]
async fn every_fault_of_the_topics_is_reported_together() {
    let broker = Broker::shared().await;
    let settings = settings(broker, "faulty-topics");
    insta::assert_snapshot!(faults(&settings).await.join("\n"), @r"
    topic faulty-topics does not exist
    topic faulty-topics.feed.changelog does not exist
    topic faulty-topics-audit does not exist
    ");
    broker.create_topic("faulty-topics", 3, &[]).await;
    broker.create_topic("faulty-topics.feed.changelog", 2, &[("retention.ms", "1000")]).await;
    let careless = [("cleanup.policy", "compact"), ("unclean.leader.election.enable", "true")];
    broker.create_topic("faulty-topics-audit", 1, &careless).await;
    insta::assert_snapshot!(faults(&settings).await.join("\n"), @r"
    topic faulty-topics.feed.changelog has 2 partitions instead of 3, the number of faulty-topics
    topic faulty-topics.feed.changelog has message.timestamp.type=CreateTime; needed is LogAppendTime
    topic faulty-topics.feed.changelog has retention.ms=1000; needed is 259200000 or more
    topic faulty-topics-audit has cleanup.policy=compact; needed is delete
    topic faulty-topics-audit has unclean.leader.election.enable=true; needed is false
    ");
}

#[tokio::test]
async fn a_cluster_that_is_away_is_named_with_what_stands_in_its_way() {
    let broker = Broker::shared().await;
    // Where nobody listens, now or later.
    let nobody = "127.0.0.1:1";
    let mut settings = settings(broker, "no-topics");
    settings.bootstrap = nobody.to_owned();
    settings.timeouts.request = Duration::from_secs(5);
    let faults = faults(&settings).await;
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    let begin =
        format!("topic no-topics-audit cannot be looked at: {nobody}/bootstrap: Connect to ipv4#{nobody} failed");
    assert!(fault.starts_with(&begin), "{fault}");
}

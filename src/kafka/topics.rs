//! The topics that pinrelay writes, and the ones that it reads: created on request, checked at every start (P5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{self, Logging};
use super::deadline::Deadline;
use super::native;
use super::reach::{self, Noting};
use super::settings::{FeedTopics, KafkaSettings};
use super::topic_needs::{self, Need, min_in_sync};

/// What is known of the input topics when the process starts; both in the order of the feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTopics {
    pub partitions: Vec<i32>,
    pub topic_ids: Vec<String>,
}

/// Something about a topic that must be mended before records can be accounted for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicFault {
    #[error("topic {topic} does not exist")]
    Missing { topic: String },
    #[error("topic {topic} has {found} partitions instead of {expected}, the number of {input}")]
    PartitionCount { topic: String, input: String, expected: i32, found: i32 },
    #[error("topic {topic} has {name}={found}; needed is {needed}")]
    Setting { topic: String, name: &'static str, needed: String, found: String },
    #[error("topic {topic} cannot be looked at: {why}")]
    Unreachable { topic: String, why: String },
}

/// How missing topics are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTopics {
    pub replication: i32,
    pub audit_partitions: i32,
    pub audit_retention: Duration,
}

/// Looks at the input topics, the changelogs and the audit topic.
///
/// # Errors
///
/// Every fault that is found.
pub async fn check(settings: Arc<KafkaSettings>) -> Result<InputTopics, Vec<TopicFault>> {
    let unreachable = |why: String| vec![TopicFault::Unreachable { topic: settings.audit_topic.clone(), why }];
    let admin = admin(&settings).map_err(|error| unreachable(error.to_string()))?;
    let looked_at = Arc::clone(&settings);
    let Looked { topics, copies, mut faults } = tokio::task::spawn_blocking(move || look_at_all(&looked_at))
        .await
        .expect("looking at topics does not panic, and nothing cancels it")
        .map_err(unreachable)?;
    for (topic, copies) in copies {
        let needs = if topic == settings.audit_topic {
            topic_needs::of_audit(&settings, copies)
        } else {
            topic_needs::of_changelog(&settings, copies)
        };
        faults.extend(check_settings(&settings, &admin, &topic, &needs).await);
    }
    if faults.is_empty() { Ok(topics) } else { Err(faults) }
}

/// Creates what is missing of changelogs and audit topic; the names of those created.
///
/// # Errors
///
/// If an input topic is missing, or the cluster refuses a topic.
pub async fn create_missing(settings: Arc<KafkaSettings>, new: NewTopics) -> Result<Vec<String>, TopicFault> {
    let fault = |topic: &str, why: String| TopicFault::Unreachable { topic: topic.to_owned(), why };
    let looked_at = Arc::clone(&settings);
    let inputs: Vec<(FeedTopics, i32)> = tokio::task::spawn_blocking(move || {
        let reader = reach::reader(&looked_at).map_err(|error| fault(&looked_at.audit_topic, error.to_string()))?;
        reach::reach(&looked_at, &reader).map_err(|why| fault(&looked_at.audit_topic, why))?;
        let look = |feed: &FeedTopics| Ok((feed.clone(), shape(&looked_at, &reader, &feed.input)?.partitions));
        looked_at.feeds.iter().map(look).collect::<Result<_, TopicFault>>()
    })
    .await
    .expect("looking at topics does not panic, and nothing cancels it")?;
    let admin = admin(&settings).map_err(|error| fault(&settings.audit_topic, error.to_string()))?;
    let retention_ms = settings.retention.changelog.as_millis().to_string();
    let audit_retention_ms = new.audit_retention.as_millis().to_string();
    let max_bytes = settings.max_message_bytes.max(KAFKAS_MAX_MESSAGE_BYTES).to_string();
    let min_in_sync = min_in_sync(new.replication).to_string();
    let changelogs: Vec<(String, i32)> =
        inputs.iter().map(|(feed, partitions)| (settings.changelog_topic(feed), *partitions)).collect();
    let topics = changelogs
        .iter()
        .map(|(name, partitions)| (name.as_str(), *partitions, retention_ms.as_str()))
        .chain([(settings.audit_topic.as_str(), new.audit_partitions, audit_retention_ms.as_str())]);
    let topics: Vec<NewTopic<'_>> = topics
        .map(|(name, partitions, retention)| {
            NewTopic::new(name, partitions, TopicReplication::Fixed(new.replication))
                .set("cleanup.policy", "delete")
                .set("message.timestamp.type", "LogAppendTime")
                .set("retention.ms", retention)
                .set("max.message.bytes", &max_bytes)
                .set("min.insync.replicas", &min_in_sync)
                .set("unclean.leader.election.enable", "false")
        })
        .collect();
    let results = admin
        .create_topics(&topics, &options(&settings))
        .await
        .map_err(|error| fault(&settings.audit_topic, error.to_string()))?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(topic) => created.push(topic),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicFault::Unreachable { topic, why: code.to_string() }),
        }
    }
    await_metadata(&settings, &created).await?;
    Ok(created)
}

/// How long the records of a topic are kept now; without end where the broker says so.
///
/// # Errors
///
/// If the broker does not say.
pub(super) async fn retention(settings: &KafkaSettings, topic: &str) -> Result<Duration, String> {
    let admin = admin(settings).map_err(|error| error.to_string())?;
    let results = admin
        .describe_configs(&[ResourceSpecifier::Topic(topic)], &options(settings))
        .await
        .map_err(|error| error.to_string())?;
    let resource = results.into_iter().next().ok_or("the broker did not answer for it")?.map_err(|c| c.to_string())?;
    let value = resource.entries.iter().find(|entry| entry.name == "retention.ms").and_then(|e| e.value.as_deref());
    match value {
        Some("-1") => Ok(Duration::MAX),
        Some(ms) => ms.parse().map(Duration::from_millis).map_err(|_| format!("{topic} has retention.ms={ms}")),
        None => Err(format!("{topic} has no retention.ms")),
    }
}

/// Creates the input topics, with one copy of each partition: for demonstrations and tests.
///
/// # Errors
///
/// If the cluster refuses one.
pub async fn create_inputs(settings: &KafkaSettings, partitions: i32) -> Result<(), TopicFault> {
    let refused = |topic: &str, why: String| TopicFault::Unreachable { topic: topic.to_owned(), why };
    let admin = admin(settings).map_err(|error| refused(&settings.audit_topic, error.to_string()))?;
    let topics: Vec<_> =
        settings.feeds.iter().map(|feed| NewTopic::new(&feed.input, partitions, TopicReplication::Fixed(1))).collect();
    let results = admin
        .create_topics(&topics, &options(settings))
        .await
        .map_err(|error| refused(&settings.audit_topic, error.to_string()))?;
    if let Some((topic, code)) = results.into_iter().find_map(Result::err) {
        return Err(refused(&topic, code.to_string()));
    }
    let created: Vec<_> = settings.feeds.iter().map(|feed| feed.input.clone()).collect();
    await_metadata(settings, &created).await
}

/// Between two looks for a topic that was just created.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Returns when the brokers tell of topics that the controller has created: they learn of them a moment later.
async fn await_metadata(settings: &KafkaSettings, created: &[String]) -> Result<(), TopicFault> {
    let deadline = Deadline::after(settings.timeouts.request);
    for topic in created {
        loop {
            let (settings, looked_at) = (settings.clone(), topic.clone());
            let found = tokio::task::spawn_blocking(move || {
                let reader = reach::reader(&settings)
                    .map_err(|error| TopicFault::Unreachable { topic: looked_at.clone(), why: error.to_string() })?;
                shape(&settings, &reader, &looked_at)
            });
            match found.await.expect("looking at topics does not panic, and nothing cancels it") {
                Ok(_) => break,
                Err(TopicFault::Missing { .. }) if !deadline.has_passed() => tokio::time::sleep(LOOK_AGAIN).await,
                Err(fault) => return Err(fault),
            }
        }
    }
    Ok(())
}

/// The broker's default for `max.message.bytes` (Kafka 4.3: 1,048,588).
const KAFKAS_MAX_MESSAGE_BYTES: usize = 1_048_588;

fn admin(settings: &KafkaSettings) -> Result<AdminClient<Logging>, KafkaError> {
    let admin: AdminClient<Logging> = client::admin(settings).create_with_context(Logging::of(settings))?;
    client::authorize(settings, admin.inner());
    Ok(admin)
}

fn options(settings: &KafkaSettings) -> AdminOptions {
    let timeout = settings.timeouts.request;
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

/// What metadata say of all topics.
struct Looked {
    topics: InputTopics,
    /// Those that pinrelay writes and that exist, with the copies of each partition.
    copies: Vec<(String, i32)>,
    faults: Vec<TopicFault>,
}

/// # Errors
/// Why the cluster does not answer; what does not answer once is not asked for each topic.
fn look_at_all(settings: &KafkaSettings) -> Result<Looked, String> {
    // Not the admin client: that is a producer to librdkafka, and asking for a topic could create it.
    let reader = reach::reader(settings).map_err(|error| error.to_string())?;
    reach::reach(settings, &reader)?;
    let (mut faults, mut copies) = (Vec::new(), Vec::new());
    let mut topics = InputTopics { partitions: Vec::new(), topic_ids: Vec::new() };
    for feed in &settings.feeds {
        let changelog = settings.changelog_topic(feed);
        let input = shape(settings, &reader, &feed.input).map_err(|fault| faults.push(fault)).ok();
        let found = shape(settings, &reader, &changelog).map_err(|fault| faults.push(fault)).ok();
        copies.extend(found.map(|found| (changelog.clone(), found.copies)));
        let Some(Shape { partitions: expected, .. }) = input else { continue };
        topics.partitions.push(expected);
        // More are fine: the input topic can be given as many without another thought.
        if let Some(Shape { partitions: found, .. }) = found
            && found < expected
        {
            faults.push(TopicFault::PartitionCount { topic: changelog, input: feed.input.clone(), expected, found });
        }
        match native::topic_id(reader.client(), &feed.input, settings.timeouts.request) {
            Ok(id) => topics.topic_ids.push(id),
            Err(error) => {
                faults.push(TopicFault::Unreachable { topic: feed.input.clone(), why: error.to_string() });
            }
        }
    }
    match shape(settings, &reader, &settings.audit_topic) {
        Ok(found) => copies.push((settings.audit_topic.clone(), found.copies)),
        Err(fault) => faults.push(fault),
    }
    Ok(Looked { topics, copies, faults })
}

#[derive(Clone, Copy)]
struct Shape {
    partitions: i32,
    /// Of the partition that has the fewest.
    copies: i32,
}

fn shape(settings: &KafkaSettings, reader: &BaseConsumer<Noting>, topic: &str) -> Result<Shape, TopicFault> {
    let unreachable = |why: String| TopicFault::Unreachable { topic: topic.to_owned(), why };
    let metadata = reader
        .fetch_metadata(Some(topic), settings.timeouts.request)
        .map_err(|error| unreachable(error.to_string()))?;
    let found = metadata.topics().first().ok_or_else(|| unreachable("the broker did not answer for it".to_owned()))?;
    match found.error().map(RDKafkaErrorCode::from) {
        None if found.partitions().is_empty() => Err(TopicFault::Missing { topic: topic.to_owned() }),
        None => {
            let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
            let copies = found.partitions().iter().map(|partition| number(partition.replicas().len())).min();
            Ok(Shape { partitions: number(found.partitions().len()), copies: copies.unwrap_or_default() })
        }
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Err(TopicFault::Missing { topic: topic.to_owned() })
        }
        Some(code) => Err(unreachable(code.to_string())),
    }
}

async fn check_settings(
    settings: &KafkaSettings,
    admin: &AdminClient<Logging>,
    topic: &str,
    needs: &[Need],
) -> Vec<TopicFault> {
    let unreachable = |why: String| vec![TopicFault::Unreachable { topic: topic.to_owned(), why }];
    let results = match admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options(settings)).await {
        Ok(results) => results,
        Err(error) => return unreachable(error.to_string()),
    };
    let resource = match results.into_iter().next() {
        Some(Ok(resource)) => resource,
        Some(Err(code)) => return unreachable(code.to_string()),
        None => return unreachable("the broker did not answer for it".to_owned()),
    };
    let found: HashMap<&str, &str> =
        resource.entries.iter().filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?))).collect();
    topic_needs::unmet(topic, needs, &found)
}

//! What the Kafka side is told: cluster, identity, time-outs, topics.
//!
//! Names and time-outs are checked here, each by a function that names the broken rule; `config` reports them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::credential::Credential;
use crate::domain::{FeedId, PartitionId, UnixMillis};

/// Everything that the Kafka side is told.
#[derive(Clone)]
pub struct KafkaSettings {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// librdkafka properties for every client: security above all. What [`is_reserved`] names is not among them.
    pub properties: BTreeMap<String, String>,
    /// What of it is not among the properties, and whether brokers take it.
    pub credential: Credential,
    pub group_id: String,
    /// `group.instance.id` and `transactional.id` (T1): the same after a restart, of no other living process.
    pub identity: String,
    pub timeouts: Timeouts,
    /// In the order of [`FeedId`].
    pub feeds: Vec<FeedTopics>,
    pub audit_topic: String,
    /// Largest record that is produced: at most the topics' `max.message.bytes`.
    pub max_message_bytes: usize,
    pub backlog: BacklogLimits,
    pub retention: Retention,
    pub cluster: Cluster,
}

/// What kind of cluster it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    #[default]
    Kafka,
    /// librdkafka's mock: it has no transactions and cannot tell the ids of its topics. For demonstrations only.
    Mock,
}

impl fmt::Debug for KafkaSettings {
    /// Without the values of `properties`: a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys())
            .field("group_id", &self.group_id)
            .field("identity", &self.identity)
            .field("timeouts", &self.timeouts)
            .field("feeds", &self.feeds)
            .field("audit_topic", &self.audit_topic)
            .finish_non_exhaustive()
    }
}

/// The topics of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedTopics {
    /// The feed's name: part of the changelog's.
    pub name: String,
    pub input: String,
    pub start: Start,
    pub on_lost: OnLost,
}

/// What happens when Kafka deleted records before they were read (P5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// A person must decide.
    #[default]
    Halt,
    /// One `lost` row stands for them, and reading goes on behind them.
    Continue,
}

/// Where a feed begins that has never been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
    /// At the first record with this timestamp or a later one.
    Time(UnixMillis),
}

/// How much a partition may hold that the shell has not taken yet; beyond it the partition is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogLimits {
    pub messages: usize,
    pub bytes: usize,
}

impl Default for BacklogLimits {
    /// A tenth of a second at 100,000 messages a second, of at most 1.6 KB on average.
    fn default() -> Self {
        Self { messages: 10_000, bytes: 16 << 20 }
    }
}

/// What a restore may assume about a changelog whose beginning is gone (P4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `retention.ms` of the changelog topics.
    pub changelog: Duration,
    /// How long a delivered key suppresses its duplicates.
    pub window: Duration,
    /// `post_deadline` + answer time-out + late slack + clock skew.
    pub margin: Duration,
}

impl Retention {
    /// Whether what retention deleted had left the window before.
    #[must_use]
    pub fn covers_window(&self) -> bool {
        self.window + self.margin <= self.changelog
    }
}

/// Time-outs that stand in relations to each other (T8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub session: Duration,
    pub transaction: Duration,
    pub max_poll: Duration,
    /// From a revocation to the release of its partitions.
    pub drain: Duration,
    /// One request to a broker at start, restore and check.
    pub request: Duration,
    /// A try at a restore that does not come forward for so long is given up.
    pub restore_progress: Duration,
    /// A restore whose tries all together do not come forward for so long ends the process.
    pub restore_patience: Duration,
}

impl Default for Timeouts {
    /// The figures of T8. `max_poll` is Kafka's own default.
    fn default() -> Self {
        Self {
            session: Duration::from_secs(45),
            transaction: Duration::from_secs(15),
            max_poll: Duration::from_mins(5),
            drain: Duration::from_secs(15),
            request: Duration::from_secs(30),
            restore_progress: Duration::from_mins(1),
            restore_patience: Duration::from_mins(10),
        }
    }
}

/// A relation of T8 that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenTimeout {
    #[error("the answer time-out must be shorter than the drain deadline")]
    AnswerNotBeforeDrain,
    #[error("the transaction time-out must be shorter than the session time-out")]
    TransactionNotBeforeSession,
    #[error("drain deadline and transaction time-out together must be shorter than a third of the poll interval")]
    DrainTooLongForPoll,
    #[error("the session time-out must not be longer than the poll interval")]
    SessionLongerThanPoll,
    #[error("the termination grace must be longer than drain deadline and transaction time-out together")]
    GraceTooShort,
}

impl Timeouts {
    /// Every relation that is broken; `grace`: from SIGTERM to SIGKILL, where that is known.
    #[must_use]
    pub fn broken(&self, answer: Duration, grace: Option<Duration>) -> Vec<BrokenTimeout> {
        let last_commit = self.drain + self.transaction;
        [
            (answer < self.drain, BrokenTimeout::AnswerNotBeforeDrain),
            (self.transaction < self.session, BrokenTimeout::TransactionNotBeforeSession),
            (last_commit * 3 < self.max_poll, BrokenTimeout::DrainTooLongForPoll),
            (self.session <= self.max_poll, BrokenTimeout::SessionLongerThanPoll),
            (grace.is_none_or(|grace| last_commit < grace), BrokenTimeout::GraceTooShort),
        ]
        .into_iter()
        .filter_map(|(holds, broken)| (!holds).then_some(broken))
        .collect()
    }
}

impl KafkaSettings {
    /// `<group.id>.<feed>.changelog`.
    #[must_use]
    pub fn changelog_topic(&self, feed: &FeedTopics) -> String {
        format!("{}.{}.changelog", self.group_id, feed.name)
    }

    #[must_use]
    pub fn feed(&self, feed: FeedId) -> Option<&FeedTopics> {
        self.feeds.get(usize::from(feed.0))
    }

    /// All feeds with their ids.
    pub fn feeds(&self) -> impl Iterator<Item = (FeedId, &FeedTopics)> {
        (0..).map(FeedId).zip(&self.feeds)
    }

    /// The partition that Kafka means; `None` for a topic of no feed.
    #[must_use]
    pub fn partition(&self, topic: &str, number: i32) -> Option<PartitionId> {
        self.feeds().find(|(_, topics)| topics.input == topic).map(|(feed, _)| PartitionId { feed, number })
    }

    /// The input topic of a partition.
    ///
    /// # Panics
    ///
    /// If the partition's feed is not among [`Self::feeds`]; ids come from there.
    #[must_use]
    pub fn input_topic(&self, partition: PartitionId) -> &str {
        &self.feed(partition.feed).expect("ids of feeds come from these settings").input
    }
}

/// Why Kafka would refuse a topic's name; `None` if it would not.
///
/// `org.apache.kafka.common.internals.Topic` of Kafka 4.3: 1 to 249 of `a-zA-Z0-9._-`, neither `.` nor `..`.
#[must_use]
pub fn topic_name_fault(name: &str) -> Option<&'static str> {
    const MAX_BYTES: usize = 249;
    if name.is_empty() {
        Some("a topic's name is not empty")
    } else if matches!(name, "." | "..") {
        Some("a topic's name is neither `.` nor `..`")
    } else if name.len() > MAX_BYTES {
        Some("a topic's name has at most 249 characters")
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        Some("a topic's name consists of letters, digits, `.`, `_` and `-`")
    } else {
        None
    }
}

/// Whether a librdkafka property is not for configuration, because the accounting rests on its value.
#[must_use]
pub fn is_reserved(property: &str) -> bool {
    RESERVED.contains(&property)
}

/// Names from librdkafka 2.12's CONFIGURATION.md, aliases included.
const RESERVED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "fetch.queue.backoff.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "linger.ms",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.ms",
    "request.required.acks",
    "retries",
    "retry.backoff.ms",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Duration = Duration::from_secs(10);

    #[test]
    fn the_default_timeouts_break_no_relation() {
        assert_eq!(Timeouts::default().broken(ANSWER, Some(Duration::from_mins(1))), []);
    }

    #[test]
    fn every_broken_relation_is_named() {
        let good = Timeouts::default();
        let secs = Duration::from_secs;
        for (timeouts, grace, broken) in [
            (Timeouts { drain: secs(10), ..good }, 60, BrokenTimeout::AnswerNotBeforeDrain),
            (Timeouts { session: secs(15), ..good }, 60, BrokenTimeout::TransactionNotBeforeSession),
            (Timeouts { max_poll: secs(90), ..good }, 60, BrokenTimeout::DrainTooLongForPoll),
            (Timeouts { session: secs(301), ..good }, 60, BrokenTimeout::SessionLongerThanPoll),
            (good, 30, BrokenTimeout::GraceTooShort),
        ] {
            assert_eq!(timeouts.broken(ANSWER, Some(secs(grace))), [broken]);
        }
    }

    #[test]
    fn topic_names_follow_kafkas_rules() {
        let long = "x".repeat(249);
        for name in ["orders", "a.b_c-D.9", "...", long.as_str()] {
            assert_eq!(topic_name_fault(name), None, "{name}");
        }
        let too_long = "x".repeat(250);
        for name in ["", ".", "..", "a b", "a/b", "ü", too_long.as_str()] {
            assert!(topic_name_fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn properties_that_the_accounting_rests_on_are_reserved_and_security_is_not() {
        assert!(is_reserved("isolation.level"));
        assert!(!is_reserved("sasl.password"));
    }

    #[test]
    fn the_window_is_covered_by_a_retention_at_least_as_long_as_window_and_margin() {
        let secs = Duration::from_secs;
        let covers = |changelog| Retention { changelog, window: secs(48), margin: secs(2) }.covers_window();
        assert!(covers(secs(50)));
        assert!(!covers(secs(49)));
    }
}

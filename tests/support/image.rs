//! The image that `scripts/kafka-image` provides, configured as one broker for tests.

use std::borrow::Cow;

use testcontainers::Image;
use testcontainers::core::{ContainerPort, WaitFor};

/// One broker that is its own controller.
///
/// It listens twice, because a broker talks to itself over the address that it advertises (to verify transactions, for
/// one), and the address that the tests use is not there inside the container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KafkaImage {
    port: u16,
}

impl KafkaImage {
    pub(crate) const NAME: &str = "pinrelay-test-kafka";
    pub(crate) const TAG: &str = "4.3.1";

    /// `port` is the same inside the container and on the host, so that the advertised address can be told beforehand.
    pub(crate) const fn new(port: u16) -> Self {
        Self { port }
    }

    pub(crate) const fn port(self) -> ContainerPort {
        ContainerPort::Tcp(self.port)
    }
}

impl Image for KafkaImage {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn tag(&self) -> &str {
        Self::TAG
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        vec![WaitFor::message_on_stdout("Kafka Server started")]
    }

    fn env_vars(&self) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        let port = self.port;
        let own = [
            ("KAFKA_LISTENERS", format!("HOST://:{port},BROKER://:9094,CONTROLLER://:9093")),
            ("KAFKA_ADVERTISED_LISTENERS", format!("HOST://127.0.0.1:{port},BROKER://localhost:9094")),
        ];
        own.into_iter().chain(SETTINGS.iter().map(|&(name, value)| (name, value.to_owned())))
    }
}

pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("KAFKA_HEAP_OPTS", "-Xms256m -Xmx768m"),
    ("KAFKA_NODE_ID", "1"),
    ("KAFKA_PROCESS_ROLES", "broker,controller"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_INTER_BROKER_LISTENER_NAME", "BROKER"),
    ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,HOST:PLAINTEXT,BROKER:PLAINTEXT"),
    ("KAFKA_LOG_DIRS", "/tmp/kafka-logs"),
    // A topic that a test did not create is a mistake of the test.
    ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
    // One broker cannot replicate; and of few internal partitions the first transaction waits for less.
    ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "3"),
    ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "3"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "1"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS", "1"),
    // What tests would otherwise wait for: members that join, members that were killed, abandoned transactions, and
    // after a restart the old session of this very broker.
    ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000"),
    ("KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS", "500"),
    ("KAFKA_BROKER_SESSION_TIMEOUT_MS", "1500"),
    ("KAFKA_BROKER_HEARTBEAT_INTERVAL_MS", "300"),
];

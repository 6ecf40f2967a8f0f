//! A Kafka as its clients see it: one broker or several.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// How long a broker may take to answer for the first time, on a machine that is busy with other things.
const ANSWER_DEADLINE: Duration = Duration::from_mins(2);

/// Where it is reached, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Kafka {
    bootstrap: String,
    replication: i32,
}

impl Kafka {
    /// Brokers on this machine by their ports; topics have a replica on each.
    pub(super) fn new(ports: &[u16]) -> Self {
        let addresses: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        Self { bootstrap: addresses.join(","), replication: i32::try_from(ports.len()).expect("a few brokers") }
    }

    /// `host:port` of each broker.
    pub(crate) fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// Replicas of each topic.
    pub(crate) const fn replication(&self) -> i32 {
        self.replication
    }

    /// The beginning of any client's configuration.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("log.connection.close", "false")
            // Up to 10 s by default, most of which a test would spend waiting for a broker that is back.
            .set("reconnect.backoff.max.ms", "250");
        config
    }

    /// Returns when a broker answers; librdkafka itself tries until it does.
    pub(crate) async fn answers(&self) {
        let config = self.client();
        let asked = tokio::task::spawn_blocking(move || {
            let client: BaseConsumer = config.create().expect("a valid configuration");
            client.fetch_metadata(None, ANSWER_DEADLINE).map(drop)
        });
        asked.await.expect("asking does not panic").expect("the broker answers");
    }
}

//! librdkafka clients: what each kind is configured with, and where their own words go.

use std::error::Error;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};

use super::credential::Credential;
use super::native;
use super::repeats::repeats;
use super::settings::KafkaSettings;

/// What a reader sees of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Committed records; watermarks are the last stable offset; committed offsets are stable ones.
    Committed,
    /// Everything; watermarks are the real end of the log.
    Uncommitted,
}

/// For metadata and topics.
pub(super) fn admin(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    // A broker that is away is looked for every second, not after ten.
    config.set("reconnect.backoff.max.ms", "1000");
    for (property, value) in &settings.properties {
        config.set(property, value);
    }
    config
        .set("bootstrap.servers", &settings.bootstrap)
        .set("client.id", &settings.identity)
        // rdkafka takes the level of the `log` crate otherwise, which nobody sets here.
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// For watermarks, committed offsets and reading by assignment; never joins the group.
pub(super) fn reader(settings: &KafkaSettings, isolation: Isolation) -> ClientConfig {
    let mut config = admin(settings);
    config
        .set("group.id", &settings.group_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        // Half an idle second by default; a restore waits for its last markers.
        .set("fetch.wait.max.ms", "50")
        // The default of a second stops partitions that a fast reader has just emptied.
        .set("fetch.queue.backoff.ms", "10")
        .set(
            "isolation.level",
            match isolation {
                Isolation::Committed => "read_committed",
                Isolation::Uncommitted => "read_uncommitted",
            },
        );
    config
}

/// For the one member of the group. It reads nothing itself.
pub(super) fn member(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reader(settings, Isolation::Committed);
    config
        .set("group.instance.id", &settings.identity)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", millis(settings.timeouts.session))
        .set("max.poll.interval.ms", millis(settings.timeouts.max_poll))
        // A member learns of a rebalance by its next heartbeat; handing a partition over takes two of them.
        .set("heartbeat.interval.ms", "1000");
    config
}

/// For the one transactional producer.
pub(super) fn producer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = admin(settings);
    config
        .set("transactional.id", &settings.identity)
        .set("transaction.timeout.ms", millis(settings.timeouts.transaction))
        // A record that cannot be written ends its transaction before the broker does.
        .set("message.timeout.ms", millis(settings.timeouts.transaction))
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .set("acks", "all")
        .set("compression.type", "lz4")
        // Java's default, so that other writers and readers agree about the partition of a key.
        .set("partitioner", "murmur2_random")
        // Rows of a tick are produced in one go; five cost 3 ms of every tick, one costs nothing measurable.
        .set("linger.ms", "1")
        // CONCURRENT_TRANSACTIONS is answered while the last markers are written: 105 ms a tick with the default of
        // 100, 6 ms with 1.
        .set("retry.backoff.ms", "1");
    config
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// What librdkafka 2.12 says every ten seconds while there is no token (`rdkafka_sasl_oauthbearer.c`).
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token";

/// Hands librdkafka's log lines and errors to `tracing`.
#[derive(Clone, Debug)]
pub(super) struct Logging(Credential);

impl Logging {
    pub(super) fn of(settings: &KafkaSettings) -> Self {
        Self(settings.credential.clone())
    }
}

/// As [`reader`], made.
pub(super) fn open_reader(settings: &KafkaSettings, isolation: Isolation) -> Result<BaseConsumer<Logging>, KafkaError> {
    open(settings, &reader(settings, isolation))
}

/// For the records of the partitions that the member holds.
pub(super) fn open_record_reader(settings: &KafkaSettings) -> Result<BaseConsumer<Logging>, KafkaError> {
    let mut config = reader(settings, Isolation::Committed);
    // It stands at the end for hours, where nobody waits for a marker.
    config.set("fetch.wait.max.ms", "100");
    open(settings, &config)
}

fn open(settings: &KafkaSettings, config: &ClientConfig) -> Result<BaseConsumer<Logging>, KafkaError> {
    let reader: BaseConsumer<Logging> = config.create_with_context(Logging::of(settings))?;
    authorize(settings, reader.client());
    Ok(reader)
}

/// Gives a client the token of OAUTHBEARER as it is now, where there is one: when it begins, because it would ask for one
/// only after a second, and now and then one that is not polled, because that one never asks.
pub(super) fn authorize<C: ClientContext>(settings: &KafkaSettings, client: &Client<C>) {
    let Some(token) = settings.credential.token() else { return };
    if let Err(cause) = native::show_token(client, token) {
        tracing::warn!(cause, "a token for Kafka is not taken");
    }
}

impl ClientContext for Logging {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
        report(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.next_token()
    }
}

impl ConsumerContext for Logging {}

/// For contexts that have more to do than [`Logging`].
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    // Every client gets the configured properties, and each kind knows some that the others do not.
    let is_expected = facility == "CONFWARN" && message.contains("will be ignored by this");
    if is_expected || matches!(level, RDKafkaLogLevel::Debug) {
        tracing::debug!(target: "librdkafka", facility, said = message, "the client library says");
        return;
    }
    let Some(repeats) = repeats(message) else { return };
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, repeats, said = message, "the client library says");
        }
        RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, repeats, said = message, "the client library says");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::info!(target: "librdkafka", facility, repeats, said = message, "the client library says");
        }
    }
}

/// For contexts that have more to do than [`Logging`].
pub(super) fn report(error: &KafkaError, reason: &str) {
    // The end of a partition is no error; it comes as an event of its own. And that every broker is away was said of
    // each of them.
    if let KafkaError::Global(RDKafkaErrorCode::PartitionEOF | RDKafkaErrorCode::AllBrokersDown) = error {
        return;
    }
    // The token's source has said it, once.
    if reason.starts_with(NO_TOKEN) {
        return;
    }
    // Most errors of a connection were said as a line of the log already, in the same words.
    let Some(repeats) = repeats(reason) else { return };
    tracing::warn!(target: "librdkafka", %error, repeats, said = reason, "client error");
}

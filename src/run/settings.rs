//! From the configuration's words to the settings of each part.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{
    Config, Feed, Kafka, Lane, OnLost as ConfiguredOnLost, Property, RegistryAuth, SecretSource, Start,
};
use crate::domain::LaneMode;
use crate::kafka::audit::{AuditFeed, AuditLane, LaneMode as AuditMode};
use crate::kafka::credential::Credential;
use crate::kafka::oauth::TokenSource as OauthTokenSource;
use crate::kafka::registry::{CredentialSource, Credentials, RegistrySettings};
use crate::kafka::settings::{
    BacklogLimits, Cluster, FeedTopics, KafkaSettings, OnLost, Retention, Start as FirstStart, Timeouts,
};
use crate::pinterest::{BaseUrl, BaseUrlFault, ClientSettings, Mode, TokenSource};

use super::clock;

/// By how much the clocks of brokers and processes may differ: far above what NTP leaves.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Largest record produced: the client's default, below the broker's 1,048,588 with room for the batch around it.
const MAX_MESSAGE_BYTES: usize = 1_000_000;

pub(super) fn kafka(config: &Config) -> KafkaSettings {
    let (kafka, pipeline) = (&config.kafka, &config.pipeline);
    let margin = pipeline.post_deadline + pipeline.answer_timeout + pipeline.late_slack + CLOCK_SKEW;
    let oauth_token = kafka.oauth_token.clone();
    let oauth_token = oauth_token.map(|token| OauthTokenSource::new(move || token.read_again(), clock::wall));
    KafkaSettings {
        bootstrap: kafka.bootstrap.clone(),
        properties: properties(kafka),
        credential: Credential::new(oauth_token),
        group_id: kafka.group_id.clone(),
        identity: kafka.identity(),
        timeouts: Timeouts {
            session: kafka.session_timeout,
            transaction: kafka.transaction_timeout,
            max_poll: kafka.max_poll_interval,
            drain: kafka.drain_deadline,
            restore_progress: Timeouts::default().restore_progress.min(kafka.restore_patience),
            restore_patience: kafka.restore_patience,
            ..Timeouts::default()
        },
        feeds: config.feeds.iter().map(feed_topics).collect(),
        audit_topic: config.audit.topic.clone(),
        max_message_bytes: MAX_MESSAGE_BYTES,
        backlog: BacklogLimits::default(),
        retention: Retention { changelog: pipeline.window + margin, window: pipeline.window, margin },
        cluster: Cluster::Kafka,
    }
}

/// librdkafka's, with the secrets.
pub(super) fn properties(kafka: &Kafka) -> BTreeMap<String, String> {
    kafka.properties.iter().map(|(name, value)| (name.clone(), property(value))).collect()
}

fn property(value: &Property) -> String {
    match value {
        Property::Plain(text) => text.clone(),
        Property::Secret(secret) => secret.value.expose().to_owned(),
    }
}

fn feed_topics(feed: &Feed) -> FeedTopics {
    let start = match feed.start {
        Start::Earliest => FirstStart::Earliest,
        Start::Latest => FirstStart::Latest,
        Start::At(time) => FirstStart::Time(time),
    };
    let on_lost = match feed.on_lost {
        ConfiguredOnLost::Halt => OnLost::Halt,
        ConfiguredOnLost::Continue => OnLost::Continue,
    };
    FeedTopics { name: feed.name.clone(), input: feed.topic.clone(), start, on_lost }
}

pub(super) fn client(config: &Config, lane: &Lane) -> Result<ClientSettings, BaseUrlFault> {
    Ok(ClientSettings {
        base_url: BaseUrl::try_new(&lane.base_url)?,
        ad_account: lane.ad_account_id.clone(),
        token: match &lane.token.source {
            SecretSource::File(path) => TokenSource::File(path.clone()),
            SecretSource::Variable(_) => TokenSource::Fixed(lane.token.value.clone()),
        },
        mode: match lane.mode {
            LaneMode::Live | LaneMode::Shadow => Mode::Live,
            LaneMode::Test => Mode::Test,
        },
        ca_file: lane.ca_file.clone(),
        connect_timeout: config.pipeline.connect_timeout,
        answer_timeout: config.pipeline.answer_timeout,
    })
}

pub(super) fn audit_feeds(config: &Config) -> Vec<AuditFeed> {
    config.feeds.iter().map(|feed| AuditFeed { name: feed.name.clone(), topic: feed.topic.clone() }).collect()
}

pub(super) fn audit_lanes(config: &Config) -> Vec<AuditLane> {
    let lane = |lane: &Lane| AuditLane {
        ad_account: lane.ad_account_id.clone(),
        mode: match lane.mode {
            LaneMode::Live | LaneMode::Shadow => AuditMode::Live,
            LaneMode::Test => AuditMode::Test,
        },
    };
    config.lanes.iter().map(lane).collect()
}

pub(super) fn registry(url: &str) -> RegistrySettings {
    RegistrySettings {
        url: url.to_owned(),
        timeout: Duration::from_secs(10),
        retry_after: Duration::from_secs(1),
        // Registries replicate within seconds; a producer that is ahead of its registry by more is at fault.
        patience: Duration::from_secs(10),
        unknown_for: Duration::from_mins(1),
        // The largest schemas seen in public registries have some hundred kilobytes.
        max_bytes: 4 << 20,
    }
}

/// Reads the registry's secret again before each request, so that it may rotate.
pub(super) struct RegistryCredentials(pub(super) Option<RegistryAuth>);

impl CredentialSource for RegistryCredentials {
    fn read(&self) -> Result<Credentials, String> {
        match &self.0 {
            None => Ok(Credentials::None),
            Some(RegistryAuth::Basic { user, password }) => {
                Ok(Credentials::Basic { user: user.clone(), password: password.read_again()? })
            }
            Some(RegistryAuth::Bearer(token)) => Ok(Credentials::Bearer(token.read_again()?)),
        }
    }
}

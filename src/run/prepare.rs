//! Everything that is found out before the first record is read.
//!
//! Faults of one kind are gathered and reported together: first those that the configuration causes (schemas that do
//! not map, addresses that are none), then those of the surroundings (topics, registry).

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::config::{self, Config, Feed, Framing as ConfiguredFraming, Registry as ConfiguredRegistry};
use crate::domain::{CallLimit, LaneMode};
use crate::kafka::audit::{AuditEncoder, AuditFraming, AuditSettings};
use crate::kafka::framing::Framing;
use crate::kafka::registry::Registry;
use crate::kafka::settings::{Cluster, KafkaSettings, Timeouts};
use crate::kafka::subject::Subject;
use crate::kafka::topics::{self, InputTopics};
#[cfg(feature = "broken-rules")]
use crate::kafka::transactions::Accounting;
use crate::kafka::transactions::Scribe;
use crate::pinterest::Client;
use crate::pipeline;
use crate::telemetry::label::Peer;

use super::asking;
use super::audit_subject;
use super::clock;
use super::feed::FeedReader;
use super::mapping::FeedMapping;
use super::renewal::Fingerprint;
use super::settings;

/// Most bytes of a packed changelog record: half of what a topic takes by default.
const MAX_CHANGELOG_BYTES: usize = 500_000;

/// For one request with new credentials; a broker that is there answers in milliseconds.
const TRIAL: Duration = Duration::from_secs(10);

/// All that the loop is made of.
pub struct Parts {
    pub(super) lasting: Lasting,
    pub(super) kafka: Arc<KafkaSettings>,
    /// Of the credentials that `kafka` holds.
    pub(super) fingerprint: Fingerprint,
    pub(super) scribe: Scribe,
    /// Partition counts of the input topics, in the order of the feeds.
    pub(super) partitions: Vec<i32>,
}

/// What stays as it is when the credentials of Kafka change.
#[derive(Clone)]
pub(super) struct Lasting {
    config: Arc<Config>,
    registry: Option<Arc<Registry>>,
    framing: AuditFraming,
    pub(super) core: pipeline::Settings,
    /// In the order of the feeds.
    pub(super) readers: Vec<Arc<FeedReader>>,
    /// In the order of the lanes.
    pub(super) clients: Vec<Arc<Client>>,
}

/// Why the relay does not start, by what must be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFault {
    /// Mend the configuration, or a schema that it names. Each is a line.
    Mend(Vec<String>),
    /// Mend the surroundings and start again. Each is a line.
    Surroundings(Vec<String>),
}

impl StartFault {
    pub(super) fn client(fault: impl Display) -> Self {
        Self::Surroundings(vec![fault.to_string()])
    }
}

impl Parts {
    /// Compiles the schemas, looks at the topics and at the subject of the audit rows; registers their schema if it is
    /// missing.
    ///
    /// # Errors
    /// Every fault of the configuration, else every fault of the surroundings.
    pub async fn prepare(config: &Config) -> Result<Self, StartFault> {
        let compiled = Self::compile(config)?;
        let looked = tokio::join!(look(&compiled.kafka), audit_subject::look(compiled.registry.as_deref(), config));
        let (inputs, subject) = both(looked)?;
        compiled.join(config, inputs, subject).await
    }

    /// As [`Parts::prepare`], for a cluster that cannot tell the settings of its topics: librdkafka's mock.
    ///
    /// # Errors
    /// Every fault of the configuration.
    pub async fn prepare_for_mock(config: &Config, partitions: i32) -> Result<Self, StartFault> {
        let feeds = config.feeds.len();
        let inputs = InputTopics { partitions: vec![partitions; feeds], topic_ids: vec!["mock".to_owned(); feeds] };
        let mut compiled = Self::compile(config)?;
        compiled.kafka = Arc::new(KafkaSettings { cluster: Cluster::Mock, ..KafkaSettings::clone(&compiled.kafka) });
        compiled.join(config, inputs, None).await
    }

    /// Rows alone, without transactions, changelog and intents: what the accounting costs is measured against it.
    #[cfg(feature = "broken-rules")]
    #[must_use]
    pub fn without_accounting(mut self) -> Self {
        self.lasting.core.rules = pipeline::Rules::without(pipeline::Rule::IntentBeforePost);
        self.scribe.accounting = Accounting::None;
        self
    }

    /// Says which lanes are refused as they are.
    pub fn ask_lanes(&self) -> impl Future<Output = ()> + Send + use<> {
        let lanes = self.lasting.posting().map(|(lane, client)| (lane.to_owned(), Arc::clone(client))).collect();
        asking::ask(lanes, CallLimit::QUESTIONS.interval(self.lasting.core.processes))
    }

    fn compile(config: &Config) -> Result<Compiled, StartFault> {
        let registry = config.registry.as_ref().map(open_registry).transpose()?;
        let (readers, clients) = check_configuration(config, registry.as_ref())?;
        let fingerprint = Fingerprint::of(&config.kafka);
        Ok(Compiled { kafka: kafka_settings(config), fingerprint, registry, readers, clients })
    }
}

impl Lasting {
    /// The credentials of Kafka as they are on disk now.
    ///
    /// # Errors
    /// A file cannot be read, or is empty.
    pub(super) fn read_again(&self) -> Result<(config::Kafka, Fingerprint), String> {
        let kafka = self.config.kafka.read_again()?;
        let fingerprint = Fingerprint::of(&kafka);
        Ok((kafka, fingerprint))
    }

    /// Those besides Kafka to whom nothing can be shown that counts.
    pub(super) async fn unusable(&self) -> BTreeSet<Peer> {
        let mut unusable = BTreeSet::new();
        if self.registry.as_ref().is_some_and(|registry| !registry.has_credentials()) {
            unusable.insert(Peer::Registry);
        }
        for client in self.posting().map(|(_, client)| client) {
            if !client.has_token().await {
                unusable.insert(Peer::Pinterest);
            }
        }
        unusable
    }

    /// Names and clients of the lanes that post.
    fn posting(&self) -> impl Iterator<Item = (&str, &Arc<Client>)> {
        let lanes = self.config.lanes.iter().zip(&self.clients);
        lanes.filter(|(lane, _)| lane.mode != LaneMode::Shadow).map(|(lane, client)| (lane.name.as_str(), client))
    }

    /// With the credentials as they are on disk now, once the topics were looked at with them.
    ///
    /// # Errors
    /// Kafka does not take them, or a topic is not as it must be.
    pub(super) async fn renewed(&self) -> Result<Parts, StartFault> {
        let (kafka, fingerprint) = self.read_again().map_err(StartFault::client)?;
        let properties = settings::properties(&kafka);
        let kafka = Arc::new(KafkaSettings { properties, ..settings::kafka(&self.config) });
        let timeouts = Timeouts { request: TRIAL, ..kafka.timeouts };
        let inputs = look(&Arc::new(KafkaSettings { timeouts, ..KafkaSettings::clone(&kafka) })).await?;
        Ok(self.clone().parts(kafka, fingerprint, inputs))
    }

    fn parts(self, kafka: Arc<KafkaSettings>, fingerprint: Fingerprint, inputs: InputTopics) -> Parts {
        let scribe = scribe(&self.config, inputs.topic_ids, self.framing);
        Parts { lasting: self, kafka, fingerprint, scribe, partitions: inputs.partitions }
    }
}

async fn look(kafka: &Arc<KafkaSettings>) -> Result<InputTopics, StartFault> {
    let looked = topics::check(Arc::clone(kafka)).await;
    looked.map_err(|faults| StartFault::Surroundings(faults.iter().map(ToString::to_string).collect()))
}

/// Both, or the faults of both.
fn both<A, B>(looked: (Result<A, StartFault>, Result<B, StartFault>)) -> Result<(A, B), StartFault> {
    match looked {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(StartFault::Surroundings(mut faults)), Err(StartFault::Surroundings(more))) => {
            faults.extend(more);
            Err(StartFault::Surroundings(faults))
        }
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
    }
}

/// What follows from the configuration alone.
struct Compiled {
    kafka: Arc<KafkaSettings>,
    fingerprint: Fingerprint,
    registry: Option<Arc<Registry>>,
    readers: Vec<Arc<FeedReader>>,
    clients: Vec<Arc<Client>>,
}

impl Compiled {
    /// `subject`: as the registry tells of it, where there is one.
    async fn join(self, config: &Config, inputs: InputTopics, subject: Option<Subject>) -> Result<Parts, StartFault> {
        let framing = match self.registry.as_deref().zip(subject) {
            None => AuditFraming::SingleObject,
            Some((registry, subject)) => {
                AuditFraming::Confluent { schema_id: audit_subject::id(registry, subject).await? }
            }
        };
        let lasting = Lasting {
            config: Arc::new(config.clone()),
            registry: self.registry,
            framing,
            core: config.pipeline_settings(),
            readers: self.readers,
            clients: self.clients,
        };
        Ok(lasting.parts(self.kafka, self.fingerprint, inputs))
    }
}

/// The settings of the Kafka side, for commands that only look at topics.
#[must_use]
pub fn kafka_settings(config: &Config) -> Arc<KafkaSettings> {
    Arc::new(settings::kafka(config))
}

/// What puts transactions into words; names itself anew.
#[must_use]
pub fn scribe(config: &Config, topic_ids: Vec<String>, framing: AuditFraming) -> Scribe {
    let process = Uuid::new_v4();
    let audit = AuditEncoder::new(AuditSettings {
        feeds: settings::audit_feeds(config),
        lanes: settings::audit_lanes(config),
        framing,
        process,
    });
    Scribe {
        process,
        topic_ids,
        max_changelog_bytes: MAX_CHANGELOG_BYTES,
        audit,
        #[cfg(feature = "broken-rules")]
        accounting: Accounting::Full,
    }
}

pub(super) fn open_registry(registry: &ConfiguredRegistry) -> Result<Arc<Registry>, StartFault> {
    let credentials = Box::new(settings::RegistryCredentials(registry.auth.clone()));
    let registry = Registry::try_new(settings::registry(&registry.url), credentials);
    registry.map(Arc::new).map_err(|fault| StartFault::Mend(vec![fault.to_string()]))
}

/// What is wrong with the schemas and addresses that a configuration names, each with its key; asks nobody.
#[must_use]
pub fn check_files(config: &Config) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (number, lane) in config.lanes.iter().enumerate() {
        if let Err(fault) = settings::client(config, lane) {
            faults.push((format!("lanes[{number}].base_url"), fault.to_string()));
        }
    }
    for (number, feed) in config.feeds.iter().enumerate() {
        let of_feed = FeedMapping::prepare(config, feed).err().unwrap_or_default();
        faults.extend(of_feed.into_iter().map(|fault| (format!("feeds[{number}].schema"), fault)));
    }
    faults
}

type Checked = (Vec<Arc<FeedReader>>, Vec<Arc<Client>>);

fn check_configuration(config: &Config, registry: Option<&Arc<Registry>>) -> Result<Checked, StartFault> {
    let (mut faults, mut readers, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    for feed in &config.feeds {
        match reader(config, feed, registry) {
            Ok(reader) => readers.push(Arc::new(reader)),
            Err(of_feed) => faults.extend(of_feed.into_iter().map(|fault| format!("feed {}: {fault}", feed.name))),
        }
    }
    for lane in &config.lanes {
        let client = settings::client(config, lane)
            .map_err(|fault| fault.to_string())
            .and_then(|settings| Client::try_new(settings, clock::wall).map_err(|fault| fault.to_string()));
        match client {
            Ok(client) => clients.push(Arc::new(client)),
            Err(fault) => faults.push(format!("lane {}: {fault}", lane.name)),
        }
    }
    if faults.is_empty() { Ok((readers, clients)) } else { Err(StartFault::Mend(faults)) }
}

fn reader(config: &Config, feed: &Feed, registry: Option<&Arc<Registry>>) -> Result<FeedReader, Vec<String>> {
    let mapping = FeedMapping::prepare(config, feed)?;
    let framing = match &feed.framing {
        ConfiguredFraming::Confluent => Framing::Confluent,
        ConfiguredFraming::ConfluentHeader => Framing::ConfluentHeader,
        ConfiguredFraming::SingleObject { .. } => Framing::SingleObject,
    };
    Ok(FeedReader::new(&feed.name, framing, mapping, registry.cloned()))
}

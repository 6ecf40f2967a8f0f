//! One YAML file; every fault is reported at once, with its key, its line and how to mend it.
//!
//! It decides whether a configuration is whole and possible on its own. Whether schemas map, topics exist or a token
//! is accepted is found out by those who use them. One file for each section; `rules` looks across sections;
//! `yaml` is the reader below them and `key` the declaration of keys that reader and documentation share.

mod audit;
mod fault;
mod feeds;
mod kafka;
mod key;
mod lanes;
mod names;
mod pipeline;
mod registry;
mod rules;
mod secret;
mod telemetry;
mod units;
mod yaml;

#[cfg(test)]
mod docs;
#[cfg(test)]
mod tests;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use crate::domain::{CallLimit, LaneMode};
use crate::pipeline::{LaneSettings, Rules, Settings};

pub use audit::{Admin, Audit};
pub use fault::{Fault, FaultKind, Faults, Place};
pub use feeds::{Choice, CustomerType, Derive, Feed, Framing, Late, OddUserAgents, OnLost, PrivateAddresses, Start};
pub use kafka::{Kafka, OnStop, Property, changelog_topic, is_credential_file};
pub use lanes::Lane;
pub use pipeline::Pipeline;
pub use registry::{Registry, RegistryAuth};
pub use secret::{SecretSource, SecretValue};
pub use telemetry::Telemetry;
pub use yaml::Environment;

use fault::Placed;
use key::{Form, Key, Presence, Spec};
use rules::RegistrySection;
use yaml::{Node, Reading, Secrets, Section};

const SPEC: Spec = Spec {
    title: "the file",
    keys: &[
        Key {
            name: "kafka",
            form: Form::Other("a mapping"),
            presence: Presence::Required,
            about: "Brokers, identity and time spans",
        },
        Key {
            name: "registry",
            form: Form::Other("a mapping"),
            presence: Presence::Optional,
            about: "Schema registry",
        },
        Key { name: "audit", form: Form::Other("a mapping"), presence: Presence::Required, about: "Audit topic" },
        Key {
            name: "lanes",
            form: Form::Other("a list of mappings"),
            presence: Presence::Required,
            about: "Pinterest ad accounts",
        },
        Key {
            name: "feeds",
            form: Form::Other("a list of mappings"),
            presence: Presence::Required,
            about: "Input topics",
        },
        Key {
            name: "pipeline",
            form: Form::Other("a mapping"),
            presence: Presence::Optional,
            about: "Window, bounds and deadlines",
        },
        Key { name: "admin", form: Form::Other("a mapping"), presence: Presence::Optional, about: "Admin pages" },
        Key {
            name: "telemetry",
            form: Form::Other("a mapping"),
            presence: Presence::Optional,
            about: "Collector of metrics and traces",
        },
    ],
};

/// A whole configuration that breaks no rule.
#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub registry: Option<Registry>,
    pub audit: Audit,
    /// At least one.
    pub lanes: Vec<Lane>,
    /// At least one.
    pub feeds: Vec<Feed>,
    pub pipeline: Pipeline,
    pub admin: Option<Admin>,
    pub telemetry: Option<Telemetry>,
}

impl Config {
    /// Reads the file, the secrets it refers to and the variables it names.
    ///
    /// # Errors
    /// Every rule that the file breaks.
    pub fn load(file: &Path, environment: Environment<'_>) -> Result<Self, Faults> {
        Self::read(file, environment, Secrets::Needed)
    }

    /// As [`Config::load`], where nothing is connected to: secrets may be missing, and so may the variable that names
    /// this process.
    ///
    /// # Errors
    /// Every other rule that the file breaks.
    pub fn load_offline(file: &Path, environment: Environment<'_>) -> Result<Self, Faults> {
        Self::read(file, environment, Secrets::Unneeded)
    }

    fn read(file: &Path, environment: Environment<'_>, secrets: Secrets) -> Result<Self, Faults> {
        let folder = file.parent().unwrap_or(Path::new(""));
        let text = match fs::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(_)) => Err("the file is not UTF-8".to_owned()),
            Err(error) => Err(format!("the file cannot be read: {}", error.kind())),
        };
        let list = match text {
            Ok(text) => match Self::parse_with(&text, folder, environment, secrets) {
                Ok(config) => return Ok(config),
                Err(list) => list,
            },
            Err(problem) => {
                let remedy = "name a readable YAML file with --config".to_owned();
                vec![Fault { kind: FaultKind::Unreadable, place: Place::file(), problem, remedy }]
            }
        };
        Err(Faults { file: file.to_owned(), list })
    }

    /// Reads the text of a file that stands in `folder`.
    ///
    /// # Errors
    /// Every rule that the text breaks, in the order of its lines.
    pub fn parse(text: &str, folder: &Path, environment: Environment<'_>) -> Result<Self, Vec<Fault>> {
        Self::parse_with(text, folder, environment, Secrets::Needed)
    }

    fn parse_with(
        text: &str,
        folder: &Path,
        environment: Environment<'_>,
        secrets: Secrets,
    ) -> Result<Self, Vec<Fault>> {
        let not_yaml = |line: Option<usize>, problem: String| {
            let (place, remedy) = (Place { key: String::new(), line }, "mend the YAML; other faults show after that");
            vec![Fault { kind: FaultKind::NotYaml, place, problem, remedy: remedy.to_owned() }]
        };
        let documents = yaml::parse(text).map_err(|(line, problem)| not_yaml(Some(line), problem))?;
        let [document] = documents.as_slice() else {
            return Err(not_yaml(None, format!("expected one document, found {}", documents.len())));
        };
        let mut reading =
            Reading { faults: Vec::new(), folder, environment, secrets, crossed: rules::Crossed::default() };
        let config = read(yaml::root(document), &mut reading);
        let mut faults = reading.faults;
        faults.sort_by_key(|fault| fault.place.line);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults),
        }
    }

    /// What the core decides by.
    #[must_use]
    pub fn pipeline_settings(&self) -> Settings {
        let Pipeline {
            window,
            window_keys,
            span,
            waiting_bytes,
            processes,
            post_deadline,
            answer_timeout,
            late_slack,
            tick_min,
            tick_max,
            ..
        } = self.pipeline;
        Settings {
            window,
            window_keys: count(window_keys),
            span: count(span),
            waiting_bytes: count(waiting_bytes),
            drain_deadline: self.kafka.drain_deadline,
            post_deadline,
            answer_timeout,
            late_slack,
            tick_min,
            tick_max,
            processes: NonZeroU32::new(processes).unwrap_or(NonZeroU32::MIN),
            shared_limits: vec![CallLimit::TEST_POSTS],
            // The retention of the changelog is longer than the window.
            rewrite_after: window / 3,
            lanes: self.lanes.iter().map(lane_settings).collect(),
            rules: Rules::default(),
        }
    }
}

/// The environment of this process; a variable that is not UTF-8 counts as not set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn lane_settings(lane: &Lane) -> LaneSettings {
    LaneSettings {
        batch_events: count(lane.batch_events),
        batch_bytes: count(lane.batch_bytes),
        concurrency: count(lane.concurrency),
        least_concurrency: 1,
        calls: CallLimit::per_minute(NonZeroU32::new(lane.calls_per_minute).unwrap_or(NonZeroU32::MIN)),
        shares: match lane.mode {
            LaneMode::Live | LaneMode::Shadow => None,
            LaneMode::Test => Some(0),
        },
        mode: lane.mode,
        linger: lane.linger,
        backoff_min: lane.backoff_min,
        backoff_max: lane.backoff_max,
    }
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn read(root: Node<'_>, reading: &mut Reading<'_>) -> Option<Config> {
    let section = root.section(&SPEC, reading)?;
    let kafka = section.node("kafka", reading).and_then(|node| kafka::read(node, reading));
    let registry = section.node("registry", reading).map(|node| registry::read(node, reading));
    let audit = section.node("audit", reading).and_then(|node| audit::read(node, reading));
    let lanes = list(&section, "lanes", lanes::read, reading);
    let feeds = list(&section, "feeds", feeds::read, reading);
    let pipeline = match section.node("pipeline", reading) {
        Some(node) => node.section(&pipeline::SPEC, reading),
        None => Some(Section::absent(&pipeline::SPEC, "pipeline")),
    };
    let pipeline = pipeline.and_then(|section| pipeline::read(&section, reading));
    let admin = section.node("admin", reading).map(|node| audit::read_admin(node, reading));

    let telemetry = section.node("telemetry", reading).map(|node| telemetry::read(node, reading));
    let has_registry = if registry.is_some() { RegistrySection::Present } else { RegistrySection::Absent };
    rules::check(has_registry, reading);

    Some(Config {
        kafka: kafka?,
        registry: whole(registry)?,
        audit: audit?,
        lanes: lanes?,
        feeds: feeds?,
        pipeline: pipeline?,
        admin: whole(admin)?,
        telemetry: whole(telemetry)?,
    })
}

/// An optional section: absent is well, faulty is not.
#[expect(clippy::option_option, reason = "the outer layer says whether the section could be read")]
fn whole<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// Reads every item, the later ones too when an earlier one has a fault.
fn list<'y, T>(
    section: &Section<'y>,
    name: &str,
    read: impl Fn(Node<'y>, &mut Reading<'_>) -> Option<T>,
    reading: &mut Reading<'_>,
) -> Option<Vec<T>> {
    let items = section.node(name, reading)?.list("a list with at least one item", reading)?;
    let read: Vec<Option<T>> = items.into_iter().map(|item: Placed<_>| read(item, reading)).collect();
    read.into_iter().collect()
}

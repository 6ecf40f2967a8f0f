//! `kafka`: brokers, identity and the time spans that the accounting rests on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kafka::settings::is_reserved;

use super::fault::{FaultKind, Placed};
use super::key::{Form, Key, Presence, Spec};
use super::names;
use super::secret::{self, SecretValue};
use super::yaml::{Node, Reading, Secrets, Section};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

pub(super) const SPEC: Spec = Spec {
    title: "kafka",
    keys: &[
        Key {
            name: "bootstrap",
            form: Form::Other("`host:port`, or a list of them"),
            presence: Presence::Required,
            about: "Brokers to ask first for the cluster",
        },
        Key {
            name: "group_id",
            form: Form::Text("a name"),
            presence: Presence::Required,
            about: "Consumer group; part of the transactional id and of the changelogs' names, so two installations need two",
        },
        Key {
            name: "instance_id",
            form: Form::Other("a name, or `{env: NAME}`"),
            presence: Presence::Required,
            about: "What tells this process from the others of the group and survives its restart, such as the name of its pod",
        },
        Key {
            name: "properties",
            form: Form::Other("a mapping of librdkafka's properties to text, numbers, `true`, `false` or secrets"),
            presence: Presence::Optional,
            about: "Security and connection settings, handed to librdkafka as they are",
        },
        Key {
            name: "oauth_token",
            form: Form::Other(secret::FORM),
            presence: Presence::Optional,
            about: "JWT for `sasl.mechanism: OAUTHBEARER`; its file is read again before the token expires",
        },
        Key {
            name: "session_timeout",
            // Kafka's own limits: group.min.session.timeout.ms and group.max.session.timeout.ms.
            form: Form::Duration(Duration::from_secs(6), Duration::from_mins(30)),
            presence: Presence::Default("45s"),
            about: "How long the group waits for a silent process before its partitions move",
        },
        Key {
            name: "transaction_timeout",
            // Most: transaction.max.timeout.ms, 15 minutes on a broker with defaults.
            form: Form::Duration(SECOND, Duration::from_mins(15)),
            presence: Presence::Default("15s"),
            about: "How long the broker leaves a transaction of a dead process open",
        },
        Key {
            name: "drain_deadline",
            form: Form::Duration(SECOND, Duration::from_mins(10)),
            presence: Presence::Default("15s"),
            about: "From the loss of a partition, or a request to stop, until waiting for answers ends",
        },
        Key {
            name: "termination_grace",
            form: Form::Duration(SECOND, Duration::from_hours(1)),
            presence: Presence::Default("60s"),
            about: "What the surroundings grant between SIGTERM and SIGKILL; the same as `terminationGracePeriodSeconds`",
        },
        Key {
            name: "max_poll_interval",
            form: Form::Duration(MINUTE, Duration::from_hours(1)),
            presence: Presence::Default("5m"),
            about: "How long a process may go without asking for records before the group gives it up",
        },
        Key {
            name: "restore_patience",
            form: Form::Duration(SECOND, Duration::from_hours(24)),
            presence: Presence::Default("10m"),
            about: "How long the restore of a partition may make no headway before the process gives up and says why",
        },
        Key {
            name: "on_stop",
            form: Form::Word(&["stay", "leave"]),
            presence: Presence::Default("stay"),
            about: "What a stop means to the group: `stay` keeps the partitions for a restart until `session_timeout` has passed, `leave` gives them to the others at once",
        },
    ],
};

/// Brokers, identity, time spans.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port` of each, joined by commas.
    pub bootstrap: String,
    pub group_id: String,
    pub instance_id: String,
    pub properties: BTreeMap<String, Property>,
    pub oauth_token: Option<SecretValue>,
    pub session_timeout: Duration,
    pub transaction_timeout: Duration,
    pub drain_deadline: Duration,
    pub termination_grace: Duration,
    pub max_poll_interval: Duration,
    pub restore_patience: Duration,
    pub on_stop: OnStop,
}

/// What a stop means to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStop {
    /// It is a restart.
    Stay,
    /// It is for good.
    Leave,
}

/// The value of one of librdkafka's properties.
#[derive(Clone, Debug)]
pub enum Property {
    Plain(String),
    Secret(SecretValue),
}

/// Properties whose value is a secret and never stands in the file.
const SECRET: &[&str] = &["sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password"];

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Kafka> {
    let section = node.section(&SPEC, reading)?;
    let bootstrap = bootstrap(&section, reading);
    let group_id = section.text("group_id", reading).and_then(|text| names::name(text, reading));
    let instance_id = instance_id(&section, reading);
    let properties = properties(&section, reading);
    let oauth_token = oauth_token(&section, properties.as_ref(), reading);
    let session_timeout = section.duration("session_timeout", reading);
    let transaction_timeout = section.duration("transaction_timeout", reading);
    let drain_deadline = section.duration("drain_deadline", reading);
    let termination_grace = section.duration("termination_grace", reading);
    let max_poll_interval = section.duration("max_poll_interval", reading);
    let restore_patience = section.duration("restore_patience", reading);
    let on_stop = section.word("on_stop", reading).map(|word| match word.value {
        "leave" => OnStop::Leave,
        _ => OnStop::Stay,
    });

    let crossed = &mut reading.crossed;
    crossed.group_id.clone_from(&group_id);
    crossed.session_timeout.clone_from(&session_timeout);
    crossed.transaction_timeout.clone_from(&transaction_timeout);
    crossed.drain_deadline.clone_from(&drain_deadline);
    crossed.termination_grace.clone_from(&termination_grace);
    crossed.max_poll_interval.clone_from(&max_poll_interval);

    Some(Kafka {
        bootstrap: bootstrap?,
        group_id: group_id?.value,
        instance_id: instance_id?,
        properties: properties?,
        oauth_token,
        session_timeout: session_timeout?.value,
        transaction_timeout: transaction_timeout?.value,
        drain_deadline: drain_deadline?.value,
        termination_grace: termination_grace?.value,
        max_poll_interval: max_poll_interval?.value,
        restore_patience: restore_patience?.value,
        on_stop: on_stop?,
    })
}

fn bootstrap(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    const EXPECTED: &str = "`host:port` or a list of them";
    let node = section.node("bootstrap", reading)?;
    let addresses: Vec<Placed<String>> = if let Some(text) = node.as_text() {
        text.split(',').map(|one| Placed { value: one.trim().to_owned(), place: node.place.clone() }).collect()
    } else {
        let mut addresses = Vec::new();
        for item in node.list(EXPECTED, reading)? {
            addresses.extend(item.text("`host:port`", reading).map(|text| text.map(str::to_owned)));
        }
        addresses
    };
    let mut all_fit = true;
    for address in &addresses {
        if !names::is_address(&address.value) {
            let problem = format!("expected `host:port`, found {:?}", address.value);
            reading.fault(FaultKind::BadAddress, &address.place, problem, "write it as in kafka-0.example.com:9092");
            all_fit = false;
        }
    }
    let joined = addresses.into_iter().map(|address| address.value).collect::<Vec<_>>().join(",");
    (all_fit && !joined.is_empty()).then_some(joined)
}

/// A name, or the environment variable that holds one.
fn instance_id(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<String> {
    const REFERENCE: Spec = Spec {
        title: "kafka.instance_id",
        keys: &[Key {
            name: "env",
            form: Form::Text("the name of an environment variable"),
            presence: Presence::Required,
            about: "Environment variable that holds the name",
        }],
    };
    let node = section.node("instance_id", reading)?;
    if let Some(text) = node.as_text() {
        return names::name(Placed { value: text, place: node.place }, reading).map(|name| name.value);
    }
    let variable = node.section(&REFERENCE, reading)?.text("env", reading)?;
    let value = (reading.environment)(variable.value).filter(|value| !value.trim().is_empty());
    let Some(value) = value else {
        if reading.secrets == Secrets::Unneeded {
            return Some("offline".to_owned());
        }
        let problem = format!("the environment variable {} is not set or is empty", variable.value);
        let remedy = "set it to a name that is this process's alone and stays the same when it starts again";
        reading.fault(FaultKind::VariableUnset, &variable.place, problem, remedy);
        return None;
    };
    names::name(Placed { value: value.trim(), place: variable.place }, reading).map(|name| name.value)
}

fn properties(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<BTreeMap<String, Property>> {
    let mut properties = BTreeMap::new();
    let Some(node) = section.node("properties", reading) else { return Some(properties) };
    let mut all_fit = true;
    for (name, node) in node.entries("a mapping of librdkafka's properties", reading)? {
        if is_reserved(name) {
            let remedy = "remove it; pinrelay sets it, or this section has a key for it";
            reading.fault(FaultKind::OwnedProperty, &node.place, format!("`{name}` is not yours to set"), remedy);
            all_fit = false;
            continue;
        }
        if name.starts_with("sasl.oauthbearer.") || name == "enable.sasl.oauthbearer.unsecure.jwt" {
            let remedy = "remove it; pinrelay asks no one for a token: have one written to a file and name it as `kafka.oauth_token`";
            let problem = format!("`{name}` does not work here: librdkafka is built without OIDC");
            reading.fault(FaultKind::OwnedProperty, &node.place, problem, remedy);
            all_fit = false;
            continue;
        }
        match property(name, node, reading) {
            Some(property) => drop(properties.insert(name.to_owned(), property)),
            None => all_fit = false,
        }
    }
    all_fit.then_some(properties)
}

/// The token, which goes together with its mechanism.
fn oauth_token(
    section: &Section<'_>,
    properties: Option<&BTreeMap<String, Property>>,
    reading: &mut Reading<'_>,
) -> Option<SecretValue> {
    let node = section.node("oauth_token", reading);
    let mechanism = properties.map(|properties| {
        let found = ["sasl.mechanism", "sasl.mechanisms"].iter().find_map(|name| properties.get(*name));
        matches!(found, Some(Property::Plain(text)) if text.eq_ignore_ascii_case("OAUTHBEARER"))
    });
    match (node, mechanism) {
        (None, Some(true)) => {
            let problem = "`sasl.mechanism: OAUTHBEARER` needs a token";
            let remedy = "add oauth_token: {file: PATH}, a file that is replaced before its token expires";
            reading.fault(FaultKind::OauthToken, &section.place, problem, remedy);
            None
        }
        (Some(node), Some(false)) => {
            let problem = "`oauth_token` is of no use without its mechanism";
            let remedy = "add `sasl.mechanism: OAUTHBEARER` to `properties`, or remove this key";
            reading.fault(FaultKind::OauthToken, &node.place, problem, remedy);
            None
        }
        (node, _) => secret::read(node?, reading),
    }
}

fn property(name: &str, node: Node<'_>, reading: &mut Reading<'_>) -> Option<Property> {
    if SECRET.contains(&name) {
        return secret::read(node, reading).map(Property::Secret);
    }
    if let Some(number) = node.as_integer() {
        return Some(Property::Plain(number.to_string()));
    }
    if let Some(flag) = node.as_flag() {
        return Some(Property::Plain(flag.to_string()));
    }
    if node.as_text().is_some() {
        return node.text("text", reading).map(|text| Property::Plain(text.value.to_owned()));
    }
    secret::read(node, reading).map(Property::Secret)
}

/// Properties whose value is a file that librdkafka reads when a client begins: credentials, and whom to trust.
const CREDENTIAL_FILES: &[&str] =
    &["ssl.ca.location", "ssl.certificate.location", "ssl.crl.location", "ssl.key.location", "ssl.keystore.location"];

/// Whether the property names a file that is a credential, or a folder of them.
#[must_use]
pub fn is_credential_file(property: &str) -> bool {
    CREDENTIAL_FILES.contains(&property)
}

impl Kafka {
    /// With the secrets as they are now.
    ///
    /// # Errors
    /// A secret's file cannot be read, or is empty.
    pub fn read_again(&self) -> Result<Self, String> {
        let mut again = self.clone();
        for property in again.properties.values_mut() {
            if let Property::Secret(secret) = property {
                secret.value = secret.read_again()?;
            }
        }
        Ok(again)
    }

    /// `group.instance.id` and `transactional.id`, so that a process that starts again fences its former self (T1).
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}.{}", self.group_id, self.instance_id)
    }
}

/// The changelog topic of a feed (P5).
#[must_use]
pub fn changelog_topic(group_id: &str, feed: &str) -> String {
    format!("{group_id}.{feed}.changelog")
}

//! `feeds`: one for each input topic.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{InDoubtPolicy, UnixMillis};
use crate::mapping::PhoneRegion;

use super::fault::{FaultKind, Placed};
use super::key::{Form, Key, Presence, Spec};
use super::names;
use super::yaml::{Node, Reading, Section};

const DAY: Duration = Duration::from_hours(24);

pub(super) const SPEC: Spec = Spec {
    title: "feeds[]",
    keys: &[
        Key {
            name: "name",
            form: Form::Text("a name"),
            presence: Presence::Required,
            about: "Name of the feed in audit rows, logs, metrics and the name of its changelog; it never changes",
        },
        Key {
            name: "topic",
            form: Form::Text("a topic"),
            presence: Presence::Required,
            about: "Input topic; it belongs to this feed alone",
        },
        Key {
            name: "schema",
            form: Form::Text("a path"),
            presence: Presence::Required,
            about: "Annotated Avro reader schema",
        },
        Key {
            name: "references",
            form: Form::Other("a list of paths"),
            presence: Presence::Optional,
            about: "Avro schemas whose named types `schema` and `writer_schemas` use, in any order",
        },
        Key {
            name: "framing",
            form: Form::Word(&["confluent", "confluent_header", "single_object"]),
            presence: Presence::Required,
            about: "What names the writer schema of a value: Confluent's schema id before the Avro bytes; the header `__value_schema_id`, or that id where a message lacks the header; or Avro's own fingerprint before the bytes",
        },
        Key {
            name: "writer_schemas",
            form: Form::Other("a list of paths"),
            presence: Presence::Optional,
            about: "Schemas that `single_object` values may be written in; `schema` itself is always one of them",
        },
        Key {
            name: "lane",
            form: Form::Text("the name of a lane"),
            presence: Presence::Required,
            about: "Where events go whose record names no ad account",
        },
        Key {
            name: "start",
            form: Form::Text("`earliest`, `latest` or a time as in RFC 3339"),
            presence: Presence::Default("earliest"),
            about: "Where the group begins when it reads the topic for the first time",
        },
        Key {
            name: "in_doubt",
            form: Form::Word(&["resend", "hold"]),
            presence: Presence::Optional,
            about: "What becomes of an event whose answer was lost; if absent, `hold` for offline events and `resend` for web and app events",
        },
        Key {
            name: "on_lost",
            form: Form::Word(&["halt", "continue"]),
            presence: Presence::Default("halt"),
            about: "What happens when Kafka deleted records before they were read; `continue` leaves one row `lost` for the range",
        },
        Key {
            name: "late",
            form: Form::Word(&["send", "skip", "hold"]),
            presence: Presence::Default("send"),
            about: "What becomes of an event that is older than an hour, which Pinterest counts as offline; `skip` asks when it is read and again when it would be posted; `hold` sends it, but never again if its answer is lost",
        },
        Key {
            name: "missing_consent",
            form: Form::Word(&["send", "skip"]),
            presence: Presence::Default("send"),
            about: "What becomes of a record whose field for consent has no value; `skip` is a fault where the schema maps none",
        },
        Key {
            name: "private_addresses",
            form: Form::Word(&["drop", "keep"]),
            presence: Presence::Default("drop"),
            about: "What becomes of IP addresses that belong to no public network",
        },
        Key {
            name: "odd_user_agents",
            form: Form::Word(&["drop", "keep"]),
            presence: Presence::Default("drop"),
            about: "What becomes of the user agents of bots, and of `Other`, which Pinterest documents as not valid",
        },
        Key {
            name: "customer_type",
            form: Form::Word(&["drop", "send"]),
            presence: Presence::Default("drop"),
            about: "Whether `user_data.customer_type` is sent where it is mapped; Pinterest's published schema lacks it",
        },
        Key {
            name: "derive",
            form: Form::Word(&["missing", "nothing"]),
            presence: Presence::Default("missing"),
            about: "Whether `content_ids` and `num_items` follow from the contents where they are not mapped",
        },
        Key {
            name: "max_age",
            form: Form::Duration(Duration::from_mins(1), Duration::from_hours(30 * 24)),
            presence: Presence::Default("7d"),
            about: "Age from which an event is skipped as too old, when it is read and again when it would be posted for the first time",
        },
        Key {
            name: "clock_tolerance",
            form: Form::Duration(Duration::ZERO, DAY),
            presence: Presence::Default("5m"),
            about: "How far ahead of this machine's clock an event time may lie",
        },
        Key {
            name: "phone_region",
            form: Form::Text("two letters of ISO 3166"),
            presence: Presence::Optional,
            about: "Country of phone numbers that are written without a country code; it comes before the `region` that the schema names",
        },
        Key {
            name: "constants",
            form: Form::Other("a mapping of targets to text, whole numbers, `true` or `false`"),
            presence: Presence::Optional,
            about: "Values for targets that no field feeds; they override those of the schema",
        },
    ],
};

/// One input topic.
#[derive(Clone, Debug)]
pub struct Feed {
    pub name: String,
    pub topic: String,
    pub schema: PathBuf,
    /// Files with named types that `schema` and the writer schemas use.
    pub references: Vec<PathBuf>,
    pub framing: Framing,
    /// Name of a lane that exists.
    pub lane: String,
    pub start: Start,
    /// Absent: by the action source of each event.
    pub in_doubt: Option<InDoubtPolicy>,
    pub on_lost: OnLost,
    pub late: Late,
    /// For a record whose field for consent has no value.
    pub missing_consent: Choice,
    pub private_addresses: PrivateAddresses,
    pub odd_user_agents: OddUserAgents,
    pub customer_type: CustomerType,
    pub derive: Derive,
    pub max_age: Duration,
    pub clock_tolerance: Duration,
    /// ISO 3166 alpha-2, upper case.
    pub phone_region: Option<String>,
    /// By the path of the target, such as `event_name`; numbers and flags as they are written.
    pub constants: BTreeMap<String, String>,
}

/// What stands before the Avro bytes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A zero byte and a schema id of four bytes.
    Confluent,
    /// The id or GUID in a header; as [`Framing::Confluent`] where a message has no such header.
    ConfluentHeader,
    /// `C3 01` and the fingerprint of one of these schemas; the reader schema is the first.
    SingleObject { writer_schemas: Vec<PathBuf> },
}

/// Where a group begins that has no committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
    At(UnixMillis),
}

/// What happens when records were deleted before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLost {
    Halt,
    Continue,
}

/// What becomes of an event that could go either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Send,
    Skip,
}

/// What becomes of an event that is older than an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    Send,
    Skip,
    Hold,
}

/// What becomes of user agents that Pinterest documents as not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddUserAgents {
    Drop,
    Keep,
}

/// Whether `customer_type` is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerType {
    Drop,
    Send,
}

/// What becomes of IP addresses that belong to no public network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateAddresses {
    Drop,
    Keep,
}

/// What is derived from the contents of an event where it is not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derive {
    Missing,
    Nothing,
}

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Feed> {
    let section = node.section(&SPEC, reading)?;
    let name = section.text("name", reading).and_then(|text| names::name(text, reading));
    let topic = section.text("topic", reading).and_then(|text| names::topic(text, reading));
    let schema = section.text("schema", reading).and_then(|text| existing(&text, reading));
    let references = files("references", &section, reading);
    let framing = framing(&section, schema.as_ref(), reading);
    let lane_name = section.text("lane", reading).map(|text| text.map(str::to_owned));
    let start = section.text("start", reading).and_then(|text| start(&text, reading));
    let in_doubt = section.word("in_doubt", reading).map(|word| match word.value {
        "hold" => InDoubtPolicy::Hold,
        _ => InDoubtPolicy::Resend,
    });
    let on_lost = section.word("on_lost", reading).map(|word| match word.value {
        "continue" => OnLost::Continue,
        _ => OnLost::Halt,
    });
    let late = section.word("late", reading).map(|word| match word.value {
        "skip" => Late::Skip,
        "hold" => Late::Hold,
        _ => Late::Send,
    });
    let missing_consent = section.word("missing_consent", reading).map(|word| match word.value {
        "skip" => Choice::Skip,
        _ => Choice::Send,
    });
    let private_addresses = section.word("private_addresses", reading).map(|word| match word.value {
        "keep" => PrivateAddresses::Keep,
        _ => PrivateAddresses::Drop,
    });
    let odd_user_agents = section.word("odd_user_agents", reading).map(|word| match word.value {
        "keep" => OddUserAgents::Keep,
        _ => OddUserAgents::Drop,
    });
    let customer_type = section.word("customer_type", reading).map(|word| match word.value {
        "send" => CustomerType::Send,
        _ => CustomerType::Drop,
    });
    let derive = section.word("derive", reading).map(|word| match word.value {
        "nothing" => Derive::Nothing,
        _ => Derive::Missing,
    });
    let max_age = section.duration("max_age", reading);
    let clock_tolerance = section.duration("clock_tolerance", reading);
    let phone_region = section.text("phone_region", reading).and_then(|text| region(&text, reading));
    let constants = constants(&section, reading);

    reading.crossed.feeds.extend(name.clone());
    reading.crossed.topics.extend(topic.clone());
    reading.crossed.lanes_of_feeds.extend(lane_name.clone());

    Some(Feed {
        name: name?.value,
        topic: topic?.value,
        schema: schema?,
        references: references?,
        framing: framing?,
        lane: lane_name?.value,
        start: start?,
        in_doubt,
        on_lost: on_lost?,
        late: late?,
        missing_consent: missing_consent?,
        private_addresses: private_addresses?,
        odd_user_agents: odd_user_agents?,
        customer_type: customer_type?,
        derive: derive?,
        max_age: max_age?.value,
        clock_tolerance: clock_tolerance?.value,
        phone_region,
        constants: constants?,
    })
}

/// The full path of a file that exists.
fn existing(path: &Placed<&str>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let full = reading.folder.join(path.value);
    if full.is_file() {
        return Some(full);
    }
    let problem = format!("there is no file {}", full.display());
    reading.fault(FaultKind::FileMissing, &path.place, problem, "relative paths start at the configuration's folder");
    None
}

/// The files of a list, all of which exist; none where the key is absent.
fn files(key: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Vec<PathBuf>> {
    let (mut files, mut all_exist) = (Vec::new(), true);
    if let Some(node) = section.node(key, reading) {
        for item in node.list("a list of paths", reading)? {
            let file = item.text("a path", reading).and_then(|text| existing(&text, reading));
            all_exist &= file.is_some();
            files.extend(file);
        }
    }
    all_exist.then_some(files)
}

fn framing(section: &Section<'_>, schema: Option<&PathBuf>, reading: &mut Reading<'_>) -> Option<Framing> {
    let framing = section.word("framing", reading);
    let listed = section.node("writer_schemas", reading);
    let writer_schemas = files("writer_schemas", section, reading);
    let framing = framing?;
    let chosen = match framing.value {
        "single_object" => {
            let writer_schemas = schema.cloned().into_iter().chain(writer_schemas?).collect();
            return Some(Framing::SingleObject { writer_schemas });
        }
        "confluent_header" => Framing::ConfluentHeader,
        _ => Framing::Confluent,
    };
    reading.crossed.confluent_feeds.push(framing.map(|_| ()));
    if let Some(node) = listed {
        let problem = "writer schemas come from the registry under Confluent's framings";
        reading.fault(
            FaultKind::ExclusiveKeys,
            &node.place,
            problem,
            "remove the list, or write framing: single_object",
        );
        return None;
    }
    Some(chosen)
}

fn start(text: &Placed<&str>, reading: &mut Reading<'_>) -> Option<Start> {
    match text.value {
        "earliest" => return Some(Start::Earliest),
        "latest" => return Some(Start::Latest),
        _ => {}
    }
    if let Ok(time) = text.value.parse::<jiff::Timestamp>() {
        return Some(Start::At(UnixMillis(time.as_millisecond())));
    }
    let problem = format!("expected `earliest`, `latest` or a time, found {:?}", text.value);
    reading.fault(FaultKind::BadTime, &text.place, problem, "write a time as in 2026-03-01T00:00:00Z, with its zone");
    None
}

fn region(text: &Placed<&str>, reading: &mut Reading<'_>) -> Option<String> {
    if PhoneRegion::try_new(text.value).is_none() {
        let problem = format!("expected a country that has phone numbers, found {:?}", text.value);
        reading.fault(FaultKind::BadRegion, &text.place, problem, "write the two letters of ISO 3166, as in DE or US");
        return None;
    }
    Some(text.value.trim().to_ascii_uppercase())
}

fn constants(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<BTreeMap<String, String>> {
    let mut constants = BTreeMap::new();
    let Some(node) = section.node("constants", reading) else { return Some(constants) };
    let mut all_fit = true;
    for (target, node) in node.entries("a mapping of targets to values", reading)? {
        let constant = if let Some(number) = node.as_integer() {
            Some(number.to_string())
        } else if let Some(flag) = node.as_flag() {
            Some(flag.to_string())
        } else {
            node.text("text, a whole number, true or false", reading).map(|text| text.value.to_owned())
        };
        all_fit &= constant.is_some();
        constants.extend(constant.map(|constant| (target.to_owned(), constant)));
    }
    all_fit.then_some(constants)
}

//! The rules between values of different sections.
//!
//! The inequalities are rule T8 of the accounting protocol: broken, a process could still act on a partition after
//! the group gave it to another, or be killed in the middle of its last transaction.

use std::time::Duration;

use super::fault::{FaultKind, Place, Placed};
use super::kafka;
use super::names;
use super::units::show_duration;
use super::yaml::Reading;

/// Values that rules between sections look at; each is absent where it could not be read.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    pub(super) group_id: Option<Placed<String>>,
    pub(super) session_timeout: Option<Placed<Duration>>,
    pub(super) transaction_timeout: Option<Placed<Duration>>,
    pub(super) drain_deadline: Option<Placed<Duration>>,
    pub(super) termination_grace: Option<Placed<Duration>>,
    pub(super) max_poll_interval: Option<Placed<Duration>>,
    pub(super) answer_timeout: Option<Placed<Duration>>,
    pub(super) audit_topic: Option<Placed<String>>,
    pub(super) lanes: Vec<Placed<String>>,
    pub(super) ad_accounts: Vec<Placed<String>>,
    pub(super) feeds: Vec<Placed<String>>,
    pub(super) topics: Vec<Placed<String>>,
    pub(super) lanes_of_feeds: Vec<Placed<String>>,
    /// Where a feed asks for Confluent framing.
    pub(super) confluent_feeds: Vec<Placed<()>>,
}

/// Whether the file has a `registry` section, faulty or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistrySection {
    Present,
    Absent,
}

/// Checks everything in [`Crossed`].
pub(super) fn check(registry: RegistrySection, reading: &mut Reading<'_>) {
    let crossed = std::mem::take(&mut reading.crossed);
    spans(&crossed, reading);
    unique(FaultKind::DuplicateName, "a name", &crossed.lanes, reading);
    unique(FaultKind::DuplicateName, "a name", &crossed.feeds, reading);
    unique(FaultKind::DuplicateAccount, "an ad account", &crossed.ad_accounts, reading);
    topics(&crossed, reading);
    lanes(&crossed, reading);
    if registry == RegistrySection::Absent {
        for feed in &crossed.confluent_feeds {
            let remedy = "add `registry` with its `url`, or write framing: single_object";
            reading.fault(FaultKind::NoRegistry, &feed.place, "Confluent framing needs a schema registry", remedy);
        }
    }
}

/// `least` <= `most`.
pub(super) fn at_most(kind: FaultKind, least: &Placed<Duration>, most: &Placed<Duration>, reading: &mut Reading<'_>) {
    if most.value < least.value {
        let problem = format!("{} must be at most {}", named(least), named(most));
        reading.fault(kind, written(&[least, most]), problem, "lower the first or raise the second");
    }
}

/// `less` < `more`; `remedy` says why, and what to do.
pub(super) fn below(
    kind: FaultKind,
    less: &Placed<Duration>,
    more: &Placed<Duration>,
    remedy: &str,
    reading: &mut Reading<'_>,
) {
    if more.value <= less.value {
        let problem = format!("{} must be below {}", named(less), named(more));
        reading.fault(kind, written(&[less, more]), problem, remedy);
    }
}

/// Key and value.
fn named(value: &Placed<Duration>) -> String {
    format!("{} ({})", value.place.key, show_duration(value.value))
}

/// The place to point at: the first value that stands in the file, since a default cannot be mended.
fn written<'p>(values: &[&'p Placed<Duration>]) -> &'p Place {
    let in_file = values.iter().find(|value| value.place.line.is_some());
    &in_file.or(values.first()).expect("a rule compares values").place
}

fn spans(crossed: &Crossed, reading: &mut Reading<'_>) {
    let Crossed { answer_timeout, drain_deadline, transaction_timeout, session_timeout, .. } = crossed;
    let Crossed { max_poll_interval, termination_grace, .. } = crossed;

    if let (Some(answer), Some(drain)) = (answer_timeout, drain_deadline) {
        let remedy = "a partition is let go when its answers are in: shorten the first or lengthen the second";
        below(FaultKind::AnswerOverDrain, answer, drain, remedy, reading);
    }
    if let (Some(transaction), Some(session)) = (transaction_timeout, session_timeout) {
        let remedy =
            "a dead process's transaction ends before its partitions move: shorten the first or lengthen the second";
        below(FaultKind::TransactionOverSession, transaction, session, remedy, reading);
    }
    if let (Some(session), Some(poll)) = (session_timeout, max_poll_interval) {
        at_most(FaultKind::SessionOverPoll, session, poll, reading);
    }
    let (Some(drain), Some(transaction)) = (drain_deadline, transaction_timeout) else { return };
    let rest = drain.value.saturating_add(transaction.value);
    let sum = format!("{} + {} = {}", named(drain), named(transaction), show_duration(rest));
    if let Some(poll) = max_poll_interval
        && poll.value <= rest.saturating_mul(3)
    {
        let problem = format!("{sum} must be below a third of {}", named(poll));
        let remedy = "the consumer waits while a partition drains: shorten these or lengthen the interval";
        reading.fault(FaultKind::DrainOverPoll, written(&[drain, transaction, poll]), problem, remedy);
    }
    if let Some(grace) = termination_grace
        && grace.value <= rest
    {
        let problem = format!("{sum} must be below {}", named(grace));
        let remedy = "the last transaction ends before SIGKILL: shorten these, or lengthen the grace here and where the process is run";
        reading.fault(FaultKind::GraceTooShort, written(&[drain, transaction, grace]), problem, remedy);
    }
}

/// A fault for every value that stood earlier in the list.
fn unique(kind: FaultKind, what: &str, values: &[Placed<String>], reading: &mut Reading<'_>) {
    for (n, value) in values.iter().enumerate() {
        if let Some(first) = values.iter().take(n).find(|earlier| earlier.value == value.value) {
            let problem = format!("{:?} stands at {} already", value.value, first.place);
            reading.fault(kind, &value.place, problem, format!("give each {what} of its own"));
        }
    }
}

/// Every topic has one use, and changelogs have names that Kafka allows.
fn topics(crossed: &Crossed, reading: &mut Reading<'_>) {
    let mut used: Vec<(String, &Placed<String>)> = Vec::new();
    let mut others: Vec<(String, &Placed<String>)> = Vec::new();
    if let Some(group) = &crossed.group_id {
        for feed in &crossed.feeds {
            let changelog = kafka::changelog_topic(&group.value, &feed.value);
            if let Some(objection) = names::kafka_objection(&changelog) {
                let problem = format!("the changelog's name {changelog:?} is no topic name: {objection}");
                let remedy = "shorten the feed's name or kafka.group_id";
                reading.fault(FaultKind::BadTopic, &feed.place, problem, remedy);
            }
            // A feed whose name stands twice is reported as such.
            if !used.iter().any(|(name, _)| *name == changelog) {
                used.push((changelog, feed));
            }
        }
    }
    others.extend(crossed.audit_topic.iter().chain(&crossed.topics).map(|topic| (topic.value.clone(), topic)));
    for (topic, place) in others {
        if let Some((_, first)) = used.iter().find(|(name, _)| *name == topic) {
            let problem = format!("the topic {topic:?} is used at {} already", first.place);
            let remedy = "a topic is the input of one feed, the audit or one changelog: name another";
            reading.fault(FaultKind::DuplicateTopic, &place.place, problem, remedy);
        } else {
            used.push((topic, place));
        }
    }
}

fn lanes(crossed: &Crossed, reading: &mut Reading<'_>) {
    let names: Vec<&str> = crossed.lanes.iter().map(|lane| lane.value.as_str()).collect();
    // Without a readable lane that fault comes first, and this one would only follow from it.
    if names.is_empty() {
        return;
    }
    for lane in crossed.lanes_of_feeds.iter().filter(|lane| !names.contains(&lane.value.as_str())) {
        let remedy = format!("name one of the lanes: {}", names.join(", "));
        let problem = format!("there is no lane {:?}", lane.value);
        reading.fault(FaultKind::UnknownLane, &lane.place, problem, remedy);
    }
}

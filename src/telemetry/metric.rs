//! The metrics: the one place that the exposition, the export and `docs/metrics.md` take them from.
//!
//! A name is a promise to those who wrote alarms on it. It is written as OpenTelemetry writes it; Prometheus' form
//! follows from it and from kind and unit, by the rules by which the OpenTelemetry Collector translates
//! (<https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics>, read 2026-09), so that a
//! scrape and an export through a collector end in the same names.

use std::time::Duration;

use super::histogram::{AGES, DURATIONS};
use super::label::Label;

/// How the values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives, or while a partition stays with it.
    Counter,
    /// What is so now.
    Gauge,
    /// Durations, counted up to these bounds.
    Histogram(&'static [Duration]),
}

/// What a value counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things of this name, in the singular.
    Each(&'static str),
    Seconds,
    /// A part of a whole, from 0 to 1.
    Share,
    /// The value says nothing; the labels do.
    Info,
}

macro_rules! metrics {
    ($($variant:ident, $name:literal, $kind:expr, $unit:expr, [$($label:ident),*], $help:literal;)*) => {
        /// Everything that is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = $help] $variant,)* }

        impl Metric {
            /// In the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As OpenTelemetry names it.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            #[must_use]
            pub const fn kind(self) -> Kind { match self { $(Self::$variant => $kind,)* } }

            #[must_use]
            pub const fn unit(self) -> Unit { match self { $(Self::$variant => $unit,)* } }

            /// Every sample has a value for each of them, in this order.
            #[must_use]
            pub const fn labels(self) -> &'static [Label] { match self { $(Self::$variant => &[$(Label::$label),*],)* } }

            /// What it means, as a sentence without full stop.
            #[must_use]
            pub const fn help(self) -> &'static str { match self { $(Self::$variant => $help,)* } }
        }
    };
}

metrics! {
    Records, "pinrelay.records", Kind::Counter, Unit::Each("record"), [Feed, Outcome, Reason],
        "Records whose audit row is committed";
    RecordsRedelivered, "pinrelay.records.redelivered", Kind::Counter, Unit::Each("record"), [Feed],
        "Records whose committed audit row says that Pinterest may have taken the event more than once";
    RecordsUnaccounted, "pinrelay.records.unaccounted", Kind::Gauge, Unit::Each("record"), [Feed, Partition],
        "Records between the committed offset and the reader";
    RecordsBehind, "pinrelay.records.behind", Kind::Gauge, Unit::Each("record"), [Feed, Partition],
        "Records without an audit row: those that are not settled, and those from the reader to the end of the partition; while the reader is not at the end, markers of transactions count as records";
    OldestAge, "pinrelay.records.oldest_age", Kind::Gauge, Unit::Seconds, [Feed, Partition],
        "Age of the oldest record that is not settled, by its Kafka timestamp; of one that is not read yet, at least the time since it was noticed; 0 if there is none";
    RecordDuration, "pinrelay.record.duration", Kind::Histogram(&DURATIONS), Unit::Seconds, [Feed],
        "From reading a record to the commit of its audit row";

    EventAge, "pinrelay.event.age", Kind::Histogram(&AGES), Unit::Seconds, [Feed],
        "Age of a delivered event when it was posted; beyond 3600 s Pinterest counts it as offline";
    EventsLate, "pinrelay.events.late", Kind::Counter, Unit::Each("event"), [Feed],
        "Delivered events that were posted more than an hour after they happened";
    EventsIdentity, "pinrelay.events.identity", Kind::Counter, Unit::Each("event"), [Feed, Parameter],
        "Delivered events that carried the identity parameter; divide by the delivered records for its coverage";
    ValuesDropped, "pinrelay.values.dropped", Kind::Counter, Unit::Each("value"), [Feed, Target, Cause],
        "Optional values that were left out of events because no rule could make them fit";
    EventsWarned, "pinrelay.events.warned", Kind::Counter, Unit::Each("event"), [Feed, Warning],
        "Events that Pinterest takes but does not serve in full";
    Events, "pinrelay.events", Kind::Counter, Unit::Each("event"), [Lane, Status],
        "Events in posts that have ended, each time that they were posted";
    EventsQueued, "pinrelay.events.queued", Kind::Gauge, Unit::Each("event"), [Lane],
        "Events that are in no batch yet";
    EventsInFlight, "pinrelay.events.in_flight", Kind::Gauge, Unit::Each("event"), [Lane],
        "Events posted and not answered";

    Requests, "pinrelay.requests", Kind::Counter, Unit::Each("request"), [Lane, Status],
        "Calls of Pinterest's API that have ended";
    RequestDuration, "pinrelay.request.duration", Kind::Histogram(&DURATIONS), Unit::Seconds, [Lane],
        "From the start of a call to its answer, or to giving it up";
    RequestsInFlight, "pinrelay.requests.in_flight", Kind::Gauge, Unit::Each("request"), [Lane],
        "Calls under way";
    RequestsBudget, "pinrelay.requests.budget", Kind::Gauge, Unit::Each("request"), [Lane],
        "Calls a minute that this process may make now, by the configuration, the answers and the number of processes, less after a 429";
    RequestsConcurrency, "pinrelay.requests.concurrency", Kind::Gauge, Unit::Each("request"), [Lane],
        "Calls that may be under way at a time, as Pinterest's answers have let it rise and fall";
    RequestsConcurrencyLimit, "pinrelay.requests.concurrency.limit", Kind::Gauge, Unit::Each("request"), [Lane],
        "What the calls at a time never rise above, by the configuration";
    LaneHalted, "pinrelay.lane.halted", Kind::Gauge, Unit::Each("lane"), [Lane, Cause],
        "1 while the lane sends one event at a time to find out whether it gets through, for the cause that is so, else 0";

    TokenAge, "pinrelay.token.age", Kind::Gauge, Unit::Seconds, [Lane],
        "Since when the access token in use is known; of the first one from a file, since the file was written";

    CredentialUnusable, "pinrelay.credential.unusable", Kind::Gauge, Unit::Each("credential"), [Peer],
        "1 while what is to be shown to the peer cannot be read, has expired or is refused, else 0; a token that Pinterest refuses halts its lane instead";

    WindowKeys, "pinrelay.window.keys", Kind::Gauge, Unit::Each("key"), [Feed, Partition],
        "Event keys by which duplicates are recognised";
    WindowEvicted, "pinrelay.window.evicted", Kind::Counter, Unit::Each("key"), [Feed, Partition],
        "Keys dropped before their time, because the window was full; duplicates of those are sent";
    WindowCovered, "pinrelay.window.covered", Kind::Gauge, Unit::Seconds, [Feed, Partition],
        "How far back every key is known: the window's length, unless its bound of keys does not reach so far";

    WindowLength, "pinrelay.window.length", Kind::Gauge, Unit::Seconds, [],
        "How far back every key is to be known, by the configuration";
    KeysSentTwice, "pinrelay.keys.sent_twice", Kind::Counter, Unit::Each("key"), [],
        "Keys that two partitions or feeds of this process have delivered within the window, in a sample of one key in 64";

    Partitions, "pinrelay.partitions", Kind::Gauge, Unit::Each("partition"), [Feed, State],
        "Partitions that the group has given to this process";
    PartitionsMoved, "pinrelay.partitions.moved", Kind::Counter, Unit::Each("partition"), [Feed, Change],
        "Partitions that a rebalance has given to this process or taken from it";
    RestoreDuration, "pinrelay.restore.duration", Kind::Gauge, Unit::Seconds, [Feed, Partition],
        "How long the partition has been in restore; 0 when it is restored";

    RestoreProgress, "pinrelay.restore.progress", Kind::Gauge, Unit::Share, [Feed, Partition],
        "How much of the partition's changelog is read; 1 when it is restored";

    Transactions, "pinrelay.transactions", Kind::Counter, Unit::Each("transaction"), [Fate],
        "Kafka transactions, by how they ended";
    TransactionDuration, "pinrelay.transaction.duration", Kind::Histogram(&DURATIONS), Unit::Seconds, [],
        "From handing a transaction over to the certainty about its end";

    SpansDropped, "pinrelay.spans.dropped", Kind::Counter, Unit::Each("span"), [],
        "Spans that did not reach the collector";
    BuildInfo, "pinrelay.build.info", Kind::Gauge, Unit::Info, [Version],
        "Always 1";
    StartTime, "pinrelay.start.time", Kind::Gauge, Unit::Seconds, [],
        "When the process started, in seconds since 1970 UTC";
}

impl Metric {
    /// As Prometheus names it.
    #[must_use]
    pub fn prometheus_name(self) -> String {
        let unit = match self.unit() {
            Unit::Each(_) | Unit::Info => "",
            Unit::Seconds => "_seconds",
            Unit::Share => "_ratio",
        };
        let suffix = match self.kind() {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram(_) => "",
        };
        format!("{}{unit}{suffix}", self.name().replace('.', "_"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_and_are_there_once() {
        let mut names = BTreeSet::new();
        for metric in Metric::ALL {
            let (name, shown) = (metric.name(), metric.prometheus_name());
            assert!(name.starts_with("pinrelay."), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_')), "{name}");
            assert!(!metric.help().ends_with('.') && metric.help().starts_with(|c: char| !c.is_lowercase()), "{name}");
            assert!(matches!(metric.kind(), Kind::Histogram(_)) <= (metric.unit() == Unit::Seconds), "{name}");
            assert!(names.insert(shown), "{name} is there twice");
        }
    }

    #[test]
    fn prometheus_names_carry_unit_and_kind() {
        for (metric, name) in [
            (Metric::Records, "pinrelay_records_total"),
            (Metric::EventsInFlight, "pinrelay_events_in_flight"),
            (Metric::EventAge, "pinrelay_event_age_seconds"),
            (Metric::RestoreProgress, "pinrelay_restore_progress_ratio"),
            (Metric::BuildInfo, "pinrelay_build_info"),
        ] {
            assert_eq!(metric.prometheus_name(), name);
        }
    }
}

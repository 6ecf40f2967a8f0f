//! What the demo shows at its end: a table for people, JSON for scripts, and whether all is as it should be.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::scenario::{Counts, DemoFeed};
use crate::domain::OutcomeKind;

/// Which broker the demo ran against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// librdkafka's mock cluster, inside this process: no transactions.
    Mock,
    /// A Kafka broker.
    Real,
}

/// What the demo found, and what it should have found.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    /// Records generated.
    pub records: u64,
    pub broker: Broker,
    /// From the plan of the generator.
    pub expected: Counts,
    /// From the audit topic.
    pub found: Counts,
    /// Records with no row, and records with more than one.
    pub rows: Rows,
    /// From the sandbox.
    pub posted: Posted,
    /// From the first record produced to the last row.
    pub elapsed: Duration,
    /// From the time of a record to the time of its row.
    pub latency: Latency,
    /// Of the delivered events when they were posted: the generator makes them up to 45 minutes old.
    pub age: Latency,
    /// Those that were more than an hour old.
    pub late: u64,
}

/// Whether each record has exactly one audit row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub records_without: u64,
    pub records_with_several: u64,
}

/// What arrived at the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    pub events: u64,
    pub requests: u64,
    /// Pairs of event name and event id that arrived more than once.
    pub keys_more_than_once: u64,
}

/// Two percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    pub p50: Duration,
    pub p99: Duration,
}

/// Longer latencies count as this: a day.
const LONGEST_MS: u64 = 86_400_000;

/// Collects latencies, in milliseconds, to three digits.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    #[must_use]
    pub fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, LONGEST_MS, 3).expect("the bounds are in order and three digits are allowed"),
        )
    }

    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
    }

    #[must_use]
    pub fn percentiles(&self) -> Latency {
        let at = |quantile| Duration::from_millis(self.0.value_at_quantile(quantile));
        Latency { p50: at(0.5), p99: at(0.99) }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// Everything that is not as it should be, one sentence each without full stop; empty if all is well.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for feed in DemoFeed::ALL {
            for outcome in OutcomeKind::ALL {
                let (expected, found) = (self.expected.get(feed, outcome), self.found.get(feed, outcome));
                if expected != found {
                    let (feed, outcome) = (feed.name(), outcome.as_str());
                    differences.push(format!("{feed} has {found} rows {outcome}, expected {expected}"));
                }
            }
        }
        let events = self.expected.of(OutcomeKind::Delivered) + self.expected.of(OutcomeKind::Refused);
        for (count, expected, what) in [
            (self.rows.records_without, 0, "records have no row"),
            (self.rows.records_with_several, 0, "records have more than one row"),
            (self.posted.keys_more_than_once, 0, "keys were posted more than once"),
            (self.posted.events, events, "events were posted"),
        ] {
            if count != expected {
                differences.push(format!("{count} {what}, expected {expected}"));
            }
        }
        differences
    }

    /// Whether all is as it should be.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences().is_empty()
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let differences = self.differences();
        json!({
            "seed": self.seed,
            "records": self.records,
            "broker": match self.broker { Broker::Mock => "mock", Broker::Real => "kafka" },
            "transactions": self.broker == Broker::Real,
            "found": counts_json(&self.found),
            "expected": counts_json(&self.expected),
            "rows": {
                "records_without": self.rows.records_without,
                "records_with_several": self.rows.records_with_several,
            },
            "posted": {
                "events": self.posted.events,
                "requests": self.posted.requests,
                "keys_more_than_once": self.posted.keys_more_than_once,
            },
            "elapsed_ms": millis(self.elapsed),
            "events_per_second": self.per_second(self.posted.events),
            "records_per_second": self.per_second(self.found.total()),
            "latency_ms": { "p50": millis(self.latency.p50), "p99": millis(self.latency.p99) },
            "age_at_delivery": {
                "p50_seconds": self.age.p50.as_secs(),
                "p99_seconds": self.age.p99.as_secs(),
                "over_an_hour": self.late,
            },
            "agrees": differences.is_empty(),
            "differences": differences,
        })
    }

    /// A table, four lines of figures, and what they mean in a sentence.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n\n", self.table());
        let line = |text: &mut String, name: &str, rest: String| {
            writeln!(text, "{name:<24}{rest}").expect("a string takes everything");
        };
        let Posted { events, requests, keys_more_than_once } = self.posted;
        line(
            &mut text,
            "posted",
            format!(
                "{} events in {} requests, {} keys more than once",
                grouped(events),
                grouped(requests),
                grouped(keys_more_than_once)
            ),
        );
        let (events_per_second, records_per_second) = (self.per_second(events), self.per_second(self.found.total()));
        let speeds = format!("{} events/s, {} records/s", grouped(events_per_second), grouped(records_per_second));
        line(&mut text, "speed", format!("{speeds}, {} s in all", tenths(self.elapsed)));
        let Latency { p50, p99 } = self.latency;
        line(&mut text, "record to audit row", format!("p50 {} ms, p99 {} ms", millis(p50), millis(p99)));
        let minutes = |age: Duration| age.as_secs().div_ceil(60);
        let ages = format!("p50 {} min, p99 {} min", minutes(self.age.p50), minutes(self.age.p99));
        line(&mut text, "age at delivery", format!("{ages}, {} events over an hour", grouped(self.late)));
        text.push('\n');
        if self.broker == Broker::Mock {
            text.push_str(MOCK);
        }
        text.push_str(&self.sentence());
        text
    }

    fn table(&self) -> Table {
        let outcomes: Vec<OutcomeKind> = OutcomeKind::ALL
            .into_iter()
            .filter(|outcome| 0 < self.expected.of(*outcome) + self.found.of(*outcome))
            .collect();
        let number = |n: u64| Cell::new(grouped(n)).set_alignment(CellAlignment::Right);
        let row = |name: &str, counts: &dyn Fn(OutcomeKind) -> u64| {
            let total = outcomes.iter().map(|outcome| counts(*outcome)).sum();
            let cells = outcomes.iter().map(|outcome| number(counts(*outcome)));
            [Cell::new(name), number(total)].into_iter().chain(cells).collect::<Vec<Cell>>()
        };
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let heads = ["feed", "rows"].into_iter().chain(outcomes.iter().map(|outcome| outcome.as_str()));
        table.set_header(heads.map(Cell::new).collect::<Vec<Cell>>());
        for feed in DemoFeed::ALL {
            table.add_row(row(feed.name(), &|outcome| self.found.get(feed, outcome)));
        }
        table.add_row(row("all", &|outcome| self.found.of(outcome)));
        table.add_row(row("expected", &|outcome| self.expected.of(outcome)));
        table
    }

    fn sentence(&self) -> String {
        let differences = self.differences();
        if differences.is_empty() {
            return format!(
                "All {} records have exactly one audit row, every count is the expected one, and no event was posted twice.",
                grouped(self.records)
            );
        }
        format!("This is not as it should be: {}.", differences.join("; "))
    }

    /// So many in a second, on average over the whole run.
    fn per_second(&self, count: u64) -> u64 {
        u64::try_from(u128::from(count) * 1000 / self.elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
    }
}

const MOCK: &str = "The broker inside this process has no transactions: this run shows the whole path, and proves nothing \
                    about crashes.\nUse --bootstrap HOST:PORT to run it against a Kafka broker.\n\n";

fn counts_json(counts: &Counts) -> Value {
    let of_feed = |feed: DemoFeed| {
        let outcomes = OutcomeKind::ALL.into_iter().map(|outcome| (outcome, counts.get(feed, outcome)));
        let present = outcomes.filter(|(_, count)| 0 < *count);
        present.map(|(outcome, count)| (outcome.as_str().to_owned(), json!(count))).collect::<Map<_, _>>()
    };
    DemoFeed::ALL.into_iter().map(|feed| (feed.name().to_owned(), Value::Object(of_feed(feed)))).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds with one digit behind the point.
fn tenths(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Digits in groups of three.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if 0 < position && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::scenario;
    use super::*;

    fn report() -> Report {
        let expected = scenario::expected(1, 20_000);
        let events = expected.of(OutcomeKind::Delivered) + expected.of(OutcomeKind::Refused);
        let mut latencies = Latencies::new();
        (1..=200).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        Report {
            seed: 1,
            records: 20_000,
            broker: Broker::Mock,
            found: expected.clone(),
            expected,
            rows: Rows::default(),
            posted: Posted { events, requests: 31, keys_more_than_once: 0 },
            elapsed: Duration::from_millis(1250),
            latency: latencies.percentiles(),
            age: Latency { p50: Duration::from_mins(22), p99: Duration::from_secs(2675) },
            late: 0,
        }
    }

    #[test]
    fn percentiles_are_those_of_the_latencies_whatever_their_size() {
        let mut latencies = Latencies::new();
        (1..=100).for_each(|second| latencies.record(Duration::from_secs(second)));
        let Latency { p50, p99 } = latencies.percentiles();
        assert_eq!((p50.as_secs(), p99.as_secs()), (50, 99));
    }

    #[test]
    fn the_table_is_understood_at_once() {
        insta::assert_snapshot!(report().to_text(), @r"
        ┌───────────────────┬────────┬───────────┬───────────┬─────────┬─────────────┬────────────┬─────────┐
        │ feed              ┆ rows   ┆ delivered ┆ duplicate ┆ skipped ┆ undecodable ┆ unmappable ┆ refused │
        ╞═══════════════════╪════════╪═══════════╪═══════════╪═════════╪═════════════╪════════════╪═════════╡
        │ order             ┆ 12,116 ┆    10,270 ┆       911 ┆     241 ┆         243 ┆        227 ┆     224 │
        │ install           ┆  3,904 ┆     3,309 ┆       265 ┆      90 ┆          71 ┆         85 ┆      84 │
        │ in_store_purchase ┆  3,980 ┆     3,371 ┆       274 ┆      69 ┆          86 ┆         88 ┆      92 │
        │ all               ┆ 20,000 ┆    16,950 ┆     1,450 ┆     400 ┆         400 ┆        400 ┆     400 │
        │ expected          ┆ 20,000 ┆    16,950 ┆     1,450 ┆     400 ┆         400 ┆        400 ┆     400 │
        └───────────────────┴────────┴───────────┴───────────┴─────────┴─────────────┴────────────┴─────────┘

        posted                  17,350 events in 31 requests, 0 keys more than once
        speed                   13,880 events/s, 16,000 records/s, 1.2 s in all
        record to audit row     p50 100 ms, p99 198 ms
        age at delivery         p50 22 min, p99 45 min, 0 events over an hour

        The broker inside this process has no transactions: this run shows the whole path, and proves nothing about crashes.
        Use --bootstrap HOST:PORT to run it against a Kafka broker.

        All 20,000 records have exactly one audit row, every count is the expected one, and no event was posted twice.
        ");
    }

    #[test]
    fn the_json_has_the_same_figures() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&report().to_json()).expect("plain values"), @r#"
        {
          "age_at_delivery": {
            "over_an_hour": 0,
            "p50_seconds": 1320,
            "p99_seconds": 2675
          },
          "agrees": true,
          "broker": "mock",
          "differences": [],
          "elapsed_ms": 1250,
          "events_per_second": 13880,
          "expected": {
            "in_store_purchase": {
              "delivered": 3371,
              "duplicate": 274,
              "refused": 92,
              "skipped": 69,
              "undecodable": 86,
              "unmappable": 88
            },
            "install": {
              "delivered": 3309,
              "duplicate": 265,
              "refused": 84,
              "skipped": 90,
              "undecodable": 71,
              "unmappable": 85
            },
            "order": {
              "delivered": 10270,
              "duplicate": 911,
              "refused": 224,
              "skipped": 241,
              "undecodable": 243,
              "unmappable": 227
            }
          },
          "found": {
            "in_store_purchase": {
              "delivered": 3371,
              "duplicate": 274,
              "refused": 92,
              "skipped": 69,
              "undecodable": 86,
              "unmappable": 88
            },
            "install": {
              "delivered": 3309,
              "duplicate": 265,
              "refused": 84,
              "skipped": 90,
              "undecodable": 71,
              "unmappable": 85
            },
            "order": {
              "delivered": 10270,
              "duplicate": 911,
              "refused": 224,
              "skipped": 241,
              "undecodable": 243,
              "unmappable": 227
            }
          },
          "latency_ms": {
            "p50": 100,
            "p99": 198
          },
          "posted": {
            "events": 17350,
            "keys_more_than_once": 0,
            "requests": 31
          },
          "records": 20000,
          "records_per_second": 16000,
          "rows": {
            "records_with_several": 0,
            "records_without": 0
          },
          "seed": 1,
          "transactions": false
        }
        "#);
    }

    #[test]
    fn a_difference_is_named_and_the_report_does_not_agree() {
        let mut report = report();
        report.broker = Broker::Real;
        report.found.add(DemoFeed::Install, OutcomeKind::InDoubt);
        report.rows.records_with_several = 1;
        report.posted.keys_more_than_once = 2;
        report.posted.events += 2;
        assert!(!report.agrees());
        let text = report.to_text();
        assert!(!text.contains("has no transactions"), "{text}");
        insta::assert_snapshot!(text.lines().last().expect("a sentence"), @r"This is not as it should be: install has 1 rows in_doubt, expected 0; 1 records have more than one row, expected 0; 2 keys were posted more than once, expected 0; 17352 events were posted, expected 17350.");
    }

    #[test]
    fn each_thing_that_is_checked_is_missed_when_it_is_wrong() {
        let changes: [fn(&mut Report); 6] = [
            |report| report.found.add(DemoFeed::Order, OutcomeKind::Delivered),
            |report| report.expected.add(DemoFeed::Order, OutcomeKind::Skipped),
            |report| report.rows.records_without = 1,
            |report| report.rows.records_with_several = 1,
            |report| report.posted.keys_more_than_once = 1,
            |report| report.posted.events -= 1,
        ];
        assert!(report().agrees());
        for (n, change) in changes.iter().enumerate() {
            let mut report = report();
            change(&mut report);
            assert!(!report.agrees() && report.to_json()["agrees"] == json!(false), "change {n}");
        }
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (n, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), shown);
        }
    }
}

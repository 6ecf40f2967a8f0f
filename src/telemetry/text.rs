//! Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats>, read 2026-09).

use std::fmt::{Display, Write as _};

use super::histogram::Histogram;
use super::metric::{Kind, Metric};
use super::reading::{Reading, Sample, Value};

/// For the header `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All of a reading, metric by metric; metrics without a sample are left out.
#[must_use]
pub fn expose(reading: &Reading) -> String {
    let mut text = String::new();
    for metric in Metric::ALL {
        let mut samples = reading.of(*metric).peekable();
        if samples.peek().is_none() {
            continue;
        }
        let name = metric.prometheus_name();
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        line(&mut text, format_args!("# HELP {name} {}", metric.help()));
        line(&mut text, format_args!("# TYPE {name} {kind}"));
        for sample in samples {
            show(&mut text, &name, sample);
        }
    }
    text
}

fn show(text: &mut String, name: &str, sample: &Sample) {
    let labels: Vec<(&str, &str)> = sample
        .metric
        .labels()
        .iter()
        .zip(&sample.labels)
        .map(|(label, value)| (label.name(), value.as_str()))
        .collect();
    match &sample.value {
        Value::Count(count) => line(text, format_args!("{name}{} {count}", Labels(&labels))),
        Value::Number(number) => line(text, format_args!("{name}{} {number}", Labels(&labels))),
        Value::Histogram(histogram) => show_histogram(text, name, &labels, histogram),
    }
}

fn show_histogram(text: &mut String, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
    let bounds = histogram.bounds().iter().map(|bound| bound.as_secs_f64().to_string());
    let mut cumulative = 0;
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(histogram.counts()) {
        cumulative += count;
        let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
        line(text, format_args!("{name}_bucket{} {cumulative}", Labels(&labels)));
    }
    line(text, format_args!("{name}_sum{} {}", Labels(labels), histogram.sum().as_secs_f64()));
    line(text, format_args!("{name}_count{} {cumulative}", Labels(labels)));
}

fn line(text: &mut String, line: impl Display) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// `{name="value",…}`, or nothing.
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (name, value)) in self.0.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{}{name}=\"{value}\"", if n == 0 { '{' } else { ',' })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::histogram::DURATIONS;

    #[test]
    fn a_reading_is_shown_metric_by_metric_with_the_text_of_labels_escaped() {
        let mut durations = Histogram::new(&DURATIONS);
        durations.record(Duration::from_millis(7));
        durations.record(Duration::from_secs(1000));
        let mut reading = Reading::default();
        reading.add(Metric::StartTime, &[], 1.5.into());
        reading.add(Metric::EventsQueued, &["main"], 3_u64.into());
        reading.add(Metric::EventsQueued, &["a \"b\"\n\\"], 4_u64.into());
        reading.add(Metric::TransactionDuration, &[], (&durations).into());
        insta::assert_snapshot!(expose(&reading), @r#"
        # HELP pinrelay_events_queued Events that are in no batch yet
        # TYPE pinrelay_events_queued gauge
        pinrelay_events_queued{lane="main"} 3
        pinrelay_events_queued{lane="a \"b\"\n\\"} 4
        # HELP pinrelay_transaction_duration_seconds From handing a transaction over to the certainty about its end
        # TYPE pinrelay_transaction_duration_seconds histogram
        pinrelay_transaction_duration_seconds_bucket{le="0.005"} 0
        pinrelay_transaction_duration_seconds_bucket{le="0.01"} 1
        pinrelay_transaction_duration_seconds_bucket{le="0.025"} 1
        pinrelay_transaction_duration_seconds_bucket{le="0.05"} 1
        pinrelay_transaction_duration_seconds_bucket{le="0.1"} 1
        pinrelay_transaction_duration_seconds_bucket{le="0.25"} 1
        pinrelay_transaction_duration_seconds_bucket{le="0.5"} 1
        pinrelay_transaction_duration_seconds_bucket{le="1"} 1
        pinrelay_transaction_duration_seconds_bucket{le="2.5"} 1
        pinrelay_transaction_duration_seconds_bucket{le="5"} 1
        pinrelay_transaction_duration_seconds_bucket{le="10"} 1
        pinrelay_transaction_duration_seconds_bucket{le="30"} 1
        pinrelay_transaction_duration_seconds_bucket{le="60"} 1
        pinrelay_transaction_duration_seconds_bucket{le="300"} 1
        pinrelay_transaction_duration_seconds_bucket{le="+Inf"} 2
        pinrelay_transaction_duration_seconds_sum 1000.007
        pinrelay_transaction_duration_seconds_count 2
        # HELP pinrelay_start_time_seconds When the process started, in seconds since 1970 UTC
        # TYPE pinrelay_start_time_seconds gauge
        pinrelay_start_time_seconds 1.5
        "#);
    }
}

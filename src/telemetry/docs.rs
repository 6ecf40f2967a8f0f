//! The tables of `docs/metrics.md`, made from the metrics, and the test that they are there.

use std::fmt::Write as _;
use std::path::Path;

use super::label::Label;
use super::metric::{Kind, Metric, Unit};

fn metrics() -> String {
    let mut table = "| metric | OpenTelemetry | kind | labels | meaning |\n|---|---|---|---|---|\n".to_owned();
    for metric in Metric::ALL {
        let kind = match metric.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let unit = match metric.unit() {
            Unit::Each(thing) => format!("{kind} of `{{{thing}}}`"),
            Unit::Seconds => format!("{kind}, `s`"),
            Unit::Share => format!("{kind}, from 0 to 1"),
            Unit::Info => kind.to_owned(),
        };
        let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{}`", label.name())).collect();
        let (name, shown, labels) = (metric.name(), metric.prometheus_name(), labels.join(", "));
        writeln!(table, "| `{shown}` | `{name}` | {unit} | {labels} | {} |", metric.help())
            .expect("a string takes everything");
    }
    table
}

fn labels() -> String {
    let mut table = "| label | values |\n|---|---|\n".to_owned();
    for label in Label::ALL {
        writeln!(table, "| `{}` | {} |", label.name(), label.values()).expect("a string takes everything");
    }
    table
}

/// Each table stands in the documentation between `<!-- NAME -->` and `<!-- end -->`.
#[test]
fn the_documentation_has_every_metric_and_every_label_as_the_code_has_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(&file).expect("the documentation is part of the repository");
    let mut renewed = text.clone();
    for (name, table) in [("metrics", metrics()), ("labels", labels())] {
        let begin = format!("<!-- {name} -->\n");
        let (before, rest) = renewed.split_once(&begin).unwrap_or_else(|| panic!("no place for {name}"));
        let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("no end of {name}"));
        renewed = format!("{before}{begin}{table}<!-- end -->{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &renewed).expect("the documentation can be written");
    } else {
        assert!(renewed == text, "docs/metrics.md is out of date: run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn every_label_is_used() {
    for label in Label::ALL {
        assert!(Metric::ALL.iter().any(|metric| metric.labels().contains(&label)), "{label:?}");
    }
}

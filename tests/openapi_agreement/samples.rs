//! What `pinrelay explain` makes of the samples that ship.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A minute after the events of the samples.
const AT: &str = "2026-11-24T06:01:00Z";

/// Each feed whose schema ships with a sample, and the event that is shown for it.
pub(crate) fn events() -> Vec<(&'static str, Value)> {
    let feeds = [
        ("order", "samples"),
        ("install", "samples"),
        ("in_store_purchase", "samples"),
        ("debezium_order", "examples/samples"),
        ("mmp_install", "examples/samples"),
        ("pos_receipt", "examples/samples"),
    ];
    feeds.map(|(feed, folder)| (feed, event(feed, folder))).into()
}

fn event(feed: &str, folder: &str) -> Value {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_pinrelay"))
        .args(["explain", "--config"])
        .arg(project.join("tests/mapping/pinrelay.yaml"))
        .args(["--feed", feed, "--json", "--at", AT])
        .arg(project.join(format!("schemas/{folder}/{feed}.json")))
        .output()
        .expect("the binary is built before its tests");
    let line: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
    assert_eq!(line["outcome"], "send", "{feed}: {line:#}");
    line["event"].clone()
}

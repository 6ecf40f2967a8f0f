//! The tables of `docs/configuration.md`, made from what the reader goes by, and the test that they are there.

use std::fmt::Write as _;
use std::path::Path;

use super::fault::FaultKind;
use super::key::{Presence, Spec};
use super::{audit, feeds, kafka, lanes, pipeline, registry, secret, telemetry};

/// Every section, in the order of the documentation.
pub(super) const SPECS: [&Spec; 11] = [
    &super::SPEC,
    &kafka::SPEC,
    &registry::SPEC,
    &registry::AUTH_SPEC,
    &registry::BASIC_SPEC,
    &audit::SPEC,
    &lanes::SPEC,
    &feeds::SPEC,
    &pipeline::SPEC,
    &audit::ADMIN_SPEC,
    &telemetry::SPEC,
];

fn table(spec: &Spec) -> String {
    let mut table = "| key | takes | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in spec.keys {
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => "none".to_owned(),
            Presence::Default(value) => format!("`{value}`"),
        };
        writeln!(table, "| `{}` | {} | {default} | {} |", key.name, key.form.describe(), key.about)
            .expect("a string takes everything");
    }
    table
}

fn rules() -> String {
    let mut table = "| code | rule |\n|---|---|\n".to_owned();
    for kind in FaultKind::ALL {
        writeln!(table, "| `{}` | {} |", kind.code(), kind.rule()).expect("a string takes everything");
    }
    table
}

/// Each table stands in the documentation between `<!-- keys: TITLE -->` and `<!-- end -->`.
#[test]
fn the_documentation_has_every_key_and_every_rule_as_the_code_has_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&file).expect("the documentation is part of the repository");
    let mut tables: Vec<(&str, String)> = SPECS.iter().map(|spec| (spec.title, table(spec))).collect();
    tables.push((secret::SPEC.title, table(&secret::SPEC)));
    tables.push(("rules", rules()));
    let mut renewed = text.clone();
    for (title, table) in tables {
        let begin = format!("<!-- keys: {title} -->\n");
        let (before, rest) = renewed.split_once(&begin).unwrap_or_else(|| panic!("no place for {title}"));
        let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("no end of {title}"));
        renewed = format!("{before}{begin}{table}<!-- end -->{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &renewed).expect("the documentation can be written");
    } else {
        assert!(renewed == text, "docs/configuration.md is out of date: run this test with UPDATE_DOCS=1");
    }
}

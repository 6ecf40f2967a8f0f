//! The generated parts of the documentation are what the code says. `UPDATE_DOCS=1` writes them anew.

use std::fmt::Write as _;

use pinrelay::mapping::{ANNOTATION_KEYS, DropReason, Overrides, Plan, finish::Warning, target_rows};

use crate::{project, read};

/// A table of Markdown.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        writeln!(table, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | ")).unwrap();
    }
    table
}

fn targets() -> String {
    let rows = target_rows().into_iter().map(|row| {
        let (address, rest) = row.source.split_once(", ").unwrap_or((row.source, ""));
        let source = match address.starts_with("https://") {
            true if rest.is_empty() => format!("<{address}>"),
            true => format!("<{address}> {rest}"),
            false => row.source.to_owned(),
        };
        [format!("`{}`", row.name), row.form, row.takes, row.rule.to_owned(), source]
    });
    table(["target", "sent as", "takes", "rule", "source"], rows)
}

fn keys() -> String {
    let rows = ANNOTATION_KEYS.map(|(name, on, meaning)| [format!("`{name}`"), on.to_owned(), meaning.to_owned()]);
    table(["key", "goes with", "meaning"], rows)
}

fn drop_reasons() -> String {
    table(["code", "meaning"], DropReason::ALL.map(|why| [format!("`{}`", why.code()), why.meaning().to_owned()]))
}

fn warnings() -> String {
    table(["code", "meaning"], Warning::ALL.map(|why| [format!("`{}`", why.code()), why.meaning().to_owned()]))
}

fn sources(schema: &str) -> String {
    let plan = Plan::compile(schema, &read(&format!("schemas/{schema}.avsc")), &[], &Overrides::new()).unwrap();
    let rows = plan.sources().into_iter().map(|told| {
        let name = if told.target.is_none() { format!("contents[].{}", told.name) } else { told.name.to_owned() };
        let path = if told.path == "a constant" { told.path } else { format!("`{}`", told.path) };
        [path, format!("`{name}`"), told.reading]
    });
    table(["field", "feeds", "with"], rows)
}

/// Each generated part stands between `<!-- generated: TITLE -->` and `<!-- end -->`.
fn compare(file: &str, parts: &[(&str, String)]) {
    let text = read(file);
    let mut renewed = text.clone();
    for (title, part) in parts {
        let begin = format!("<!-- generated: {title} -->\n");
        let (before, rest) = renewed.split_once(&begin).unwrap_or_else(|| panic!("{file} has no place for {title}"));
        let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{file}: no end of {title}"));
        renewed = format!("{before}{begin}{part}<!-- end -->{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(project().join(file), &renewed).unwrap();
    } else {
        assert!(renewed == text, "{file} is out of date: run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn the_reference_has_every_target_key_and_code_as_the_code_has_it() {
    compare(
        "docs/mapping.md",
        &[("keys", keys()), ("targets", targets()), ("drop reasons", drop_reasons()), ("warnings", warnings())],
    );
}

#[test]
fn the_shipped_schemas_are_described_field_by_field() {
    let parts = ["order", "install", "in_store_purchase"].map(|schema| (schema, sources(schema)));
    compare("schemas/README.md", &parts);
}

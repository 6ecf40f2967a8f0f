//! That the messages, log lines and exit codes that the pages quote are those of the program.

use std::collections::BTreeSet;

use clap::CommandFactory;
use pinrelay::commands::{Arguments, Exit};

use crate::pages::{Page, files, marked, read};

/// The texts of `#[error("…")]`, with `…` for what varies, up to the first `;` or `:`.
fn messages(text: &str) -> Vec<String> {
    let errors = text.split("#[error(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    let literals = errors.map(|rest| rest.split_once('"').expect("a literal ends").0);
    literals.map(quoted).collect()
}

fn quoted(literal: &str) -> String {
    // A line that ends in `\` goes on behind the white space of the next one.
    let joined: String = literal.split("\\\n").map(str::trim_start).collect();
    let mut shown = String::new();
    let mut rest = joined.as_str();
    while let Some((before, behind)) = rest.split_once('{') {
        shown.extend([before, "…"]);
        rest = behind.split_once('}').expect("a place ends").1;
    }
    shown += rest;
    shown.split([';', ':']).next().unwrap_or_default().trim_end().to_owned()
}

#[test]
fn every_message_that_ends_the_process_stands_in_the_operations() {
    let page = read("docs/operations.md");
    let mut n_messages = 0;
    for file in ["src/kafka/restore_plan.rs", "src/kafka/message.rs", "src/kafka/transactions.rs"] {
        for message in messages(&read(file)) {
            n_messages += 1;
            assert!(page.contains(message.as_str()), "{file}: {message}");
        }
    }
    assert!(15 <= n_messages, "found {n_messages} messages");
}

#[test]
fn messages_are_read_as_they_are_shown() {
    let text = "#[error(\n    \"a {b} c \\\n     d ({e:?} f); g\"\n)]\n#[error(transparent)]\n#[error(\"h: {0}\")]";
    assert_eq!(messages(text), ["a … c d (… f)", "h"]);
}

/// What stands in the log from `info` on, each message with its level. The client library's words have a target of their
/// own.
fn logged(source: &str) -> BTreeSet<(&str, &str)> {
    let calls = source.split("tracing::").skip(1).filter_map(|rest| rest.split_once("!("));
    let calls = calls.filter(|(level, rest)| {
        ["info", "warn", "error"].contains(level) && !rest.trim_start().starts_with("target: \"librdkafka\", facility")
    });
    calls.map(|(level, rest)| (level, message(rest))).collect()
}

/// The last literal of a call's arguments.
fn message(arguments: &str) -> &str {
    let (mut open, mut last) = (1, "");
    let mut rest = arguments;
    while 0 < open {
        let sign = rest.find(['(', ')', '"']).expect("a call ends");
        match rest.as_bytes()[sign] {
            b'(' => open += 1,
            b')' => open -= 1,
            _ => {
                (last, rest) = rest[sign + 1..].split_once('"').expect("a literal ends");
                continue;
            }
        }
        rest = &rest[sign + 1..];
    }
    last
}

#[test]
fn every_line_of_the_log_stands_in_the_operations_with_its_level_and_no_other_does() {
    let source: String = files("src", "rs").iter().map(|file| read(file)).collect();
    let page = read("docs/operations.md");
    let rows = marked(&page, "log lines").lines().skip(2);
    let told = rows.map(|row| {
        let [_, level, line, ..] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        (level, line.trim_matches('`'))
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), logged(&source));
}

#[test]
fn a_message_of_the_log_is_found_behind_its_fields() {
    let source =
        "tracing::warn!(a, %b, c = d(\"e\"), \"f (g)\"); h(\"i\"); tracing::debug!(\"j\"); tracing::info!(\n\"k\"\n)";
    assert_eq!(logged(source), BTreeSet::from([("info", "k"), ("warn", "f (g)")]));
}

/// First cells of the rows of a table.
fn first_cells<'t>(page: &'t str, name: &str) -> Vec<&'t str> {
    let rows = marked(page, name).lines().skip(2);
    rows.map(|row| row.split('|').nth(1).expect("a row has cells").trim().trim_matches('`')).collect()
}

#[test]
fn the_pages_and_troubles_of_the_operations_are_those_of_the_program() {
    let page = read("docs/operations.md");
    let admin = read("src/admin/mod.rs");
    let routes: Vec<&str> = admin.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(first_cells(&page, "pages"), routes);
    let picture = read("src/run/picture.rs");
    let troubles = first_cells(&page, "trouble");
    assert!(!troubles.is_empty());
    for trouble in troubles {
        assert!(picture.contains(&format!("\"{trouble}\"")), "no lane is said to be in this trouble: {trouble}");
    }
}

#[test]
fn the_exit_codes_of_the_pages_are_those_of_the_program() {
    let help = Arguments::command().get_after_help().expect("the help has the table").to_string();
    let meanings: Vec<(&str, &str)> = help.lines().filter_map(|line| line.trim_start().split_once("  ")).collect();
    let codes: Vec<String> = Exit::ALL.iter().map(|exit| exit.code().to_string()).collect();
    assert_eq!(meanings.iter().map(|(code, _)| (*code).to_owned()).collect::<Vec<_>>(), codes);
    let (readme, operations) = (Page::read("README.md"), Page::read("docs/operations.md"));
    for (code, meaning) in meanings {
        let row = format!("| {code} | {meaning} |");
        assert!(readme.text.contains(&row), "README.md: expected {row}");
        let exits = operations.text.contains(&format!("\n| {code} | "));
        assert!(exits, "docs/operations.md does not explain exit code {code}");
    }
}

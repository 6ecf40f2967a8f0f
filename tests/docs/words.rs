//! That the messages, log lines and exit codes that the pages quote are those of the program.

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

#[test]
fn the_log_lines_of_the_operations_are_logged_at_their_level() {
    let source: String = files("src", "rs").iter().map(|file| read(file)).collect();
    let page = read("docs/operations.md");
    let rows: Vec<&str> = marked(&page, "log lines").lines().skip(2).collect();
    assert!(10 < rows.len(), "found {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (level, line) = (cells[1], cells[2].trim_matches('`'));
        let (before, _) = source.split_once(&format!("\"{line}\"")).unwrap_or_else(|| panic!("nothing logs {line:?}"));
        let (_, call) = before.rsplit_once("tracing::").expect("a line is logged by tracing");
        assert!(call.starts_with(&format!("{level}!(")), "{line:?} is logged by {call:?}");
    }
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

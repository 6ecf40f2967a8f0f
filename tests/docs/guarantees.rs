//! That `docs/guarantees.md` and `docs/simulation.md` speak of the rules, tests, variants, kinds and faults that there
//! are, and of all of them.

use std::collections::{BTreeMap, BTreeSet};

use pinrelay::pipeline::Rule;

use crate::pages::{Page, marked, read, root};
use crate::rules::{is_letter, rules_by_letter};

/// The rows of a table, each as its cells.
fn rows<'t>(page: &'t str, name: &str) -> Vec<Vec<&'t str>> {
    let lines = marked(page, name).lines().skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands in backquotes.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names between `begin` and `end` of lines that are nothing but `name,`, `name {…},` or `name(…),`.
fn variants_of(file: &str, begin: &str) -> Vec<String> {
    let text = read(file);
    let (_, body) = text.split_once(begin).unwrap_or_else(|| panic!("{file}: expected {begin}"));
    let body = body.split_once("\n}").expect("it ends").0;
    let lines = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    lines.map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect()).collect()
}

/// The variants of the shell with the letters of their rules.
fn shell_variants() -> BTreeMap<String, Vec<String>> {
    let text = read("tests/simulation/variants.rs");
    let (_, body) = text.split_once("\nvariants! {").expect("the list begins");
    let lines = body.split_once("\n}").expect("the list ends").0.lines().map(str::trim);
    let declared = lines.filter(|line| !line.starts_with("///")).filter_map(|line| line.split_once(": \""));
    let letters = |rest: &str| rest.split('"').next().unwrap_or_default().split(", ").map(str::to_owned).collect();
    declared.map(|(name, rest)| (name.to_owned(), letters(rest))).collect()
}

/// Variants that are known to do no harm.
fn harmless() -> BTreeSet<String> {
    let text = read("tests/simulation/variants.rs");
    let parts = text.split("Self::Shell(Variant::").skip(1).filter_map(|rest| rest.split_once(") => Some("));
    parts.map(|(name, _)| name.to_owned()).collect()
}

/// Every variant with the letters under which it must stand.
fn all_variants() -> BTreeMap<String, Vec<String>> {
    let mut all = shell_variants();
    for (letter, name) in rules_by_letter(&read("src/pipeline/rules.rs")) {
        all.insert(name, vec![letter]);
    }
    assert!(Rule::ALL.len() + 25 < all.len(), "found {all:?}");
    all
}

#[test]
fn every_rule_has_a_file_a_test_and_a_broken_variant_that_exist() {
    let page = read("docs/guarantees.md");
    let protocol = Page::read("docs/protocol.md");
    let headings = protocol.headings().into_iter().filter_map(|heading| heading.split_whitespace().next());
    let expected: Vec<&str> = headings.filter(|word| is_letter(word)).collect();
    let rows = rows(&page, "guarantees");
    let letter = |cell: &str| cell.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned();
    assert_eq!(rows.iter().map(|row| letter(row[0])).collect::<Vec<_>>(), expected);

    let (variants, harmless) = (all_variants(), harmless());
    let mut under: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in &rows {
        let [rule, file, tests, broken] = row.as_slice() else { panic!("four cells: {row:?}") };
        for file in spans(file) {
            assert!(root().join(file).is_file(), "{rule}: there is no {file}");
        }
        let tests = spans(tests);
        assert!(!tests.is_empty() && tests.len().is_multiple_of(2), "{rule}: a file for each test");
        for pair in tests.chunks_exact(2) {
            assert!(is_test(&read(pair[0]), pair[1]), "{rule}: {} has no test {}", pair[0], pair[1]);
        }
        assert!(broken.starts_with("none: ") || !spans(broken).is_empty(), "{rule}: no broken variant, and no reason");
        for name in spans(broken) {
            let known = variants.contains_key(name) || (name.contains('/') && root().join(name).is_file());
            assert!(known, "{rule}: there is no variant {name}");
            let said = broken.contains(&format!("`{name}` (harmless: "));
            assert_eq!(said, harmless.contains(name), "{rule}: whether {name} is harmless");
            under.entry(name).or_default().push(letter(rule));
        }
    }
    for (name, letters) in &variants {
        let found = under.get(name.as_str()).cloned().unwrap_or_default();
        assert!(letters.iter().all(|letter| found.contains(letter)), "{name} belongs to {letters:?}, found {found:?}");
    }
}

/// Whether the file has a function of that name below `#[test]`, or within `proptest!`.
fn is_test(text: &str, name: &str) -> bool {
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else { return false };
    let last = before.rsplit("\n\n").next().unwrap_or_default();
    last.contains("test]") || last.contains("::test(") || before.contains("proptest!")
}

#[test]
fn a_test_is_told_from_another_function() {
    let text = "#[test]\nfn a() {}\n\n#[tokio::test(flavor = \"x\")]\nasync fn b() {}\n\nfn c() {}\n";
    assert_eq!(["a", "b", "c", "d"].map(|name| is_test(text, name)), [true, true, false, false]);
}

#[test]
fn the_kinds_faults_and_variants_of_the_simulation_are_those_of_the_page() {
    let page = read("docs/simulation.md");
    let first = |name: &str| -> Vec<String> {
        rows(&page, name).iter().map(|row| row[0].trim_matches('`').to_owned()).collect()
    };
    let scenario = read("tests/simulation/scenario.rs");
    let kinds: Vec<String> = rows(&page, "kinds").iter().map(|row| row[1].trim_matches('`').to_owned()).collect();
    assert_eq!(kinds, variants_of("tests/simulation/scenario.rs", "pub(crate) enum Kind {"));
    for (letter, kind) in first("kinds").iter().zip(&kinds) {
        assert!(scenario.contains(&format!("Self::{kind} => '{letter}'")), "{kind} has another letter");
    }
    assert_eq!(first("faults"), variants_of("tests/simulation/faults.rs", "pub(crate) enum Fault {"));
    let chances = read("tests/simulation/faults.rs");
    let (_, body) = chances.split_once("pub(crate) struct Chances {").expect("the chances begin");
    let fields = body.split_once("\n}").expect("they end").0.lines();
    let fields: BTreeSet<&str> =
        fields.filter_map(|line| line.trim().strip_prefix("pub(crate) ")?.split(':').next()).collect();
    assert_eq!(first("chances").iter().map(String::as_str).collect::<BTreeSet<_>>(), fields);

    let harmless = harmless();
    let table = rows(&page, "variants");
    let variants: BTreeSet<String> = all_variants().into_keys().collect();
    assert_eq!(first("variants").into_iter().collect::<BTreeSet<_>>(), variants);
    for row in table {
        assert_eq!(row.len(), kinds.len() + 2, "{row:?}");
        let name = row[0].trim_matches('`');
        assert_eq!(row[kinds.len() + 1] == "harmless", harmless.contains(name), "{name}");
    }
}

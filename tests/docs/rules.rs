//! That `docs/protocol.md` explains the rules that the code names, and no others.

use std::collections::BTreeMap;

use pinrelay::pipeline::Rule;

use crate::pages::{Page, files, read};

/// `T4`, `R11`.
pub(crate) fn is_letter(word: &str) -> bool {
    let mut chars = word.chars();
    let digits = chars.as_str().len() - 1;
    chars.next().is_some_and(|c| matches!(c, 'G' | 'P' | 'R' | 'T'))
        && (1..=2).contains(&digits)
        && chars.all(|c| c.is_ascii_digit())
}

/// The letters in the comments of a file.
fn letters(text: &str) -> Vec<&str> {
    let comments = text.lines().filter_map(|line| Some(line.split_once("//")?.1));
    let words = comments.flat_map(|comment| comment.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty() && is_letter(word)).collect()
}

/// The letters that the page explains.
fn explained(page: &Page) -> Vec<String> {
    let first_words = page.headings().into_iter().filter_map(|heading| heading.split_whitespace().next());
    first_words.filter(|word| is_letter(word)).map(str::to_owned).collect()
}

#[test]
fn every_letter_that_the_code_names_is_explained_and_every_explained_one_is_named() {
    let page = Page::read("docs/protocol.md");
    let explained = explained(&page);
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for file in files("src", "rs").into_iter().chain(files("tests/simulation", "rs")) {
        for letter in letters(&read(&file)) {
            named.entry(letter.to_owned()).or_insert_with(|| file.clone());
        }
    }
    for (letter, file) in &named {
        assert!(explained.contains(letter), "{file} names {letter}");
    }
    // The simulation's checker calls the guarantees so in its code.
    for letter in explained.iter().filter(|letter| !letter.starts_with('G')) {
        assert!(named.contains_key(letter), "no code names {letter}");
    }
    assert!(25 < explained.len(), "found {explained:?}");
}

/// Each variant with the letter that its comment begins with.
pub(crate) fn rules_by_letter(text: &str) -> Vec<(String, String)> {
    let (_, body) = text.split_once("pub enum Rule {").expect("the enum begins");
    let body = body.split_once("\n}").expect("the enum ends").0;
    let mut letter = None;
    let mut rules = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some((first, _)) = line.strip_prefix("/// ").and_then(|comment| comment.split_once(". ")) {
            letter = Some(first.to_owned());
        } else if let Some(name) = line.strip_suffix(',') {
            rules.push((letter.take().expect("a rule has a letter"), name.to_owned()));
        }
    }
    rules
}

#[test]
fn every_rule_of_the_core_is_explained_under_its_letter() {
    let page = Page::read("docs/protocol.md");
    let rules = rules_by_letter(&read("src/pipeline/rules.rs"));
    let all: Vec<String> = Rule::ALL.iter().map(|rule| format!("{rule:?}")).collect();
    assert_eq!(rules.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>(), all);
    for (letter, name) in rules {
        let section = page.section(&letter).unwrap_or_else(|| panic!("{letter} is not explained"));
        assert!(section.contains(&format!("`{name}`")), "{name} does not stand under {letter}");
    }
}

#[test]
fn letters_are_found_in_comments_alone() {
    let text = "let P1 = 2; // as (T4–T6), R11 and R123\n/// G1. Text, T, p50\nlet x = \"R9\";";
    assert_eq!(letters(text), ["T4", "T6", "R11", "G1"]);
}

//! How a key of the configuration is declared: name, form, default, meaning.
//!
//! The reader takes limits and defaults from here and the documentation is checked against it, so the three agree.

use std::time::Duration;

use super::units;

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) presence: Presence,
    /// One sentence for the documentation, without full stop.
    pub(super) about: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub(super) enum Form {
    /// Text, with a word for what it means.
    Text(&'static str),
    /// Least and most, both allowed.
    Duration(Duration, Duration),
    /// Least and most bytes, both allowed.
    Size(u64, u64),
    /// Least and most, both allowed.
    Count(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    Flag,
    /// A form of its own, described.
    Other(&'static str),
}

#[derive(Debug)]
pub(super) enum Presence {
    Required,
    Optional,
    /// As it would be written in the file.
    Default(&'static str),
}

/// A mapping of the configuration and its keys.
#[derive(Debug)]
pub(super) struct Spec {
    /// As a heading of the documentation: `kafka`, `feeds[]`.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
}

impl Spec {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key whose name looks most like `name`, if one looks like it at all.
    pub(super) fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.keys.iter().map(|key| key.name))
    }
}

impl Form {
    /// What the documentation and the faults call it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(what) | Self::Other(what) => (*what).to_owned(),
            Self::Duration(least, most) => {
                format!("a duration of {} to {}", units::show_duration(*least), units::show_duration(*most))
            }
            Self::Size(least, most) => format!("a size of {} to {}", units::show_size(*least), units::show_size(*most)),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            Self::Flag => "`true` or `false`".to_owned(),
        }
    }
}

/// The candidate with the smallest edit distance, if that is at most a third of the longer name (at least 1).
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(steps, candidate)| *steps <= (name.len().max(candidate.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (n, letter) in from.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(n + 1);
        for ((replaced, added), other) in row.iter().zip(row.iter().skip(1)).zip(&to) {
            let replaced = replaced + usize::from(*other != letter);
            let removed = next.last().map_or(usize::MAX, |left| left + 1);
            next.push(replaced.min(added + 1).min(removed));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_foreign_one_is_not_guessed() {
        let names = ["session_timeout", "transaction_timeout", "group_id", "url"];
        for (written, meant) in [
            ("session_timout", Some("session_timeout")),
            ("sessionTimeout", Some("session_timeout")),
            ("transaction.timeout", Some("transaction_timeout")),
            ("groupid", Some("group_id")),
            ("uri", Some("url")),
            ("colour", None),
        ] {
            assert_eq!(nearest(written, names.into_iter()), meant, "{written}");
        }
    }

    #[test]
    fn the_distance_counts_additions_removals_and_replacements() {
        for (from, to, steps) in [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!(distance(from, to), steps, "{from} {to}");
        }
    }
}

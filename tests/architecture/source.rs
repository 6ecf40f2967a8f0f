//! Reads Rust source as far as the rules need: words, the paths that they form, and which of them are tests.

/// One path of the source, `use` trees taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    pub(crate) line: usize,
    pub(crate) segments: Vec<&'a str>,
    /// Names of the modules with a body that it stands in, from the file inwards.
    pub(crate) inside: Vec<&'a str>,
    pub(crate) place: Place,
}

/// Whether the code is compiled into the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Product,
    Test,
}

/// A module that is declared `mod name;` under `#[cfg(test)]`, and so has a file of tests.
pub(crate) fn test_files<'a>(words: &[Word<'a>]) -> Vec<&'a str> {
    test_modules(words).filter(|&at| text(words, at + 2) == ";").map(|at| text(words, at + 1)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// Identifiers, `::` and single other characters; no white space, comments, strings, characters and lifetimes.
pub(crate) fn words(source: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            '\'' => character_or_lifetime(rest),
            _ if identifier(rest) > 0 => {
                let length = identifier(rest);
                let raw = raw_string(&rest[length..]);
                if matches!(&rest[..length], "r" | "br" | "cr") && raw > 0 {
                    length + raw
                } else {
                    words.push(Word { line, text: &rest[..length] });
                    length
                }
            }
            _ if rest.starts_with("::") => {
                words.push(Word { line, text: "::" });
                2
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                words.push(Word { line, text: &rest[..first.len_utf8()] });
                first.len_utf8()
            }
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    words
}

fn identifier(rest: &str) -> usize {
    if rest.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, next) in rest.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Length of `#"…"#` after the `r`, 0 if there is none: `r#match` is an identifier.
fn raw_string(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !rest[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", &rest[..hashes]);
    rest[hashes + 1..].find(&end).map_or(rest.len(), |at| hashes + 1 + at + end.len())
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut after = rest[1..].chars();
    match (after.next(), after.next()) {
        (Some('\\'), _) => rest[3..].find('\'').map_or(rest.len(), |at| at + 4),
        (Some(one), Some('\'')) => one.len_utf8() + 2,
        _ => 1 + identifier(&rest[1..]),
    }
}

fn text<'a>(words: &[Word<'a>], at: usize) -> &'a str {
    words.get(at).map_or("", |word| word.text)
}

/// Positions of the `mod` of each module under `#[cfg(test)]`, other attributes between them or not.
fn test_modules<'a>(words: &'a [Word<'_>]) -> impl Iterator<Item = usize> + 'a {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    (0..words.len()).filter_map(|start| {
        let marked = ATTRIBUTE.iter().enumerate().all(|(n, expected)| text(words, start + n) == *expected);
        let mut at = start + ATTRIBUTE.len();
        while text(words, at) == "#" {
            at += words[at..].iter().position(|word| word.text == "]")? + 1;
        }
        (marked && text(words, at) == "mod").then_some(at)
    })
}

/// Every path of two segments or more, and the single names after `use`.
pub(crate) fn paths<'a>(words: &[Word<'a>]) -> Vec<Path<'a>> {
    let tests: Vec<usize> = test_modules(words).collect();
    let mut found = Vec::new();
    let mut open: Vec<OpenModule<'a>> = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < words.len() {
        match text(words, at) {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                open.retain(|module| module.outside < depth);
            }
            "mod" if text(words, at + 2) == "{" => {
                let place = if tests.contains(&at) { Place::Test } else { Place::Product };
                open.push(OpenModule { name: text(words, at + 1), outside: depth, place });
            }
            word if identifier(word) > 0 && begins_path(words, at) => {
                let is_use = at > 0 && text(words, at - 1) == "use";
                let mut branches = Vec::new();
                at = branch(words, at, &[], &mut branches);
                branches.retain(|(_, segments)| segments.len() > 1 || is_use);
                found.extend(branches.into_iter().map(|(line, segments)| Path {
                    line,
                    segments,
                    inside: open.iter().map(|module| module.name).collect(),
                    place: open.iter().map(|module| module.place).max().unwrap_or(Place::Product),
                }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

struct OpenModule<'a> {
    name: &'a str,
    /// How many braces are open outside of it.
    outside: usize,
    place: Place,
}

/// False for the `c` of `a.c` and of `A::<B>::c`.
fn begins_path(words: &[Word<'_>], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map_or("", |at| text(words, at));
    let is_member = before(1) == "." && before(2) != ".";
    let is_continued = before(1) == "::" && before(2) == ">";
    !is_member && !is_continued
}

/// Reads the path that begins with the identifier at `at` behind `stem`, or all of them if it branches; returns the
/// position behind it.
fn branch<'a>(words: &[Word<'a>], at: usize, stem: &[&'a str], found: &mut Vec<(usize, Vec<&'a str>)>) -> usize {
    let line = words.get(at).map_or(0, |word| word.line);
    let mut segments = stem.to_vec();
    segments.push(text(words, at));
    let mut at = at + 1;
    while text(words, at) == "::" && identifier(text(words, at + 1)) > 0 {
        segments.push(text(words, at + 1));
        at += 2;
    }
    if text(words, at) != "::" || text(words, at + 1) != "{" {
        found.push((line, segments));
        return at;
    }
    at += 2;
    while at < words.len() && text(words, at) != "}" {
        at = match text(words, at) {
            "as" => at + 2,
            word if identifier(word) > 0 => branch(words, at, &segments, found),
            "*" => {
                found.push((line, segments.clone()));
                at + 1
            }
            _ => at + 1,
        };
    }
    at + 1
}

//! The pages: code blocks, prose, headings and links of Markdown, as far as these tests need them.

use std::fs;
use std::path::{Path, PathBuf};

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its path from the root of the project, as in `docs/audit.md`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Of its first line, from 1.
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file with this extension under `folder`, by name from the root, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut entries: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(files(&name, extension));
        } else if entry.path().extension().is_some_and(|found| found == extension) {
            found.push(name);
        }
    }
    found
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: read(name) }
    }

    /// Every page of the repository.
    pub(crate) fn all() -> Vec<Self> {
        let names = ["docs", "schemas"].iter().flat_map(|folder| files(folder, "md"));
        let pages: Vec<_> =
            std::iter::once("README.md".to_owned()).chain(names).map(|name| Self::read(&name)).collect();
        assert!(5 < pages.len(), "read the wrong folder");
        pages
    }

    /// Lines with their numbers from 1, each with the language of the block that it is in.
    fn lines(&self) -> Vec<(usize, Option<&str>, &str)> {
        let mut block = None;
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(language), None) => block = Some(language.trim()),
                (Some(_), Some(_)) => block = None,
                (None, block) => lines.push((number, block, line)),
            }
        }
        assert_eq!(block, None, "{}: a block does not end", self.name);
        lines
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut last = 0;
        for (number, language, line) in self.lines() {
            let Some(language) = language else { continue };
            match blocks.last_mut().filter(|_| last + 1 == number) {
                Some(block) => block.text.extend([line, "\n"]),
                None => blocks.push(Block { line: number, language: language.to_owned(), text: format!("{line}\n") }),
            }
            last = number;
        }
        blocks
    }

    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let lines = self.lines().into_iter();
        lines.filter(|(_, block, _)| block.is_none()).map(|(number, _, line)| (number, line)).collect()
    }

    pub(crate) fn headings(&self) -> Vec<&str> {
        let lines = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        lines.map(|(_, line)| line.trim_start_matches('#').trim()).collect()
    }

    /// The text under the heading whose first word this is, up to the next heading.
    pub(crate) fn section(&self, first_word: &str) -> Option<String> {
        let lines = self.prose().into_iter().map(|(_, line)| line);
        let is_heading = |line: &str| {
            line.starts_with('#') && line.trim_start_matches('#').split_whitespace().next() == Some(first_word)
        };
        let mut rest = lines.skip_while(|line| !is_heading(line));
        rest.next()?;
        Some(rest.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"))
    }

    /// What stands in backquotes, outside of blocks.
    pub(crate) fn code_spans(&self) -> Vec<(usize, &str)> {
        let spans = |(number, line)| str::split(line, '`').skip(1).step_by(2).map(move |span| (number, span));
        self.prose().into_iter().flat_map(spans).collect()
    }

    /// Targets of links.
    pub(crate) fn links(&self) -> Vec<(usize, &str)> {
        let of_line = |(number, line)| {
            let targets = str::split(line, "](").skip(1);
            targets.filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
        };
        self.prose().into_iter().flat_map(of_line).collect()
    }
}

/// What GitHub calls a heading in a link.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

/// Between `<!-- name -->` and the next `<!-- end -->`.
pub(crate) fn marked<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->\n")).expect("the part begins");
    rest.split_once("<!-- end -->").expect("the part ends").0
}

#[test]
fn a_page_is_read_as_it_is_shown() {
    let text = "# A `b`, c?\n[x](y.md#z) and [v](w)\n```sh\n# no heading\na `b`\n\n```\n## T1 d\ne `f` g\n### h\ni\n";
    let page = Page { name: "a.md".into(), text: text.into() };
    let block = Block { line: 4, language: "sh".into(), text: "# no heading\na `b`\n\n".into() };
    assert_eq!(page.blocks(), [block]);
    assert_eq!(page.headings(), ["A `b`, c?", "T1 d", "h"]);
    assert_eq!(page.headings().into_iter().map(anchor).collect::<Vec<_>>(), ["a-b-c", "t1-d", "h"]);
    assert_eq!(page.links(), [(2, "y.md#z"), (2, "w")]);
    assert_eq!(page.code_spans(), [(1, "b"), (9, "f")]);
    assert_eq!(page.section("T1").as_deref(), Some("e `f` g"));
    assert_eq!(page.section("T2"), None);
}

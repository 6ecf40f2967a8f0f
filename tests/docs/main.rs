//! That the pages of the repository agree with the program: configurations parse, command lines are understood, links
//! lead somewhere, and what the pages list is what there is.
//!
//! The tables of `docs/audit.md` and `docs/configuration.md` are checked where they are made, in `src/`.

#[cfg(test)]
mod guarantees;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod words;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use clap::Parser;
    use pinrelay::commands::Arguments;
    use pinrelay::commands::demo::report::{Broker, Latency, Posted, Report, Rows};
    use pinrelay::commands::demo::scenario;
    use pinrelay::config::{Config, FaultKind};
    use pinrelay::domain::OutcomeKind;

    use crate::pages::{Block, Page, anchor, root};

    /// Secrets in files are read when a configuration is: here from a file that exists.
    fn with_a_token(text: &str) -> String {
        let mut parts = text.split("file: ");
        let mut with = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(['}', '\n']).unwrap_or(part.len());
            with.extend(["file: tests/config/files/token", &part[end..]]);
        }
        with
    }

    fn parse(text: &str) -> Result<Config, Vec<(FaultKind, String)>> {
        let faults = Config::parse(&with_a_token(text), &root(), &|_| Some("pinrelay-0".to_owned()));
        faults.map_err(|faults| faults.into_iter().map(|fault| (fault.kind, fault.to_string())).collect())
    }

    fn blocks(page: &Page, language: &str) -> Vec<Block> {
        page.blocks().into_iter().filter(|block| block.language == language).collect()
    }

    #[test]
    fn the_configuration_of_the_readme_is_whole() {
        let blocks = blocks(&Page::read("README.md"), "yaml");
        let [block] = blocks.as_slice() else { panic!("one configuration, found {}", blocks.len()) };
        let config = parse(&block.text).expect("it is valid");
        assert_eq!((config.lanes.len(), config.feeds.len()), (1, 1));
    }

    /// A block that does not begin a file may lack keys, and lanes that it names.
    #[test]
    fn every_configuration_of_the_pages_is_valid_as_far_as_it_goes() {
        let mut n_whole = 0;
        for page in Page::all() {
            for block in blocks(&page, "yaml") {
                let is_whole = block.text.contains("kafka:\n") && block.text.contains("feeds:\n");
                n_whole += usize::from(is_whole);
                let faults = parse(&block.text).err().unwrap_or_default();
                let counts = |kind| is_whole || !matches!(kind, FaultKind::MissingKey | FaultKind::UnknownLane);
                let faults: Vec<_> = faults.into_iter().filter(|(kind, _)| counts(*kind)).collect();
                assert!(faults.is_empty(), "{}, line {}: {faults:?}", page.name, block.line);
            }
        }
        assert!(2 <= n_whole, "found {n_whole} whole configurations");
    }

    #[test]
    fn the_time_spans_of_the_operations_are_the_defaults() {
        let blocks = blocks(&Page::read("README.md"), "yaml");
        let config = parse(&blocks[0].text).expect("it is valid");
        let page = Page::read("docs/operations.md");
        for (key, span) in [
            ("pipeline.connect_timeout", config.pipeline.connect_timeout),
            ("pipeline.answer_timeout", config.pipeline.answer_timeout),
            ("kafka.drain_deadline", config.kafka.drain_deadline),
            ("kafka.transaction_timeout", config.kafka.transaction_timeout),
            ("kafka.session_timeout", config.kafka.session_timeout),
            ("kafka.termination_grace", config.kafka.termination_grace),
            ("kafka.max_poll_interval", config.kafka.max_poll_interval),
        ] {
            let seconds = span.as_secs();
            let shown = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
            let row = format!("| `{key}` | {shown} |");
            assert!(page.text.contains(&row), "expected {row}");
        }
    }

    /// The words of each command in a block of shell lines.
    fn commands(block: &str) -> Vec<Vec<String>> {
        let joined = block.replace("\\\n", " ");
        let lines = joined.lines().filter(|line| !line.starts_with('#'));
        let commands = lines.flat_map(|line| line.split(['|', '>', '&', ';']));
        let is_setting = |word: &&str| word.contains('=') && !word.starts_with('-');
        let words = commands.map(|command| command.split_whitespace().skip_while(is_setting).map(str::to_owned));
        words.map(Iterator::collect::<Vec<_>>).filter(|words| !words.is_empty()).collect()
    }

    #[test]
    fn every_command_line_of_the_pages_is_understood() {
        let mut n_commands = 0;
        for page in Page::all() {
            for block in page.blocks().into_iter().filter(|block| matches!(&*block.language, "sh" | "console")) {
                for words in commands(&block.text) {
                    let arguments = match Path::new(&words[0]).file_name().and_then(|name| name.to_str()) {
                        Some("pinrelay") => words[1..].to_vec(),
                        Some("demo") => {
                            let of_demo = words[1..].iter().filter(|word| *word != "--yes");
                            std::iter::once("demo".to_owned()).chain(of_demo.cloned()).collect()
                        }
                        _ => continue,
                    };
                    n_commands += 1;
                    let parsed = Arguments::try_parse_from(std::iter::once("pinrelay".to_owned()).chain(arguments));
                    let refused = parsed.err().filter(clap::Error::use_stderr);
                    assert!(refused.is_none(), "{}, line {}: {words:?}: {refused:?}", page.name, block.line);
                }
            }
        }
        assert!(5 < n_commands, "found {n_commands} command lines");
    }

    #[test]
    fn commands_are_found_in_shell_lines() {
        let found = commands("A=b pinrelay run \\\n  --config c\n# pinrelay d\npinrelay e | f > g\n\n");
        let expected = [&["pinrelay", "run", "--config", "c"][..], &["pinrelay", "e"], &["f"], &["g"]];
        assert_eq!(found, expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()));
    }

    #[test]
    fn every_link_leads_to_a_file_and_a_heading_that_exist() {
        let pages = Page::all();
        let mut n_links = 0;
        for page in &pages {
            for (line, target) in page.links().into_iter().filter(|(_, target)| !target.contains("://")) {
                n_links += 1;
                let (path, heading) = target.split_once('#').map_or((target, None), |(path, of)| (path, Some(of)));
                let name = resolve(&page.name, path);
                assert!(root().join(&name).exists(), "{}, line {line}: there is no {name}", page.name);
                let Some(heading) = heading else { continue };
                let linked = pages.iter().find(|page| page.name == name).expect("headings are those of pages");
                let found = linked.headings().into_iter().any(|found| anchor(found) == heading);
                assert!(found, "{}, line {line}: {name} has no heading {heading}", page.name);
            }
        }
        assert!(20 < n_links, "found {n_links} links");
    }

    /// The file that a link in `page` leads to, from the root.
    fn resolve(page: &str, path: &str) -> String {
        if path.is_empty() {
            return page.to_owned();
        }
        let mut parts: Vec<&str> = page.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    #[test]
    fn every_path_that_the_pages_name_exists() {
        let mut n_paths = 0;
        for page in Page::all() {
            for (line, span) in page.code_spans() {
                let folder = span.split('/').next().unwrap_or_default();
                let is_ours = ["src", "tests", "docs", "schemas", "scripts", "benches"].contains(&folder);
                if !is_ours || !span.contains('/') {
                    continue;
                }
                let path = span.split(' ').next().unwrap_or_default();
                n_paths += 1;
                assert!(root().join(path).exists(), "{}, line {line}: there is no {path}", page.name);
            }
        }
        assert!(50 < n_paths, "found {n_paths} paths");
    }

    #[test]
    fn the_readme_shows_what_the_demo_prints() {
        let expected = scenario::expected(1, 20_000);
        let events = expected.of(OutcomeKind::Delivered) + expected.of(OutcomeKind::Refused);
        let report = Report {
            seed: 1,
            records: 20_000,
            broker: Broker::Mock,
            found: expected.clone(),
            expected,
            rows: Rows::default(),
            posted: Posted { events, requests: 0, keys_more_than_once: 0 },
            elapsed: Duration::from_secs(1),
            latency: Latency::default(),
            age: Latency::default(),
            late: 0,
        };
        let shown = Page::read("README.md");
        let shown: Vec<&str> = shown.text.lines().collect();
        let printed = report.to_text();
        // Times and the number of requests differ from run to run.
        let differs =
            |line: &str| ["posted", "speed", "record to", "age at"].iter().any(|begin| line.starts_with(begin));
        for line in printed.lines().filter(|line| !differs(line)) {
            assert!(shown.contains(&line), "the demo prints: {line}");
        }
    }
}

//! The rules of the source tree, read from its text: who may import whom, what the decisions may not touch, where
//! `unsafe` is allowed, how long a file may be.

#[cfg(test)]
mod rules;
#[cfg(test)]
mod source;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::rules::{Source, violations};

    /// Every Rust file under `directory`, in order of names.
    fn read(directory: &Path, root: &Path, sources: &mut Vec<Source>) {
        let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                read(&path, root, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }

    #[test]
    fn the_source_tree_keeps_its_rules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Vec::new();
        read(&root.join("src"), root, &mut sources);
        assert!(sources.iter().any(|source| source.name == "src/domain/mod.rs"), "read the wrong directory");

        let found = violations(&sources);
        assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
    }

    /// What the checker says of one file, without the file's name.
    fn said(name: &str, text: &str) -> Vec<String> {
        let sources = [Source { name: name.to_owned(), text: text.to_owned() }];
        violations(&sources).into_iter().map(|line| line.trim_start_matches(name).to_owned()).collect()
    }

    #[test]
    fn a_violation_is_found_in_every_form_that_it_can_take() {
        for (name, text, expected) in [
            // The order of the modules.
            ("src/kafka/a.rs", "use crate::pinterest::Client;", ":1: kafka imports pinterest"),
            ("src/kafka/a.rs", "\n\nuse crate::{domain::{Record, Now}, admin::Page};", ":3: kafka imports admin"),
            ("src/mapping/mod.rs", "fn a() { crate::pipeline::step::<u8>(); }", ":1: mapping imports pipeline"),
            ("src/domain/mod.rs", "use super::config;", ":1: domain imports config"),
            ("src/domain/a/b.rs", "use super::super::super::run::now;", ":1: domain imports run"),
            ("src/domain/a.rs", "mod tests { use super::super::super::run::now; }", ":1: domain imports run"),
            ("src/config/mod.rs", "use pinrelay::run;", ":1: config imports run"),
            ("src/run/mod.rs", "pub use crate::commands::*;", ":1: run imports commands"),
            ("src/admin/mod.rs", "#[cfg(test)] mod tests { use crate::kafka::A; }", ":1: admin imports kafka"),
            ("src/admin/mod.rs", "select! { a = crate::kafka::next() => {} }", ":1: admin imports kafka"),
            ("src/kafka/a.rs", "use crate::elsewhere::A;", ":1: elsewhere has no place in the order of the modules"),
            ("src/elsewhere.rs", "use std::fmt;", ":1: elsewhere has no place in the order of the modules"),
            // What the decisions may not touch.
            ("src/pipeline/a.rs", "use tokio::sync::mpsc;", ":1: tokio::sync::mpsc in pipeline"),
            ("src/pipeline/a.rs", "use tokio;", ":1: tokio in pipeline"),
            ("src/mapping/a.rs", "use std::{fmt, fs::File};", ":1: std::fs::File in mapping"),
            ("src/domain/a.rs", "fn a() -> A { std::time::Instant::now() }", ":1: std::time::Instant::now in domain"),
            ("src/domain/a.rs", "fn a() -> A { jiff::Timestamp::now() }", ":1: jiff::Timestamp::now in domain"),
            ("src/domain/a.rs", "fn a() { tracing::info!(\"a\"); }", ":1: tracing::info in domain"),
            ("src/pinterest/answer.rs", "use reqwest::Response;", ":1: reqwest::Response in pinterest/answer"),
            ("src/mapping/a.rs", "let a = 0..rand::random();", ":1: rand::random in mapping"),
            // The rest.
            ("src/kafka/a.rs", "fn a() { unsafe { b() } }", ":1: unsafe outside of src/kafka/native.rs"),
        ] {
            let found = said(name, text);
            assert_eq!(found.len(), 1, "{name}: {text}: {found:?}");
            assert!(found.iter().all(|found| found.starts_with(expected)), "{name}: {text}: {found:?}");
        }
        let long = "\n".repeat(501);
        assert_eq!(said("src/run/a.rs", &long), [":501: the file has more than 500 lines: it has a second subject"]);
    }

    #[test]
    fn what_keeps_the_rules_is_not_called_a_violation() {
        for (name, text) in [
            ("src/main.rs", "use pinrelay::{commands, config, kafka};"),
            ("src/lib.rs", "pub mod elsewhere;"),
            ("src/commands/a.rs", "use crate::{admin, config, domain, kafka, run};"),
            ("src/config/mod.rs", "use crate::{pipeline::Settings, pinterest};"),
            ("src/kafka/a.rs", "use super::native; use crate::kafka::b; use crate::domain::Record; use tokio::time;"),
            ("src/kafka/native.rs", "fn a() { unsafe { b() } }"),
            ("src/pinterest/client.rs", "use reqwest::Client; use super::answer;"),
            ("src/domain/a.rs", "use std::{fmt, net::IpAddr, time::Duration}; use sha2::Digest;"),
            (
                "src/domain/a.rs",
                "// use crate::kafka::A;\n/* crate::run::a /* tokio::a */ */ const A: &str = \"crate::run::a\";",
            ),
            (
                "src/domain/a.rs",
                "const A: &str = r#\"\"crate::run::a\"#; const B: char = '\"'; const C: &str = \"\\\"tokio::a\";",
            ),
            ("src/domain/a.rs", "fn a<'a>(b: &'a B) { b.tokio::<C>(); mapping::c(); let kafka = 1; }"),
            ("src/mapping/a.rs", "#[cfg(test)]\n#[expect(clippy::panic, reason = \"a\")]\nmod tests { use std::fs; }"),
            ("src/run/a.rs", &"\n".repeat(499)),
        ] {
            assert_eq!(said(name, text), [""; 0], "{name}: {text}");
        }
    }

    #[test]
    fn a_file_of_tests_may_touch_the_world_but_not_the_order_of_the_modules() {
        let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
        for (declared, expected) in [
            ("#[cfg(test)] mod examples;", vec!["src/mapping/examples/a.rs:1: mapping imports kafka"]),
            (
                "mod examples;",
                vec![
                    "src/mapping/examples/a.rs:1: mapping imports kafka",
                    "src/mapping/examples/a.rs:1: std::fs::read in",
                ],
            ),
        ] {
            let sources = [
                source("src/mapping/examples/a.rs", "fn a() { crate::kafka::b(std::fs::read()); }"),
                source("src/mapping/mod.rs", declared),
            ];
            let found = violations(&sources);
            assert_eq!(found.len(), expected.len(), "{declared}: {found:?}");
            assert!(found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected)), "{found:?}");
        }
    }
}

//! The rules, as functions of the text of `src/`.

use crate::source::{self, Place};

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root of the project, as in `src/kafka/mod.rs`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Who may import whom: each may import those of a lower rank, and `domain` all may. Equal ranks never meet.
const RANKS: [(&str, u8); 10] = [
    ("commands", 4),
    ("run", 3),
    ("config", 2),
    ("mapping", 1),
    ("pipeline", 1),
    ("kafka", 1),
    ("pinterest", 1),
    ("admin", 1),
    ("telemetry", 1),
    ("domain", 0),
];

/// These decide and touch nothing: what they need of the world is an argument.
const PURE: [&[&str]; 5] =
    [&["domain"], &["mapping"], &["pipeline"], &["pinterest", "answer"], &["pinterest", "rate_limit"]];

/// What a pure module may not name, by the beginning of the path.
const WORLD: [&[&str]; 22] = [
    &["axum"],
    &["hyper"],
    &["rand"],
    &["rdkafka"],
    &["rdkafka_sys"],
    &["reqwest"],
    &["tokio"],
    &["tracing"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "io", "stderr"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "net", "TcpListener"],
    &["std", "net", "TcpStream"],
    &["std", "net", "ToSocketAddrs"],
    &["std", "net", "UdpSocket"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
];

/// The one file that may be `unsafe`: rdkafka hides the member id and the topic id.
const UNSAFE_ALLOWED: &str = "src/kafka/native.rs";

const MAX_LINES: usize = 500;

/// Every violation, `file:line: what, and the rule`, in the order of files and lines.
pub(crate) fn violations(sources: &[Source]) -> Vec<String> {
    let test_files: Vec<Vec<String>> = sources.iter().flat_map(declared_test_files).collect();
    let mut found = Vec::new();
    for source in sources {
        let module = module_of(&source.name);
        let place = if test_files.iter().any(|tests| module.starts_with(tests)) { Place::Test } else { Place::Product };
        let mut of_file = of_source(source, &module, place);
        of_file.sort();
        of_file.dedup();
        found.extend(of_file.into_iter().map(|(line, what)| format!("{}:{line}: {what}", source.name)));
    }
    found
}

/// Modules by path that the file declares as tests.
fn declared_test_files(source: &Source) -> Vec<Vec<String>> {
    let module = module_of(&source.name);
    let within = |name: &str| module.iter().cloned().chain([name.to_owned()]).collect();
    source::test_files(&source::words(&source.text)).into_iter().map(within).collect()
}

/// `["kafka", "consumer"]` of `src/kafka/consumer.rs`; nothing of the roots of the crates, `main` and `lib`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let segments = path.split('/').filter(|segment| !matches!(*segment, "mod" | "lib" | "main"));
    segments.map(str::to_owned).collect()
}

fn of_source(source: &Source, module: &[String], place: Place) -> Vec<(usize, String)> {
    let words = source::words(&source.text);
    let mut found = Vec::new();
    if source.text.lines().count() > MAX_LINES {
        found.push((MAX_LINES + 1, format!("the file has more than {MAX_LINES} lines: it has a second subject")));
    }
    if source.name != UNSAFE_ALLOWED {
        let is_unsafe = words.iter().filter(|word| word.text == "unsafe");
        found.extend(is_unsafe.map(|word| (word.line, format!("unsafe outside of {UNSAFE_ALLOWED}"))));
    }
    // The roots may name every module.
    let Some(from) = module.first() else { return found };
    if rank(from).is_none() {
        found.push((1, no_place(from)));
        return found;
    }
    for path in source::paths(&words) {
        let target = imported(&path, module);
        found.extend(target.and_then(|to| order(from, to)).map(|what| (path.line, what)));
        if place.max(path.place) == Place::Product {
            found.extend(purity(module, &path.segments).map(|what| (path.line, what)));
        }
    }
    found
}

/// The module at the crate's root that the path leads to, if it leads there.
fn imported<'a>(path: &source::Path<'a>, module: &'a [String]) -> Option<&'a str> {
    let ups = path.segments.iter().take_while(|segment| **segment == "super").count();
    match path.segments.first()? {
        &"crate" | &"pinrelay" => path.segments.get(1).copied(),
        &"super" if ups == module.len() + path.inside.len() => path.segments.get(ups).copied(),
        _ => None,
    }
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|&(_, rank)| rank)
}

fn no_place(module: &str) -> String {
    format!("{module} has no place in the order of the modules: give it one in tests/architecture/rules.rs")
}

fn order(from: &str, to: &str) -> Option<String> {
    if from == to {
        return None;
    }
    let Some(of_target) = rank(to) else { return Some(no_place(to)) };
    (rank(from)? <= of_target).then(|| {
        format!(
            "{from} imports {to}; the order is main, commands, run, config, {{mapping, pipeline, kafka, pinterest, \
             admin, telemetry}}, domain, each knowing only what stands behind it"
        )
    })
}

fn purity(module: &[String], segments: &[&str]) -> Option<String> {
    let pure =
        PURE.iter().find(|pure| module.len() >= pure.len() && module.iter().zip(pure.iter()).all(|(a, b)| a == b))?;
    let is_ours = segments.first().is_some_and(|first| matches!(*first, "crate" | "self" | "super"));
    let is_clock = !is_ours && segments.last() == Some(&"now");
    (is_clock || WORLD.iter().any(|world| segments.starts_with(world))).then(|| {
        format!(
            "{} in {}, which decides and touches nothing: take what it gives as an argument",
            segments.join("::"),
            pure.join("/")
        )
    })
}

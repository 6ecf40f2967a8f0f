//! The mapping as its users meet it: the documentation's tables and examples, and `pinrelay explain` and `schema check`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod commands;
mod documentation;
mod examples;
mod printing;

use std::path::Path;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

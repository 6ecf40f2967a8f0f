//! Logs: to stderr, as text or JSON, filtered by `PINRELAY_LOG`. What a command prints for its user goes to stdout.

use std::io;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::exit::{Exit, Failure};
use crate::config;

/// Environment variable with the filter, such as `info` or `pinrelay::kafka=debug,warn`.
pub(super) const VARIABLE: &str = "PINRELAY_LOG";

/// What is logged where the variable is not set.
const DEFAULT: &str = "info";

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts logging for the rest of the process.
///
/// # Errors
/// The filter cannot be read.
pub(super) fn start(format: LogFormat) -> Result<(), Failure> {
    let text = config::process_environment(VARIABLE).unwrap_or_else(|| DEFAULT.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|error| Failure {
        exit: Exit::Configuration,
        problem: format!("the variable {VARIABLE} is no log filter: {error}"),
        next: format!("set it as in {VARIABLE}=info or {VARIABLE}=pinrelay::kafka=debug,warn, or unset it"),
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // Only a test that runs two commands in one process finds logging already started, and then it is what it needs.
    started.ok();
    Ok(())
}

//! `pinrelay demo`: the whole job with nothing installed, checked against what the generator knows.

mod avro;
mod dice;
mod people;
mod play;
pub mod records;
pub mod report;
pub mod scenario;
mod stage;

use std::io::Write;

use super::exit::{Exit, Failure};
use super::output::{self, not_written};
use super::run;

/// Generate records, relay them to a sandbox, read the audit topic back and compare
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay demo --records 50000
  pinrelay demo --records 200000 --seed 7 --json
  pinrelay demo --bootstrap 127.0.0.1:9092")]
pub struct Arguments {
    /// Number of records, over all three feeds
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub records: u64,
    /// The same seed generates the same records
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// A real broker, instead of the one inside this process, which has no transactions
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: Option<String>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let report = run::runtime()?.block_on(play::play(arguments))?;
    let text = if arguments.json { report.to_json().to_string() } else { report.to_text() };
    writeln!(output::stdout(), "{text}").map_err(|error| not_written(&error))?;
    if report.agrees() {
        return Ok(Exit::Drained);
    }
    Err(Failure {
        exit: Exit::StartFailed,
        problem: "the audit topic does not show what was generated".to_owned(),
        next: format!("run it again with --seed {} and PINRELAY_LOG=debug, and report what it prints", arguments.seed),
    })
}

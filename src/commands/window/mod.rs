//! `pinrelay window import`: takes over the event ids that an earlier sender has sent.

mod import;
mod sent;

use super::exit::{Exit, Failure};

/// Work on the windows of delivered events: `pinrelay window import` takes over what an earlier sender has sent
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay window import --config pinrelay.yaml --feed order sent.csv --dry-run")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Import(import::Arguments),
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Import(arguments) => import::execute(arguments),
    }
}

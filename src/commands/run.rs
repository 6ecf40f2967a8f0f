//! `pinrelay run`: relays what the configuration names until it is told to stop.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use crate::config::{self, Config, Faults};

/// Relay the feeds of a configuration to Pinterest until SIGTERM or SIGINT; a second signal stops at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay run --config pinrelay.yaml")]
pub struct Arguments {
    /// Configuration, a YAML file; docs/configuration.md describes its keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.config, &config::process_environment).map_err(|faults| refuse(&faults))?;
    relay(&config)
}

fn refuse(faults: &Faults) -> Failure {
    Failure {
        exit: Exit::Configuration,
        problem: faults.to_string(),
        next: "mend the file; docs/configuration.md describes every key".to_owned(),
    }
}

/// Runs the loop on a valid configuration until it has come to rest.
fn relay(_config: &Config) -> Result<Exit, Failure> {
    Err(super::not_joined("run"))
}

//! One file a command: reads its arguments, calls what does the work, says how it ended.
//!
//! Output for the user goes to stdout, logs and errors to stderr. An error says what to do next.

pub mod config;
pub mod demo;
pub mod exit;
pub mod explain;
pub mod health;
pub mod leave;
pub mod logging;
pub mod run;
pub mod sandbox;
pub mod schema;
pub mod topics;
pub mod window;

mod output;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use logging::LogFormat;

/// Kafka to Pinterest's Conversions API: every record accounted for exactly once.
#[derive(Debug, Parser)]
#[command(name = "pinrelay", version, about, after_help = Exit::table(), arg_required_else_help = true)]
pub struct Arguments {
    /// Form of the log lines on stderr.
    #[arg(help = "Form of the log lines on stderr; PINRELAY_LOG filters them")]
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    #[command(subcommand)]
    pub command: Command,
}

/// What pinrelay is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Arguments),
    Leave(leave::Arguments),
    Sandbox(sandbox::Arguments),
    Demo(demo::Arguments),
    Explain(explain::Arguments),
    Schema(schema::Arguments),
    Topics(topics::Arguments),
    Config(config::Arguments),
    Health(health::Arguments),
    Window(window::Arguments),
}

/// Does what the command line asks for; blocks until it is done. What could not be done is told on stderr.
#[must_use]
pub fn execute(arguments: Arguments) -> Exit {
    let format = arguments.log_format;
    logging::start(format).and_then(|()| perform(arguments.command)).unwrap_or_else(|failure| failure.tell(format))
}

fn perform(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::execute(&arguments),
        Command::Leave(arguments) => leave::execute(&arguments),
        Command::Sandbox(arguments) => sandbox::execute(&arguments),
        Command::Demo(arguments) => demo::execute(&arguments),
        Command::Explain(arguments) => explain::execute(&arguments),
        Command::Schema(arguments) => schema::execute(&arguments),
        Command::Topics(arguments) => topics::execute(&arguments),
        Command::Config(arguments) => config::execute(&arguments),
        Command::Health(arguments) => health::execute(&arguments),
        Command::Window(arguments) => window::execute(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_shows_an_example() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        command.build();
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_long_help().to_string();
            let example = format!("  pinrelay {} ", command.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{help}");
        }
    }
}

//! Arguments in, exit code out; everything else is in the library.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use pinrelay::commands::{self, Arguments, Exit};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are asked for, and go to stdout; everything else is a wrong command line.
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { Exit::Configuration.into() } else { Exit::Drained.into() };
        }
    };
    match commands::execute(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nobody is left to tell if stderr is closed; the exit code still says it.
            writeln!(io::stderr(), "{failure}").ok();
            failure.exit.into()
        }
    }
}

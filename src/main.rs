//! Arguments in, exit code out; everything else is in the library.

use std::io::{self, Write};

use clap::Parser;
use pinrelay::commands::{self, Arguments, Exit};

fn main() {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are asked for, and go to stdout; everything else is a wrong command line.
        Err(error) => {
            error.print().ok();
            if error.use_stderr() { Exit::Configuration } else { Exit::Drained }.end()
        }
    };
    match commands::execute(arguments) {
        Ok(exit) => exit.end(),
        Err(failure) => {
            // Nobody is left to tell if stderr is closed; the exit code still says it.
            writeln!(io::stderr(), "{failure}").ok();
            failure.exit.end()
        }
    }
}

//! Arguments in, exit code out; everything else is in the library.

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
    commands::execute(arguments).end()
}

//! How a command ends: the codes are a promise to init systems and scripts.

use std::fmt;
use std::io::{self, Write};

use super::logging::LogFormat;
use crate::kafka::end_process;

/// What the surroundings learn from the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// The work came to rest, or the command did what it was asked for.
    Drained,
    /// Something that is needed did not start; starting again may help.
    StartFailed,
    /// The configuration or the command line is wrong (`EX_USAGE` of sysexits.h); starting again does not help.
    Configuration,
    /// A person must decide (`EX_SOFTWARE`); starting again ends the same way.
    Halted,
    /// Another process took over or the group gave this one up (`EX_TEMPFAIL`): start it again.
    Fenced,
    /// A second signal ended it at once (128 + SIGINT). Nothing is lost; the restart takes up what was open.
    SecondSignal,
}

impl Exit {
    pub const ALL: [Self; 6] =
        [Self::Drained, Self::StartFailed, Self::Configuration, Self::Halted, Self::Fenced, Self::SecondSignal];

    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Drained => 0,
            Self::StartFailed => 1,
            Self::Configuration => 64,
            Self::Halted => 70,
            Self::Fenced => 75,
            Self::SecondSignal => 130,
        }
    }

    /// Ends the process with this code.
    pub fn end(self) -> ! {
        // Nobody is left to tell if stdout is closed.
        io::stdout().flush().ok();
        end_process(self.code())
    }

    /// For `--help`: what it means and what to do.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Drained => "done, everything at rest",
            Self::StartFailed => "could not start; see the message",
            Self::Configuration => "the configuration or the command line is wrong",
            Self::Halted => "halted: a person must decide, the message says what",
            Self::Fenced => "another process took over, or the group gave this one up; start it again",
            Self::SecondSignal => "stopped at once by a second signal; nothing is lost",
        }
    }

    /// The table for `--help`.
    pub(super) fn table() -> String {
        let lines = Self::ALL.iter().map(|exit| format!("  {:>3}  {}", exit.code(), exit.meaning()));
        std::iter::once("Exit codes:".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

/// A command that could not do its work: what happened, and what a person does next.
#[derive(Debug, thiserror::Error)]
pub struct Failure {
    pub exit: Exit,
    /// What happened, as a sentence without full stop.
    pub problem: String,
    /// What to do next, as a sentence without full stop.
    pub next: String,
}

impl Failure {
    /// Says it on stderr as the logs are said, so that who collects them as JSON gets it too.
    pub(super) fn tell(self, format: LogFormat) -> Exit {
        if format == LogFormat::Json && tracing::enabled!(tracing::Level::ERROR) {
            let Self { exit, problem, next } = &self;
            tracing::error!(exit_code = exit.code(), cause = problem, next, "the command has failed");
        } else {
            // Nobody is left to tell if stderr is closed; the exit code still says it.
            writeln!(io::stderr(), "{self}").ok();
        }
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nnext: {}", self.problem, self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_are_the_documented_ones() {
        insta::assert_snapshot!(Exit::table(), @r"
        Exit codes:
            0  done, everything at rest
            1  could not start; see the message
           64  the configuration or the command line is wrong
           70  halted: a person must decide, the message says what
           75  another process took over, or the group gave this one up; start it again
          130  stopped at once by a second signal; nothing is lost
        ");
    }

    #[test]
    fn a_failure_ends_with_what_to_do_next() {
        let failure = Failure { exit: Exit::StartFailed, problem: "no broker".into(), next: "start one".into() };
        assert_eq!(failure.to_string(), "error: no broker\nnext: start one");
    }
}

//! `pinrelay leave`: tells a running process that its next stop is for good.

use rustix::process::{Pid, Signal, kill_process};

use super::exit::{Exit, Failure};

/// Tell a running process to leave its consumer group when it is stopped next, so that others take over at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay leave --pid 4711
  kubectl exec pinrelay-3 -- pinrelay leave && kubectl scale statefulset pinrelay --replicas=3")]
pub struct Arguments {
    /// Process that runs `pinrelay run`; in a container it is usually the first
    #[arg(long, value_name = "PID", default_value = "1", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: i32,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let refused = |problem: String| Failure {
        exit: Exit::StartFailed,
        problem,
        next: "name the process with --pid, and run this as the same user".to_owned(),
    };
    let pid = Pid::from_raw(arguments.pid).ok_or_else(|| refused("a process id is above 0".to_owned()))?;
    kill_process(pid, Signal::USR1)
        .map_err(|error| refused(format!("process {} cannot be told: {error}", arguments.pid)))?;
    Ok(Exit::Drained)
}

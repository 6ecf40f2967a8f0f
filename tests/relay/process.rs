//! pinrelay as a process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Last lines of a log that a failed test shows.
const SHOWN_LINES: usize = 60;

/// A process `pinrelay run`; killed when it is dropped.
pub(crate) struct Relay {
    child: Child,
    log: PathBuf,
}

#[derive(Clone, Copy)]
pub(crate) enum Signal {
    Terminate,
    Interrupt,
    /// Freezes it, as a machine does that is moved or has no memory left.
    Stop,
    Continue,
}

impl Relay {
    /// Logs what `filter` lets through. What it would say on stdout stands in the log too.
    pub(crate) fn spawn(config: &Path, log: PathBuf, filter: &str, environment: &[(&str, String)]) -> Self {
        let stderr = File::create(&log).unwrap();
        let child = binary()
            .args(["run", "--config"])
            .arg(config)
            .env("PINRELAY_LOG", filter)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stderr.try_clone().unwrap())
            .stderr(stderr)
            .spawn()
            .expect("the binary is built before its tests");
        Self { child, log }
    }

    /// Returns when it listens to signals: before that, one ends it without a word.
    pub(crate) async fn starts(&mut self) {
        let status = format!("/proc/{}/status", self.child.id());
        let sigterm = 1_u64 << (15 - 1);
        loop {
            assert_eq!(self.has_ended(), None, "it ends before it listens");
            let status = fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            if u64::from_str_radix(caught.trim(), 16).unwrap() & sigterm != 0 {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "kill", name, &pid]).status();
        assert!(sent.unwrap().success(), "no signal for a process that has ended");
    }

    /// Tells it, by the command for that, that its next stop is for good.
    pub(crate) async fn will_leave(&self) {
        let mut command = binary();
        command.args(["leave", "--pid", &self.child.id().to_string()]);
        let told = run(command).await;
        assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
        let deadline = Instant::now() + Duration::from_mins(2);
        while !fs::read_to_string(&self.log).unwrap().contains("the next stop leaves the group") {
            assert!(Instant::now() < deadline, "it does not say that it heard it");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The most memory that it has had at a time, in MiB.
    pub(crate) fn most_memory_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Panics unless it ends within that time.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process has not ended in {within:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGTERM; panics unless it comes to rest and ends with 0.
    pub(crate) async fn leave(mut self, within: Duration) {
        self.signal(Signal::Terminate);
        assert_eq!(self.ended(within).await.code(), Some(0));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines.len().saturating_sub(SHOWN_LINES);
            println!("--- the end of {}\n{}", self.log.display(), lines.get(shown..).unwrap_or_default().join("\n"));
        }
    }
}

/// The binary under test, with its own settings of the log only.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinrelay"));
    command.env_remove("PINRELAY_LOG").env("NO_COLOR", "1");
    command
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("the binary is built before its tests")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! What is printed: how long each kind of fault was felt, and the account.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::Instant;

use super::account::{Account, Committed};
use super::fault::{Ends, Fault, Progress};

/// What was seen while it played.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Faults whose end was not felt everywhere yet: since when, and how far the partitions were.
    open: Vec<(Fault, Instant, Committed)>,
    recoveries: BTreeMap<Fault, Vec<Duration>>,
    /// Processes that ended by themselves, by exit status.
    ended: BTreeMap<String, u32>,
}

impl Report {
    /// Two session time-outs and a restore.
    const LONG: Duration = Duration::from_secs(20);

    /// Others may follow before a fault is overcome, but not for ever.
    const STUCK: Duration = Duration::from_mins(5);

    pub(crate) fn broken(&mut self, fault: Fault, progress: &Progress) {
        self.open.push((fault, Instant::now(), progress.now()));
    }

    /// Whether one of these faults is still being overcome. After [`Self::LONG`] the next one may come all the same.
    pub(crate) fn feels(&self, these: impl Fn(Fault) -> bool) -> bool {
        self.open.iter().any(|(fault, since, _)| these(*fault) && since.elapsed() < Self::LONG)
    }

    /// Looks which faults are overcome: since then each partition has moved on.
    pub(crate) fn look(&mut self, progress: &Progress, ends: &Ends) {
        let overcome = self.open.extract_if(.., |(_, _, before)| progress.everywhere_since(before, ends));
        for (fault, since, _) in overcome {
            self.recoveries.entry(fault).or_default().push(since.elapsed());
        }
        for (fault, since, before) in &self.open {
            let waited = since.elapsed();
            assert!(
                waited < Self::STUCK,
                "{fault:?} is not overcome after {waited:?}: {before:?} then, {:?} now",
                progress.now()
            );
        }
    }

    pub(crate) fn ended_by_itself(&mut self, status: ExitStatus) {
        *self.ended.entry(status.to_string()).or_default() += 1;
    }

    /// A process may find that it is fenced (75), or no broker at its start (1): it is started again. A halt, a panic or
    /// a signal that nobody sent is a fault of ours.
    pub(crate) fn assert_that_processes_ended_as_they_may(&self) {
        let others: Vec<_> = self.ended.keys().filter(|status| !MAY_END.contains(&status.as_str())).collect();
        assert!(others.is_empty(), "processes ended by themselves: {others:?}");
    }

    /// How often each kind of fault was overcome, at least.
    pub(crate) fn of_each(&self) -> usize {
        Fault::all().map(|fault| self.recoveries.get(&fault).map_or(0, Vec::len)).min().unwrap_or(0)
    }

    /// Faults that were overcome.
    pub(crate) fn faults(&self) -> usize {
        self.recoveries.values().map(Vec::len).sum()
    }

    pub(crate) fn account(&self, seed: u64, account: &Account) -> String {
        format!(
            "{self}\n\
             | seed | records | rows missing | rows double | keys posted again: marked | unmarked | under hold | \
             rows in doubt |\n\
             | {seed:4} | {:7} | {:12} | {:11} | {:25} | {:8} | {:10} | {:13} |",
            account.rows.len() - account.doubled.len() + account.missing.len(),
            account.missing.len(),
            account.doubled.len(),
            account.marked,
            account.unmarked.len(),
            account.held.len(),
            account.in_doubt,
        )
    }
}

/// How an [`ExitStatus`] shows the codes.
const MAY_END: [&str; 2] = ["exit status: 75", "exit status: 1"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| fault                      | times | seconds until every partition moved on: median |    max |"
        )?;
        for fault in Fault::all() {
            let mut times = self.recoveries.get(&fault).cloned().unwrap_or_default();
            times.sort_unstable();
            let median = times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64();
            let max = times.last().copied().unwrap_or_default().as_secs_f64();
            writeln!(f, "| {:26} | {:5} | {median:46.1} | {max:6.1} |", fault.name(), times.len())?;
        }
        for (status, times) in &self.ended {
            writeln!(f, "{times} processes ended by themselves ({status}) and were started again")?;
        }
        Ok(())
    }
}

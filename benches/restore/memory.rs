//! What the process holds of the machine's memory.

use std::fs;

/// Of a line of `/proc/self/status`, which Linux writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resident {
    Now,
    /// Since the process began.
    AtMost,
}

/// In bytes.
pub(crate) fn memory(resident: Resident) -> u64 {
    let name = match resident {
        Resident::Now => "VmRSS:",
        Resident::AtMost => "VmHWM:",
    };
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

//! How much of a partition is under way between the consumer thread and the shell.
//!
//! Counted up by the thread, down by the shell when it drops the receipt of a batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::settings::BacklogLimits;

/// The messages of one partition that the shell has not taken.
pub(super) struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    limits: BacklogLimits,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Whether a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    Shut,
}

impl Backlog {
    /// `wake` is called when so much has been taken that a paused partition may go on.
    pub(super) fn new(limits: BacklogLimits, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { messages: AtomicUsize::new(0), bytes: AtomicUsize::new(0), limits, wake: Box::new(wake) })
    }

    pub(super) fn add(self: &Arc<Self>, messages: usize, bytes: usize) -> Receipt {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Receipt { backlog: Arc::clone(self), messages, bytes }
    }

    /// Shut beyond a limit, open below half of both: each change drops what librdkafka has fetched ahead.
    pub(super) fn flow(&self, before: Flow) -> Flow {
        let (messages, bytes) = (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        match before {
            Flow::Open if self.limits.messages < messages || self.limits.bytes < bytes => Flow::Shut,
            Flow::Shut if self.is_low(messages, bytes) => Flow::Open,
            Flow::Open | Flow::Shut => before,
        }
    }

    const fn is_low(&self, messages: usize, bytes: usize) -> bool {
        messages <= self.limits.messages / 2 && bytes <= self.limits.bytes / 2
    }
}

/// Stands for messages under way; dropping it says that they have been taken.
pub struct Receipt {
    backlog: Arc<Backlog>,
    messages: usize,
    bytes: usize,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({} messages, {} bytes)", self.messages, self.bytes)
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let messages = self.backlog.messages.fetch_sub(self.messages, Ordering::Relaxed);
        let bytes = self.backlog.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let was_low = self.backlog.is_low(messages, bytes);
        if !was_low && self.backlog.is_low(messages - self.messages, bytes - self.bytes) {
            (self.backlog.wake)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(woken: &Arc<AtomicUsize>) -> Arc<Backlog> {
        let woken = Arc::clone(woken);
        Backlog::new(BacklogLimits { messages: 10, bytes: 1000 }, move || {
            woken.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_partition_shuts_beyond_a_limit_and_opens_at_half_of_both() {
        let woken = Arc::default();
        let backlog = backlog(&woken);
        let first = backlog.add(5, 500);
        let second = backlog.add(5, 500);
        assert_eq!(backlog.flow(Flow::Open), Flow::Open, "at the limit");
        let third = backlog.add(0, 1);
        assert_eq!(backlog.flow(Flow::Open), Flow::Shut, "bytes beyond the limit");
        drop(third);
        assert_eq!(backlog.flow(Flow::Shut), Flow::Shut, "above half");
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        drop(second);
        assert_eq!(backlog.flow(Flow::Shut), Flow::Open);
        drop(first);
        assert_eq!(woken.load(Ordering::Relaxed), 1, "woken once, when half was reached");
    }
}

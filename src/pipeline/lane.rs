//! Everything for one ad account: the queue, the batches under way, and whether it may post.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{BatchId, BootTime, Epoch, NotTaken, Offset, PartitionId, TransactionId};

use super::settings::LaneSettings;

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) settings: LaneSettings,
    /// Events that hold their claim and are in no batch, in the order in which they are to go.
    pub(crate) queue: Queue,
    /// In the order in which they are to be posted.
    pub(crate) batches: VecDeque<BatchState>,
    pub(crate) mode: Mode,
    /// Waits in a row since something came through.
    waits: u32,
}

/// Events in order, with their bytes counted.
#[derive(Debug)]
pub(crate) struct Queue {
    elements: VecDeque<Element>,
    bytes: usize,
}

/// An event of a batch, by name; it is dead when its partition's epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) offset: Offset,
    pub(crate) bytes: usize,
    /// When it joined the queue.
    pub(crate) since: BootTime,
}

/// A batch between its forming and its answer.
#[derive(Debug)]
pub(crate) struct BatchState {
    pub(crate) id: BatchId,
    pub(crate) elements: Vec<Element>,
    pub(crate) stage: BatchStage,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchStage {
    /// Its intents are to be written, or written again, by the next transaction.
    Unwritten,
    /// Its intents are in the transaction under way.
    Writing(TransactionId),
    /// Its intents are committed; the oldest by a transaction that began then.
    Ready { since: BootTime },
    /// Posted and not answered.
    Posted,
}

/// Whether a lane may post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    /// Pinterest asked to wait; then everything goes on.
    Paused {
        until: BootTime,
    },
    /// Nothing is known to get through: one event at a time finds out (R11).
    Probing {
        cause: Trouble,
        at: BootTime,
    },
}

/// Why a lane probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An answer without verdict.
    Ambiguous,
    /// Nothing was taken.
    NotTaken(NotTaken),
}

impl Lane {
    pub(crate) const fn new(settings: LaneSettings) -> Self {
        Self { settings, queue: Queue::new(), batches: VecDeque::new(), mode: Mode::Open, waits: 0 }
    }

    /// Batches posted and not answered.
    pub(crate) fn posted(&self) -> usize {
        self.batches.iter().filter(|batch| batch.stage == BatchStage::Posted).count()
    }

    /// Whether another batch may be formed now: as many are prepared ahead as may be under way.
    pub(crate) fn may_form(&self, now: BootTime) -> bool {
        match self.mode {
            Mode::Open => self.may_prepare() && self.batch_is_due(now),
            Mode::Paused { .. } => false,
            Mode::Probing { at, .. } => at <= now && self.batches.is_empty() && !self.queue.is_empty(),
        }
    }

    fn may_prepare(&self) -> bool {
        self.batches.len() - self.posted() < self.settings.concurrency
    }

    fn batch_is_due(&self, now: BootTime) -> bool {
        let lingered = self.queue.front().is_some_and(|first| self.settings.linger <= now.since(first.since));
        lingered || self.has_full_batch()
    }

    fn has_full_batch(&self) -> bool {
        self.settings.batch_events <= self.queue.len() || self.settings.batch_bytes <= self.queue.bytes
    }

    /// Takes the next batch's events out of the queue: one while probing, else as many as fit; never none.
    pub(crate) fn take_batch(&mut self) -> Vec<Element> {
        let most = match self.mode {
            Mode::Open | Mode::Paused { .. } => self.settings.batch_events,
            Mode::Probing { .. } => 1,
        };
        let (mut count, mut bytes) = (0, 0);
        for element in self.queue.elements.iter().take(most) {
            bytes += element.bytes;
            if self.settings.batch_bytes < bytes && 0 < count {
                break;
            }
            count += 1;
        }
        self.queue.take(count)
    }

    /// When the lane next wants to do something by itself.
    pub(crate) fn next_wakeup(&self) -> Option<BootTime> {
        match self.mode {
            Mode::Open => {
                let first = self.queue.front().filter(|_| self.may_prepare())?;
                Some(if self.has_full_batch() { first.since } else { first.since.after(self.settings.linger) })
            }
            Mode::Paused { until } => Some(until),
            Mode::Probing { at, .. } => (!self.queue.is_empty() && self.batches.is_empty()).then_some(at),
        }
    }

    /// Something came through: verdicts.
    pub(crate) const fn open(&mut self) {
        self.mode = Mode::Open;
        self.waits = 0;
    }

    /// Pinterest asked to wait. `random` is uniform in [0, 1).
    ///
    /// That is no verdict: a lane that probes goes on probing afterwards (R11).
    pub(crate) fn pause(&mut self, now: BootTime, wait: Option<Duration>, random: f64) {
        match self.mode {
            Mode::Paused { until } if now < until => {}
            Mode::Open | Mode::Paused { .. } => {
                self.mode = Mode::Paused { until: now.after(self.wait(wait, random)) };
            }
            Mode::Probing { cause, at } => {
                let later = now.after(self.wait(wait, random));
                self.mode = Mode::Probing { cause, at: later.max(at) };
            }
        }
    }

    /// Nothing gets through. Answers that come late while it waits do not make it wait longer.
    pub(crate) fn probe(&mut self, now: BootTime, cause: Trouble, wait: Option<Duration>, random: f64) {
        if matches!(self.mode, Mode::Probing { at, .. } if now < at) {
            return;
        }
        self.mode = Mode::Probing { cause, at: now.after(self.wait(wait, random)) };
    }

    fn wait(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let wait = asked.unwrap_or_else(|| self.backoff(self.waits, random));
        self.waits = self.waits.saturating_add(1);
        wait
    }

    /// Exponential with full jitter above the minimum.
    fn backoff(&self, waits: u32, random: f64) -> Duration {
        let (min, max) = (self.settings.backoff_min, self.settings.backoff_max);
        let grown = min.saturating_mul(2_u32.saturating_pow(waits)).min(max);
        min + grown.saturating_sub(min).mul_f64(random)
    }
}

impl Queue {
    const fn new() -> Self {
        Self { elements: VecDeque::new(), bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    fn front(&self) -> Option<&Element> {
        self.elements.front()
    }

    fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub(crate) fn push(&mut self, element: Element) {
        self.bytes += element.bytes;
        self.elements.push_back(element);
    }

    /// Puts events back to where they came from: before everything else, in their order.
    pub(crate) fn put_back(&mut self, elements: Vec<Element>) {
        for element in elements.into_iter().rev() {
            self.bytes += element.bytes;
            self.elements.push_front(element);
        }
    }

    /// Takes out the events of a partition.
    pub(crate) fn remove(&mut self, partition: PartitionId) -> Vec<Element> {
        let all = std::mem::take(&mut self.elements);
        let (gone, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|element| element.partition == partition);
        self.bytes = kept.iter().map(|element| element.bytes).sum();
        self.elements = kept.into();
        gone
    }

    fn take(&mut self, count: usize) -> Vec<Element> {
        let taken: Vec<_> = self.elements.drain(..count).collect();
        self.bytes -= taken.iter().map(|element| element.bytes).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeedId;

    fn lane() -> Lane {
        Lane::new(LaneSettings {
            batch_events: 3,
            batch_bytes: 100,
            concurrency: 2,
            linger: Duration::from_millis(50),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
        })
    }

    fn element(offset: i64, bytes: usize) -> Element {
        let partition = PartitionId { feed: FeedId(0), number: 0 };
        Element { partition, epoch: Epoch(1), offset: Offset(offset), bytes, since: BootTime(0) }
    }

    fn offsets(elements: &[Element]) -> Vec<i64> {
        elements.iter().map(|element| element.offset.0).collect()
    }

    #[test]
    fn a_batch_ends_at_its_count_or_before_its_bytes_and_is_never_empty() {
        for (sizes, taken) in [(&[1, 1, 1, 1][..], 3), (&[60, 40, 1], 2), (&[60, 41], 1), (&[500, 1], 1)] {
            let mut lane = lane();
            for (size, n) in sizes.iter().zip(0..) {
                lane.queue.push(element(n, *size));
            }
            assert_eq!(lane.take_batch().len(), taken, "{sizes:?}");
        }
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_its_first_event_has_lingered() {
        let mut lane = lane();
        lane.queue.push(element(1, 1));
        assert!(!lane.may_form(BootTime(49)));
        assert!(lane.may_form(BootTime(50)));
        lane.queue.push(element(2, 1));
        lane.queue.push(element(3, 1));
        assert!(lane.may_form(BootTime(0)));
    }

    #[test]
    fn what_is_put_back_goes_first_and_in_order() {
        let mut lane = lane();
        lane.queue.push(element(3, 1));
        lane.queue.put_back(vec![element(1, 1), element(2, 1)]);
        assert_eq!(offsets(&lane.take_batch()), [1, 2, 3]);
    }

    #[test]
    fn a_lane_in_trouble_sends_one_event_and_waits_longer_each_time() {
        let mut lane = lane();
        lane.queue.push(element(1, 1));
        lane.queue.push(element(2, 1));
        let mut now = BootTime(0);
        for wait in [100, 200, 400, 800] {
            lane.probe(now, Trouble::Ambiguous, None, 1.0);
            let Mode::Probing { at, .. } = lane.mode else { panic!("{:?}", lane.mode) };
            assert_eq!(at.since(now), Duration::from_millis(wait));
            assert!(!lane.may_form(now));
            now = at;
            assert!(lane.may_form(now));
        }
        assert_eq!(offsets(&lane.take_batch()), [1]);
        lane.pause(now, Some(Duration::from_secs(7)), 0.5);
        assert_eq!(lane.mode, Mode::Probing { cause: Trouble::Ambiguous, at: now.after(Duration::from_secs(7)) });
        lane.open();
        assert_eq!(lane.mode, Mode::Open);
    }
}

//! Everything for one ad account: the queue, the batches under way, and whether it may post.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::{BatchId, BootTime, Epoch, NotTaken, Offset, PartitionId, TransactionId};

use super::concurrency::Concurrency;
use super::pace::Pace;
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
    /// Of the ad account's own budget of calls.
    pub(crate) pace: Pace,
    pub(crate) concurrency: Concurrency,
    /// When the trouble began: the first wait since something came through.
    troubled: Option<BootTime>,
    /// Answers so far by which Pinterest decided about events.
    pub(crate) verdicts: u64,
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
    /// Most events in its next batch: fewer each time that a batch with it got no verdict or was refused as a whole,
    /// so that whatever spoils batches is alone in the end (R13). [`ANY_COMPANY`] for those that nothing speaks against,
    /// which are never in one batch with others.
    pub(crate) company: usize,
}

/// No batch with the event has been spoiled so far.
pub(crate) const ANY_COMPANY: usize = usize::MAX;

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
    Posted { since: BootTime },
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
    pub(crate) fn new(settings: LaneSettings, processes: NonZeroU32) -> Self {
        Self {
            pace: Pace::new(settings.calls, processes),
            concurrency: Concurrency::new(settings.least_concurrency, settings.concurrency),
            settings,
            queue: Queue::new(),
            batches: VecDeque::new(),
            mode: Mode::Open,
            verdicts: 0,
            troubled: None,
        }
    }

    /// Batches posted and not answered.
    pub(crate) fn posted(&self) -> usize {
        self.batches.iter().filter(|batch| matches!(batch.stage, BatchStage::Posted { .. })).count()
    }

    /// Events in those.
    pub(crate) fn posted_events(&self) -> usize {
        let posted = self.batches.iter().filter(|batch| matches!(batch.stage, BatchStage::Posted { .. }));
        posted.map(|batch| batch.elements.len()).sum()
    }

    /// Batches formed and not posted.
    pub(crate) fn prepared(&self) -> usize {
        self.batches.len() - self.posted()
    }

    /// Whether a batch waits for its call and for nothing else.
    pub(crate) fn has_ready(&self) -> bool {
        self.batches.iter().any(|batch| matches!(batch.stage, BatchStage::Ready { .. }))
    }

    /// Most batches that may be under way now.
    pub(crate) const fn allowed(&self) -> usize {
        match self.mode {
            Mode::Open => self.concurrency.level(),
            Mode::Paused { .. } => 0,
            Mode::Probing { .. } => 1,
        }
    }

    /// Whether another batch may be formed for a call at `slot`. That is late, so that a lane that waits for its pace
    /// fills its batches meanwhile, and early enough to write the intents, for which `lead` is needed.
    pub(crate) fn may_form(&self, now: BootTime, slot: BootTime, lead: Duration) -> bool {
        slot <= now.after(lead)
            && match self.mode {
                Mode::Open => self.may_prepare() && self.batch_is_due(now),
                Mode::Paused { .. } => false,
                Mode::Probing { at, .. } => at <= now && self.batches.is_empty() && !self.queue.is_empty(),
            }
    }

    fn may_prepare(&self) -> bool {
        self.prepared() < self.settings.concurrency
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
        let (mut company, suspect) = (most, self.queue.front().map(Element::is_suspect));
        for element in &self.queue.elements {
            bytes += element.bytes;
            company = company.min(element.company);
            let fits = bytes <= self.settings.batch_bytes && Some(element.is_suspect()) == suspect && count < company;
            if !fits && 0 < count {
                break;
            }
            count += 1;
        }
        self.queue.take(count)
    }

    /// When the lane next wants to do something by itself. `next_slot` is that of the next call, `slot` that of the
    /// call for which a batch would be formed.
    pub(crate) fn next_wakeup(&self, next_slot: BootTime, slot: BootTime, lead: Duration) -> Option<BootTime> {
        let post = (self.has_ready() && self.posted() < self.allowed()).then_some(next_slot);
        let form =
            match self.mode {
                Mode::Paused { until } => return Some(until),
                Mode::Open => self.queue.front().filter(|_| self.may_prepare()).map(|first| {
                    if self.has_full_batch() { first.since } else { first.since.after(self.settings.linger) }
                }),
                Mode::Probing { at, .. } => (!self.queue.is_empty() && self.batches.is_empty()).then_some(at),
            };
        let form = form.map(|at| at.max(slot.before(lead)));
        post.into_iter().chain(form).min()
    }

    /// Something came through: verdicts.
    pub(crate) const fn open(&mut self) {
        self.mode = Mode::Open;
        self.troubled = None;
        self.verdicts += 1;
    }

    /// Pinterest asked to wait. `random` is uniform in [0, 1).
    ///
    /// That is no verdict: a lane that probes goes on probing afterwards (R11).
    pub(crate) fn pause(&mut self, now: BootTime, wait: Option<Duration>, random: f64) {
        match self.mode {
            Mode::Paused { until } if now < until => {}
            Mode::Open | Mode::Paused { .. } => {
                self.mode = Mode::Paused { until: now.after(self.wait(now, wait, random)) };
            }
            Mode::Probing { cause, at } => {
                let later = now.after(self.wait(now, wait, random));
                self.mode = Mode::Probing { cause, at: later.max(at) };
            }
        }
    }

    /// Nothing gets through. Answers that come late while it waits do not make it wait longer.
    pub(crate) fn probe(&mut self, now: BootTime, cause: Trouble, wait: Option<Duration>, random: f64) {
        match (self.mode, cause) {
            (Mode::Probing { at, .. }, _) if now < at => return,
            (Mode::Probing { .. }, Trouble::Ambiguous) => self.concurrency.failed_alone(),
            (Mode::Open | Mode::Paused { .. }, Trouble::Ambiguous) => self.concurrency.failed(now),
            (_, Trouble::NotTaken(_)) => {}
        }
        self.mode = Mode::Probing { cause, at: now.after(self.wait(now, wait, random)) };
    }

    fn wait(&mut self, now: BootTime, asked: Option<Duration>, random: f64) -> Duration {
        let since = *self.troubled.get_or_insert(now);
        asked.unwrap_or_else(|| self.backoff(now.since(since), random))
    }

    /// Up to an eighth of the trouble so far, with full jitter above the minimum. So waits grow, and what ends is
    /// noticed soon: trouble of a minute within 8 s.
    fn backoff(&self, trouble: Duration, random: f64) -> Duration {
        let (min, max) = (self.settings.backoff_min, self.settings.backoff_max);
        min + (trouble / 8).min(max).saturating_sub(min).mul_f64(random)
    }
}

impl Element {
    const fn is_suspect(&self) -> bool {
        self.company < ANY_COMPANY
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

    /// Puts an event back that got no verdict alone: behind all that are to go alone and behind one more, so that the
    /// next probes are others (R13).
    pub(crate) fn set_aside(&mut self, element: Element) {
        let alone = self.elements.iter().take_while(|other| other.company == 1).count();
        self.bytes += element.bytes;
        self.elements.insert(self.elements.len().min(alone + 1), element);
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
    use crate::domain::{CallLimit, FeedId};

    fn lane() -> Lane {
        let settings = LaneSettings {
            batch_events: 3,
            batch_bytes: 100,
            concurrency: 2,
            calls: CallLimit::per_minute(NonZeroU32::MAX),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            ..LaneSettings::default()
        };
        Lane::new(settings, NonZeroU32::MIN)
    }

    fn element(offset: i64, bytes: usize) -> Element {
        let partition = PartitionId { feed: FeedId(0), number: 0 };
        Element { partition, epoch: Epoch(1), offset: Offset(offset), bytes, since: BootTime(0), company: ANY_COMPANY }
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
        assert!(!lane.may_form(BootTime(49), BootTime(0), Duration::ZERO));
        assert!(lane.may_form(BootTime(50), BootTime(0), Duration::ZERO));
        lane.queue.push(element(2, 1));
        lane.queue.push(element(3, 1));
        assert!(lane.may_form(BootTime(0), BootTime(0), Duration::ZERO));
    }

    #[test]
    fn what_is_put_back_goes_first_and_in_order() {
        let mut lane = lane();
        lane.queue.push(element(3, 1));
        lane.queue.put_back(vec![element(1, 1), element(2, 1)]);
        assert_eq!(offsets(&lane.take_batch()), [1, 2, 3]);
    }

    #[test]
    fn the_bytes_of_a_queue_are_those_of_the_events_in_it() {
        let mut queue = Queue::new();
        let elsewhere = PartitionId { feed: FeedId(0), number: 1 };
        queue.push(element(1, 1));
        queue.push(Element { partition: elsewhere, ..element(1, 2) });
        queue.put_back(vec![element(2, 4), element(3, 8)]);
        queue.set_aside(element(4, 16));
        assert_eq!(queue.bytes, 31);
        assert_eq!(offsets(&queue.remove(elsewhere)), [1]);
        assert_eq!(queue.bytes, 29);
        assert_eq!(offsets(&queue.take(2)), [2, 4]);
        assert_eq!((queue.bytes, queue.len()), (9, 2));
    }

    #[test]
    fn an_answer_that_comes_while_a_lane_waits_does_not_make_it_wait_longer() {
        let (mut paused, mut probing) = (lane(), lane());
        for (now, asked, until) in [(0, 7, 7), (1, 60, 7), (7, 5, 12)] {
            let (now, until) = (BootTime(now * 1000), BootTime(until * 1000));
            paused.pause(now, Some(Duration::from_secs(asked)), 0.0);
            assert_eq!(paused.mode, Mode::Paused { until });
            probing.probe(now, Trouble::Ambiguous, Some(Duration::from_secs(asked)), 0.0);
            assert_eq!(probing.mode, Mode::Probing { cause: Trouble::Ambiguous, at: until });
        }
    }

    #[test]
    fn a_lane_in_trouble_sends_one_event_and_waits_longer_each_time() {
        let mut lane = lane();
        lane.queue.push(element(1, 1));
        lane.queue.push(element(2, 1));
        let mut now = BootTime(0);
        for (answered_after, wait) in [(0, 100), (700, 100), (700, 200), (15_000, 2_100), (1_000_000, 10_000)] {
            now = now.after(Duration::from_millis(answered_after));
            lane.probe(now, Trouble::Ambiguous, None, 1.0);
            let Mode::Probing { at, .. } = lane.mode else { panic!("{:?}", lane.mode) };
            assert_eq!(at.since(now), Duration::from_millis(wait), "{now:?}");
            assert!(!lane.may_form(now, BootTime(0), Duration::ZERO));
            now = at;
            assert!(lane.may_form(now, BootTime(0), Duration::ZERO));
        }
        assert_eq!(offsets(&lane.take_batch()), [1]);
        lane.pause(now, Some(Duration::from_secs(7)), 0.5);
        assert_eq!(lane.mode, Mode::Probing { cause: Trouble::Ambiguous, at: now.after(Duration::from_secs(7)) });
        lane.open();
        assert_eq!(lane.mode, Mode::Open);
    }
}

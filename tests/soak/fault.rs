//! What is broken, for how long, and when everything goes on again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::account::Committed;
use super::shop::Shop;

/// Where each partition ends.
pub(crate) type Ends = BTreeMap<(DemoFeed, i32), i64>;

/// What is told apart in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Process(OfProcess),
    Broker(OfBroker),
    Pinterest(OfPinterest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfProcess {
    /// SIGKILL.
    Killed,
    /// SIGTERM.
    Stopped,
    /// SIGSTOP.
    Frozen,
}

impl OfProcess {
    pub(crate) const ALL: [Self; 3] = [Self::Killed, Self::Stopped, Self::Frozen];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfBroker {
    Killed,
    Restarted,
    Frozen,
    LeadersMoved,
}

impl OfBroker {
    pub(crate) const ALL: [Self; 4] = [Self::Killed, Self::Restarted, Self::Frozen, Self::LeadersMoved];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfPinterest {
    CutOff,
    Unavailable,
}

impl OfPinterest {
    pub(crate) const ALL: [Self; 2] = [Self::CutOff, Self::Unavailable];
}

impl Fault {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let processes = OfProcess::ALL.into_iter().map(Self::Process);
        let brokers = OfBroker::ALL.into_iter().map(Self::Broker);
        processes.chain(brokers).chain(OfPinterest::ALL.into_iter().map(Self::Pinterest))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Process(OfProcess::Killed) => "process killed (SIGKILL)",
            Self::Process(OfProcess::Stopped) => "process stopped (SIGTERM)",
            Self::Process(OfProcess::Frozen) => "process frozen (SIGSTOP)",
            Self::Broker(OfBroker::Killed) => "broker killed (SIGKILL)",
            Self::Broker(OfBroker::Restarted) => "broker restarted (SIGTERM)",
            Self::Broker(OfBroker::Frozen) => "broker frozen",
            Self::Broker(OfBroker::LeadersMoved) => "leaders and coordinators moved",
            Self::Pinterest(OfPinterest::CutOff) => "Pinterest cut off",
            Self::Pinterest(OfPinterest::Unavailable) => "Pinterest answers 503",
        }
    }
}

/// What comes next, at random, but each kind as often as the others.
pub(crate) struct Bag<F> {
    kinds: Vec<F>,
    left: Vec<F>,
}

impl<F: Copy> Bag<F> {
    pub(crate) fn of(kinds: impl IntoIterator<Item = F>) -> Self {
        Self { kinds: kinds.into_iter().collect(), left: Vec::new() }
    }

    pub(crate) fn draw(&mut self, random: &mut StdRng) -> F {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
        }
        self.left.swap_remove(random.random_range(0..self.left.len()))
    }
}

/// One injector breaks one thing at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn<F> {
    Calm { until: Instant },
    Broken { fault: F, until: Instant },
}

/// What a turn asks for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move<F> {
    Break,
    Mend(F),
    Nothing,
}

impl<F: Copy> Turn<F> {
    /// Begins with a pause, so that not all injectors strike at once.
    pub(crate) fn new(random: &mut StdRng) -> Self {
        Self::Calm { until: Instant::now() + Duration::from_millis(random.random_range(0..3_000)) }
    }

    /// What is to be done; the caller does it and tells by [`Self::broken`] and [`Self::mended`].
    pub(crate) fn next(&self) -> Move<F> {
        let now = Instant::now();
        match self {
            Self::Calm { until } if *until <= now => Move::Break,
            Self::Broken { fault, until } if *until <= now => Move::Mend(*fault),
            Self::Calm { .. } | Self::Broken { .. } => Move::Nothing,
        }
    }

    pub(crate) fn broken(&mut self, fault: F, lasts: Duration) {
        *self = Self::Broken { fault, until: Instant::now() + lasts };
    }

    pub(crate) fn mended(&mut self, random: &mut StdRng) {
        *self = Self::Calm { until: Instant::now() + Duration::from_millis(random.random_range(0..3_000)) };
    }

    /// What is broken at this moment.
    pub(crate) const fn fault(&self) -> Option<F> {
        match self {
            Self::Broken { fault, .. } => Some(*fault),
            Self::Calm { .. } => None,
        }
    }
}

/// The committed offsets, asked for all the time.
pub(crate) struct Progress {
    seen: watch::Receiver<Committed>,
    asking: JoinHandle<()>,
}

impl Progress {
    /// How long one answer may take; without a broker there is none.
    const ANSWER: Duration = Duration::from_secs(10);

    /// Between two questions.
    const AGAIN: Duration = Duration::from_millis(200);

    pub(crate) fn of(shop: &Shop<'_>) -> Self {
        let offsets = Arc::new(shop.offsets());
        let (tell, seen) = watch::channel(Committed::new());
        let asking = tokio::spawn(async move {
            while !tell.is_closed() {
                let asked = Arc::clone(&offsets);
                if let Ok(committed) = spawn_blocking(move || asked.committed(Self::ANSWER)).await.unwrap() {
                    tell.send_replace(committed);
                }
                sleep(Self::AGAIN).await;
            }
        });
        Self { seen, asking }
    }

    pub(crate) fn now(&self) -> Committed {
        self.seen.borrow().clone()
    }

    /// Whether each partition that has work left is further than it was.
    pub(crate) fn everywhere_since(&self, before: &Committed, ends: &Ends) -> bool {
        let now = self.seen.borrow();
        ends.iter().all(|(partition, end)| {
            let at = now.get(partition);
            before.get(partition) < at || at == Some(end)
        })
    }

    pub(crate) async fn end(self) {
        drop(self.seen);
        self.asking.await.expect("asking does not panic");
    }
}

//! What happens to the brokers: one at a time, and the next one when all replicas are in step again.

use std::sync::Arc;
use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;

use super::fault::{Bag, Fault, Move, OfBroker, Progress, Turn};
use super::report::Report;
use super::shop::Shop;
use super::support::cluster::{BROKERS, Cluster};

pub(crate) struct Brokers {
    cluster: Arc<Cluster>,
    victim: usize,
    kinds: Bag<OfBroker>,
    turn: Turn<OfBroker>,
    /// What the container engine is doing.
    at_work: Option<JoinHandle<()>>,
}

/// A broker that was away fetches what it missed, and gets little of a busy machine meanwhile. What depends on it has
/// deadlines of its own.
const MADE_WHOLE: Duration = Duration::from_mins(10);

impl Brokers {
    pub(crate) fn new(cluster: &Arc<Cluster>, random: &mut StdRng) -> Self {
        let kinds = Bag::of(OfBroker::ALL);
        Self { cluster: Arc::clone(cluster), victim: 0, kinds, turn: Turn::new(random), at_work: None }
    }

    pub(crate) async fn tend(
        &mut self,
        shop: &Shop<'_>,
        progress: &Progress,
        random: &mut StdRng,
        report: &mut Report,
    ) {
        if self.at_work.as_ref().is_some_and(|work| !work.is_finished()) {
            return;
        }
        self.work_done().await;
        match self.turn.next() {
            Move::Break if report.feels(|fault| matches!(fault, Fault::Broker(_))) => {}
            Move::Break => report.broken(Fault::Broker(self.strike(shop, random)), progress),
            Move::Mend(fault) => self.mend(fault, random),
            Move::Nothing => {}
        }
    }

    fn strike(&mut self, shop: &Shop<'_>, random: &mut StdRng) -> OfBroker {
        self.victim = random.random_range(0..BROKERS);
        let (cluster, victim) = (Arc::clone(&self.cluster), self.victim);
        let lasts = Duration::from_millis(random.random_range(0..6_000));
        let (fault, topics) = (self.kinds.draw(random), topics(shop));
        self.at_work = Some(tokio::spawn(async move {
            match fault {
                OfBroker::Killed => cluster.kill(victim).await,
                OfBroker::Restarted => cluster.stop(victim).await,
                OfBroker::Frozen => cluster.freeze(victim).await,
                OfBroker::LeadersMoved => cluster.move_leaders(topics, victim).await,
            }
        }));
        self.turn.broken(fault, lasts);
        fault
    }

    fn mend(&mut self, fault: OfBroker, random: &mut StdRng) {
        let (cluster, victim) = (Arc::clone(&self.cluster), self.victim);
        self.at_work = Some(tokio::spawn(async move {
            match fault {
                OfBroker::Killed | OfBroker::Restarted => cluster.restart(victim).await,
                OfBroker::Frozen => cluster.thaw(victim).await,
                OfBroker::LeadersMoved => {}
            }
            cluster.is_whole(MADE_WHOLE).await;
        }));
        self.turn.mended(random);
    }

    async fn work_done(&mut self) {
        if let Some(work) = self.at_work.take() {
            work.await.expect("the container engine does as it is told");
        }
    }

    pub(crate) async fn heal(mut self, random: &mut StdRng) {
        self.work_done().await;
        if let Some(fault) = self.turn.fault() {
            self.mend(fault, random);
            self.work_done().await;
        }
    }
}

fn topics(shop: &Shop<'_>) -> Vec<(String, i32)> {
    let inputs = DemoFeed::ALL.map(|feed| (shop.topic(feed), i32::try_from(feed.partitions()).unwrap()));
    let changelogs = inputs.clone().map(|(_, partitions)| partitions).into_iter().zip(DemoFeed::ALL);
    let changelogs = changelogs.map(|(n, feed)| (format!("{}.{}.changelog", shop.name, feed.name()), n));
    inputs.iter().cloned().chain(changelogs).chain([(shop.audit_topic(), 4)]).collect()
}

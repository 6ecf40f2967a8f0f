//! The processes, and what happens to them.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::fault::{Bag, Fault, Move, OfProcess, Progress, Turn};
use super::process::{Relay, Signal};
use super::report::Report;
use super::shop::{PATIENCE, Shop};

const INSTANCES: [&str; 3] = ["one", "two", "three"];

/// Until every record has its row, after the last fault.
const SETTLED: Duration = Duration::from_mins(10);

/// The processes of one group; one of them is in trouble at a time.
pub(crate) struct Crew {
    /// Absent while it is down.
    relays: BTreeMap<&'static str, Option<Relay>>,
    victim: &'static str,
    kinds: Bag<OfProcess>,
    turn: Turn<OfProcess>,
}

impl Crew {
    pub(crate) fn start(shop: &mut Shop<'_>, random: &mut StdRng) -> Self {
        let relays = INSTANCES.map(|instance| (instance, Some(shop.spawn(instance)))).into();
        Self { relays, victim: INSTANCES[0], kinds: Bag::of(OfProcess::ALL), turn: Turn::new(random) }
    }

    pub(crate) fn tend(&mut self, shop: &mut Shop<'_>, progress: &Progress, random: &mut StdRng, report: &mut Report) {
        self.start_what_ended(shop, report);
        match self.turn.next() {
            Move::Break if report.feels(|fault| matches!(fault, Fault::Process(_))) => {}
            Move::Break => report.broken(Fault::Process(self.strike(random)), progress),
            Move::Mend(fault) => self.mend(fault, shop, random),
            Move::Nothing => {}
        }
    }

    /// As Kubernetes does: what ended by itself is started again, and what was stopped is not before its time.
    fn start_what_ended(&mut self, shop: &mut Shop<'_>, report: &mut Report) {
        let stopped = (self.turn.fault() == Some(OfProcess::Stopped)).then_some(self.victim);
        for (instance, relay) in &mut self.relays {
            if stopped == Some(*instance) {
                continue;
            }
            if let Some(status) = relay.as_mut().and_then(Relay::has_ended) {
                report.ended_by_itself(status);
                *relay = Some(shop.spawn(instance));
            }
        }
    }

    fn strike(&mut self, random: &mut StdRng) -> OfProcess {
        self.victim = INSTANCES[random.random_range(0..INSTANCES.len())];
        let relay = self.relays.get_mut(self.victim).expect("one of them");
        // Shorter and longer than the session time-out.
        let lasts = Duration::from_millis(random.random_range(0..9_000));
        let fault = self.kinds.draw(random);
        match fault {
            OfProcess::Killed => relay.take().expect("it is up").kill(),
            OfProcess::Stopped => relay.as_ref().expect("it is up").signal(Signal::Terminate),
            OfProcess::Frozen => relay.as_ref().expect("it is up").signal(Signal::Stop),
        }
        self.turn.broken(fault, lasts);
        fault
    }

    fn mend(&mut self, fault: OfProcess, shop: &mut Shop<'_>, random: &mut StdRng) {
        let relay = self.relays.get_mut(self.victim).expect("one of them");
        match fault {
            OfProcess::Frozen => relay.as_ref().expect("it is up").signal(Signal::Continue),
            // It may take its whole grace to come to rest.
            OfProcess::Stopped if relay.as_mut().is_some_and(|relay| relay.has_ended().is_none()) => return,
            OfProcess::Stopped | OfProcess::Killed => *relay = Some(shop.spawn(self.victim)),
        }
        self.turn.mended(random);
    }

    /// Ends what is broken.
    pub(crate) async fn heal(&mut self, shop: &mut Shop<'_>, random: &mut StdRng) {
        if self.turn.fault() == Some(OfProcess::Stopped) {
            let relay = self.relays.get_mut(self.victim).expect("one of them");
            relay.as_mut().expect("it is about to end").ended(PATIENCE).await;
        }
        if let Some(fault) = self.turn.fault() {
            self.mend(fault, shop, random);
        }
    }

    /// Starts again what ends until everything is settled; then all leave in order.
    pub(crate) async fn finish(mut self, shop: &mut Shop<'_>, progress: &Progress, report: &mut Report) {
        let deadline = Instant::now() + SETTLED;
        while progress.now() != *shop.ends() {
            assert!(Instant::now() < deadline, "not settled: {:?} of {:?}", progress.now(), shop.ends());
            self.start_what_ended(shop, report);
            sleep(Duration::from_millis(100)).await;
        }
        for relay in self.relays.into_values() {
            let mut relay = relay.expect("all are up");
            if relay.has_ended().is_none() {
                relay.signal(Signal::Terminate);
            }
            // One that was frozen last may find out only now that others have its partitions.
            let status = relay.ended(PATIENCE).await;
            if status.code() != Some(0) {
                report.ended_by_itself(status);
            }
        }
    }
}

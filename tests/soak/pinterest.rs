//! A Pinterest that is slow and loses answers all the time, and is away now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use pinrelay::pinterest::sandbox::{Fault as Answer, Stage, When};
use rand::RngExt;
use rand::rngs::StdRng;

use super::fault::{Bag, Fault, Move, OfPinterest, Progress, Turn};
use super::report::Report;
use super::shop::Shop;

/// Sets the rate: three processes with two calls of 20 events each under way.
const USUAL_MS: u64 = 200;

/// Longer than `answer_timeout`.
const TOO_LATE_MS: u64 = 2_500;

pub(crate) struct Outage {
    kinds: Bag<OfPinterest>,
    turn: Turn<OfPinterest>,
}

impl Outage {
    pub(crate) fn new(shop: &Shop<'_>, random: &mut StdRng) -> Self {
        shop.desk.faults(usual());
        Self { kinds: Bag::of(OfPinterest::ALL), turn: Turn::new(random) }
    }

    pub(crate) async fn tend(
        &mut self,
        shop: &mut Shop<'_>,
        progress: &Progress,
        random: &mut StdRng,
        report: &mut Report,
    ) {
        match self.turn.next() {
            Move::Break if report.feels(|fault| matches!(fault, Fault::Pinterest(_))) => {}
            Move::Break => {
                let lasts = Duration::from_millis(random.random_range(0..8_000));
                let fault = self.kinds.draw(random);
                match fault {
                    OfPinterest::CutOff => shop.desk.close().await,
                    OfPinterest::Unavailable => {
                        shop.desk.faults(usual().into_iter().chain([(When::Always, status(503, Stage::BeforeTaking))]));
                    }
                }
                self.turn.broken(fault, lasts);
                report.broken(Fault::Pinterest(fault), progress);
            }
            Move::Mend(fault) => self.mend(fault, shop, random).await,
            Move::Nothing => {}
        }
    }

    async fn mend(&mut self, fault: OfPinterest, shop: &mut Shop<'_>, random: &mut StdRng) {
        match fault {
            OfPinterest::CutOff => shop.desk.reopen().await,
            OfPinterest::Unavailable => shop.desk.faults(usual()),
        }
        self.turn.mended(random);
    }

    /// From now on it is quick and right.
    pub(crate) async fn heal(mut self, shop: &mut Shop<'_>, random: &mut StdRng) {
        if let Some(fault) = self.turn.fault() {
            self.mend(fault, shop, random).await;
        }
        shop.desk.faults([]);
    }
}

/// No 429: what is turned away goes again without a mark, and the sandbox would count it as posted twice.
fn usual() -> Vec<(When, Answer)> {
    let late = |ms| Answer::Delay { ms, spread_ms: 0, at: Stage::AfterTaking };
    vec![
        (When::Always, late(USUAL_MS)),
        (When::Share(0.01), late(TOO_LATE_MS)),
        (When::Share(0.01), Answer::Lose { at: Stage::AfterTaking }),
        (When::Share(0.01), Answer::Lose { at: Stage::BeforeTaking }),
        (When::Share(0.01), status(500, Stage::AfterTaking)),
    ]
}

fn status(status: u16, at: Stage) -> Answer {
    Answer::Answer { status, headers: BTreeMap::new(), body: "{}".to_owned(), at }
}

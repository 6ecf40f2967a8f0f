//! The driver.

use std::sync::Arc;
use std::time::Duration;

use pinrelay::config::process_environment;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::brokers::Brokers;
use super::crew::Crew;
use super::fault::Progress;
use super::pinterest::Outage;
use super::report::Report;
use super::shop::{Shop, Terms};
use super::support::cluster::Cluster;

/// Records that wait at least, so that every partition has work; some seconds of it, since a partition that comes back
/// stands in line behind the others.
const BACKLOG: u64 = 2_000;

/// Between two looks at everything.
const LOOK: Duration = Duration::from_millis(20);

/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(10);

/// What `scripts/soak` sets.
fn dimension(variable: &str, normal: u64) -> u64 {
    process_environment(variable).map_or(normal, |text| text.parse().expect("a number"))
}

fn terms() -> Terms {
    Terms {
        times: "session_timeout: 6s, transaction_timeout: 5s, drain_deadline: 3s, termination_grace: 15s",
        pipeline: "answer_timeout: 2s, connect_timeout: 1s",
        lane: "batch_events: 20, concurrency: 2, backoff_min: 50ms, backoff_max: 1s",
        ..Terms::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_and_however_often_every_record_has_one_row_and_no_event_goes_twice_unmarked() {
    let (seconds, seed) = (dimension("SOAK_SECONDS", 60), dimension("SOAK_SEED", 1));
    let of_each = usize::try_from(dimension("SOAK_FAULTS", 0)).unwrap();
    let cluster = Arc::new(Cluster::start().await);
    println!("three brokers are up: {}", cluster.bootstrap());
    let mut random = StdRng::seed_from_u64(seed);
    let mut report = Report::default();
    let mut shop = Shop::open(&cluster, "soak", seed, terms()).await;
    let mut outage = Outage::new(&shop, &mut random);
    let mut crew = Crew::start(&mut shop, &mut random);
    let mut brokers = Brokers::new(&cluster, &mut random);
    let progress = Progress::of(&shop);

    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let mut told = started;
    while Instant::now() < end || report.of_each() < of_each {
        keep_stocked(&mut shop, &progress).await;
        crew.tend(&mut shop, &progress, &mut random, &mut report);
        brokers.tend(&shop, &progress, &mut random, &mut report).await;
        outage.tend(&mut shop, &progress, &mut random, &mut report).await;
        report.look(&progress, shop.ends());
        if TELL <= told.elapsed() {
            told = Instant::now();
            let (settled, faults, fewest) = (settled(&progress), report.faults(), report.of_each());
            let at = started.elapsed().as_secs();
            println!("{at:5} s: {settled} records settled, {faults} faults overcome, {fewest} of each kind or more");
        }
        sleep(LOOK).await;
    }

    brokers.heal(&mut random).await;
    crew.heal(&mut shop, &mut random).await;
    outage.heal(&mut shop, &mut random).await;
    let healed = Instant::now();
    crew.finish(&mut shop, &progress, &mut report).await;
    report.look(&progress, shop.ends());
    progress.end().await;
    println!("all is settled {:.1} s after the last fault", healed.elapsed().as_secs_f64());

    let account = Account::of(&shop).await;
    println!("{}", report.account(seed, &account));
    account.assert_that_it_could_fail(&shop).await;
    account.assert_sound();
    report.assert_that_processes_ended_as_they_may();
    // Else nothing was broken, and all this showed nothing.
    assert!(0 < report.faults() && 0 < account.marked + account.in_doubt);
}

fn settled(progress: &Progress) -> i64 {
    progress.now().values().sum()
}

async fn keep_stocked(shop: &mut Shop<'_>, progress: &Progress) {
    let written: i64 = shop.ends().values().sum();
    let waiting = u64::try_from(written - settled(progress)).unwrap_or(0);
    if waiting < BACKLOG {
        shop.sell(usize::try_from(BACKLOG).unwrap()).await;
    }
}

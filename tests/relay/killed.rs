//! Two processes share the partitions of a group, and one of them is killed in the middle of its work.

use std::fmt;
use std::time::Duration;

use pinrelay::config::process_environment;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use pinrelay::run::clock;
use tokio::time::Instant;

use super::account::Account;
use super::process::Signal;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

/// From taking events to telling so: at most moments, a process has posts in this state.
const ANSWERS_AFTER_MS: u64 = 40;

/// Long enough for a kill before the answer, and within the time for which an answer is waited for.
const ANSWERS_LATE_MS: u64 = 5_000;

/// Others take over when the session is over and the last transaction has been given up.
const FAILOVER: &str = "session_timeout: 6s, transaction_timeout: 5s, drain_deadline: 30s, termination_grace: 1m";

/// The session of [`FAILOVER`].
const SESSION: Duration = Duration::from_secs(6);

/// Most events of one process that are posted and not answered: `batch_events` times `concurrency`.
const UNDER_WAY: u64 = 200 * 4;

/// The same under [`Terms::slow`].
const SLOW_UNDER_WAY: u64 = 50 * 2;

/// How many seeds are played, and with how many records; `scripts/soak-kill` sets them.
fn dimension(variable: &str, normal: u64) -> u64 {
    process_environment(variable).map_or(normal, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_is_killed_with_work_under_way_and_the_other_takes_over_and_leaves() {
    let (seeds, records) = (dimension("RELAY_SEEDS", 1), dimension("RELAY_RECORDS", 10_000));
    let broker = Broker::shared().await;
    let mut bad = Vec::new();
    let mut met = 0;
    println!("{}", Line::HEAD);
    for seed in 1..=seeds {
        let (line, faults) = play(broker, seed, records).await;
        println!("{line}");
        met += line.marked + line.in_doubt;
        bad.extend(faults.into_iter().map(|fault| format!("seed {seed}: {fault}")));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    // Else none of the kills hit anything, and all this showed nothing.
    assert!(0 < met, "no kill met a post under way");
}

async fn play(broker: &Broker, seed: u64, records: u64) -> (Line, Vec<String>) {
    let terms = Terms { times: FAILOVER, ..Terms::default() };
    let mut shop = Shop::open(broker, &format!("killed-{seed}"), seed, terms).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: ANSWERS_AFTER_MS, spread_ms: 0, at: Stage::AfterTaking })]);
    let (one, other) = (shop.spawn("one"), shop.spawn("other"));
    let [of_one, of_other] = shop.shared_by(["one", "other"]).await;
    // All is there before the work begins.
    shop.desk.close().await;
    shop.sell(usize::try_from(records).unwrap()).await;
    shop.desk.reopen().await;

    // Before either can have done its half.
    let at = records * (10 + seed * 7 % 31) / 100;
    shop.desk.until(PATIENCE, |stats| at <= stats.processed).await;
    // The kill of an even seed strikes anywhere; that of an odd one when both have posts that are taken and not
    // answered, since one alone cannot have so many.
    if seed % 2 == 1 {
        let processed = answer_late(&shop);
        shop.desk.until(PATIENCE, |stats| processed + UNDER_WAY < stats.processed).await;
    }
    let (victim, survivor, orphaned) = if seed % 4 < 2 { (one, other, of_one) } else { (other, one, of_other) };
    victim.kill();
    let (killed, killed_at) = (Instant::now(), clock::wall());
    shop.desk.faults([(When::Always, Fault::Delay { ms: ANSWERS_AFTER_MS, spread_ms: 0, at: Stage::AfterTaking })]);
    let before = shop.committed().await;
    shop.moves_on(&orphaned, &before).await;
    let recovery = killed.elapsed();

    shop.settled().await;
    survivor.leave(PATIENCE).await;
    let account = Account::of(&shop).await;
    let line = Line {
        seed,
        records,
        missing: account.missing.len(),
        doubled: account.doubled.len(),
        marked: account.marked,
        unmarked: account.unmarked.len(),
        held: account.held.len(),
        in_doubt: account.in_doubt,
        recovery,
    };
    let mut faults = account.faults();
    // Nobody else can have owned what the victim owned before its session was over.
    let over = killed_at.after(SESSION);
    for (key, times) in shop.desk.posted_again() {
        if over.0 <= times[0] || times[1] < killed_at.0 {
            faults.push(format!("{key:?} was not under way at the kill: posted at {times:?}, killed at {killed_at:?}"));
        }
    }
    (line, faults)
}

/// Events processed until then.
fn answer_late(shop: &Shop<'_>) -> u64 {
    shop.desk.faults([(When::Always, Fault::Delay { ms: ANSWERS_LATE_MS, spread_ms: 0, at: Stage::AfterTaking })]);
    shop.desk.stats().processed
}

/// What one seed showed.
struct Line {
    seed: u64,
    records: u64,
    missing: usize,
    doubled: usize,
    marked: u64,
    unmarked: usize,
    held: usize,
    in_doubt: u64,
    recovery: Duration,
}

impl Line {
    const HEAD: &str = "\
        |      |         | rows    | rows   | keys posted twice              | in    | seconds    |\n\
        | seed | records | missing | double | marked | unmarked | under hold | doubt | to recover |";
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, records, missing, doubled, marked, unmarked, held, in_doubt, recovery } = self;
        let recovery = recovery.as_secs_f64();
        write!(
            f,
            "| {seed:4} | {records:7} | {missing:7} | {doubled:6} | {marked:6} | {unmarked:8} | {held:10} | \
             {in_doubt:5} | {recovery:10.1} |"
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_that_starts_again_takes_up_what_it_left() {
    let mut shop = Shop::open(Broker::shared().await, "killed-alone", 23, Terms::slow()).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: ANSWERS_AFTER_MS, spread_ms: 0, at: Stage::AfterTaking })]);
    shop.sell(4_000).await;
    let first = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| 1_000 <= stats.processed).await;
    let processed = answer_late(&shop);
    // More than can be under way since before, so that some are taken whose answers are late.
    shop.desk.until(PATIENCE, |stats| processed + SLOW_UNDER_WAY < stats.processed).await;
    first.kill();
    shop.desk.faults([]);
    let second = shop.spawn("a");
    shop.settled().await;
    second.leave(PATIENCE).await;

    let account = Account::of(&shop).await;
    account.assert_sound();
    account.assert_that_it_could_fail(&shop).await;
    // Which of the two depends on the feeds whose batches were under way: those of the shops are never sent again.
    assert!(0 < account.marked + account.in_doubt, "the kill met no post under way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_frozen_until_others_have_its_partitions_changes_nothing_when_it_goes_on() {
    let terms = Terms { times: FAILOVER, ..Terms::slow() };
    let mut shop = Shop::open(Broker::shared().await, "frozen-process", 31, terms).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: ANSWERS_AFTER_MS, spread_ms: 0, at: Stage::AfterTaking })]);
    let (one, other) = (shop.spawn("one"), shop.spawn("other"));
    let [of_one, _] = shop.shared_by(["one", "other"]).await;
    shop.sell(6_000).await;
    shop.desk.until(PATIENCE, |stats| 500 <= stats.processed).await;
    one.signal(Signal::Stop);
    let before = shop.committed().await;
    shop.moves_on(&of_one, &before).await;
    one.signal(Signal::Continue);
    shop.settled().await;
    // Evicted, it comes back as a member or ends, to be started again.
    drop(one);
    other.leave(PATIENCE).await;
    Account::of(&shop).await.assert_sound();
}

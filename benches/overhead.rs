//! What the accounting costs: processor time a record with transactions, changelog and intents, against the same
//! pipeline with one plain audit row for each record and nothing that would survive a crash.
//!
//! `scripts/bench-overhead [--records N] [--rounds N]`: a real broker, the sandbox, and one process at a time. The ratio
//! is of processor time, so that another process on the machine spoils it less; wall time is printed beside it.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates for people")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark ends at the first fault")]

#[path = "overhead/market.rs"]
mod market;
#[path = "overhead/relay.rs"]
mod relay;
#[expect(clippy::indexing_slicing, reason = "it is written for tests")]
#[path = "../tests/support/mod.rs"]
mod support;

use tokio::runtime::Runtime;

use market::Market;
use relay::{Accounting, Cost};

fn main() {
    // cargo passes `--bench` on.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = Runtime::new().unwrap();
    match arguments.as_slice() {
        ["relay", accounting, config, records] => {
            let cost = runtime.block_on(relay::relay(Accounting::named(accounting), config, records.parse().unwrap()));
            println!("{cost}");
            // Threads that wait for a broker do not hold up the end.
            runtime.shutdown_background();
        }
        [] => runtime.block_on(compare(300_000, 5)),
        [records, rounds] => runtime.block_on(compare(records.parse().unwrap(), rounds.parse().unwrap())),
        _ => panic!("expected RECORDS and ROUNDS"),
    }
}

async fn compare(records: u64, rounds: u32) {
    let market = Market::open(records).await;
    println!("| round | full: µs of processor a record | plain | ratio | full: records/s | plain |");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        // Each goes first as often as the other.
        let order = if round % 2 == 1 { Accounting::ALL } else { [Accounting::Plain, Accounting::Full] };
        let (mut full, mut plain) = (Cost::default(), Cost::default());
        for accounting in order {
            let cost = market.relay(accounting, round).await;
            match accounting {
                Accounting::Full => full = cost,
                Accounting::Plain => plain = cost,
            }
        }
        let ratio = full.processor.as_secs_f64() / plain.processor.as_secs_f64();
        let micros = |cost: Cost| cost.processor.as_secs_f64() * 1e6 / records as f64;
        let rate = |cost: Cost| records as f64 / cost.wall.as_secs_f64();
        println!(
            "| {round:5} | {:30.2} | {:5.2} | {ratio:5.3} | {:15.0} | {:5.0} |",
            micros(full),
            micros(plain),
            rate(full),
            rate(plain),
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap();
    println!("median of {rounds} rounds of {records} records: {median:.3} times the processor time of plain rows");
}

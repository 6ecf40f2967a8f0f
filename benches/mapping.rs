//! Events per second of one core from bytes to Pinterest's JSON, beside the parts alone on the same bytes.
//!
//! `cargo bench --bench mapping`; with `--profile dist` as it ships. Times are the processor's, so that a busy machine
//! distorts them less. The record is the sample of `schemas/order.avsc` without its address: four items, and
//! six values that are hashed (e-mail, phone, first and last name, birthday, customer id).

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use pinrelay::domain::body::check_event;
use pinrelay::domain::{AdAccountId, Hashed, LaneId, Mapped, UnixMillis};
use pinrelay::mapping::{Decoder, Draft, EventRules, LaneRule, Mapper, Overrides, PhoneRegion, Plan, finish};
use rustix::time::{ClockId, clock_gettime};

const SCHEMA: &str = include_str!("../schemas/order.avsc");
const SAMPLE: &str = include_str!("../schemas/samples/order.json");
/// A minute after the sample's order was placed.
const NOW: UnixMillis = UnixMillis(1_795_500_060_000);
/// Each part runs this often; the fastest run counts, because the others were disturbed.
const RUNS: usize = 50;
const RUN: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Plan::compile("order", SCHEMA, &[], &Overrides::new())
        .map_err(|faults| format!("the shipped schema has faults: {faults:?}"))?;
    let decoder = Decoder::compile(SCHEMA, &[], &plan)?;
    let mapper = Mapper::new(rules()?);
    for (phones, phone) in [("an international number", "+442079460018"), ("a national number", "020 7946 0018")] {
        let payload = payload(&plan, phone)?;
        let Mapped::Event(event) = mapper.map(&decoder, &payload, NOW) else {
            return Err("the sample is no event".into());
        };
        title(phones, payload.len(), event.body.len());
        measure(&decoder, &mapper, &payload, &event.body)?;
    }
    Ok(())
}

fn measure(decoder: &Decoder, mapper: &Mapper, payload: &[u8], body: &[u8]) -> Result<(), Box<dyn Error>> {
    let whole = fastest(|| drop(black_box(mapper.map(decoder, black_box(payload), NOW))));
    print("decode, map, hash, encode, check", whole, whole);

    let decode = fastest(|| {
        let mut draft = Draft::new();
        // The sample was mapped above; a fault would show there.
        black_box(decoder.decode(black_box(payload), &mut draft)).ok();
        drop(black_box(draft));
    });
    print("decode alone", decode, whole);

    let rules = rules()?;
    let mut draft = Draft::new();
    decoder.decode(payload, &mut draft)?;
    print("map, hash, encode, check alone", fastest(|| drop(black_box(finish(black_box(&draft), &rules, NOW)))), whole);

    let hashed = ["ines.marlow@example.com", "442079460018", "inés", "marlow", "19900101", "C-20931"];
    let sha = fastest(|| {
        for value in hashed {
            black_box(Hashed::of(black_box(value)));
        }
    });
    print("six hashes alone", sha, whole);

    print("check alone", fastest(|| drop(black_box(check_event(black_box(body))))), whole);

    let schema = Schema::parse_str(SCHEMA)?;
    let plain = GenericDatumReader::builder(&schema).build()?;
    print("apache-avro, decode", fastest(|| drop(black_box(plain.read_value(&mut black_box(payload))))), whole);
    let resolving = GenericDatumReader::builder(&schema).reader_schema(&schema).build()?;
    print("apache-avro, resolve", fastest(|| drop(black_box(resolving.read_value(&mut black_box(payload))))), whole);
    Ok(())
}

fn payload(plan: &Plan, phone: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut record: serde_json::Value = serde_json::from_str(SAMPLE)?;
    let customer = record.get_mut("customer").and_then(|customer| customer.as_object_mut()).ok_or("a customer")?;
    customer.insert("address".into(), serde_json::Value::Null);
    customer.insert("phone".into(), phone.into());
    Ok(plan.encode(&record)?)
}

fn rules() -> Result<EventRules, Box<dyn Error>> {
    let ad_account = AdAccountId::try_new("549755885175").ok_or("digits")?;
    let mut rules = EventRules::new(LaneRule {
        id: LaneId(0),
        name: "main".into(),
        ad_account,
        mode: pinrelay::domain::LaneMode::Live,
        partner_name: None,
    });
    rules.phone_region = PhoneRegion::try_new("GB");
    Ok(rules)
}

/// The shortest mean time of one call among the runs.
fn fastest(mut call: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let mut calls = 0_u32;
        let begin = now();
        let elapsed = loop {
            for _ in 0..100 {
                call();
            }
            calls += 100;
            let elapsed = now().saturating_sub(begin);
            if RUN <= elapsed {
                break elapsed;
            }
        };
        best = best.min(elapsed / calls);
    }
    best
}

/// How long the processor has worked for this thread.
fn now() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what a benchmark is for")]
fn title(phones: &str, avro_bytes: usize, json_bytes: usize) {
    println!("{phones}: {avro_bytes} bytes of Avro, {json_bytes} bytes of JSON");
}

#[expect(clippy::print_stdout, reason = "what a benchmark is for")]
fn print(part: &str, time: Duration, whole: Duration) {
    let rate = 1.0 / time.as_secs_f64();
    let share = time.as_secs_f64() / whole.as_secs_f64();
    println!("  {part:<32} {:>9.0} /s  {:>6} ns  {share:>5.2} of the whole", rate, time.as_nanos());
}

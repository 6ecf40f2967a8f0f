//! What reads foreign bytes, one function for each kind of them. Each takes any bytes, must not panic, and holds the
//! laws that it asserts.
//!
//! `scripts/fuzz` gives them mutated seeds for as long as one likes, `tests/hostile` in the normal tests.

pub(crate) mod mutation;
pub(crate) mod pairs;
mod seeds;

use std::path::Path;

use pinrelay::config::Config;
use pinrelay::domain::{Answer, Mapped, Reason, UnixMillis};
use pinrelay::kafka::audit;
use pinrelay::kafka::changelog;
use pinrelay::kafka::framing::Framing;
use pinrelay::kafka::metadata::{CommitMetadata, Parsed};
use pinrelay::mapping::{Decoder, Draft, Mapper, Overrides, Plan, fingerprint};
use pinrelay::pinterest::answer::{self, Headers};

use pairs::PAIRS;
pub(crate) use seeds::seeds;

/// A minute after the shipped samples happened.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_500_060_000);

/// One kind of input.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
}

/// Longest input.
pub(crate) const MAX_BYTES: usize = 8_192;

pub(crate) const TARGETS: [Target; 6] = [
    Target { name: "payload", run: payload },
    Target { name: "sample", run: sample },
    Target { name: "schema", run: schema },
    Target { name: "answer", run: answer },
    Target { name: "stored", run: stored },
    Target { name: "config", run: config },
];

/// A record's bytes, behind one byte that chooses the pair of writer schema and plan.
///
/// No event fails the check that all go through.
fn payload(input: &[u8]) {
    let Some((choice, payload)) = input.split_first() else { return };
    let pair = &PAIRS[usize::from(*choice) % PAIRS.len()];
    map(&pair.mapper, &pair.decoder, payload);
}

fn map(mapper: &Mapper, decoder: &Decoder, payload: &[u8]) {
    if let Mapped::Settled { outcome, .. } = mapper.map(decoder, payload, NOW) {
        assert_ne!(outcome.reason, Reason::InvalidEvent, "{:?} by {decoder:?}", outcome.detail);
    }
}

/// A record as `explain` reads it: JSON, behind one byte that chooses the plan.
///
/// What could be written in Avro is read again: nothing of it is cut, left over or malformed.
fn sample(input: &[u8]) {
    let Some((choice, json)) = input.split_first() else { return };
    let pair = &PAIRS[usize::from(*choice) % PAIRS.len()];
    let Ok(record) = serde_json::from_slice(json) else { return };
    let Ok(payload) = pair.plan.encode(&record) else { return };
    let decoded = pair.own.decode(&payload, &mut Draft::new());
    if let Err(fault) = decoded {
        let broken = matches!(fault.reason, Reason::Truncated | Reason::TrailingBytes | Reason::Malformed);
        assert!(!broken, "{}: {fault}", pair.name);
    }
}

/// The text of a schema, a zero, and a payload: read as a writer schema of other plans, and as a plan of its own.
///
/// A schema that is a plan reads itself.
fn schema(input: &[u8]) {
    let (text, payload) = match input.iter().position(|byte| *byte == 0) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Faults are what is expected.
    fingerprint(text).ok();
    for pair in PAIRS.iter() {
        if let Ok(decoder) = Decoder::compile(text, &[], &pair.plan) {
            map(&pair.mapper, &decoder, payload);
        }
    }
    if let Ok(plan) = Plan::compile("foreign", text, &[], &Overrides::new()) {
        let decoder = Decoder::compile(text, &[], &plan).expect("a schema reads itself");
        map(&pairs::mapper(), &decoder, payload);
    }
}

/// An answer of Pinterest: status, number of events sent, a header, a zero, the body.
///
/// Verdicts are as many as the events that were sent.
fn answer(input: &[u8]) {
    const STATUSES: [u16; 16] = [200, 201, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 599];
    let [status, events, rest @ ..] = input else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let events = usize::from(*events);
    let (header, body) = match rest.iter().position(|byte| *byte == 0) {
        Some(end) => (std::str::from_utf8(&rest[..end]).ok(), &rest[end + 1..]),
        None => (None, rest),
    };
    let headers = Headers { retry_after: header, rate_limit_reset: header };
    let reading = answer::read(status, headers, body, events, NOW);
    match reading.answer {
        Answer::Verdicts(verdicts) => assert_eq!(verdicts.len(), events),
        Answer::NotTaken { retry_after, .. } => assert!(retry_after <= Some(answer::MAX_RETRY_AFTER)),
        Answer::WholeRefused { .. } | Answer::Ambiguous { .. } => {}
    }
}

/// What stands in Kafka beside the records: changelog, audit rows, metadata of offsets, framings.
///
/// What is read is what would be written.
fn stored(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice % 4 {
        0 => {
            if let Ok(entries) = changelog::decode(bytes) {
                let written = changelog::encode(&entries, usize::MAX);
                let read: Vec<_> = written.iter().flat_map(|value| changelog::decode(value).unwrap()).collect();
                assert_eq!(read, entries);
            }
        }
        1 => {
            audit::read(bytes).ok();
        }
        2 => {
            let text = String::from_utf8_lossy(bytes);
            if let Parsed::Ours(metadata) = CommitMetadata::parse(&text) {
                assert_eq!(metadata.to_text(), text);
            }
        }
        _ => {
            let (header, value) = bytes.split_at(bytes.len().min(17));
            for framing in [Framing::Confluent, Framing::ConfluentHeader, Framing::SingleObject] {
                for header in [None, Some(header)] {
                    if let Ok((_, payload)) = framing.split(header, value) {
                        assert!(value.ends_with(payload));
                    }
                }
            }
        }
    }
}

/// The text of a configuration.
fn config(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        Config::parse(text, Path::new("/no-such-folder"), &|_| None).ok();
    }
}

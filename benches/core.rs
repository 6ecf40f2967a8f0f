//! What one core decides in a second: `Pipeline::step` from record to committed outcome, with nothing around it.
//!
//! `cargo bench --bench core`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pinrelay::domain::{
    Answer, Answered, Attempt, BootTime, CallLimit, ChangelogOffset, ConversionEvent, Epoch, EventBody, EventFacts,
    EventKey, Fate, FeedId, InDoubtPolicy, LaneId, Mapped, NextOffset, Now, Offset, Origin, PartitionId, PostBy,
    Reason, Record, Transaction, UnixMillis, UnixSeconds, Verdict, Written,
};
use pinrelay::pipeline::{Effect, Input, LaneSettings, Pipeline, Replay, Settings};

const PARTITIONS: i32 = 12;
const RECORDS: i64 = 2_000_000;
/// One record in twenty repeats the key of the one before it in its partition.
const DUPLICATE_EVERY: i64 = 20;

/// The body of every event.
static BODY: LazyLock<EventBody> = LazyLock::new(|| {
    let event = r#"{"event_name":"lead","action_source":"web","event_time":1790000000,"event_id":"1",
        "user_data":{"client_ip_address":"192.0.2.7","client_user_agent":"pinrelay"}}"#;
    EventBody::try_new(event).expect("it is as the description says")
});

fn main() {
    let best = (0..3).map(|_| run()).fold(f64::MAX, f64::min);
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = RECORDS as f64 / best;
    println!("core: {rate:.0} records/s from record to committed outcome ({RECORDS} records, best of 3)");
}

/// Eight calls at a time, as many as the budget allows.
fn settings() -> Settings {
    let calls = CallLimit::per_minute(NonZeroU32::MAX);
    let lane = LaneSettings { concurrency: 8, calls, ..LaneSettings::default() };
    Settings { window_keys: 10_000_000, span: 20_000, lanes: vec![lane], ..Settings::default() }
}

/// Seconds spent in `step`; records are made before the clock runs.
fn run() -> f64 {
    let mut core = Pipeline::new(settings(), 1);
    let mut now = Now { boot: BootTime(1), wall: UnixMillis(1_790_000_000_000) };
    let mut effects = Vec::new();
    for number in 0..PARTITIONS {
        let partition = PartitionId { feed: FeedId(0), number };
        core.step(now, Input::Assigned(partition), &mut effects);
        let restored = Replay::new(&settings(), NextOffset(0), ChangelogOffset(0)).finish(now.wall);
        let epoch = Epoch(u64::try_from(number).expect("small") + 1);
        core.step(now, Input::Restored { partition, epoch, restored: Box::new(restored) }, &mut effects);
    }
    effects.clear();
    let mut spent = Duration::ZERO;
    let mut changelog = 0;
    let mut settled = 0_usize;
    let mut next = 0;
    let mut waiting: Vec<Input> = Vec::new();
    while settled < usize::try_from(RECORDS).expect("fits") {
        // A millisecond's worth of records at full speed, then the answers to what was asked before.
        let mut inputs: Vec<_> = (next..RECORDS.min(next + 1000)).map(record).collect();
        next = RECORDS.min(next + 1000);
        inputs.append(&mut waiting);
        inputs.push(Input::Woke);
        let start = Instant::now();
        for input in inputs {
            core.step(now, input, &mut effects);
        }
        spent += start.elapsed();
        for effect in effects.drain(..) {
            waiting.push(match effect {
                Effect::Post(batch) => posted(batch.id, batch.bodies.len(), now),
                Effect::Commit(transaction) => {
                    settled += transaction.parts.iter().map(|part| part.rows.len()).sum::<usize>();
                    committed(&transaction, &mut changelog)
                }
                Effect::Restore { .. } | Effect::Resolve(_) | Effect::Release { .. } => {
                    unreachable!("nothing is assigned, unknown or revoked")
                }
            });
        }
        now = Now { boot: now.boot.after(Duration::from_millis(5)), wall: now.wall.after(Duration::from_millis(5)) };
    }
    spent.as_secs_f64()
}

fn record(n: i64) -> Input {
    let number = i32::try_from(n % i64::from(PARTITIONS)).expect("small");
    let offset = n / i64::from(PARTITIONS);
    let id = if offset % DUPLICATE_EVERY == 1 { n - i64::from(PARTITIONS) } else { n };
    // As evenly spread as the digests that keys are.
    let [first, second] = [0x2545_F491_4F6C_DD1D, 0x5851_F42D_4C95_7F2D].map(|factor| id.wrapping_mul(factor));
    let mut key = [0; 16];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&second.to_be_bytes());
    let event = ConversionEvent {
        key: EventKey(key),
        lane: LaneId(0),
        policy: InDoubtPolicy::Resend,
        event_time: UnixSeconds(1_790_000_000),
        post_by: PostBy { at: UnixMillis(i64::MAX), otherwise: Reason::TooOld },
        body: BODY.clone(),
        facts: Box::new(EventFacts::default()),
    };
    Input::Record {
        partition: PartitionId { feed: FeedId(0), number },
        epoch: Epoch(u64::try_from(number).expect("small") + 1),
        record: Box::new(Record {
            offset: Offset(offset),
            timestamp: None,
            received: UnixMillis(0),
            origin: Origin::Live,
            trace: None,
            mapped: Mapped::Event(event),
        }),
    }
}

fn posted(batch: pinrelay::domain::BatchId, events: usize, now: Now) -> Input {
    let attempt = Attempt { at: now.wall, status: Some(200), code: None, message: None };
    let answer = Answer::Verdicts(vec![Verdict::Processed { warning: None }; events]);
    Input::Posted { batch, answered: Answered { answer, attempt, limit: None } }
}

fn committed(transaction: &Transaction, changelog: &mut i64) -> Input {
    let first = ChangelogOffset(*changelog);
    *changelog += 2;
    let written = transaction.parts.iter().map(|part| Written {
        partition: part.partition,
        first,
        end: ChangelogOffset(first.0 + 1),
    });
    Input::Ended { transaction: transaction.id, fate: Fate::Committed(written.collect()) }
}

//! The longest step of a core whose window is full: new keys come, old ones go by the bound and by time.

use std::sync::LazyLock;
use std::time::Duration;

use pinrelay::domain::{
    Answer, Answered, Attempt, BatchId, BootTime, ChangelogOffset, ConversionEvent, Epoch, EventBody, EventFacts, Fate,
    FeedId, InDoubtPolicy, LaneId, Mapped, Now, Offset, Origin, PartitionId, PostBy, Reason, Record, Transaction,
    UnixMillis, UnixSeconds, Verdict, Written,
};
use pinrelay::pipeline::{Effect, Input, Pipeline, Restored};
use rustix::time::{ClockId, clock_gettime};

use super::{NOW, key, settings};

const RECORDS: u64 = 1_000_000;

const PARTITION: PartitionId = PartitionId { feed: FeedId(0), number: 0 };

/// `keys`: those of the restored window.
pub(super) fn run(restored: Restored, keys: u64) {
    let mut core = Pipeline::new(settings(keys), 1);
    let mut now = Now { boot: BootTime(1), wall: NOW };
    let mut effects = Vec::new();
    core.step(now, Input::Assigned(PARTITION), &mut effects);
    core.step(
        now,
        Input::Restored { partition: PARTITION, epoch: Epoch(1), restored: Box::new(restored) },
        &mut effects,
    );
    effects.clear();
    let (mut next, mut settled, mut changelog) = (0, 0, i64::try_from(keys).expect("fits"));
    let mut waiting: Vec<Input> = Vec::new();
    let mut times: Vec<Duration> = Vec::new();
    while settled < RECORDS {
        let mut inputs: Vec<_> = (next..RECORDS.min(next + 1000)).map(|n| record(keys + n)).collect();
        next = RECORDS.min(next + 1000);
        inputs.append(&mut waiting);
        inputs.push(Input::Woke);
        for input in inputs {
            let answers = if let Input::Posted { .. } = &input { 1000 } else { 1 };
            let before = processor_time();
            core.step(now, input, &mut effects);
            let taken = processor_time().saturating_sub(before);
            // A thousand answers in one step are not the window's doing.
            times.push(taken / answers);
        }
        for effect in effects.drain(..) {
            waiting.push(match effect {
                Effect::Post(batch) => posted(batch.id, batch.bodies.len(), now.wall),
                Effect::Commit(transaction) => {
                    settled += transaction.parts.iter().map(|part| part.rows.len() as u64).sum::<u64>();
                    changelog += 2;
                    committed(&transaction, ChangelogOffset(changelog))
                }
                Effect::Restore { .. } | Effect::Resolve(_) | Effect::Release { .. } => {
                    unreachable!("nothing is assigned, unknown or revoked")
                }
            });
        }
        // The run lasts for five hours: a bucket of the window expires with each.
        let step = Duration::from_secs(18);
        now = Now { boot: now.boot.after(Duration::from_millis(25)), wall: now.wall.after(step) };
    }
    times.sort_unstable();
    let at = |permille: usize| times.get((times.len() - 1) * permille / 1000).expect("below the length");
    println!(
        "steps: {} with a full window: p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?} of processor time",
        times.len(),
        at(500),
        at(990),
        at(999),
        at(1000),
    );
}

/// The body of every event.
static BODY: LazyLock<EventBody> = LazyLock::new(|| {
    let event = r#"{"event_name":"lead","action_source":"web","event_time":1790000000,"event_id":"1",
        "user_data":{"client_ip_address":"192.0.2.7","client_user_agent":"pinrelay"}}"#;
    EventBody::try_new(event).expect("it is as the description says")
});

fn record(n: u64) -> Input {
    let event = ConversionEvent {
        key: key(n),
        lane: LaneId(0),
        policy: InDoubtPolicy::Resend,
        event_time: UnixSeconds(1_790_000_000),
        post_by: PostBy { at: UnixMillis(i64::MAX), otherwise: Reason::TooOld },
        body: BODY.clone(),
        facts: Box::new(EventFacts::default()),
    };
    Input::Record {
        partition: PARTITION,
        epoch: Epoch(1),
        record: Box::new(Record {
            offset: Offset(i64::try_from(n).expect("fits")),
            timestamp: None,
            received: UnixMillis(0),
            origin: Origin::Live,
            trace: None,
            mapped: Mapped::Event(event),
        }),
    }
}

fn posted(batch: BatchId, events: usize, at: UnixMillis) -> Input {
    let attempt = Attempt { at, status: Some(200), code: None, message: None };
    let answer = Answer::Verdicts(vec![Verdict::Processed { warning: None }; events]);
    Input::Posted { batch, answered: Answered { answer, attempt, limit: None } }
}

fn committed(transaction: &Transaction, first: ChangelogOffset) -> Input {
    let written = transaction.parts.iter().map(|part| Written {
        partition: part.partition,
        first,
        end: ChangelogOffset(first.0 + 1),
    });
    Input::Ended { transaction: transaction.id, fate: Fate::Committed(written.collect()) }
}

/// What this thread has used; other processes of the machine do not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).expect("not negative"), u32::try_from(time.tv_nsec).expect("below 1e9"))
}

//! Budgets of calls, and lanes that share one.

use super::super::Random;
use super::*;

/// A minute's calls of the lane whose story is told.
const CALLS: u32 = 60;

fn limited(calls: u32) -> Settings {
    let mut settings = settings();
    let calls = CallLimit::per_minute(NonZeroU32::new(calls).expect("some calls"));
    settings.lanes[0] = LaneSettings { calls, concurrency: 4, ..settings.lanes[0].clone() };
    settings
}

impl Desk {
    /// Lets a millisecond pass after the other; transactions commit at once.
    fn run(&mut self, lasting: Duration) -> Vec<(u64, Batch)> {
        let mut posts = Vec::new();
        let end = self.now.boot.after(lasting);
        while self.now.boot < end {
            self.pass(Duration::from_millis(1));
            while let Some(position) = self.effects.iter().position(|effect| matches!(effect, Effect::Commit(_))) {
                let Effect::Commit(transaction) = self.effects.remove(position) else { unreachable!() };
                self.committed(transaction);
            }
            while let Some(batch) = self.posted() {
                posts.push((self.now.boot.0, batch));
            }
        }
        posts
    }

    fn read_some(&mut self, offsets: std::ops::Range<i64>) {
        for offset in offsets {
            self.read(offset, u8::try_from(offset).expect("small"), Hold);
        }
    }
}

#[test]
fn a_lane_that_waits_for_its_pace_fills_its_batches_meanwhile() {
    let mut desk = Desk::with(limited(CALLS));
    desk.read_some(0..1);
    let posts = desk.run(Duration::from_millis(500));
    assert_eq!(posts.len(), 1, "the first call goes at once");
    desk.process_all(&posts[0].1);
    // One every 100 ms: a call a second takes ten of them.
    let mut sizes = Vec::new();
    for offset in 1..41 {
        desk.read_some(offset..offset + 1);
        for (_, batch) in desk.run(Duration::from_millis(100)) {
            sizes.push(batch.bodies.len());
            desk.process_all(&batch);
        }
    }
    assert_eq!(sizes.len(), 4);
    assert!(sizes[1..].iter().all(|size| (9..=10).contains(size)), "{sizes:?}");
}

#[test]
fn intents_are_written_just_before_the_call_has_its_turn() {
    let mut desk = Desk::with(limited(CALLS));
    desk.read_some(0..30);
    let posts = desk.run(Duration::from_millis(100));
    assert_eq!(posts.len(), 1);
    let next = desk.core.next_wakeup().expect("two batches wait");
    let lead = next.since(desk.now.boot);
    assert!(Duration::from_millis(400) < lead, "it sleeps until then: {lead:?}");
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::Commit(_))));
}

#[test]
fn bisection_and_probes_and_repetitions_spend_the_budget_too() {
    let mut desk = Desk::with(limited(CALLS));
    desk.read_some(0..10);
    let too_large = || Answer::WholeRefused { why: WholeRefusal::TooLarge, message: ForeignText::new("big") };
    let answers = [too_large(), too_large(), not_taken(NotTaken::Unauthorized), silence(), silence()];
    let mut times = Vec::new();
    for answer in answers {
        let (at, batch) = loop {
            if let Some(post) = desk.run(Duration::from_millis(1)).pop() {
                break post;
            }
        };
        times.push(at);
        desk.answer(&batch, answer);
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| 765 <= *gap), "{gaps:?}");
}

#[test]
fn lanes_that_share_a_limit_take_turns() {
    let mut settings = settings();
    settings.shared_limits = vec![CallLimit::try_new(10, Duration::from_secs(1)).expect("some")];
    let lane = LaneSettings {
        shares: Some(0),
        batch_events: 1,
        concurrency: 100,
        least_concurrency: 100,
        ..settings.lanes[0].clone()
    };
    settings.lanes = vec![lane.clone(), lane.clone(), LaneSettings { shares: None, ..lane }];
    let mut desk = Desk::with(settings);
    for (offset, lane) in (0..60).zip([0, 1, 2].into_iter().cycle()) {
        desk.read_in(offset, lane);
    }
    let mut lanes: Vec<Vec<u64>> = vec![Vec::new(); 3];
    for (at, batch) in desk.run(Duration::from_millis(1500)) {
        lanes[usize::from(batch.lane.0)].push(at);
    }
    assert_eq!(lanes[2].len(), 20, "it shares nothing and waits for nobody");
    assert!((6..=8).contains(&lanes[0].len()) && lanes[0].len().abs_diff(lanes[1].len()) <= 1, "{lanes:?}");
    let mut shared = [lanes[0].clone(), lanes[1].clone()].concat();
    shared.sort_unstable();
    assert!(shared.windows(11).all(|calls| 1000 <= calls[10] - calls[0]), "more than ten in a second: {shared:?}");
}

#[test]
fn a_limit_that_an_answer_names_is_kept_from_then_on() {
    let mut desk = Desk::with(limited(60_000));
    desk.read_some(0..1);
    let posts = desk.run(Duration::from_millis(100));
    let attempt = Attempt { at: desk.now.wall, status: None, code: None, message: None };
    let answer = Answer::Verdicts(vec![Verdict::Processed { warning: None }]);
    let limit = CallLimit::try_new(60, Duration::from_mins(1));
    desk.step(Input::Posted { batch: posts[0].1.id, answered: Answered { answer, attempt, limit } });
    desk.read_some(1..40);
    let times: Vec<_> = desk.run(Duration::from_secs(2)).into_iter().map(|(at, _)| at).collect();
    assert!(times.len() == 3 && times.windows(2).all(|pair| 765 <= pair[1] - pair[0]), "{times:?}");
}

#[test]
fn an_intent_that_grows_old_while_its_call_waits_is_written_again() {
    let mut settings = limited(1);
    settings.lanes[0].batch_events = 1;
    let mut desk = Desk::with(settings);
    desk.read_some(0..2);
    let first = desk.run(Duration::from_millis(100));
    desk.answer(
        &first[0].1,
        Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(Duration::from_secs(1)) },
    );
    let mut written = Vec::new();
    let mut posts = Vec::new();
    while posts.is_empty() {
        desk.pass(Duration::from_millis(100));
        while let Some(position) = desk.effects.iter().position(|effect| matches!(effect, Effect::Commit(_))) {
            let Effect::Commit(transaction) = desk.effects.remove(position) else { unreachable!() };
            written.push((desk.now.boot.0, transaction.parts[0].entries.len()));
            desk.committed(transaction);
        }
        posts.extend(desk.posted());
    }
    let last = written.last().expect("the intent is renewed");
    assert!(desk.now.boot.0 - last.0 < 30_000, "the intent is younger than the post deadline: {written:?}");
    assert!(60_000 < desk.now.boot.0 - 1_000_000, "the second call of a minute waits for the next one");
}

#[test]
fn a_partition_takes_in_no_more_than_its_part_of_the_memory_and_goes_on_when_rows_are_written() {
    let mut settings = settings();
    settings.waiting_bytes = 10 * 1024;
    let mut desk = Desk::with(settings);
    let mut taken = 0;
    while desk.core.has_room(P0) {
        desk.read_some(taken..taken + 1);
        taken += 1;
    }
    assert_eq!(taken, 10, "each takes a kilobyte and its body");
    assert_eq!(desk.core.partitions[&P0].ledger.open_bytes(), 10 * (1024 + 1));
    let (_, batch) = desk.run(Duration::from_millis(200)).pop().expect("a full batch");
    desk.process_all(&batch);
    assert!(!desk.core.has_room(P0), "their rows wait");
    desk.run(Duration::from_millis(200));
    assert!(desk.core.has_room(P0));
    desk.step(Input::Assigned(PartitionId { number: 1, ..P0 }));
    let mut more = 0;
    while desk.core.has_room(P0) {
        desk.read_some(taken + more..taken + more + 1);
        more += 1;
    }
    assert_eq!(more, 5, "another partition has its part");
}

#[test]
fn the_bytes_of_a_batch_are_those_of_its_events_and_of_the_commas_between_them() {
    let mut settings = settings();
    settings.lanes[0] = LaneSettings { batch_events: 100, batch_bytes: 100, ..settings.lanes[0].clone() };
    let mut desk = Desk::with(settings);
    for key in 0..15 {
        desk.read_event(
            i64::from(key),
            ConversionEvent { body: EventBody::unchecked(vec![key; 9]), ..event(key, Hold) },
        );
    }
    assert_eq!(desk.commit_and_post().bodies.len(), 10);
}

#[test]
fn waiting_times_are_spread_by_splitmix64() {
    // The first outputs for this seed (rosettacode.org, "Pseudo-random numbers/Splitmix64"); the upper halves are used.
    let words = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
    let mut random = Random(1_234_567);
    for word in words {
        let upper = u32::try_from(word >> 32).expect("32 bits");
        assert!((random.unit() - f64::from(upper) / 4_294_967_296.0).abs() < f64::EPSILON);
    }
}

//! A Pinterest that counts calls as a limiter does, takes its time, and is away for a while.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use pinrelay::domain::{Answer, Answered, Attempt, LaneId, NotTaken, UnixMillis, Verdict};
use pinrelay::pinterest::sandbox::limiter::{Limit, Limiter, Passed};

use crate::world::Time;

/// A call that arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) at: Time,
    pub(crate) lane: LaneId,
    pub(crate) events: usize,
}

/// How long answers take.
#[derive(Clone, Debug)]
pub(crate) enum Latency {
    /// Whatever is under way.
    Of(Time),
    /// Each in turn, for ten seconds.
    Changing(Vec<Time>),
    /// So many calls are worked on at a time, each for so long; the others wait.
    Workers(usize, Time),
    /// More calls at a time than these are answered by 503.
    Most(usize, Time),
}

/// One Pinterest with an account for each lane.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) latency: Latency,
    /// When calls are answered by 503.
    pub(crate) away: Range<Time>,
    /// Lanes that are answered by 401.
    pub(crate) dead: Vec<LaneId>,
    pub(crate) limits: BTreeMap<LaneId, Limiter>,
    /// Most that a call takes on its way there.
    pub(crate) jitter: Time,
    pub(crate) answer_timeout: Time,
    /// Calls that kept within their limit, in order.
    pub(crate) taken: Vec<Call>,
    pub(crate) throttled: Vec<Call>,
    pub(crate) unavailable: Vec<Call>,
    /// Calls whose answer came after the time-out.
    pub(crate) given_up: usize,
    /// Calls being worked on, by when each is done.
    working: Vec<Time>,
    under_way: usize,
    random: u64,
}

impl Server {
    pub(crate) const fn new(latency: Latency) -> Self {
        Self {
            latency,
            away: 0..0,
            dead: Vec::new(),
            limits: BTreeMap::new(),
            jitter: 20,
            answer_timeout: 10_000,
            taken: Vec::new(),
            throttled: Vec::new(),
            unavailable: Vec::new(),
            given_up: 0,
            working: Vec::new(),
            under_way: 0,
            random: 1,
        }
    }

    pub(crate) fn limited(mut self, lane: u16, limit: &Limit) -> Self {
        self.limits.insert(LaneId(lane), Limiter::new(limit));
        self
    }

    /// How long a call takes to get here.
    pub(crate) const fn way(&mut self) -> Time {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % (self.jitter + 1)
    }

    /// The answer, and how long it takes.
    pub(crate) fn call(&mut self, call: Call, wall: UnixMillis) -> (Time, Answered) {
        self.under_way += 1;
        if self.dead.contains(&call.lane) {
            let answer = Answer::NotTaken { cause: NotTaken::Unauthorized, retry_after: None };
            return (1, answered(answer, 401, wall));
        }
        let standing = self.limits.get_mut(&call.lane).map(|limiter| limiter.call(wall.0.unsigned_abs()));
        if let Some(standing) = standing
            && standing.passed == Passed::No
        {
            self.throttled.push(call);
            // Whole seconds, as in the header.
            let retry_after =
                Some(Duration::from_secs(standing.reset.as_millis().div_ceil(1000).try_into().expect("short")));
            return (1, answered(Answer::NotTaken { cause: NotTaken::Throttled, retry_after }, 429, wall));
        }
        let overloaded = matches!(self.latency, Latency::Most(most, _) if most < self.under_way);
        if self.away.contains(&call.at) || overloaded {
            self.unavailable.push(call);
            return (1, answered(Answer::Ambiguous { retry_after: None }, 503, wall));
        }
        self.taken.push(call);
        let takes = self.takes(call.at);
        if self.answer_timeout < takes {
            self.given_up += 1;
            return (self.answer_timeout, answered(Answer::Ambiguous { retry_after: None }, 0, wall));
        }
        let answer = Answer::Verdicts(vec![Verdict::Processed { warning: None }; call.events]);
        (takes, answered(answer, 200, wall))
    }

    fn takes(&mut self, now: Time) -> Time {
        match &self.latency {
            Latency::Of(latency) | Latency::Most(_, latency) => *latency,
            Latency::Changing(each) => {
                let turn = usize::try_from(now / 10_000).expect("short");
                each[turn % each.len()]
            }
            Latency::Workers(workers, each) => {
                self.working.retain(|done| now < *done);
                let ahead = self.working.len();
                let free = if ahead < *workers { now } else { self.working[ahead - workers] };
                let done = free + each;
                let place = self.working.partition_point(|other| *other <= done);
                self.working.insert(place, done);
                done - now
            }
        }
    }

    /// An answer has left.
    pub(crate) const fn answer_leaves(&mut self) {
        self.under_way -= 1;
    }

    /// Calls of a lane that kept within their limit, in a span.
    pub(crate) fn calls(&self, lane: u16, span: Range<Time>) -> usize {
        self.taken.iter().filter(|call| call.lane == LaneId(lane) && span.contains(&call.at)).count()
    }

    /// Events of a lane that were taken in a span.
    pub(crate) fn events(&self, lane: u16, span: Range<Time>) -> usize {
        let of_lane = self.taken.iter().filter(|call| call.lane == LaneId(lane) && span.contains(&call.at));
        of_lane.map(|call| call.events).sum()
    }
}

fn answered(answer: Answer, status: u16, at: UnixMillis) -> Answered {
    let attempt = Attempt { at, status: Some(status), code: None, message: None };
    Answered { answer, attempt, limit: None }
}

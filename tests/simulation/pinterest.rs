//! Pinterest: what it takes, what it answers, and when either happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinrelay::domain::{
    Answer, Answered, Attempt, CallLimit, ForeignText, LaneId, NotTaken, UnixMillis, Verdict, WholeRefusal,
};
use pinrelay::pinterest::sandbox::limiter::{Limiter, Passed};

use crate::faults::Chances;
use crate::random::Random;
use crate::scenario::{ANSWER_TIMEOUT, Allowed, LATE_SLACK, Nature, Time, Told};

/// One event of a post, as Pinterest sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted {
    pub(crate) partition: usize,
    pub(crate) offset: i64,
    pub(crate) nature: Nature,
    /// Its place among the checker's attempts.
    pub(crate) attempt: usize,
}

/// How one post goes, decided when it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// When it reaches Pinterest; nothing if it never does.
    pub(crate) arrives: Option<Time>,
    pub(crate) fate: Fate,
    /// How long the answer takes back; nothing if it is lost.
    pub(crate) back: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Verdicts,
    /// 429 and the like.
    Refused(NotTaken),
    TooLarge,
    /// 503 after all or some or none were taken.
    Unavailable,
}

#[derive(Debug, Default)]
pub(crate) struct Pinterest {
    taken: BTreeSet<(usize, i64)>,
    /// Until when Pinterest is away, and how its absence shows.
    outage: Option<(Time, Fate)>,
    /// Of which ad account it takes nothing, and until when.
    halted: Option<(LaneId, Time)>,
    limiters: BTreeMap<LaneId, Limiter>,
}

impl Pinterest {
    pub(crate) fn away(&mut self, until: Time, random: &mut Random) {
        let fate = random.pick(&[Fate::Unavailable, Fate::Unavailable, Fate::Refused(NotTaken::Unreachable)]);
        self.outage = Some((until, fate));
    }

    pub(crate) const fn halt(&mut self, lane: LaneId, until: Time) {
        self.halted = Some((lane, until));
    }

    pub(crate) fn back(&mut self) {
        self.outage = None;
        self.halted = None;
    }

    pub(crate) fn course(&self, lane: LaneId, now: Time, chances: &Chances, random: &mut Random) -> Course {
        let arrives = now + random.between(1, 30);
        let mut course = Course { arrives: Some(arrives), fate: Fate::Verdicts, back: Some(random.between(1, 60)) };
        if let Some((until, fate)) = self.outage
            && now < until
        {
            course.fate = fate;
        } else if self.halted.is_some_and(|(halted, until)| halted == lane && now < until) {
            course.fate = Fate::Refused(NotTaken::Unauthorized);
        } else if random.chance(chances.throttled) {
            course.fate = Fate::Refused(NotTaken::Throttled);
        } else if random.chance(chances.not_taken) {
            let causes = [NotTaken::Unauthorized, NotTaken::Forbidden, NotTaken::WrongAddress, NotTaken::Unreachable];
            course.fate = Fate::Refused(random.pick(&causes));
        } else if random.chance(chances.too_large) {
            course.fate = Fate::TooLarge;
        } else if random.chance(chances.ambiguous) {
            course.fate = Fate::Unavailable;
        } else if random.chance(chances.answer_lost) {
            course.back = None;
            if random.chance(300) {
                course.arrives = None;
            }
        } else if random.chance(chances.late) {
            course.arrives = Some(now + ANSWER_TIMEOUT + random.below(LATE_SLACK));
        }
        course
    }

    /// Counts a post. What it is answered if it is one too many, and the limit if answers name it.
    pub(crate) fn count(
        &mut self,
        now: Time,
        lane: LaneId,
        allowed: Option<&Allowed>,
    ) -> (Option<Answer>, Option<CallLimit>) {
        let Some(Allowed { limit, told }) = allowed else { return (None, None) };
        let standing = self.limiters.entry(lane).or_insert_with(|| Limiter::new(limit)).call(now);
        let refused = (standing.passed == Passed::No)
            .then_some(Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(standing.reset) });
        let named = CallLimit::try_new(limit.calls, Duration::from_millis(limit.per_ms));
        (refused, named.filter(|_| *told == Told::Always))
    }

    /// The post has arrived. Returns the attempts taken and the answer.
    pub(crate) fn receive(
        &mut self,
        fate: Fate,
        events: &[Posted],
        chances: &Chances,
        random: &mut Random,
    ) -> (Vec<usize>, Answer) {
        let mut taken = Vec::new();
        let answer = match fate {
            Fate::Refused(cause) => {
                let retry_after = random.chance(500).then(|| Duration::from_millis(random.below(200)));
                Answer::NotTaken { cause, retry_after }
            }
            Fate::TooLarge => whole(WholeRefusal::TooLarge),
            Fate::Unavailable => {
                let share = random.pick(&[0, 0, 500, 1000]);
                self.take_some(events, share, &mut taken, random);
                silence(random)
            }
            Fate::Verdicts if events.iter().any(|event| event.nature == Nature::Poisonous) => {
                whole(WholeRefusal::Invalid)
            }
            Fate::Verdicts if events.iter().any(|event| event.nature == Nature::Silent) => {
                let share = random.pick(&[0, 500]);
                self.take_some(events, share, &mut taken, random);
                silence(random)
            }
            Fate::Verdicts => {
                let mut verdicts = Vec::new();
                for event in events {
                    let again = self.taken.contains(&(event.partition, event.offset));
                    if event.nature == Nature::Failing || (again && random.chance(chances.refuses_taken)) {
                        verdicts.push(Verdict::Failed { message: ForeignText::new("failed") });
                    } else {
                        self.take(event, &mut taken);
                        verdicts.push(Verdict::Processed { warning: None });
                    }
                }
                Answer::Verdicts(verdicts)
            }
        };
        (taken, answer)
    }

    /// Takes a share of the events that can be taken.
    fn take_some(&mut self, events: &[Posted], share: u64, taken: &mut Vec<usize>, random: &mut Random) {
        for event in events.iter().filter(|event| matches!(event.nature, Nature::Good | Nature::Silent)) {
            if random.chance(share) {
                self.take(event, taken);
            }
        }
    }

    fn take(&mut self, event: &Posted, taken: &mut Vec<usize>) {
        self.taken.insert((event.partition, event.offset));
        taken.push(event.attempt);
    }
}

/// No verdict; at times with the wish to be left alone.
fn silence(random: &mut Random) -> Answer {
    Answer::Ambiguous { retry_after: random.chance(200).then(|| Duration::from_millis(random.below(200))) }
}

fn whole(why: WholeRefusal) -> Answer {
    Answer::WholeRefused { why, message: ForeignText::new("refused") }
}

/// The client's view of an answer.
pub(crate) fn answered(answer: Answer, limit: Option<CallLimit>, at: UnixMillis) -> Answered {
    let status = match &answer {
        Answer::Verdicts(_) => Some(200),
        Answer::WholeRefused { why: WholeRefusal::Invalid, .. } => Some(400),
        Answer::WholeRefused { why: WholeRefusal::TooLarge, .. } => Some(413),
        Answer::NotTaken { .. } => Some(429),
        Answer::Ambiguous { .. } => None,
    };
    Answered { answer, attempt: Attempt { at, status, code: None, message: None }, limit }
}

//! From a draft to the event that is sent, or to the reason why there is none.
//!
//! It decides in this order: consent, skip, what Pinterest requires, the lane, the time, the identity. An optional value
//! that no rule can make fit is left out and reported; the event goes without it. A required value, a value that guards
//! a person's privacy, or the lane settles the record instead. How values are normalised is said in
//! [`rules`](super::rules), how the body is laid out in `body`.

use std::borrow::Cow;
use std::time::Duration;

use super::body::{self, Money, Sending, Written};
use super::draft::Draft;
use super::event_rules::{EventRules, LaneRule, Late, MissingConsent};
use super::parameters;
use super::rules::{DropReason, amounts, events, texts, times};
use super::target::{Target, TargetKind};
use super::value::Value;
use crate::domain::body::EVENT_NAMES;
use crate::domain::{
    ActionSource, ConversionEvent, EventBody, EventFacts, EventKey, InDoubtPolicy, LaneMode, Mapped, Outcome, PostBy,
    Reason, UnixMillis, UnixSeconds,
};

/// Pinterest counts an event that it receives later than this as offline
/// (<https://help.pinterest.com/en/business/article/the-pinterest-api-for-conversions>, read 2026-09).
const LATE_AFTER: Duration = Duration::from_hours(1);

/// What became of a draft, and what is worth telling about it. No values, only names of targets.
#[derive(Debug)]
pub struct Finished {
    pub mapped: Mapped,
    /// Optional values that no rule could make fit, in the order of the body. Empty as a rule.
    pub dropped: Vec<(Target, DropReason)>,
    /// What is sent, but will not do what its sender may hope for.
    pub warnings: Vec<Warning>,
}

impl Finished {
    /// With nothing to tell.
    pub(super) const fn bare(mapped: Mapped) -> Self {
        Self { mapped, dropped: Vec::new(), warnings: Vec::new() }
    }
}

/// Something about an event that Pinterest takes, but does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// An event name of one's own: Pinterest labels it "Unknown".
    OwnEventName,
    /// Pinterest warns of a value that is zero or negative.
    ValueNotPositive,
    /// `LDP` without both `st` and `country`: Pinterest does not heed it.
    LdpWithoutPlace,
    /// Older than an hour: Pinterest counts it as offline, and may not deduplicate it against its tag.
    Late,
}

impl Warning {
    pub const ALL: [Self; 4] = [Self::OwnEventName, Self::ValueNotPositive, Self::LdpWithoutPlace, Self::Late];

    /// Stable code for metrics and notes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OwnEventName => "own_event_name",
            Self::ValueNotPositive => "value_not_positive",
            Self::LdpWithoutPlace => "ldp_without_place",
            Self::Late => "late",
        }
    }

    /// What it means, as a sentence without full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OwnEventName => "Pinterest shows an event name of one's own as \"Unknown\"",
            Self::ValueNotPositive => "Pinterest warns of a value that is zero or negative",
            Self::LdpWithoutPlace => "Pinterest heeds LDP only beside both st and country",
            Self::Late => {
                "the event is older than an hour: Pinterest counts it as offline and may not deduplicate it against its tag"
            }
        }
    }
}

/// Applies what Pinterest says: derives, normalises, hashes, checks and encodes.
#[must_use]
pub fn finish(draft: &Draft<'_>, rules: &EventRules, now: UnixMillis) -> Finished {
    finish_by(&body::write, draft, rules, now)
}

/// As [`finish`], with the body written by `write`.
fn finish_by(write: &Write<'_>, draft: &Draft<'_>, rules: &EventRules, now: UnixMillis) -> Finished {
    let mut notes = Notes::default();
    let head = Head::read(draft, &mut notes);
    let mut facts = Box::new(head.facts());
    let mapped = match decide(write, draft, rules, now, head, &mut facts, &mut notes) {
        Ok(decided) => Mapped::Event(ConversionEvent {
            key: decided.key,
            lane: decided.lane.id,
            policy: decided.policy,
            event_time: decided.time,
            post_by: post_by(decided.time, rules),
            body: decided.body,
            facts,
        }),
        Err(outcome) => Mapped::Settled { outcome, facts: Some(facts) },
    };
    Finished { mapped, dropped: notes.dropped, warnings: notes.warnings }
}

/// What is noticed on the way.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) dropped: Vec<(Target, DropReason)>,
    pub(super) warnings: Vec<Warning>,
}

impl Notes {
    /// The value, or nothing and a note why.
    pub(super) fn keep<T>(&mut self, target: Target, read: Result<T, DropReason>) -> Option<T> {
        read.map_err(|why| self.dropped.push((target, why))).ok()
    }
}

/// The fields that an event is known by, as far as the draft has them.
pub(super) struct Head<'d> {
    name: Read<Cow<'d, str>>,
    source: Read<ActionSource>,
    time: Read<UnixSeconds>,
    id: Read<Cow<'d, str>>,
    pub(super) value: Option<Cow<'d, str>>,
    pub(super) currency: Option<&'static str>,
}

/// Absent, read, or not readable.
type Read<T> = Option<Result<T, DropReason>>;

impl<'d> Head<'d> {
    fn read(draft: &'d Draft<'_>, notes: &mut Notes) -> Self {
        Self {
            name: draft.get(Target::EventName).map(|value| events::event_name(value, max_chars(Target::EventName))),
            source: draft.get(Target::ActionSource).map(action_source),
            time: draft.get(Target::EventTime).map(times::moment),
            id: draft.get(Target::EventId).map(|value| events::event_id(value, max_chars(Target::EventId))),
            value: draft
                .get(Target::CustomValue)
                .and_then(|value| notes.keep(Target::CustomValue, amounts::amount(value))),
            currency: draft
                .get(Target::CustomCurrency)
                .and_then(|value| notes.keep(Target::CustomCurrency, texts::words(value).and_then(amounts::currency))),
        }
    }

    fn facts(&self) -> EventFacts {
        EventFacts {
            event_id: text_of(self.id.as_ref()),
            event_name: text_of(self.name.as_ref()),
            action_source: copy_of(self.source.as_ref()),
            event_time: copy_of(self.time.as_ref()),
            value: self.value.as_deref().map(Box::from),
            currency: self.currency.map(Box::from),
            ..EventFacts::default()
        }
    }
}

fn text_of(read: Option<&Result<Cow<'_, str>, DropReason>>) -> Option<Box<str>> {
    Some(Box::from(&**read?.as_ref().ok()?))
}

fn copy_of<T: Copy>(read: Option<&Result<T, DropReason>>) -> Option<T> {
    read?.as_ref().ok().copied()
}

/// What Pinterest requires of every event.
pub(super) struct Required<'d> {
    pub(super) name: Cow<'d, str>,
    pub(super) source: ActionSource,
    pub(super) time: UnixSeconds,
    pub(super) id: Cow<'d, str>,
}

/// Values that guard a person's privacy: never left out because they cannot be read.
pub(super) struct Privacy<'d> {
    pub(super) opt_out: Option<bool>,
    pub(super) opt_out_type: Option<Cow<'d, str>>,
}

/// What writes the body of an event.
type Write<'w> = dyn Fn(&Sending<'_>, &Required<'_>, &Privacy<'_>, &Money<'_>, &mut Notes) -> Written + 'w;

struct Decided<'d> {
    key: EventKey,
    lane: &'d LaneRule,
    policy: InDoubtPolicy,
    time: UnixSeconds,
    body: EventBody,
}

fn decide<'d>(
    write: &Write<'_>,
    draft: &'d Draft<'_>,
    rules: &'d EventRules,
    now: UnixMillis,
    head: Head<'d>,
    facts: &mut EventFacts,
    notes: &mut Notes,
) -> Result<Decided<'d>, Outcome> {
    ask_consent(draft, rules)?;
    ask_skip(draft)?;
    let Head { name, source, time, id, value, currency } = head;
    let required = Required {
        name: require(Target::EventName, name)?,
        source: require(Target::ActionSource, source)?,
        time: require(Target::EventTime, time)?,
        id: require(Target::EventId, id)?,
    };
    let lane = choose_lane(draft, rules)?;
    let required = Required { time: check_time(required.time, rules, now)?, ..required };
    facts.event_time = Some(required.time);
    let is_late = is_late(required.time, now);
    if is_late {
        notes.warnings.push(Warning::Late);
    }
    let policy = match rules.late {
        Late::Hold if is_late => InDoubtPolicy::Hold,
        Late::Send | Late::Skip | Late::Hold => rules.in_doubt.unwrap_or_else(|| required.source.default_policy()),
    };
    let privacy = Privacy {
        opt_out: guard(Target::OptOut, draft.get(Target::OptOut).map(texts::flag))?,
        opt_out_type: guard(Target::CustomOptOutType, draft.get(Target::CustomOptOutType).map(events::opt_out_type))?
            .flatten(),
    };
    if !EVENT_NAMES.contains(&&*required.name) {
        notes.warnings.push(Warning::OwnEventName);
    }
    if value.as_deref().is_some_and(amounts::is_not_positive) {
        notes.warnings.push(Warning::ValueNotPositive);
    }
    let money = Money { value, currency };
    let sending = Sending { draft, rules, lane, now };
    let (body, identity) = write(&sending, &required, &privacy, &money, notes);
    facts.identity = identity;
    if !identity.suffices() {
        return Err(Outcome::new(Reason::NoIdentity));
    }
    let body = checked(body)?;
    let key = match lane.mode {
        LaneMode::Live | LaneMode::Shadow => EventKey::new(&lane.ad_account, &required.name, &required.id),
        LaneMode::Test => EventKey::of_test(&lane.ad_account, &required.name, &required.id),
    };
    if lane.mode == LaneMode::Shadow {
        facts.parameters = Some(parameters::names(&body));
    }
    Ok(Decided { key, lane, policy, time: required.time, body })
}

/// The body, if it is as the description says. By construction it is: this guards the other events of a batch, all of which
/// Pinterest would refuse, against a fault of ours.
fn checked(body: Vec<u8>) -> Result<EventBody, Outcome> {
    EventBody::try_new(body.into_boxed_slice()).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        Outcome::with_detail(Reason::InvalidEvent, &first)
    })
}

/// A consent that cannot be read is none.
fn ask_consent(draft: &Draft<'_>, rules: &EventRules) -> Result<(), Outcome> {
    let given = match draft.get(Target::Consent) {
        Some(value) => texts::flag(value).unwrap_or(false),
        None => rules.missing_consent == MissingConsent::Send,
    };
    if given { Ok(()) } else { Err(Outcome::new(Reason::NoConsent)) }
}

fn ask_skip(draft: &Draft<'_>) -> Result<(), Outcome> {
    match guard(Target::Skip, draft.get(Target::Skip).map(texts::flag))? {
        Some(true) => Err(Outcome::new(Reason::Filtered)),
        Some(false) | None => Ok(()),
    }
}

fn require<T>(target: Target, read: Read<T>) -> Result<T, Outcome> {
    guard(target, read)?.ok_or_else(|| Outcome::with_detail(Reason::MissingRequired, target.path()))
}

/// The value if there is one; a value that cannot be read settles the record.
fn guard<T>(target: Target, read: Read<T>) -> Result<Option<T>, Outcome> {
    read.transpose().map_err(|_| Outcome::with_detail(Reason::InvalidValue, target.path()))
}

fn choose_lane<'d>(draft: &Draft<'_>, rules: &'d EventRules) -> Result<&'d LaneRule, Outcome> {
    let Some(value) = draft.get(Target::Lane) else { return Ok(&rules.default_lane) };
    let asked = texts::raw(value).unwrap_or_default();
    rules.lane(&asked).ok_or_else(|| Outcome::new(Reason::UnknownLane))
}

/// The time to send. One that is ahead of the clock, but within the tolerance, becomes now: Pinterest refuses times
/// after its own.
fn check_time(time: UnixSeconds, rules: &EventRules, now: UnixMillis) -> Result<UnixSeconds, Outcome> {
    let moment = time.to_millis();
    if now.after(rules.clock_tolerance) < moment {
        return Err(Outcome::new(Reason::InFuture));
    }
    if moment < now.before(rules.max_age) {
        return Err(Outcome::new(Reason::TooOld));
    }
    if rules.late == Late::Skip && is_late(time, now) {
        return Err(Outcome::new(Reason::Late));
    }
    Ok(time.min(UnixSeconds(now.0.div_euclid(1000))))
}

/// What is asked when the event is read is asked again when it would be posted.
fn post_by(time: UnixSeconds, rules: &EventRules) -> PostBy {
    let until = |age, otherwise| PostBy { at: time.to_millis().after(age), otherwise };
    let too_old = until(rules.max_age, Reason::TooOld);
    match rules.late {
        Late::Skip if LATE_AFTER < rules.max_age => until(LATE_AFTER, Reason::Late),
        Late::Send | Late::Skip | Late::Hold => too_old,
    }
}

fn is_late(time: UnixSeconds, now: UnixMillis) -> bool {
    time.to_millis() < now.before(LATE_AFTER)
}

fn action_source(value: &Value<'_>) -> Result<ActionSource, DropReason> {
    ActionSource::from_word(texts::words(value)?).ok_or(DropReason::NotListed)
}

/// The limit that the table of targets names.
pub(super) fn max_chars(target: Target) -> usize {
    if let TargetKind::Text { max_chars } = target.kind() { max_chars } else { usize::MAX }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod guard;

#[cfg(test)]
mod properties;

#[cfg(test)]
mod choices;

#[cfg(test)]
mod typed_vectors;

#[cfg(test)]
mod vectors;

//! Faults on request: a script of rules, and what it decides for each request.
//!
//! As JSON, for `POST /sandbox/faults`:
//!
//! ```json
//! {"rules": [
//!   {"when": {"next": 3}, "fault": {"answer": {"status": 503, "headers": {"retry-after": "1"}, "body": "{}"}}},
//!   {"when": {"share": 0.1}, "fault": {"lose": {"at": "after_taking"}}},
//!   {"fault": {"delay": {"ms": 40, "spread_ms": 20, "at": "before_taking"}}},
//!   {"when": {"during": {"from_ms": 30000, "for_ms": 60000}}, "fault": {"answer": {"status": 503}}},
//!   {"fault": {"fail_events": {"event_id_prefix": "bad-"}}},
//!   {"fault": {"refuse_requests": {"event_id_prefix": "poison-"}}},
//!   {"fault": {"drop_verdicts": {"share": 0.001}}}],
//!  "limits": [{"calls": 5000, "per_ms": 60000, "counted": "sliding"},
//!             {"calls": 60, "counted": {"bucket": 10}, "account": "549755885175"}],
//!  "failures": "in200"}
//! ```
//!
//! It sees only requests with a valid token for a known account. Which requests a share picks follows from the seed
//! and the order of the requests; which events, from the seed and the event id alone. Times count from when the script
//! came. Limits come before faults: a call beyond one is answered by 429, and what the account's own limit, else the
//! common one, leaves stands in the headers of every answer. They go on counting when a script with the same limits
//! comes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{AdAccountId, UnixMillis};

use super::limiter::{Limit, Limiter, Standing};

/// What is to go wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    /// Each is looked at for each request. Delays add up; of several answers or losses the first counts.
    #[serde(default)]
    pub rules: Vec<FaultRule>,
    /// For one account, or for each.
    #[serde(default)]
    pub limits: Vec<Limit>,
    #[serde(default)]
    pub failures: FailureForm,
}

/// A fault and the requests that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    #[serde(default)]
    pub when: When,
    pub fault: Fault,
}

/// Which requests a rule strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Always,
    /// So many from now on.
    Next(u64),
    /// This part of all, 0 to 1.
    Share(f64),
    /// Those that come in this span, counted from when the script came.
    During { from_ms: u64, for_ms: u64 },
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// This answer instead of the true one.
    Answer {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
        #[serde(default)]
        at: Stage,
    },
    /// No answer: the connection is closed.
    Lose {
        #[serde(default)]
        at: Stage,
    },
    /// A wait of so many milliseconds, and up to `spread_ms` more.
    Delay {
        ms: u64,
        #[serde(default)]
        spread_ms: u64,
        #[serde(default)]
        at: Stage,
    },
    FailEvents(EventsToFail),
    /// 400 for the whole request, and nothing taken, if one of these events is in it.
    RefuseRequests(EventsToFail),
    /// 422 without details for the whole request, and everything taken but these events, if one of them is in it.
    DropVerdicts(EventsToFail),
}

/// Whether the events were taken when the fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    #[default]
    BeforeTaking,
    AfterTaking,
}

/// Which events something is wrong with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsToFail {
    EventIdPrefix(String),
    /// This part of all event ids, 0 to 1: the same ones whenever they come.
    Share(f64),
}

/// How failed events are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureForm {
    /// 200 with one status for each event.
    #[default]
    In200,
    /// 422, the same inside `details`.
    DetailsEvents,
    /// 422, `details` is the list itself.
    DetailsList,
    /// 422, `details` has the events by their index.
    DetailsByIndex,
    /// 422, `details` has the two counts only.
    DetailsCounts,
    /// 422, `details` is empty.
    DetailsEmpty,
}

/// What makes no sense in a script.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScriptFault {
    #[error("rule {rule}: expected a share from 0 to 1, found {share}")]
    Share { rule: usize, share: f64 },
    #[error("rule {rule}: expected a status from 200 to 999, found {status}")]
    Status { rule: usize, status: u16 },
    #[error("limit {limit}: expected at least one call in at least one millisecond")]
    Limit { limit: usize },
    #[error("rule {rule}: '{name}' with this value is no HTTP header")]
    Header { rule: usize, name: String },
}

impl FaultScript {
    /// A script of these rules.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = (When, Fault)>) -> Self {
        let rules = rules.into_iter().map(|(when, fault)| FaultRule { when, fault }).collect();
        Self { rules, ..Self::default() }
    }

    pub(super) fn check(&self) -> Result<(), ScriptFault> {
        if let Some(limit) = self.limits.iter().position(Limit::is_empty) {
            return Err(ScriptFault::Limit { limit });
        }
        for (rule, FaultRule { when, fault }) in self.rules.iter().enumerate() {
            let shares = [if let When::Share(share) = when { Some(share) } else { None }, fault.share_of_events()];
            if let Some(share) = shares.into_iter().flatten().find(|share| !(0.0..=1.0).contains(*share)) {
                return Err(ScriptFault::Share { rule, share: *share });
            }
            if let Fault::Answer { status, headers, .. } = fault {
                if !(200..1000).contains(status) {
                    return Err(ScriptFault::Status { rule, status: *status });
                }
                if let Some((name, _)) = headers.iter().find(|(name, value)| header(name, value).is_none()) {
                    return Err(ScriptFault::Header { rule, name: name.clone() });
                }
            }
        }
        Ok(())
    }
}

impl Fault {
    const fn share_of_events(&self) -> Option<&f64> {
        match self {
            Self::FailEvents(EventsToFail::Share(share))
            | Self::RefuseRequests(EventsToFail::Share(share))
            | Self::DropVerdicts(EventsToFail::Share(share)) => Some(share),
            Self::FailEvents(EventsToFail::EventIdPrefix(_))
            | Self::RefuseRequests(EventsToFail::EventIdPrefix(_))
            | Self::DropVerdicts(EventsToFail::EventIdPrefix(_))
            | Self::Answer { .. }
            | Self::Lose { .. }
            | Self::Delay { .. } => None,
        }
    }
}

impl EventsToFail {
    /// Whether the event of that id is to fail, in a sandbox with that seed.
    #[must_use]
    pub fn has(&self, seed: u64, event_id: &str) -> bool {
        match self {
            Self::EventIdPrefix(prefix) => event_id.starts_with(prefix.as_str()),
            Self::Share(share) => {
                let digest: [u8; 32] =
                    Sha256::new().chain_update(seed.to_be_bytes()).chain_update(event_id).finalize().into();
                let mut head = [0; 4];
                head.copy_from_slice(&digest[..4]);
                f64::from(u32::from_be_bytes(head)) < share * (f64::from(u32::MAX) + 1.0)
            }
        }
    }
}

/// A script at work.
pub(super) struct Faults {
    script: FaultScript,
    since: UnixMillis,
    limiters: BTreeMap<AdAccountId, Limiter>,
    seed: u64,
    random: StdRng,
}

/// What one request meets.
#[derive(Default)]
pub(super) struct Trouble {
    pub(super) delay_before: Duration,
    pub(super) delay_after: Duration,
    pub(super) end: Option<(Stage, End)>,
    pub(super) failing: Vec<EventsToFail>,
    pub(super) refusing: Vec<EventsToFail>,
    pub(super) silent: Vec<EventsToFail>,
    pub(super) failures: FailureForm,
    pub(super) seed: u64,
}

/// How a request ends that is not answered truly.
pub(super) enum End {
    Lost,
    Answer { status: StatusCode, headers: HeaderMap, body: String },
}

impl Faults {
    pub(super) fn new(script: FaultScript, now: UnixMillis, seed: u64) -> Self {
        Self { script, since: now, limiters: BTreeMap::new(), seed, random: StdRng::seed_from_u64(seed) }
    }

    pub(super) fn replace(&mut self, script: FaultScript, now: UnixMillis) {
        if self.script.limits != script.limits {
            self.limiters.clear();
        }
        (self.script, self.since) = (script, now);
    }

    /// Counts a call against its account's limit, if it has one.
    pub(super) fn count(&mut self, account: &AdAccountId, now: UnixMillis) -> Option<(Limit, Standing)> {
        let own = |limit: &&Limit| limit.account.as_deref() == Some(account.as_str());
        let limits = &self.script.limits;
        let limit = limits.iter().find(own).or_else(|| limits.iter().find(|limit| limit.account.is_none()))?;
        let limiter = self.limiters.entry(account.clone()).or_insert_with(|| Limiter::new(limit));
        Some((limit.clone(), limiter.call(now.0.unsigned_abs())))
    }

    pub(super) const fn script(&self) -> &FaultScript {
        &self.script
    }

    /// What the next request meets.
    pub(super) fn strike(&mut self, now: UnixMillis) -> Trouble {
        let age = now.since(self.since);
        let mut trouble = Trouble { failures: self.script.failures, seed: self.seed, ..Trouble::default() };
        for FaultRule { when, fault } in &mut self.script.rules {
            let strikes = match when {
                When::Always => true,
                When::Next(0) => false,
                When::Next(left) => {
                    *left -= 1;
                    true
                }
                When::Share(share) => self.random.random::<f64>() < *share,
                When::During { from_ms, for_ms } => {
                    let end = from_ms.saturating_add(*for_ms);
                    (Duration::from_millis(*from_ms)..Duration::from_millis(end)).contains(&age)
                }
            };
            if strikes {
                trouble.add(fault, &mut self.random);
            }
        }
        trouble
    }
}

impl Trouble {
    fn add(&mut self, fault: &Fault, random: &mut StdRng) {
        match fault {
            Fault::Answer { status, headers, body, at } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let headers = headers.iter().filter_map(|(name, value)| header(name, value)).collect();
                self.end.get_or_insert((*at, End::Answer { status, headers, body: body.clone() }));
            }
            Fault::Lose { at } => {
                self.end.get_or_insert((*at, End::Lost));
            }
            Fault::Delay { ms, spread_ms, at } => {
                let delay = Duration::from_millis(ms.saturating_add(random.random_range(0..=*spread_ms)));
                match at {
                    Stage::BeforeTaking => self.delay_before += delay,
                    Stage::AfterTaking => self.delay_after += delay,
                }
            }
            Fault::FailEvents(events) => self.failing.push(events.clone()),
            Fault::RefuseRequests(events) => self.refusing.push(events.clone()),
            Fault::DropVerdicts(events) => self.silent.push(events.clone()),
        }
    }

    /// The fault's answer, if it strikes at that stage.
    pub(super) fn take_end(&mut self, stage: Stage) -> Option<End> {
        self.end.take_if(|(at, _)| *at == stage).map(|(_, end)| end)
    }

    pub(super) fn fails(&self, event_id: &str) -> bool {
        self.failing.iter().any(|events| events.has(self.seed, event_id))
    }

    pub(super) fn refuses(&self, event_id: &str) -> bool {
        self.refusing.iter().any(|events| events.has(self.seed, event_id))
    }

    pub(super) fn is_silent_on(&self, event_id: &str) -> bool {
        self.silent.iter().any(|events| events.has(self.seed, event_id))
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

//! What arrived: one by one as far as memory is allowed for it, and in counts for ever.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use crate::domain::{AdAccountId, EventKey, UnixMillis};

use super::super::client::Mode;

/// One event of one request. Nothing personal is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// Order of arrival, from 1.
    pub sequence: u64,
    /// The request that it came with, from 1.
    pub request: u64,
    /// Bytes of that request's body.
    pub request_bytes: usize,
    /// Unix time in milliseconds.
    pub at_ms: i64,
    pub account: Box<str>,
    pub event_name: Box<str>,
    pub event_id: Box<str>,
    pub action_source: Box<str>,
    /// Came with `?test=true`.
    pub test: bool,
    pub fate: Fate,
}

/// What became of an event, whether or not an answer said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Taken.
    Processed,
    /// Looked at and refused.
    Failed,
    /// A fault struck before it was looked at.
    NotTaken,
}

/// How often one event came, test requests apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// In how many requests it stood that could be read.
    pub posted: u32,
    /// How often it was processed.
    pub taken: u32,
}

/// An event that was posted more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepeatedKey {
    pub account: Box<str>,
    pub event_name: Box<str>,
    pub event_id: Box<str>,
    pub count: KeyCount,
}

/// Everything in counts. An event is known by account, event name and event id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests to the API, whatever became of them.
    pub requests: u64,
    pub requests_by_status: BTreeMap<u16, u64>,
    /// Requests whose connection was closed without an answer.
    pub requests_lost: u64,
    /// Events of readable requests: `processed + failed + not_taken + test`.
    pub posted: u64,
    pub processed: u64,
    pub failed: u64,
    pub not_taken: u64,
    pub test: u64,
    /// Different events posted.
    pub keys_posted: u64,
    /// Different events taken.
    pub keys_taken: u64,
    /// Different events posted more than once.
    pub keys_posted_again: u64,
    /// Different events taken more than once.
    pub keys_taken_again: u64,
    /// The first of those posted more than once, by account, name and id.
    pub repeated: Vec<RepeatedKey>,
}

impl Stats {
    /// Most repeated keys that are listed.
    pub const MAX_REPEATED: usize = 1000;
}

/// The memory of a sandbox.
pub(super) struct Arrivals {
    keep: usize,
    recent: VecDeque<Arrival>,
    next_sequence: u64,
    totals: Stats,
    counts: HashMap<EventKey, KeyCount>,
    repeated: BTreeMap<[Box<str>; 3], EventKey>,
}

/// What all events of a request share.
pub(super) struct RequestFacts<'a> {
    pub(super) account: &'a AdAccountId,
    pub(super) mode: Mode,
    pub(super) at: UnixMillis,
    pub(super) bytes: usize,
}

/// What is kept of one event.
pub(super) struct EventWords<'a> {
    pub(super) event_name: &'a str,
    pub(super) event_id: &'a str,
    pub(super) action_source: &'a str,
    pub(super) fate: Fate,
}

impl Arrivals {
    pub(super) fn new(keep: usize) -> Self {
        Self {
            keep,
            recent: VecDeque::new(),
            next_sequence: 1,
            totals: Stats::default(),
            counts: HashMap::new(),
            repeated: BTreeMap::new(),
        }
    }

    /// A request began; its number.
    pub(super) fn request(&mut self) -> u64 {
        self.totals.requests += 1;
        self.totals.requests
    }

    pub(super) fn answered(&mut self, status: u16) {
        *self.totals.requests_by_status.entry(status).or_default() += 1;
    }

    pub(super) fn lost(&mut self) {
        self.totals.requests_lost += 1;
    }

    /// The events of a request, in its order.
    pub(super) fn record<'a>(
        &mut self,
        request: u64,
        facts: &RequestFacts<'_>,
        events: impl IntoIterator<Item = EventWords<'a>>,
    ) {
        for event in events {
            self.count(facts, &event);
            let arrival = Arrival {
                sequence: self.next_sequence,
                request,
                request_bytes: facts.bytes,
                at_ms: facts.at.0,
                account: facts.account.as_str().into(),
                event_name: event.event_name.into(),
                event_id: event.event_id.into(),
                action_source: event.action_source.into(),
                test: facts.mode == Mode::Test,
                fate: event.fate,
            };
            self.next_sequence += 1;
            self.recent.push_back(arrival);
            if self.keep < self.recent.len() {
                self.recent.pop_front();
            }
        }
    }

    fn count(&mut self, facts: &RequestFacts<'_>, event: &EventWords<'_>) {
        self.totals.posted += 1;
        if facts.mode == Mode::Test {
            self.totals.test += 1;
            return;
        }
        let key = EventKey::new(facts.account, event.event_name, event.event_id);
        let count = self.counts.entry(key).or_default();
        count.posted += 1;
        match event.fate {
            Fate::Processed => {
                self.totals.processed += 1;
                count.taken += 1;
                self.totals.keys_taken += u64::from(count.taken == 1);
                self.totals.keys_taken_again += u64::from(count.taken == 2);
            }
            Fate::Failed => self.totals.failed += 1,
            Fate::NotTaken => self.totals.not_taken += 1,
        }
        self.totals.keys_posted += u64::from(count.posted == 1);
        if count.posted == 2 {
            self.totals.keys_posted_again += 1;
            let words = [facts.account.as_str(), event.event_name, event.event_id].map(Box::from);
            self.repeated.insert(words, key);
        }
    }

    pub(super) fn count_of(&self, account: &AdAccountId, event_name: &str, event_id: &str) -> KeyCount {
        self.counts.get(&EventKey::new(account, event_name, event_id)).copied().unwrap_or_default()
    }

    pub(super) fn page(&self, after: u64, limit: usize) -> Vec<Arrival> {
        let begin = self.recent.partition_point(|arrival| arrival.sequence <= after);
        self.recent.range(begin..).take(limit).cloned().collect()
    }

    pub(super) fn stats(&self) -> Stats {
        let repeated =
            self.repeated.iter().take(Stats::MAX_REPEATED).map(|([account, event_name, event_id], key)| RepeatedKey {
                account: account.clone(),
                event_name: event_name.clone(),
                event_id: event_id.clone(),
                count: self.counts.get(key).copied().unwrap_or_default(),
            });
        Stats { repeated: repeated.collect(), ..self.totals.clone() }
    }
}

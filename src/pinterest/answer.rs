//! What an answer of Pinterest means: the one table from (status, headers, body, events sent) to verdicts, or to what
//! can be said without them.
//!
//! | status | body | meaning |
//! |---|---|---|
//! | 2xx | one status for each event, counts that agree | verdicts |
//! | 2xx | anything else: counts or length disagree, HTML, empty, cut off | ambiguous |
//! | 422 | somewhere in it one status for each event, no count that disagrees | verdicts |
//! | 422 | says that none was processed | every event failed |
//! | 422 | anything else | ambiguous |
//! | 400, 413 | one status for each event, as under 422 | verdicts |
//! | 400, 413 | says that some were processed | ambiguous |
//! | 400, 413 | anything else | the whole body was refused |
//! | 401, 403, 429, 3xx, 404, 405, 415 | any | not taken |
//! | all others | any | ambiguous |
//!
//! It decides nothing about retries, and knows neither HTTP library nor clock. When nothing certain can be said it says
//! so: a wrong "not taken" counts a conversion twice, a wrong "processed" loses one.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Map, Value};

use crate::domain::{Answer, ForeignText, NotTaken, UnixMillis, Verdict, WholeRefusal};

/// Longest wait that an answer may ask for. The documented limits are per minute; asking again early costs one call
/// that is certainly not taken, and a broken header must not stop a lane for a day.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The headers that matter. Absent, too, where a header is no text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
    pub retry_after: Option<&'a str>,
    /// `X-RateLimit-Reset`: seconds until the budget is full again, as observed; read as a time if it looks like one.
    pub rate_limit_reset: Option<&'a str>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub answer: Answer,
    /// Pinterest's error code.
    pub code: Option<i64>,
    /// Pinterest's message, or what is wrong with the answer; nothing where all is said by the verdicts.
    pub message: Option<ForeignText>,
}

/// Reads an answer to a request of `events_sent` events. `body` is empty where the answer broke off.
#[must_use]
pub fn read(status: u16, headers: Headers<'_>, body: &[u8], events_sent: usize, now: UnixMillis) -> Reading {
    let body = Body::parse(body);
    let retry_after = headers.retry_after.and_then(|text| retry_after(text, now));
    let not_taken = |cause, retry_after| Reading {
        answer: Answer::NotTaken { cause, retry_after },
        code: body.code(),
        message: Some(body.message(status)),
    };
    match status {
        200..=299 => success(&body, retry_after, events_sent),
        300..=399 | 404 | 405 | 415 => not_taken(NotTaken::WrongAddress, retry_after),
        400 | 413 | 422 => refusal(&body, status, retry_after, events_sent),
        401 => not_taken(NotTaken::Unauthorized, retry_after),
        403 => not_taken(NotTaken::Forbidden, retry_after),
        429 => {
            let reset = headers.rate_limit_reset.and_then(|text| rate_limit_reset(text, now));
            not_taken(NotTaken::Throttled, retry_after.or(reset))
        }
        _ => ambiguous(&body, retry_after, body.message(status)),
    }
}

fn success(body: &Body, retry_after: Option<Duration>, events_sent: usize) -> Reading {
    let account = body.root().and_then(|root| {
        let list = root.get("events")?.as_array()?.iter().collect::<Vec<_>>();
        Some((verdicts(&list), count(root, RECEIVED)?, count(root, PROCESSED)?, list.len()))
    });
    let wrong = match account {
        None => "the answer has no account of the events".into(),
        Some((None, ..)) => "the answer has an event that is neither processed nor failed".into(),
        Some((Some(verdicts), received, processed, _))
            if [verdicts.len(), received] == [events_sent; 2] && processed == n_processed(&verdicts) =>
        {
            return Reading { answer: Answer::Verdicts(verdicts), code: body.code(), message: None };
        }
        Some((Some(verdicts), received, processed, listed)) => format!(
            "{events_sent} events sent, {received} received, {listed} in the answer; {processed} said to be processed, \
             {} listed so",
            n_processed(&verdicts)
        ),
    };
    ambiguous(body, retry_after, ForeignText::new(&wrong))
}

fn refusal(body: &Body, status: u16, retry_after: Option<Duration>, events_sent: usize) -> Reading {
    // What the status means where the body gives no account of single events.
    let whole = match status {
        400 => Some(WholeRefusal::Invalid),
        413 => Some(WholeRefusal::TooLarge),
        _ => None,
    };
    let message = body.message(status);
    let mut found = Found::default();
    if let Some(root) = &body.json {
        found.explore(root, MAX_DEPTH);
    }
    let reading = |answer| Reading { answer, code: body.code(), message: Some(message.clone()) };

    let counts_agree = |n_processed: usize| {
        found.processed.iter().all(|n| *n == n_processed) && found.received.iter().all(|n| *n == events_sent)
    };
    let mut lists = found.lists.iter().filter(|list| list.len() == events_sent);
    if let (Some(list), None) = (lists.next(), lists.next())
        && let Some(verdicts) = verdicts(list)
        && counts_agree(n_processed(&verdicts))
        // A refusal under which every event was processed contradicts itself.
        && n_processed(&verdicts) < events_sent
    {
        return reading(Answer::Verdicts(verdicts));
    }
    let some_listed = found.lists.iter().flatten().any(|event| status_of(event) == Some(STATUS_PROCESSED));
    let some_counted = found.processed.iter().any(|n| *n != 0);
    match whole {
        Some(why) if !some_listed && !some_counted => reading(Answer::WholeRefused { why, message: message.clone() }),
        None if !some_listed && !found.processed.is_empty() && counts_agree(0) => {
            reading(Answer::Verdicts(vec![Verdict::Failed { message: message.clone() }; events_sent]))
        }
        _ => reading(Answer::Ambiguous { retry_after }),
    }
}

fn ambiguous(body: &Body, retry_after: Option<Duration>, message: ForeignText) -> Reading {
    Reading { answer: Answer::Ambiguous { retry_after }, code: body.code(), message: Some(message) }
}

const STATUS_PROCESSED: &str = "processed";
const STATUS_FAILED: &str = "failed";
const RECEIVED: &str = "num_events_received";
const PROCESSED: &str = "num_events_processed";

/// How deep a list of events is looked for: `details` and whatever it may be wrapped in.
const MAX_DEPTH: usize = 5;

/// What may bear on single events, anywhere in a refusal: the shape of `details` is not documented.
#[derive(Default)]
struct Found<'a> {
    /// Lists, or objects by index, of objects with a `status`.
    lists: Vec<Vec<&'a Value>>,
    received: Vec<usize>,
    processed: Vec<usize>,
}

impl<'a> Found<'a> {
    fn explore(&mut self, value: &'a Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let elements: Vec<&Value> = match value {
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => {
                self.received.extend(count(map, RECEIVED));
                self.processed.extend(count(map, PROCESSED));
                by_index(map).unwrap_or_else(|| map.values().collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
        let is_list = value.is_array() || value.as_object().is_some_and(|map| by_index(map).is_some());
        if is_list && elements.iter().any(|event| status_of(event).is_some()) {
            self.lists.push(elements);
        } else {
            for inner in elements {
                self.explore(inner, depth);
            }
        }
    }
}

/// The values of `{"0": …, "1": …, …}` in the order of their numbers, if that is what the object is.
fn by_index(map: &Map<String, Value>) -> Option<Vec<&Value>> {
    (0..map.len()).map(|n| map.get(&n.to_string())).collect::<Option<Vec<_>>>().filter(|list| !list.is_empty())
}

fn count(map: &Map<String, Value>, name: &str) -> Option<usize> {
    // A count that is no count must disagree, not be absent.
    map.get(name)
        .filter(|value| !value.is_null())
        .map(|value| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX))
}

fn status_of(event: &Value) -> Option<&str> {
    event.get("status")?.as_str()
}

/// `None` if any event has another status than the two documented ones.
fn verdicts(list: &[&Value]) -> Option<Vec<Verdict>> {
    list.iter()
        .map(|event| match status_of(event)? {
            STATUS_PROCESSED => Some(Verdict::Processed { warning: text_of(event, "warning_message") }),
            STATUS_FAILED => {
                let message = text_of(event, "error_message");
                Some(Verdict::Failed {
                    message: message.unwrap_or_else(|| ForeignText::new("failed without a message")),
                })
            }
            _ => None,
        })
        .collect()
}

fn n_processed(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Processed { .. })).count()
}

/// Empty messages come as `""`, as null, or not at all.
fn text_of(object: &Value, name: &str) -> Option<ForeignText> {
    object.get(name)?.as_str().filter(|text| !text.trim().is_empty()).map(ForeignText::new)
}

struct Body {
    json: Option<Value>,
}

impl Body {
    fn parse(bytes: &[u8]) -> Self {
        let mut json: Option<Value> = serde_json::from_slice(bytes).ok();
        // `details` is an object by the published schema, but nothing is published about what is in it.
        if let Some(details) = json.as_mut().and_then(|root| root.get_mut("details"))
            && let Some(inner) = details.as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            *details = inner;
        }
        Self { json }
    }

    fn root(&self) -> Option<&Map<String, Value>> {
        self.json.as_ref()?.as_object()
    }

    fn code(&self) -> Option<i64> {
        self.root()?.get("code")?.as_i64()
    }

    fn message(&self, status: u16) -> ForeignText {
        let own = self.json.as_ref().and_then(|root| text_of(root, "message"));
        own.unwrap_or_else(|| ForeignText::new(&format!("status {status} without a message")))
    }
}

fn retry_after(text: &str, now: UnixMillis) -> Option<Duration> {
    static DATES: DateTimeParser = DateTimeParser::new();
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => UnixMillis(DATES.parse_timestamp(text).ok()?.as_millisecond()).since(now),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn rate_limit_reset(text: &str, now: UnixMillis) -> Option<Duration> {
    /// More seconds than any limit lasts, fewer than have passed since 1970: 2001-09-09.
    const FIRST_TIME: i64 = 1_000_000_000;
    // Several limits are listed as `37, 60;w=60`; the first is the one that is nearest to be hit.
    let first = text.split([',', ';']).next()?.trim().parse::<i64>().ok().filter(|seconds| 0 <= *seconds)?;
    let wait = if FIRST_TIME <= first {
        UnixMillis(first.saturating_mul(1000)).since(now)
    } else {
        Duration::from_secs(first.unsigned_abs())
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! The API itself: `POST /v5/ad_accounts/{id}/events`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::body::{BodyFault, CheckedRequest, Found, check_request};
use crate::domain::{AdAccountId, Secret, UnixMillis};

use super::super::client::Mode;
use super::arrivals::{EventWords, Fate, RequestFacts};
use super::connection::Line;
use super::faults::{End, FailureForm, Stage, Trouble};
use super::judge::{Judgement, judge, text};
use super::limiter::{Limit, Passed, Standing};
use super::{Accounts, Sandbox, TEST_CALLS, Tokens};

/// Events of a test request that are processed (Pinterest's developer documentation, September 2026).
const TEST_EVENTS: usize = 20;

pub(super) async fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, 0, "no such address").into_response()
}

pub(super) async fn method_not_allowed() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, 0, "only POST is allowed here").into_response()
}

pub(super) async fn events(
    State(sandbox): State<Sandbox>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let post = Post { account, query: query.unwrap_or_default(), headers, body };
    // In a task of its own: a client that gives up must not undo what it posted.
    let task = tokio::spawn(async move {
        let end = sandbox.process(post).await;
        let mut state = sandbox.state();
        match &end {
            Ok(response) => state.arrivals.answered(response.status().as_u16()),
            Err(Lost) => state.arrivals.lost(),
        }
        end
    });
    match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(Lost)) => {
            line.cut();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(fault) => refuse(StatusCode::INTERNAL_SERVER_ERROR, 0, &fault.to_string()).into_response(),
    }
}

struct Post {
    account: String,
    query: String,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
}

/// The connection is to be closed without an answer.
struct Lost;

impl Sandbox {
    async fn process(&self, post: Post) -> Result<Response, Lost> {
        let request = self.state().arrivals.request();
        if !self.knows_token(&post.headers) {
            return Ok(refuse(StatusCode::UNAUTHORIZED, 2, "Authentication failed.").into_response());
        }
        let Some(account) = self.account(&post.account) else {
            return Ok(refuse(StatusCode::NOT_FOUND, 2, "there is no such ad account").into_response());
        };
        let now = (self.settings().clock)();
        let limited = self.count(&account, mode(&post.query), now);
        if let Some((limit, standing @ Standing { passed: Passed::No, .. })) = &limited {
            let refusal =
                refuse(StatusCode::TOO_MANY_REQUESTS, 8, "You have exceeded your rate limit. Try again later.");
            return Ok(named(refusal.into_response(), limit, standing));
        }
        let response = self.take(request, post, account, now).await?;
        Ok(match &limited {
            Some((limit, standing)) => named(response, limit, standing),
            None => response,
        })
    }

    /// Counts a call; what the limit says that it meets: that of test requests where those are too many, else its
    /// account's, if it has one.
    fn count(&self, account: &AdAccountId, mode: Option<Mode>, now: UnixMillis) -> Option<(Limit, Standing)> {
        let mut state = self.state();
        let test = (mode == Some(Mode::Test)).then(|| (TEST_CALLS, state.test_calls.call(now.0.unsigned_abs())));
        match test {
            Some((_, Standing { passed: Passed::No, .. })) => test,
            Some(_) | None => state.faults.count(account, now).or(test),
        }
    }

    /// A request that keeps within its limit.
    async fn take(&self, request: u64, post: Post, account: AdAccountId, now: UnixMillis) -> Result<Response, Lost> {
        let checked = check(&post);
        let bytes = post.body.map_or(0, |body| body.len());
        let mut trouble = self.state().faults.strike(now);

        self.wait(trouble.delay_before).await;
        let at = (self.settings().clock)();
        let mode = checked.as_ref().map_or(Mode::Live, |(_, mode)| *mode);
        let facts = RequestFacts { account: &account, mode, at, bytes };
        if let Some(end) = trouble.take_end(Stage::BeforeTaking) {
            if let Ok((checked, _)) = &checked {
                let events = checked.events().iter().map(|event| words(event, Fate::NotTaken));
                self.state().arrivals.record(request, &facts, events);
            }
            return answer(end);
        }
        let (checked, mode) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return Ok(refusal.into_response()),
        };
        let culprit = checked.events().iter().position(|event| trouble.refuses(text(event, "event_id")));
        if let Some(culprit) = culprit {
            let refusal = format!("Invalid request: the script refuses data[{culprit}]");
            let events = checked.events().iter().map(|event| words(event, Fate::NotTaken));
            self.state().arrivals.record(request, &facts, events);
            return Ok(refuse(StatusCode::BAD_REQUEST, 4196, &refusal).into_response());
        }
        let judgements: Vec<Judgement> = checked
            .events()
            .iter()
            .enumerate()
            .map(|(n, event)| self.verdict(n, event, mode, &facts, &trouble))
            .collect();
        let events = checked.events().iter().zip(&judgements).map(|(event, judgement)| match judgement {
            Judgement::Processed { .. } => words(event, Fate::Processed),
            Judgement::Failed { .. } => words(event, Fate::Failed),
        });
        self.state().arrivals.record(request, &facts, events);

        self.wait(trouble.delay_after).await;
        match trouble.take_end(Stage::AfterTaking) {
            Some(end) => answer(end),
            None if checked.events().iter().any(|event| trouble.is_silent_on(text(event, "event_id"))) => {
                Ok(verdicts(&judgements, FailureForm::DetailsEmpty))
            }
            None => Ok(verdicts(&judgements, trouble.failures)),
        }
    }

    fn verdict(
        &self,
        position: usize,
        event: &Value,
        mode: Mode,
        facts: &RequestFacts<'_>,
        trouble: &Trouble,
    ) -> Judgement {
        if mode == Mode::Test && TEST_EVENTS <= position {
            return Judgement::Failed { message: "a test request processes its first 20 events only".into() };
        }
        let id = text(event, "event_id");
        if trouble.fails(id) || trouble.is_silent_on(id) {
            return Judgement::Failed { message: "failed by the sandbox's script".into() };
        }
        judge(event, facts.at, self.settings().unknown_names)
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let state = self.state();
        let expired = state.tokens_until.is_some_and(|until| until <= (self.settings().clock)());
        match (&state.tokens, token) {
            (_, None | Some("")) => false,
            (Tokens::Any, Some(_)) => !expired,
            (Tokens::Only(known), Some(token)) => !expired && known.contains(&Secret::new(token.to_owned())),
        }
    }

    fn account(&self, id: &str) -> Option<AdAccountId> {
        let id = AdAccountId::try_new(id)?;
        match &self.settings().accounts {
            Accounts::Any => Some(id),
            Accounts::Only(known) => known.contains(&id).then_some(id),
        }
    }
}

/// `None` if the query says neither.
fn mode(query: &str) -> Option<Mode> {
    match query.split('&').find_map(|pair| pair.strip_prefix("test=")) {
        None | Some("false") => Some(Mode::Live),
        Some("true") => Some(Mode::Test),
        Some(_) => None,
    }
}

/// The events and the mode of a request, or the answer that refuses all of it.
fn check(post: &Post) -> Result<(CheckedRequest, Mode), Refusal> {
    let json = |value: &HeaderValue| {
        value.to_str().is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
    };
    if !post.headers.get(CONTENT_TYPE).is_some_and(json) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, 0, "expected application/json"));
    }
    let mode = mode(&post.query)
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, 4196, "Invalid request: test is true or false"))?;
    let body = post.body.as_ref().map_err(|fault| refuse(fault.status(), 0, &fault.body_text()))?;
    let checked = check_request(body).map_err(|faults| {
        let faults: Vec<String> = faults.iter().take(3).map(describe).collect();
        refuse(StatusCode::BAD_REQUEST, 4196, &format!("Invalid request: {}", faults.join("; ")))
    })?;
    Ok((checked, mode))
}

/// As a JSON Schema validator on the other side would put it.
fn describe(fault: &BodyFault) -> String {
    if let Found::UnknownKey(key) = &fault.found {
        return format!("Additional properties are not allowed at {} ('{key}' was unexpected)", fault.path);
    }
    fault.to_string()
}

fn words(event: &Value, fate: Fate) -> EventWords<'_> {
    EventWords {
        event_name: text(event, "event_name"),
        event_id: text(event, "event_id"),
        action_source: text(event, "action_source"),
        fate,
    }
}

fn verdicts(judgements: &[Judgement], form: FailureForm) -> Response {
    let events: Vec<Value> = judgements
        .iter()
        .map(|judgement| match judgement {
            Judgement::Processed { warning } => {
                json!({"status": "processed", "error_message": "", "warning_message": warning})
            }
            Judgement::Failed { message } => {
                json!({"status": "failed", "error_message": message, "warning_message": ""})
            }
        })
        .collect();
    let received = events.len();
    let processed = judgements.iter().filter(|judgement| matches!(judgement, Judgement::Processed { .. })).count();
    let counts = json!({"num_events_received": received, "num_events_processed": processed});
    let account = json!({"num_events_received": received, "num_events_processed": processed, "events": &events});
    let details = match form {
        _ if processed == received => return Json(account).into_response(),
        FailureForm::In200 => return Json(account).into_response(),
        FailureForm::DetailsEvents => account,
        FailureForm::DetailsList => Value::from(events),
        FailureForm::DetailsByIndex => {
            Value::Object(events.into_iter().enumerate().map(|(n, event)| (n.to_string(), event)).collect())
        }
        FailureForm::DetailsCounts => counts,
        FailureForm::DetailsEmpty => json!({}),
    };
    let body = json!({"code": 0, "message": "Not all events were processed.", "details": details});
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// The answer with what Pinterest's headers say of the limit; a script's own headers stand.
fn named(mut response: Response, limit: &Limit, standing: &Standing) -> Response {
    let (calls, seconds) = (limit.calls, Duration::from_millis(limit.per_ms).as_secs_f64());
    let reset = standing.reset.as_secs() + u64::from(0 < standing.reset.subsec_nanos());
    for (name, value) in [
        ("x-ratelimit-limit", format!("{calls}, {calls};w={seconds};name=\"ads_conversions_ad_account_id\"")),
        ("x-ratelimit-remaining", standing.remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ] {
        let value = HeaderValue::from_str(&value).expect("numbers and plain words");
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

fn answer(end: End) -> Result<Response, Lost> {
    match end {
        End::Lost => Err(Lost),
        End::Answer { status, headers, body } => Ok((status, headers, body).into_response()),
    }
}

/// Pinterest's `Error`.
struct Refusal {
    status: StatusCode,
    code: i64,
    message: String,
}

fn refuse(status: StatusCode, code: i64, message: &str) -> Refusal {
    Refusal { status, code, message: message.to_owned() }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"code": self.code, "message": self.message}))).into_response()
    }
}

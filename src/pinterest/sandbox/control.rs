//! The sandbox's own addresses: what arrived, and what is to go wrong.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::domain::{AdAccountId, Secret};

use super::{Arrival, Sandbox, Stats, Tokens};

/// Most arrivals on one page.
const MAX_PAGE: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page {
    events: Vec<Arrival>,
    /// The `after` of the next page; itself again where nothing more has come yet.
    next: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyQuery {
    account: String,
    event_name: String,
    event_id: String,
}

pub(super) async fn events(State(sandbox): State<Sandbox>, Query(query): Query<PageQuery>) -> Response {
    let events = sandbox.arrivals(query.after, query.limit.unwrap_or(1000).min(MAX_PAGE));
    let next = events.last().map_or(query.after, |arrival| arrival.sequence);
    Json(Page { events, next }).into_response()
}

pub(super) async fn stats(State(sandbox): State<Sandbox>) -> Json<Stats> {
    Json(sandbox.stats())
}

pub(super) async fn key(State(sandbox): State<Sandbox>, Query(query): Query<KeyQuery>) -> Response {
    match AdAccountId::try_new(&query.account) {
        Some(account) => Json(sandbox.key_count(&account, &query.event_name, &query.event_id)).into_response(),
        None => (StatusCode::BAD_REQUEST, "an account is 1 to 18 digits\n").into_response(),
    }
}

pub(super) async fn faults(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.script()).into_response()
}

/// Whatever the content type, so that `curl --data` works.
pub(super) async fn set_faults(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let script = serde_json::from_slice(&body).map_err(|fault| fault.to_string());
    match script.and_then(|script| sandbox.faults(script).map_err(|fault| fault.to_string())) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => (StatusCode::BAD_REQUEST, format!("{fault}\n")).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTokens {
    only: Option<Vec<String>>,
    for_ms: Option<u64>,
}

/// Whatever the content type, so that `curl --data` works. The answer never repeats what came.
pub(super) async fn set_tokens(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let Ok(NewTokens { only, for_ms }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "expected {\"only\": [TOKEN, …], \"for_ms\": NUMBER}\n").into_response();
    };
    let tokens = only.map_or(Tokens::Any, |only| Tokens::Only(only.into_iter().map(Secret::new).collect()));
    sandbox.tokens(tokens, for_ms.map(Duration::from_millis));
    StatusCode::NO_CONTENT.into_response()
}

pub(super) async fn reset(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.reset();
    StatusCode::NO_CONTENT
}

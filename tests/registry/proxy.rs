//! Stands before the registry: asks who is there, fails on demand, remembers what was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::apicurio::{Apicurio, answered};

const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone)]
pub(crate) struct Proxy {
    url: String,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Default)]
struct Rules {
    registry: String,
    client: Client,
    /// The header that a request must have; otherwise 401, as Confluent's registry answers.
    authorization: Option<String>,
    /// Answered before anything else.
    failures: VecDeque<Failure>,
    /// Beginning of a request, and the status that is all it gets.
    closed: Option<(String, u16)>,
    /// Apicurio knows no GUIDs of schemas, which Confluent Platform 8 has: these are played.
    guids: HashMap<String, i32>,
    /// Ids under which the registry is to have a schema that it has under another one: it gives its ids in order.
    ids: HashMap<i32, i32>,
    /// Method and path of each request that came, refused ones included.
    seen: Vec<String>,
}

#[derive(Clone, Copy)]
pub(crate) enum Failure {
    /// A status without a word.
    Status(u16),
    Throttled {
        retry_after_seconds: u32,
    },
}

impl Proxy {
    pub(crate) async fn open(apicurio: &Apicurio) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rules = Arc::new(Mutex::new(Rules { registry: apicurio.url().to_owned(), ..Rules::default() }));
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&rules));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, rules }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn demand(&self, authorization: &str) {
        self.rules.lock().unwrap().authorization = Some(authorization.to_owned());
    }

    pub(crate) fn fail(&self, failures: impl IntoIterator<Item = Failure>) {
        self.rules.lock().unwrap().failures = failures.into_iter().collect();
    }

    /// From now on requests that begin so get this status without a word.
    pub(crate) fn close(&self, request: &str, status: u16) {
        self.rules.lock().unwrap().closed = Some((request.to_owned(), status));
    }

    pub(crate) fn name_by_guid(&self, guid: &str, id: i32) {
        self.rules.lock().unwrap().guids.insert(guid.to_owned(), id);
    }

    pub(crate) fn name_by_id(&self, id: i32, registered: i32) {
        self.rules.lock().unwrap().ids.insert(id, registered);
    }

    /// How often this was asked for.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.rules.lock().unwrap().seen.iter().filter(|seen| *seen == request).count()
    }

    /// Returns when this was asked for so often.
    pub(crate) async fn asked(&self, request: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(request) < times {
            assert!(Instant::now() < deadline, "{request} is not asked for {times} times");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn pass(State(rules): State<Arc<Mutex<Rules>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut path = parts.uri.path().to_owned();
    let (client, url) = {
        let mut rules = rules.lock().unwrap();
        rules.seen.push(format!("{} {path}", parts.method));
        match rules.failures.pop_front() {
            Some(Failure::Status(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
            Some(Failure::Throttled { retry_after_seconds }) => {
                let after = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
                return (StatusCode::TOO_MANY_REQUESTS, after).into_response();
            }
            None => {}
        }
        let shown = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
        if rules.authorization.is_some() && rules.authorization.as_deref() != shown {
            let body = r#"{"error_code": 40101, "message": "authentication needed"}"#;
            return (StatusCode::UNAUTHORIZED, body).into_response();
        }
        let request = format!("{} {path}", parts.method);
        if let Some((_, status)) = rules.closed.as_ref().filter(|(closed, _)| request.starts_with(closed)) {
            return StatusCode::from_u16(*status).unwrap().into_response();
        }
        if let Some(id) = path.strip_prefix("/schemas/guids/").and_then(|guid| rules.guids.get(guid)) {
            path = format!("/schemas/ids/{id}");
        }
        let id = path.strip_prefix("/schemas/ids/").and_then(|id| rules.ids.get(&id.parse().unwrap()));
        if let Some(id) = id {
            path = format!("/schemas/ids/{id}");
        }
        let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
        (rules.client.clone(), format!("{}{path}{query}", rules.registry))
    };
    let body: Bytes = to_bytes(body, 1 << 20).await.unwrap();
    answered(&client, &parts.method, &url, body).await.into_response()
}

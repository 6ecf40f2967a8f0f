//! A registry that says what a test wants it to say.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use tokio::net::TcpListener;

use super::registry::{CredentialSource, Credentials, Registry, RegistrySettings};

/// What the fake says to one request.
#[derive(Clone)]
pub(super) enum Says {
    Json(u16, Value),
    Text(u16, String),
    Throttled {
        retry_after: &'static str,
    },
    /// It takes the request and never answers.
    Nothing,
}

/// A registry that follows a script: for each path its answers in turn, the last one again and again.
#[derive(Default)]
pub(super) struct Fake {
    script: Mutex<HashMap<String, VecDeque<Says>>>,
    /// Method, path with query, and credentials of each request.
    seen: Mutex<Vec<String>>,
    pub(super) bodies: Mutex<Vec<Value>>,
}

impl Fake {
    pub(super) fn on(self: &Arc<Self>, path: &str, says: impl IntoIterator<Item = Says>) -> Arc<Self> {
        self.script.lock().unwrap().insert(path.to_owned(), says.into_iter().collect());
        Arc::clone(self)
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }
}

async fn answer(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    let path = request.uri().path_and_query().expect("requests have a path").as_str().to_owned();
    let credentials = request.headers().get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
    let seen = format!("{} {path} {credentials}", request.method()).trim_end().to_owned();
    fake.seen.lock().unwrap().push(seen);
    if matches!(*request.method(), Method::POST | Method::PUT) {
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        fake.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    }
    let says = {
        let mut script = fake.script.lock().unwrap();
        let says = script.get_mut(&path).unwrap_or_else(|| panic!("no script for {path}"));
        if 1 < says.len() { says.pop_front() } else { says.front().cloned() }
    };
    let status = |code| StatusCode::from_u16(code).unwrap();
    match says.expect("the script has an answer") {
        Says::Json(code, body) => (status(code), body.to_string()).into_response(),
        Says::Text(code, body) => (status(code), body).into_response(),
        Says::Throttled { retry_after } => {
            let header = [(RETRY_AFTER, HeaderValue::from_static(retry_after))];
            (StatusCode::TOO_MANY_REQUESTS, header).into_response()
        }
        Says::Nothing => std::future::pending().await,
    }
}

pub(super) struct Fixed(pub(super) Credentials);

impl CredentialSource for Fixed {
    fn read(&self) -> Result<Credentials, String> {
        Ok(self.0.clone())
    }
}

pub(super) fn settings(url: String) -> RegistrySettings {
    RegistrySettings {
        url,
        timeout: Duration::from_secs(20),
        retry_after: Duration::from_secs(1),
        patience: Duration::from_secs(10),
        unknown_for: Duration::from_mins(1),
        max_bytes: 10_000,
    }
}

pub(super) async fn registry(fake: &Arc<Fake>) -> Registry {
    Registry::try_new(settings(fake.start().await), Box::new(Fixed(Credentials::None))).unwrap()
}

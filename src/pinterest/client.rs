//! One lane's way to Pinterest: a request out, an [`Answered`] back.
//!
//! It retries nothing and follows no redirect; what happens next is decided by who asked. Its one judgement is whether
//! a byte of a failed request can have left: only a connection that never came to be proves that none did. A reused
//! connection that dies may have carried the request, so that is ambiguous, like every other failure.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::tls::Version;
use reqwest::{Response, Url};

use crate::domain::{AdAccountId, Answer, Answered, Attempt, ForeignText, NotTaken, UnixMillis};

use super::address::BaseUrl;
use super::answer::{self, Headers, Reading};
use super::authorities::{self, AuthoritiesFault};
use super::rate_limit;
use super::token::{Token, TokenFault, TokenSource};

/// Longest answer that is read: 1,000 verdicts with messages of 500 bytes fill half of it.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;

/// How one lane talks to Pinterest.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    pub base_url: BaseUrl,
    pub ad_account: AdAccountId,
    pub token: TokenSource,
    pub mode: Mode,
    /// PEM file of certificate authorities that are trusted beside the system's. Read once.
    pub ca_file: Option<PathBuf>,
    /// For name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the start of a post to the last byte of its answer, connecting included. Longer than `connect_timeout`,
    /// else a host that cannot be reached makes ambiguous what is certain.
    pub answer_timeout: Duration,
}

/// Whether Pinterest records what is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    /// `?test=true`: checked and answered, not recorded.
    Test,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error("expected a connect time-out ({connect:?}) below the answer time-out ({answer:?})")]
    TimeOuts { connect: Duration, answer: Duration },
    #[error("the file {} of certificate authorities: {fault}", path.display())]
    Authorities { path: PathBuf, fault: AuthoritiesFault },
    #[error("the HTTP client cannot start")]
    Http(#[source] reqwest::Error),
}

/// A client for one ad account. Its connections are its own and are reused.
pub struct Client {
    http: reqwest::Client,
    url: Url,
    token: Token,
    clock: fn() -> UnixMillis,
}

impl Client {
    /// Reads the token once; connects to nothing. `clock` is the wall clock.
    ///
    /// # Errors
    ///
    /// If there is no token, the time-outs contradict each other, or no certificate authorities can be loaded.
    pub fn try_new(settings: ClientSettings, clock: fn() -> UnixMillis) -> Result<Self, ClientFault> {
        let ClientSettings { base_url, ad_account, token, mode, ca_file, connect_timeout, answer_timeout } = settings;
        if answer_timeout <= connect_timeout {
            return Err(ClientFault::TimeOuts { connect: connect_timeout, answer: answer_timeout });
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pinrelay/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(connect_timeout)
            .timeout(answer_timeout)
            .tcp_nodelay(true)
            .tls_version_min(Version::TLS_1_2)
            .pool_idle_timeout(IDLE_CONNECTION)
            // A connection that leads nowhere is found out before the next posts are lost on it.
            .http2_keep_alive_interval(answer_timeout / 4)
            .http2_keep_alive_timeout(answer_timeout / 4);
        if let Some(path) = ca_file {
            match authorities::read(&path) {
                Ok(certificates) => builder = builder.tls_certs_merge(certificates),
                Err(fault) => return Err(ClientFault::Authorities { path, fault }),
            }
        }
        if base_url.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(ClientFault::Http)?;
        let token = Token::try_new(token, clock())?;
        Ok(Self { http, url: base_url.events(&ad_account, mode), token, clock })
    }

    /// Since when the token in use is known; of the first one from a file, when the file was written.
    pub fn token_since(&self) -> UnixMillis {
        self.token.since()
    }

    /// Reads the token again, as a post does. Whether there is one; if not, the last one that there was stays in use.
    pub async fn has_token(&self) -> bool {
        self.token.look((self.clock)()).await
    }

    /// Asks whether token and ad account are accepted, without an event: a test request with none is refused as
    /// invalid, and before that both are looked at.
    pub async fn ask(&self) -> Answered {
        let mut url = self.url.clone();
        url.set_query(Some("test=true"));
        self.post_to(url, &[]).await
    }

    /// Posts one request with these events, each one JSON object, and reads its answer. Never fails: what goes wrong
    /// is an answer too.
    pub async fn post(&self, bodies: &[Bytes]) -> Answered {
        self.post_to(self.url.clone(), bodies).await
    }

    async fn post_to(&self, url: Url, bodies: &[Bytes]) -> Answered {
        let authorization = self.token.header((self.clock)()).await;
        let request = self
            .http
            .post(url)
            .header(AUTHORIZATION, authorization.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(request_body(bodies));
        match request.send().await {
            Ok(response) => self.answered(response, bodies.len(), &authorization).await,
            Err(fault) => self.unanswered(&fault),
        }
    }

    async fn answered(&self, mut response: Response, events_sent: usize, sent: &HeaderValue) -> Answered {
        let status = response.status().as_u16();
        let body = read_body(&mut response).await.map(|body| without(token_of(sent), body));
        let at = (self.clock)();
        let limit = header(response.headers(), "x-ratelimit-limit").and_then(rate_limit::read);
        let complete = body.as_deref().unwrap_or_default();
        let mut reading = answer::read(status, headers(response.headers()), complete, events_sent, at);
        if let (Err(why), Answer::Ambiguous { .. }) = (&body, &reading.answer) {
            reading.message = Some(ForeignText::new(why));
        }
        let Reading { answer, code, message } = reading;
        Answered { answer, attempt: Attempt { at, status: Some(status), code, message }, limit }
    }

    fn unanswered(&self, fault: &reqwest::Error) -> Answered {
        let (answer, what) = if fault.is_connect() {
            (Answer::NotTaken { cause: NotTaken::Unreachable, retry_after: None }, "no connection")
        } else {
            (Answer::Ambiguous { retry_after: None }, "no answer")
        };
        let message = ForeignText::new(&format!("{what}: {}", innermost(fault)));
        let attempt = Attempt { at: (self.clock)(), status: None, code: None, message: Some(message) };
        Answered { answer, attempt, limit: None }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url.as_str()).field("token", &self.token).finish_non_exhaustive()
    }
}

/// How long an unused connection is kept: shorter than the 60 s after which common load balancers close one, since a
/// request on a connection that closes is ambiguous.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

fn request_body(bodies: &[Bytes]) -> Bytes {
    const HEAD: &[u8] = b"{\"data\":[";
    const TAIL: &[u8] = b"]}";
    let length = HEAD.len() + bodies.iter().map(|body| body.len() + 1).sum::<usize>() + TAIL.len();
    let mut request = BytesMut::with_capacity(length);
    request.extend_from_slice(HEAD);
    for (n, body) in bodies.iter().enumerate() {
        if 0 < n {
            request.extend_from_slice(b",");
        }
        request.extend_from_slice(body);
    }
    request.extend_from_slice(TAIL);
    request.freeze()
}

/// The whole body, or why there is none.
async fn read_body(response: &mut Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() <= MAX_ANSWER_BYTES - body.len() => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err("the answer is longer than 1 MiB".into()),
            Ok(None) => return Ok(body),
            Err(fault) => return Err(format!("the answer broke off: {}", innermost(&fault))),
        }
    }
}

/// The token in a header that [`Token`] made.
fn token_of(authorization: &HeaderValue) -> &str {
    authorization.to_str().unwrap_or_default().trim_start_matches("Bearer ")
}

/// An answer that tells the token back goes on without it: its messages are shown.
fn without(token: &str, body: Vec<u8>) -> Vec<u8> {
    if token.is_empty() {
        return body;
    }
    match String::from_utf8_lossy(&body) {
        text if text.contains(token) => text.replace(token, "***").into_bytes(),
        _ => body,
    }
}

fn headers(headers: &HeaderMap) -> Headers<'_> {
    Headers {
        retry_after: header(headers, RETRY_AFTER.as_str()),
        rate_limit_reset: header(headers, "x-ratelimit-reset"),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The fault at the end of the chain: the others say that an error happened, and the URL, which is known.
fn innermost(fault: &reqwest::Error) -> String {
    let mut last: &dyn Error = fault;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

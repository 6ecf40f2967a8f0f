//! What the tests of client and sandbox share: a running sandbox, a server that answers with given bytes, events.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::domain::{AdAccountId, Answer, Answered, ForeignText, Secret, UnixMillis, Verdict};

use super::client::{Client, ClientSettings, Mode};
use super::sandbox::{Sandbox, SandboxSettings};
use super::{BaseUrl, TokenSource};

pub(super) const TOKEN: &str = "pina_secret";
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

pub(super) fn clock() -> UnixMillis {
    UnixMillis(1_790_000_000_000)
}

pub(super) fn account() -> AdAccountId {
    AdAccountId::try_new("549755885175").expect("digits")
}

/// A valid event of that name and id, which draws no warning.
pub(super) fn event(name: &str, id: &str) -> Bytes {
    event_with(|event| {
        event["event_name"] = json!(name);
        event["event_id"] = json!(id);
    })
}

pub(super) fn event_with(change: impl FnOnce(&mut Value)) -> Bytes {
    let mut event = json!({
        "event_name": "checkout", "event_id": "order-1", "action_source": "web", "event_time": 1_790_000_000,
        "user_data": {"em": [HASH], "external_id": [HASH], "click_id": "x"},
    });
    change(&mut event);
    event.to_string().into()
}

/// Settings for a server on that port. The answer time-out is longer than any test lasts.
pub(super) fn settings(port: u16) -> ClientSettings {
    ClientSettings {
        base_url: BaseUrl::try_new(&format!("http://127.0.0.1:{port}/v5")).expect("a loopback URL"),
        ad_account: account(),
        token: TokenSource::Fixed(Secret::new(TOKEN.into())),
        mode: Mode::Live,
        ca_file: None,
        connect_timeout: Duration::from_secs(30),
        answer_timeout: Duration::from_mins(1),
    }
}

pub(super) fn client(settings: ClientSettings) -> Client {
    Client::try_new(settings, clock).expect("a client")
}

/// One line for an answer, with the status and message of its attempt.
pub(super) fn line(answered: &Answered) -> String {
    let answer = match &answered.answer {
        Answer::Verdicts(verdicts) => {
            let words = verdicts.iter().map(|verdict| match verdict {
                Verdict::Processed { warning: None } => "ok".into(),
                Verdict::Processed { warning: Some(warning) } => format!("ok[{warning}]"),
                Verdict::Failed { message } => format!("bad[{message}]"),
            });
            words.collect::<Vec<_>>().join(" ")
        }
        Answer::WholeRefused { why, .. } => format!("{why:?}"),
        Answer::NotTaken { cause, .. } => format!("{cause:?}"),
        Answer::Ambiguous { .. } => "ambiguous".into(),
    };
    let status = answered.attempt.status.map_or_else(|| "-".into(), |status| status.to_string());
    format!("{answer} | {status} | {}", answered.attempt.message.as_ref().map_or("-", ForeignText::as_str))
}

/// A sandbox that serves on loopback until it is stopped.
pub(super) struct Served {
    pub(super) sandbox: Sandbox,
    pub(super) port: u16,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Served {
    pub(super) async fn start(settings: SandboxSettings) -> Self {
        let sandbox = Sandbox::new(settings);
        let (listener, port) = listen().await;
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(sandbox.clone().serve(listener, async {
            stopped.await.expect("the test stops it");
        }));
        Self { sandbox, port, stop, server }
    }

    pub(super) async fn plain() -> Self {
        Self::start(SandboxSettings::new(clock)).await
    }

    pub(super) fn client(&self) -> Client {
        client(settings(self.port))
    }

    /// Ends the server and waits for the requests under way.
    pub(super) async fn stop(self) {
        self.stop.send(()).expect("it serves");
        self.server.await.expect("no panic").expect("the listener works");
    }
}

pub(super) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// Reads one request with a body of known length, as text.
pub(super) async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            if length.parse() == Ok(body.len()) {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut request).await.expect("readable"), 0, "the request broke off: {text}");
    }
}

/// Serves one connection: to each request the next of the answers, then closes. Gives back the requests.
pub(super) async fn answer_with(answers: &'static [&'static str]) -> (u16, JoinHandle<Vec<String>>) {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut requests = Vec::new();
        for answer in answers {
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.expect("writable");
        }
        requests
    });
    (port, server)
}

//! A sandbox that speaks plain HTTP, and clients that reach it through something else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use pinrelay::domain::{AdAccountId, Answer, Answered, Secret};
use pinrelay::pinterest::{BaseUrl, Client, ClientSettings, Mode, Sandbox, SandboxSettings, TokenSource};
use pinrelay::run::clock;
use tokio::net::TcpListener;

/// An address where the sandbox answers, as long as the test lasts.
pub(crate) async fn serve(sandbox: &Sandbox) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(sandbox.clone().serve(listener, std::future::pending()));
    address
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(SandboxSettings::new(clock::wall))
}

/// For the server behind a URL such as `https://127.0.0.1:1234`.
pub(crate) fn settings(url: &str) -> ClientSettings {
    ClientSettings {
        base_url: BaseUrl::try_new(&format!("{url}/v5")).unwrap(),
        ad_account: AdAccountId::try_new("549755885175").unwrap(),
        token: TokenSource::Fixed(Secret::new("token-of-the-tests".to_owned())),
        mode: Mode::Live,
        ca_file: None,
        connect_timeout: Duration::from_secs(20),
        answer_timeout: Duration::from_mins(1),
    }
}

pub(crate) fn client(settings: ClientSettings) -> Client {
    Client::try_new(settings, clock::wall).unwrap()
}

pub(crate) fn trusting(url: &str, ca_file: PathBuf) -> Client {
    client(ClientSettings { ca_file: Some(ca_file), ..settings(url) })
}

/// A valid event; its time is long ago, which the sandbox does not mind.
pub(crate) fn event(id: usize) -> Bytes {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let event = serde_json::json!({
        "event_name": "checkout", "event_id": id.to_string(), "action_source": "web", "event_time": 1_790_000_000,
        "user_data": {"em": [hash]},
    });
    event.to_string().into()
}

/// What became of a post, and the words for it.
pub(crate) fn words(answered: &Answered) -> String {
    let answer = match &answered.answer {
        Answer::Verdicts(verdicts) => format!("{} verdicts", verdicts.len()),
        Answer::WholeRefused { .. } => "refused as a whole".to_owned(),
        Answer::NotTaken { cause, .. } => format!("not taken: {cause:?}"),
        Answer::Ambiguous { .. } => "ambiguous".to_owned(),
    };
    match &answered.attempt.message {
        Some(message) => format!("{answer}, {message}"),
        None => answer,
    }
}

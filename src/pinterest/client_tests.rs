use std::collections::BTreeMap;

use super::*;
use crate::pinterest::TokenSource;
use crate::pinterest::sandbox::{Fault, FaultScript, SandboxSettings, Stage, Tokens, When};
use crate::pinterest::testing::{
    Served, TOKEN, account, answer_with, client, clock, event, line, listen, read_request, settings,
};

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers: BTreeMap<_, _> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Fault::Answer { status, headers, body: body.into(), at: Stage::BeforeTaking }
}

#[tokio::test]
async fn a_request_is_exactly_this() {
    let (port, server) = answer_with(&["HTTP/1.1 204 \r\ncontent-length: 0\r\n\r\n"]).await;
    let mut settings = settings(port);
    settings.mode = Mode::Test;
    client(settings).post(&[Bytes::from_static(b"{\"event_id\":\"1\"}"), Bytes::from_static(b"{}")]).await;
    let requests = server.await.expect("no panic");
    let request = requests
        .join("")
        .replace(&port.to_string(), "PORT")
        .replace(TOKEN, "TOKEN")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
        .replace("\r\n", "\n");
    insta::assert_snapshot!(request, @r#"
    POST /v5/ad_accounts/549755885175/events?test=true HTTP/1.1
    authorization: Bearer TOKEN
    content-type: application/json
    accept: */*
    user-agent: pinrelay/VERSION
    host: 127.0.0.1:PORT
    content-length: 30

    {"data":[{"event_id":"1"},{}]}
    "#);
}

#[tokio::test]
async fn verdicts_come_back_in_the_order_of_the_request() {
    let served = Served::plain().await;
    let client = served.client();
    let bodies = [event("checkout", "1"), event("subscription", "2"), event("lead", "3")];
    let answered = client.post(&bodies).await;
    assert_eq!(line(&answered), "ok bad[Invalid event_name: subscription] ok | 200 | -");
    assert_eq!(answered.attempt.at, clock());
    served.stop().await;
}

#[tokio::test]
async fn an_answer_lost_after_taking_is_ambiguous_and_a_repetition_is_seen_twice() {
    let served = Served::plain().await;
    let client = served.client();
    served.sandbox.faults(FaultScript::new([(When::Next(1), Fault::Lose { at: Stage::AfterTaking })])).expect("valid");
    let lost = line(&client.post(&[event("checkout", "1")]).await);
    assert!(lost.starts_with("ambiguous | - | no answer: "), "{lost}");
    assert_eq!(served.sandbox.key_count(&account(), "checkout", "1").taken, 1);

    assert_eq!(line(&client.post(&[event("checkout", "1")]).await), "ok | 200 | -");
    assert_eq!(served.sandbox.key_count(&account(), "checkout", "1").taken, 2);
    let stats = served.sandbox.stats();
    assert_eq!((stats.requests, stats.requests_lost, stats.keys_taken_again), (2, 1, 1), "the client repeats nothing");
    served.stop().await;
}

#[tokio::test]
async fn an_answer_lost_before_taking_is_ambiguous_too_since_the_client_cannot_know() {
    let served = Served::plain().await;
    let client = served.client();
    served.sandbox.faults(FaultScript::new([(When::Next(1), Fault::Lose { at: Stage::BeforeTaking })])).expect("valid");
    let lost = line(&client.post(&[event("checkout", "1")]).await);
    assert!(lost.starts_with("ambiguous | - | no answer: "), "{lost}");
    let count = served.sandbox.key_count(&account(), "checkout", "1");
    assert_eq!((count.posted, count.taken), (1, 0));
    served.stop().await;
}

#[tokio::test]
async fn a_reused_connection_that_dies_under_a_request_is_ambiguous_and_nothing_is_sent_again() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_request(&mut stream).await;
        let answer = b"HTTP/1.1 429 \r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.expect("writable");
        read_request(&mut stream).await;
        drop(stream);
        listener
    });
    let client = client(settings(port));
    let bodies = [event("checkout", "1")];
    assert_eq!(line(&client.post(&bodies).await), "Throttled | 429 | status 429 without a message");
    // The connection goes back to the pool in a task of its own.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let died = line(&client.post(&bodies).await);
    assert!(died.starts_with("ambiguous | - | no answer: "), "{died}");

    let listener = server.await.expect("no panic").into_std().expect("a socket");
    let waiting = listener.accept().expect_err("no second connection was opened");
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn where_no_connection_comes_to_be_nothing_was_taken() {
    let (listener, refused) = listen().await;
    drop(listener);
    let answered = client(settings(refused)).post(&[event("checkout", "1")]).await;
    assert_eq!(line(&answered), "Unreachable | - | no connection: Connection refused (os error 111)");

    // A server that does not speak TLS.
    let served = Served::plain().await;
    let mut plain = settings(served.port);
    plain.base_url = BaseUrl::try_new(&format!("https://127.0.0.1:{}/v5", served.port)).expect("a URL");
    let answered = line(&client(plain).post(&[event("checkout", "1")]).await);
    assert!(answered.starts_with("Unreachable | - | no connection: "), "{answered}");
    assert_eq!(served.sandbox.stats().requests, 0);
    served.stop().await;

    // A server that never answers the handshake.
    let (silent, port) = listen().await;
    let mut slow = settings(port);
    slow.base_url = BaseUrl::try_new(&format!("https://127.0.0.1:{port}/v5")).expect("a URL");
    slow.connect_timeout = Duration::from_millis(50);
    let answered = line(&client(slow).post(&[event("checkout", "1")]).await);
    assert!(answered.starts_with("Unreachable | - | no connection: "), "{answered}");
    drop(silent);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let served = Served::plain().await;
    let client = served.client();
    let target = format!("http://127.0.0.1:{}/v5/ad_accounts/1/events", served.port);
    for status in [301, 302, 303, 307, 308] {
        let redirect = answer(status, &[("location", &target)], "");
        served.sandbox.faults(FaultScript::new([(When::Next(1), redirect)])).expect("valid");
        let answered = line(&client.post(&[event("checkout", "1")]).await);
        assert_eq!(answered, format!("WrongAddress | {status} | status {status} without a message"));
    }
    assert_eq!(served.sandbox.stats().requests, 5);
    served.stop().await;
}

#[tokio::test]
async fn a_slow_answer_is_ambiguous_and_its_events_may_be_taken_later() {
    let served = Served::plain().await;
    let hour = Fault::Delay { ms: 3_600_000, spread_ms: 0, at: Stage::BeforeTaking };
    served.sandbox.faults(FaultScript::new([(When::Always, hour)])).expect("valid");
    let mut hasty = settings(served.port);
    hasty.connect_timeout = Duration::from_millis(900);
    hasty.answer_timeout = Duration::from_secs(1);
    let answered = client(hasty).post(&[event("checkout", "1")]).await;
    assert_eq!(line(&answered), "ambiguous | - | no answer: operation timed out");
    let sandbox = served.sandbox.clone();
    assert_eq!(sandbox.stats().processed, 0);
    // The end of the server ends the delay.
    served.stop().await;
    while sandbox.stats().posted == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sandbox.key_count(&account(), "checkout", "1").taken, 1);
}

#[tokio::test]
async fn what_the_status_says_for_certain_survives_a_gigantic_or_broken_body() {
    let served = Served::plain().await;
    let client = served.client();
    let gigantic = " ".repeat(MAX_ANSWER_BYTES + 1);
    let fitting = format!("{{\"message\": \"{}\"}}", "x".repeat(MAX_ANSWER_BYTES - 20));
    for (status, body, meaning) in [
        (200, gigantic.as_str(), "ambiguous | 200 | the answer is longer than 1 MiB"),
        (429, &gigantic, "Throttled | 429 | status 429 without a message"),
        (400, &gigantic, "Invalid | 400 | status 400 without a message"),
        (503, &gigantic, "ambiguous | 503 | the answer is longer than 1 MiB"),
        (200, "<html>welcome</html>", "ambiguous | 200 | the answer has no account of the events"),
        (502, "<html>bad gateway</html>", "ambiguous | 502 | status 502 without a message"),
    ] {
        served.sandbox.faults(FaultScript::new([(When::Next(1), answer(status, &[], body))])).expect("valid");
        assert_eq!(line(&client.post(&[event("checkout", "1")]).await), meaning);
    }
    served.sandbox.faults(FaultScript::new([(When::Next(1), answer(503, &[], &fitting))])).expect("valid");
    let answered = line(&client.post(&[event("checkout", "1")]).await);
    assert!(answered.starts_with("ambiguous | 503 | xxxx"), "an answer below the limit is read: {answered}");
    served.stop().await;

    for (answer, meaning) in [
        (
            &["HTTP/1.1 200 \r\ncontent-length: 99\r\n\r\n{\"num_"][..],
            "ambiguous | 200 | the answer broke off: end of file before message length reached",
        ),
        (&["HTTP/1.1 429 \r\ncontent-length: 99\r\n\r\n{"], "Throttled | 429 | status 429 without a message"),
        (&["garbage\r\n\r\n"], "ambiguous | - | no answer: invalid HTTP version parsed"),
        (&[""], "ambiguous | - | no answer: connection closed before message completed"),
    ] {
        let (port, serving) = answer_with(answer).await;
        let client = self::client(settings(port));
        assert_eq!(line(&client.post(&[event("checkout", "1")]).await), meaning);
        serving.await.expect("no panic");
    }
}

#[tokio::test]
async fn the_waiting_time_is_read_from_the_headers() {
    let served = Served::plain().await;
    let client = served.client();
    for (header, seconds) in [("Retry-After", 7), ("X-RateLimit-Reset", 12)] {
        let throttled = answer(429, &[(header, &seconds.to_string())], "");
        served.sandbox.faults(FaultScript::new([(When::Next(1), throttled)])).expect("valid");
        let retry_after = Some(Duration::from_secs(seconds));
        let answered = client.post(&[event("checkout", "1")]).await;
        assert_eq!(answered.answer, Answer::NotTaken { cause: NotTaken::Throttled, retry_after });
    }
    served.stop().await;
}

#[tokio::test]
async fn a_new_token_in_the_file_counts_from_the_next_post_on_and_no_token_is_ever_shown() {
    let mut sandbox = SandboxSettings::new(clock);
    sandbox.tokens = Tokens::Only(vec![crate::domain::Secret::new(TOKEN.into())]);
    let served = Served::start(sandbox).await;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("token");
    std::fs::write(&path, "pina_revoked").expect("written");
    let mut settings = settings(served.port);
    settings.token = TokenSource::File(path.clone());
    let client = client(settings.clone());
    let refused = client.post(&[event("checkout", "1")]).await;
    assert_eq!(line(&refused), "Unauthorized | 401 | Authentication failed.");
    assert_eq!(refused.attempt.code, Some(2));
    std::fs::write(&path, format!("{TOKEN}\n")).expect("written");
    assert_eq!(line(&client.post(&[event("checkout", "1")]).await), "ok | 200 | -");

    settings.token = TokenSource::Fixed(crate::domain::Secret::new(TOKEN.into()));
    let shown = format!("{client:?} {settings:?} {refused:?} {:?}", self::client(settings.clone()));
    assert!(!shown.contains("pina_"), "{shown}");
    served.stop().await;
}

#[tokio::test]
async fn token_and_account_can_be_asked_for_without_an_event() {
    let mut sandbox = SandboxSettings::new(clock);
    sandbox.tokens = Tokens::Only(vec![crate::domain::Secret::new(TOKEN.into())]);
    let served = Served::start(sandbox).await;
    let accepted = served.client().ask().await;
    assert!(matches!(accepted.answer, Answer::WholeRefused { .. }), "{accepted:?}");
    let mut wrong = settings(served.port);
    wrong.token = TokenSource::Fixed(crate::domain::Secret::new("pina_wrong".into()));
    assert_eq!(line(&client(wrong).ask().await), "Unauthorized | 401 | Authentication failed.");
    assert_eq!(served.sandbox.stats().posted, 0);
    served.stop().await;
}

#[test]
fn time_outs_that_contradict_each_other_are_refused() {
    let mut settings = settings(1);
    settings.connect_timeout = settings.answer_timeout;
    let fault = Client::try_new(settings, clock).expect_err("equal");
    assert_eq!(fault.to_string(), "expected a connect time-out (60s) below the answer time-out (60s)");
}

#[test]
fn a_token_that_an_answer_tells_back_is_left_out() {
    for (body, shown) in [
        ("Bearer pinaSecret is wrong: pinaSecret", "Bearer *** is wrong: ***"),
        ("the token is wrong", "the token is wrong"),
        ("", ""),
    ] {
        let header = HeaderValue::from_static("Bearer pinaSecret");
        assert_eq!(without(token_of(&header), body.into()), shown.as_bytes(), "{body}");
    }
}

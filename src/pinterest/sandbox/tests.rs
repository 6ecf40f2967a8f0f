use serde_json::{Value, json};

use super::*;
use crate::pinterest::client::Mode;
use crate::pinterest::testing::{Served, TOKEN, account, client, clock, event, event_with, line, settings};

/// A plain HTTP client and the address of a sandbox, for what the lane's client cannot do.
struct Plain {
    http: reqwest::Client,
    base: String,
}

impl Plain {
    fn new(served: &Served) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://127.0.0.1:{}", served.port) }
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        serde_json::from_str(&response.text().await.expect("text")).expect("JSON")
    }

    /// Status and body.
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, String) {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }
}

fn fail(prefix: &str) -> Fault {
    Fault::FailEvents(EventsToFail::EventIdPrefix(prefix.into()))
}

#[tokio::test]
async fn a_request_is_refused_for_what_is_wrong_with_it() {
    let mut settings = SandboxSettings::new(clock);
    settings.tokens = Tokens::Only(vec![Secret::new("pina_good".into())]);
    settings.accounts = Accounts::Only(vec![account()]);
    settings.max_body_bytes = 1000;
    let served = Served::start(settings).await;
    let plain = Plain::new(&served);
    let url = format!("/v5/ad_accounts/{}/events", account());
    let good = [("authorization", "Bearer pina_good"), ("content-type", "application/json")];
    let body = |event: &[u8]| [b"{\"data\":[", event, b"]}"].concat();
    let valid = body(&event("checkout", "1"));
    let unknown_key = body(&event_with(|event| event["custom_data"] = json!({"category_name": "x"})));
    for (path, headers, body, answer) in [
        (url.clone(), &good[1..], valid.clone(), r#"401 {"code":2,"message":"Authentication failed."}"#),
        (
            url.clone(),
            &[("authorization", "Bearer pina_bad"), good[1]],
            valid.clone(),
            r#"401 {"code":2,"message":"Authentication failed."}"#,
        ),
        (
            "/v5/ad_accounts/1/events".into(),
            &good,
            valid.clone(),
            r#"404 {"code":2,"message":"there is no such ad account"}"#,
        ),
        ("/v4/events".into(), &good, valid.clone(), r#"404 {"code":0,"message":"no such address"}"#),
        (url.clone(), &good[..1], valid.clone(), r#"415 {"code":0,"message":"expected application/json"}"#),
        (
            format!("{url}?test=yes"),
            &good,
            valid.clone(),
            r#"400 {"code":4196,"message":"Invalid request: test is true or false"}"#,
        ),
        (
            url.clone(),
            &good,
            b"{".to_vec(),
            r#"400 {"code":4196,"message":"Invalid request: (whole): expected a JSON document, found other bytes at line 1, column 1"}"#,
        ),
        (
            url.clone(),
            &good,
            unknown_key,
            r#"400 {"code":4196,"message":"Invalid request: Additional properties are not allowed at data[0].custom_data ('category_name' was unexpected)"}"#,
        ),
        (
            url.clone(),
            &good,
            vec![b' '; 1001],
            r#"413 {"code":0,"message":"Failed to buffer the request body: length limit exceeded"}"#,
        ),
        (
            url.clone(),
            &good,
            valid,
            r#"200 {"events":[{"error_message":"","status":"processed","warning_message":""}],"num_events_processed":1,"num_events_received":1}"#,
        ),
    ] {
        let (status, text) = plain.post(&path, headers, body).await;
        assert_eq!(format!("{status} {text}"), answer, "{path}");
    }
    let response = plain.http.get(format!("{}{url}", plain.base)).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 405);
    let stats = served.sandbox.stats();
    assert_eq!(
        stats.requests_by_status.into_iter().collect::<Vec<_>>(),
        [(200, 1), (400, 3), (401, 2), (404, 1), (413, 1), (415, 1)],
        "requests to addresses that do not exist are not counted"
    );
    assert_eq!((stats.posted, stats.processed), (1, 1), "nothing of a refused request is recorded");
    served.stop().await;
}

#[tokio::test]
async fn failed_events_are_told_in_every_form_and_only_some_of_them_are_verdicts() {
    let served = Served::plain().await;
    let client = served.client();
    let mixed = [event("checkout", "good-1"), event("checkout", "bad-1")];
    let said = "Not all events were processed.";
    let bad = "bad[failed by the sandbox's script]";
    for (failures, answer) in [
        (FailureForm::In200, format!("ok {bad} | 200 | -")),
        (FailureForm::DetailsEvents, format!("ok {bad} | 422 | {said}")),
        (FailureForm::DetailsList, format!("ok {bad} | 422 | {said}")),
        (FailureForm::DetailsByIndex, format!("ok {bad} | 422 | {said}")),
        (FailureForm::DetailsCounts, format!("ambiguous | 422 | {said}")),
        (FailureForm::DetailsEmpty, format!("ambiguous | 422 | {said}")),
    ] {
        let script = FaultScript { failures, ..FaultScript::new([(When::Always, fail("bad-"))]) };
        served.sandbox.faults(script).expect("valid");
        assert_eq!(line(&client.post(&mixed).await), answer, "{failures:?}");
        assert_eq!(line(&client.post(&mixed[..1]).await), "ok | 200 | -", "{failures:?}");
        if failures == FailureForm::DetailsCounts {
            assert_eq!(line(&client.post(&mixed[1..]).await), format!("bad[{said}] | 422 | {said}"));
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn a_test_request_is_answered_alike_not_counted_and_processes_twenty_events() {
    let served = Served::plain().await;
    let mut test = settings(served.port);
    test.mode = Mode::Test;
    let bodies: Vec<_> = (0..21).map(|n| event("checkout", &n.to_string())).collect();
    let answered = line(&client(test).post(&bodies).await);
    let expected = format!("{}bad[a test request processes its first 20 events only] | 200 | -", "ok ".repeat(20));
    assert_eq!(answered, expected);
    let stats = served.sandbox.stats();
    assert_eq!((stats.test, stats.posted, stats.processed, stats.keys_posted), (21, 21, 0, 0));
    assert!(served.sandbox.arrivals(0, 100).iter().all(|arrival| arrival.test));
    served.stop().await;
}

#[tokio::test]
async fn what_arrived_is_told_in_order_page_by_page_without_personal_values() {
    let served = Served::plain().await;
    let client = served.client();
    let plain = Plain::new(&served);
    client.post(&[event("checkout", "1"), event("oops", "2")]).await;
    client.post(&[event("checkout", "1")]).await;
    let page = plain.get("/sandbox/events?after=0&limit=2").await;
    assert_eq!(page["next"], 2);
    let bytes = served.sandbox.arrivals(0, 1)[0].request_bytes;
    assert_eq!(
        page["events"][1],
        json!({
            "sequence": 2, "request": 1, "request_bytes": bytes, "at_ms": 1_790_000_000_000_i64,
            "account": account().as_str(), "event_name": "oops", "event_id": "2", "action_source": "web",
            "test": false, "fate": "failed",
        })
    );
    let rest = plain.get("/sandbox/events?after=2").await;
    assert_eq!((rest["events"].as_array().map(Vec::len), &rest["next"]), (Some(1), &json!(3)));
    assert_eq!(plain.get("/sandbox/events?after=3").await, json!({"events": [], "next": 3}));

    assert_eq!(
        plain.get("/sandbox/stats").await,
        json!({
            "requests": 2, "requests_by_status": {"200": 2}, "requests_lost": 0,
            "posted": 3, "processed": 2, "failed": 1, "not_taken": 0, "test": 0,
            "keys_posted": 2, "keys_taken": 1, "keys_posted_again": 1, "keys_taken_again": 1,
            "repeated": [{
                "account": account().as_str(), "event_name": "checkout", "event_id": "1",
                "count": {"posted": 2, "taken": 2},
            }],
        })
    );
    let key = format!("/sandbox/key?account={}&event_name=oops&event_id=2", account());
    assert_eq!(plain.get(&key).await, json!({"posted": 1, "taken": 0}));
    served.stop().await;
}

#[tokio::test]
async fn a_script_comes_over_http_counts_down_and_goes_with_a_reset() {
    let served = Served::plain().await;
    let client = served.client();
    let plain = Plain::new(&served);
    let script = json!({"rules": [
        {"when": {"next": 2}, "fault": {"answer": {"status": 503, "headers": {"retry-after": "1"}, "body": "{\"code\":4197}"}}},
        {"when": {"share": 0.0}, "fault": {"lose": {"at": "after_taking"}}},
        {"fault": {"delay": {"ms": 0, "at": "before_taking"}}},
        {"fault": {"fail_events": {"event_id_prefix": "bad-"}}},
        {"fault": {"fail_events": {"share": 0.0}}},
    ], "failures": "details_events"});
    assert_eq!(plain.post("/sandbox/faults", &[], script.to_string()).await, (204, String::new()));
    for answer in ["ambiguous | 503", "ambiguous | 503", "bad[failed by the sandbox's script] | 422"] {
        assert!(line(&client.post(&[event("checkout", "bad-1")]).await).starts_with(answer), "{answer}");
    }
    let count = served.sandbox.key_count(&account(), "checkout", "bad-1");
    assert_eq!(count, KeyCount { posted: 3, taken: 0 });
    let stats = served.sandbox.stats();
    assert_eq!((stats.not_taken, stats.failed), (2, 1));
    assert_eq!(plain.get("/sandbox/faults").await["rules"][0]["when"], json!({"next": 0}));

    for (script, fault) in [
        ("{", "EOF while parsing an object at line 1 column 1\n"),
        (r#"{"rule": []}"#, "unknown field `rule`, expected one of `rules`, `limits`, `failures` at line 1 column 7\n"),
        (
            r#"{"rules": [{"when": {"share": 1.5}, "fault": {"lose": {}}}]}"#,
            "rule 0: expected a share from 0 to 1, found 1.5\n",
        ),
        (
            r#"{"rules": [{"fault": {"answer": {"status": 101}}}]}"#,
            "rule 0: expected a status from 200 to 999, found 101\n",
        ),
        (
            r#"{"rules": [{"fault": {"answer": {"status": 200, "headers": {"a b": ""}}}}]}"#,
            "rule 0: 'a b' with this value is no HTTP header\n",
        ),
    ] {
        assert_eq!(plain.post("/sandbox/faults", &[], script).await, (400, fault.to_owned()));
    }
    assert_eq!(served.sandbox.script().rules.len(), 5, "a wrong script changes nothing");

    assert_eq!(plain.post("/sandbox/reset", &[], "").await, (204, String::new()));
    assert_eq!(served.sandbox.stats(), Stats::default());
    assert_eq!(served.sandbox.script(), FaultScript::default());
    assert_eq!(line(&client.post(&[event("checkout", "bad-1")]).await), "ok | 200 | -");
    served.stop().await;
}

#[tokio::test]
async fn an_answer_of_the_script_after_taking_hides_that_the_events_were_taken() {
    let served = Served::plain().await;
    let gone = Fault::Answer { status: 500, headers: [].into(), body: String::new(), at: Stage::AfterTaking };
    served.sandbox.faults(FaultScript::new([(When::Next(1), gone)])).expect("valid");
    let answered = line(&served.client().post(&[event("checkout", "1")]).await);
    assert_eq!(answered, "ambiguous | 500 | status 500 without a message");
    assert_eq!(served.sandbox.key_count(&account(), "checkout", "1"), KeyCount { posted: 1, taken: 1 });
    served.stop().await;
}

#[tokio::test]
async fn the_same_seed_picks_the_same_requests_and_events() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let mut settings = SandboxSettings::new(clock);
        settings.seed = seed;
        settings.faults = FaultScript::new([
            (When::Share(0.5), Fault::Lose { at: Stage::AfterTaking }),
            (When::Always, Fault::FailEvents(EventsToFail::Share(0.5))),
        ]);
        let served = Served::start(settings).await;
        let client = served.client();
        let mut run = Vec::new();
        for n in 0..30 {
            let answered = client.post(&[event("checkout", &n.to_string())]).await;
            run.push(answered.attempt.status);
        }
        let fates = served.sandbox.arrivals(0, 100).into_iter().map(|arrival| arrival.fate).collect::<Vec<_>>();
        let failing = EventsToFail::Share(0.5);
        for (n, fate) in fates.iter().enumerate() {
            assert_eq!(*fate == Fate::Failed, failing.has(seed, &n.to_string()), "seed {seed}, event {n}");
        }
        served.stop().await;
        runs.push((run, fates));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0, runs[2].0);
    assert_ne!(runs[0].1, runs[2].1);
}

#[test]
fn a_share_of_events_has_about_that_share() {
    for (share, expected) in [(0.0, 0..=0), (0.1, 900..=1100), (0.5, 4800..=5200), (1.0, 10_000..=10_000)] {
        let events = EventsToFail::Share(share);
        let n = (0..10_000).filter(|n| events.has(7, &format!("order-{n}"))).count();
        assert!(expected.contains(&n), "{share}: {n} of 10,000");
    }
}

#[tokio::test]
async fn old_arrivals_are_forgotten_and_still_counted() {
    let mut settings = SandboxSettings::new(clock);
    settings.keep_arrivals = 2;
    let served = Served::start(settings).await;
    let bodies: Vec<_> = (0..5).map(|n| event("checkout", &n.to_string())).collect();
    served.client().post(&bodies).await;
    let kept: Vec<_> = served.sandbox.arrivals(0, 100).into_iter().map(|arrival| arrival.sequence).collect();
    assert_eq!(kept, [4, 5]);
    assert_eq!(served.sandbox.stats().processed, 5);
    assert_eq!(served.sandbox.key_count(&account(), "checkout", "0").taken, 1);
    served.stop().await;
}

#[tokio::test]
async fn some_events_have_their_whole_request_refused_and_some_never_get_a_verdict() {
    let served = Served::plain().await;
    let client = served.client();
    let share = |events: fn(EventsToFail) -> Fault, prefix: &str| {
        (When::Always, events(EventsToFail::EventIdPrefix(prefix.into())))
    };
    let script = FaultScript::new([share(Fault::RefuseRequests, "poison-"), share(Fault::DropVerdicts, "silent-")]);
    served.sandbox.faults(script).expect("valid");
    let [good, poison, silent] = ["good-1", "poison-1", "silent-1"].map(|id| event("checkout", id));
    for (bodies, answer) in [
        (vec![good.clone(), poison.clone()], "Invalid | 400 | Invalid request: the script refuses data[1]"),
        (vec![good.clone()], "ok | 200 | -"),
        (vec![good, silent.clone()], "ambiguous | 422 | Not all events were processed."),
        (vec![silent], "ambiguous | 422 | Not all events were processed."),
        (vec![poison], "Invalid | 400 | Invalid request: the script refuses data[0]"),
    ] {
        assert_eq!(line(&client.post(&bodies).await), answer);
    }
    let taken = ["good-1", "poison-1", "silent-1"].map(|id| served.sandbox.key_count(&account(), "checkout", id).taken);
    assert_eq!(taken, [2, 0, 0]);
    served.stop().await;
}

#[tokio::test]
async fn tokens_are_revoked_replaced_and_expire_while_it_runs() {
    let served = Served::plain().await;
    let plain = Plain::new(&served);
    let client = served.client();
    for (tokens, answer) in [
        (json!({"only": ["pina_other"]}), "Unauthorized | 401 | Authentication failed."),
        (json!({"only": ["pina_other", TOKEN]}), "ok | 200 | -"),
        // The clock of the tests stands still.
        (json!({"only": [TOKEN], "for_ms": 0}), "Unauthorized | 401 | Authentication failed."),
        (json!({"only": [TOKEN], "for_ms": 1}), "ok | 200 | -"),
        (json!({"for_ms": 0}), "Unauthorized | 401 | Authentication failed."),
        (json!({}), "ok | 200 | -"),
    ] {
        assert_eq!(plain.post("/sandbox/tokens", &[], tokens.to_string()).await, (204, String::new()), "{tokens}");
        assert_eq!(line(&client.post(&[event("checkout", "1")]).await), answer, "{tokens}");
    }
    let (status, answer) = plain.post("/sandbox/tokens", &[], r#"{"only": "pina_secret"}"#).await;
    assert!(status == 400 && !answer.contains("pina_"), "{answer}");
    served.stop().await;
}

//! Limits of calls over HTTP, and faults that come and go with time.

use super::*;
use crate::domain::{Answer, CallLimit, NotTaken};
use crate::pinterest::client::{ClientSettings, Mode};
use crate::pinterest::testing::{Served, account, client, clock, event, settings};

fn script(text: &str) -> FaultScript {
    serde_json::from_str(text).expect("a script")
}

#[tokio::test]
async fn every_answer_names_the_limit_and_a_call_beyond_it_is_answered_by_429() {
    for (limits, named) in [
        (r#"[{"calls": 2}]"#, CallLimit::try_new(2, Duration::from_mins(1))),
        (r#"[{"calls": 2, "counted": "sliding"}]"#, CallLimit::try_new(2, Duration::from_mins(1))),
        (r#"[{"calls": 2, "per_ms": 1000, "counted": {"bucket": 2}}]"#, CallLimit::try_new(2, Duration::from_secs(1))),
        (r#"[{"calls": 9}, {"calls": 2, "account": "549755885175"}]"#, CallLimit::try_new(2, Duration::from_mins(1))),
    ] {
        let mut settings = SandboxSettings::new(clock);
        settings.faults = script(&format!(r#"{{"limits": {limits}}}"#));
        let served = Served::start(settings).await;
        let client = served.client();
        let events = [event("checkout", "1")];
        for _ in 0..2 {
            let answered = client.post(&events).await;
            assert_eq!((answered.attempt.status, answered.limit), (Some(200), named), "{limits}");
        }
        let refused = client.post(&events).await;
        // The clock stands at 20 s of a minute.
        let reset = if limits.contains("1000") {
            Duration::from_secs(1)
        } else if limits.contains("sliding") {
            Duration::from_mins(1)
        } else {
            Duration::from_secs(40)
        };
        let throttled = Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(reset) };
        assert_eq!((refused.answer, refused.limit), (throttled, named), "{limits}");
        assert_eq!(served.sandbox.key_count(&account(), "checkout", "1").taken, 2);
        served.stop().await;
    }
}

#[tokio::test]
async fn an_account_without_a_limit_has_none_and_a_script_with_the_same_limits_goes_on_counting() {
    let served = Served::plain().await;
    let client = served.client();
    let events = [event("checkout", "1")];
    let limited = r#"{"limits": [{"calls": 1, "account": "549755885175"}]}"#;
    for (text, status, named) in [
        (r#"{"limits": [{"calls": 1, "account": "1"}]}"#, 200, false),
        (r#"{"limits": [{"calls": 1, "account": "1"}]}"#, 200, false),
        (limited, 200, true),
        (limited, 429, true),
        (r#"{"limits": [{"calls": 2, "account": "549755885175"}]}"#, 200, true),
        ("{}", 200, false),
    ] {
        served.sandbox.faults(script(text)).expect("valid");
        let answered = client.post(&events).await;
        assert_eq!((answered.attempt.status, answered.limit.is_some()), (Some(status), named), "{text}");
    }
    served.stop().await;
}

#[tokio::test]
async fn an_eleventh_test_request_of_a_second_is_answered_by_429_for_whatever_account_and_a_live_one_is_not() {
    let served = Served::plain().await;
    let client = |ad_account: &str, mode| {
        let ad_account = AdAccountId::try_new(ad_account).expect("digits");
        client(ClientSettings { ad_account, mode, ..settings(served.port) })
    };
    let (one, other) = (client("1", Mode::Test), client("2", Mode::Test));
    let events = [event("checkout", "1")];
    let ten_a_second = CallLimit::try_new(10, Duration::from_secs(1));
    for _ in 0..5 {
        assert_eq!(one.post(&events).await.limit, ten_a_second);
        // A question is a test request, too.
        assert_eq!(other.ask().await.attempt.status, Some(400));
    }
    let throttled = Answer::NotTaken { cause: NotTaken::Throttled, retry_after: Some(Duration::from_secs(1)) };
    for refused in [one.post(&events).await, other.post(&events).await, client("3", Mode::Live).ask().await] {
        assert_eq!((refused.answer, refused.limit), (throttled.clone(), ten_a_second));
    }
    assert_eq!(client("3", Mode::Live).post(&events).await.attempt.status, Some(200));
    served.stop().await;
}

#[test]
fn a_limit_that_allows_nothing_makes_no_sense() {
    for limit in [r#"{"calls": 0}"#, r#"{"calls": 1, "per_ms": 0}"#, r#"{"calls": 1, "counted": {"bucket": 0}}"#] {
        let script = script(&format!(r#"{{"limits": [{{"calls": 1}}, {limit}]}}"#));
        assert_eq!(script.check(), Err(ScriptFault::Limit { limit: 1 }), "{limit}");
    }
}

#[test]
fn a_fault_strikes_during_its_span_and_a_delay_varies_within_its_spread() {
    let start = UnixMillis(1_000_000);
    let script = script(
        r#"{"rules": [{"when": {"during": {"from_ms": 100, "for_ms": 50}}, "fault": {"delay": {"ms": 7}}},
                      {"fault": {"delay": {"ms": 10, "spread_ms": 20, "at": "after_taking"}}}]}"#,
    );
    let mut faults = Faults::new(script, start, 1);
    for (age, struck) in [(0, 0), (99, 0), (100, 7), (149, 7), (150, 0)] {
        let trouble = faults.strike(start.after(Duration::from_millis(age)));
        assert_eq!(trouble.delay_before, Duration::from_millis(struck), "after {age} ms");
    }
    let delays: Vec<_> = (0..1000).map(|_| faults.strike(start).delay_after.as_millis()).collect();
    assert_eq!((delays.iter().min(), delays.iter().max()), (Some(&10), Some(&30)));
}

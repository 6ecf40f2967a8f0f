use proptest::prelude::*;
use serde_json::json;

use super::*;

/// 2026-09-24T12:00:00Z.
const NOW: UnixMillis = UnixMillis(1_790_251_200_000);

/// One line for a reading, as short as it can be.
fn line(reading: &Reading) -> String {
    let answer = match &reading.answer {
        Answer::Verdicts(verdicts) => verdicts.iter().map(verdict).collect::<Vec<_>>().join(" "),
        Answer::WholeRefused { why, message } => format!("{why:?} ({message})"),
        Answer::NotTaken { cause, retry_after } => match retry_after {
            Some(wait) => format!("{cause:?} for {wait:?}"),
            None => format!("{cause:?}"),
        },
        Answer::Ambiguous { retry_after: None } => "ambiguous".into(),
        Answer::Ambiguous { retry_after: Some(wait) } => format!("ambiguous for {wait:?}"),
    };
    match (reading.code, &reading.message) {
        (None, None) => answer,
        (code, message) => {
            let code = code.map_or_else(|| "-".into(), |code| code.to_string());
            format!("{answer} | {code} | {}", message.as_ref().map_or("-", ForeignText::as_str))
        }
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Processed { warning: None } => "ok".into(),
        Verdict::Processed { warning: Some(text) } => format!("ok[{text}]"),
        Verdict::Failed { message } => format!("bad[{message}]"),
    }
}

fn read_plain(status: u16, body: &str, events_sent: usize) -> String {
    line(&read(status, Headers::default(), body.as_bytes(), events_sent, NOW))
}

fn ok(received: u64, processed: u64, events: &Value) -> String {
    json!({"num_events_received": received, "num_events_processed": processed, "events": events}).to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row for each answer")]
fn each_answer_has_its_meaning() {
    let ok1 = json!({"status": "processed"});
    let bad1 = json!({"status": "failed", "error_message": "no"});
    let two = json!([ok1, bad1]);
    let error = r#"{"code": 7, "message": "text"}"#;
    for (status, body, meaning) in [
        // Verdicts.
        (200, ok(2, 2, &json!([ok1, ok1])), "ok ok"),
        (200, ok(2, 1, &two), "ok bad[no]"),
        (200, ok(2, 0, &json!([bad1, bad1])), "bad[no] bad[no]"),
        (
            200,
            ok(
                2,
                1,
                &json!([
                    {"status": "processed", "error_message": "", "warning_message": "click_id is missing"},
                    {"status": "failed", "error_message": null, "warning_message": ""},
                ]),
            ),
            "ok[click_id is missing] bad[failed without a message]",
        ),
        (201, ok(2, 1, &two), "ok bad[no]"),
        // A success without a full account.
        (
            200,
            ok(2, 2, &two),
            "ambiguous | - | 2 events sent, 2 received, 2 in the answer; 2 said to be processed, 1 listed so",
        ),
        (
            200,
            ok(1, 1, &two),
            "ambiguous | - | 2 events sent, 1 received, 2 in the answer; 1 said to be processed, 1 listed so",
        ),
        (
            200,
            ok(2, 1, &json!([ok1])),
            "ambiguous | - | 2 events sent, 2 received, 1 in the answer; 1 said to be processed, 1 listed so",
        ),
        (
            200,
            ok(3, 2, &json!([ok1, ok1, bad1])),
            "ambiguous | - | 2 events sent, 3 received, 3 in the answer; 2 said to be processed, 2 listed so",
        ),
        (
            200,
            ok(2, 2, &json!([ok1, {"status": "queued"}])),
            "ambiguous | - | the answer has an event that is neither processed nor failed",
        ),
        (
            200,
            ok(2, 2, &json!([ok1, null])),
            "ambiguous | - | the answer has an event that is neither processed nor failed",
        ),
        (200, json!({"events": two}).to_string(), "ambiguous | - | the answer has no account of the events"),
        (200, ok(2, 1, &json!({"0": ok1, "1": bad1})), "ambiguous | - | the answer has no account of the events"),
        (200, error.into(), "ambiguous | 7 | the answer has no account of the events"),
        (200, "<html>hello</html>".into(), "ambiguous | - | the answer has no account of the events"),
        (200, String::new(), "ambiguous | - | the answer has no account of the events"),
        (200, ok(2, 1, &two)[..60].into(), "ambiguous | - | the answer has no account of the events"),
        (200, format!("{}x", ok(2, 1, &two)), "ambiguous | - | the answer has no account of the events"),
        (204, String::new(), "ambiguous | - | the answer has no account of the events"),
        (206, ok(2, 1, &two), "ok bad[no]"),
        (200, "null".into(), "ambiguous | - | the answer has no account of the events"),
        (200, two.to_string(), "ambiguous | - | the answer has no account of the events"),
        (200, "[".repeat(100_000), "ambiguous | - | the answer has no account of the events"),
        (
            200,
            ok(2, 3, &json!([ok1, ok1])),
            "ambiguous | - | 2 events sent, 2 received, 2 in the answer; 3 said to be processed, 2 listed so",
        ),
        (
            200,
            ok(0, 0, &json!([])),
            "ambiguous | - | 2 events sent, 0 received, 0 in the answer; 0 said to be processed, 0 listed so",
        ),
        // 422 with an account of every event, in whatever shape.
        (422, json!({"code": 7, "message": "text", "details": {"events": two}}).to_string(), "ok bad[no] | 7 | text"),
        (422, json!({"code": 7, "message": "text", "details": two}).to_string(), "ok bad[no] | 7 | text"),
        (
            422,
            json!({"code": 7, "message": "text", "details": {"0": ok1, "1": bad1}}).to_string(),
            "ok bad[no] | 7 | text",
        ),
        (
            422,
            json!({"details": {"response": {"num_events_processed": 1, "events": two}}}).to_string(),
            "ok bad[no] | - | status 422 without a message",
        ),
        (422, json!({"message": "text", "details": [{"events": two}]}).to_string(), "ok bad[no] | - | text"),
        (422, json!({"code": 7, "message": "text", "details": ok(2, 1, &two)}).to_string(), "ok bad[no] | 7 | text"),
        (422, ok(2, 1, &two), "ok bad[no] | - | status 422 without a message"),
        // 422 that says that nothing was processed.
        (
            422,
            json!({"code": 7, "message": "text", "details": {"num_events_processed": 0}}).to_string(),
            "bad[text] bad[text] | 7 | text",
        ),
        (
            422,
            json!({"message": "text", "details": {"num_events_received": 2, "num_events_processed": 0, "events": []}})
                .to_string(),
            "bad[text] bad[text] | - | text",
        ),
        // 422 without.
        (422, json!({"code": 7, "message": "text", "details": {}}).to_string(), "ambiguous | 7 | text"),
        (422, json!({"message": "text", "details": {"events": [ok1, ok1]}}).to_string(), "ambiguous | - | text"),
        (422, json!({"message": "text", "details": {"events": [bad1]}}).to_string(), "ambiguous | - | text"),
        (422, json!({"message": "text", "details": {"events": [ok1, bad1, bad1]}}).to_string(), "ambiguous | - | text"),
        (
            422,
            json!({"message": "text", "details": {"num_events_processed": 0, "events": two}}).to_string(),
            "ambiguous | - | text",
        ),
        (
            422,
            json!({"message": "text", "details": {"num_events_received": 3, "num_events_processed": 0}}).to_string(),
            "ambiguous | - | text",
        ),
        (422, json!({"message": "text", "details": {"num_events_processed": "0"}}).to_string(), "ambiguous | - | text"),
        (
            422,
            json!({"message": "text", "details": {"events": two, "others": two}}).to_string(),
            "ambiguous | - | text",
        ),
        (422, "<html>".into(), "ambiguous | - | status 422 without a message"),
        (422, String::new(), "ambiguous | - | status 422 without a message"),
        // The whole body.
        (
            400,
            r#"{"code":4196,"message":"The request was invalid."}"#.into(),
            "Invalid (The request was invalid.) | 4196 | The request was invalid.",
        ),
        (400, "<html>".into(), "Invalid (status 400 without a message) | - | status 400 without a message"),
        (400, String::new(), "Invalid (status 400 without a message) | - | status 400 without a message"),
        (400, json!({"message": "text", "details": [bad1]}).to_string(), "Invalid (text) | - | text"),
        (400, json!({"message": "text", "details": two}).to_string(), "ok bad[no] | - | text"),
        (400, json!({"message": "text", "details": [ok1]}).to_string(), "ambiguous | - | text"),
        (400, json!({"message": "text", "num_events_processed": 1}).to_string(), "ambiguous | - | text"),
        (413, error.into(), "TooLarge (text) | 7 | text"),
        (413, String::new(), "TooLarge (status 413 without a message) | - | status 413 without a message"),
        // Not taken.
        (401, r#"{"code":2,"message":"Authentication failed."}"#.into(), "Unauthorized | 2 | Authentication failed."),
        (403, error.into(), "Forbidden | 7 | text"),
        (404, error.into(), "WrongAddress | 7 | text"),
        (405, error.into(), "WrongAddress | 7 | text"),
        (415, error.into(), "WrongAddress | 7 | text"),
        (301, String::new(), "WrongAddress | - | status 301 without a message"),
        (302, ok(2, 2, &json!([ok1, ok1])), "WrongAddress | - | status 302 without a message"),
        (304, String::new(), "WrongAddress | - | status 304 without a message"),
        (307, "<html>".into(), "WrongAddress | - | status 307 without a message"),
        (429, r#"{"code":8,"message":"slow down"}"#.into(), "Throttled | 8 | slow down"),
        // Nothing certain.
        (408, error.into(), "ambiguous | 7 | text"),
        (500, error.into(), "ambiguous | 7 | text"),
        (502, "<html>".into(), "ambiguous | - | status 502 without a message"),
        (503, r#"{"code":4197,"message":"ramped down"}"#.into(), "ambiguous | 4197 | ramped down"),
        (504, String::new(), "ambiguous | - | status 504 without a message"),
        (500, ok(2, 2, &json!([ok1, ok1])), "ambiguous | - | status 500 without a message"),
        (100, String::new(), "ambiguous | - | status 100 without a message"),
        (101, String::new(), "ambiguous | - | status 101 without a message"),
        (402, error.into(), "ambiguous | 7 | text"),
        (407, "<html>".into(), "ambiguous | - | status 407 without a message"),
        (409, error.into(), "ambiguous | 7 | text"),
        (410, error.into(), "ambiguous | 7 | text"),
        (418, error.into(), "ambiguous | 7 | text"),
        (501, error.into(), "ambiguous | 7 | text"),
        (522, "<html>".into(), "ambiguous | - | status 522 without a message"),
        (0, String::new(), "ambiguous | - | status 0 without a message"),
        (600, error.into(), "ambiguous | 7 | text"),
        (999, error.into(), "ambiguous | 7 | text"),
    ] {
        assert_eq!(read_plain(status, &body, 2), meaning, "{status} {body}");
    }
}

#[test]
fn a_success_that_is_cut_off_anywhere_is_no_verdict() {
    let whole = ok(2, 1, &json!([{"status": "processed"}, {"status": "failed", "error_message": "no"}]));
    assert_eq!(read_plain(200, &whole, 2), "ok bad[no]");
    for end in 0..whole.len() {
        let cut = whole.get(..end).expect("ASCII");
        assert_eq!(read_plain(200, cut, 2), "ambiguous | - | the answer has no account of the events", "{cut}");
    }
}

#[test]
fn a_wait_comes_from_retry_after_else_from_the_rate_limit_and_is_capped() {
    for (status, retry_after, rate_limit_reset, meaning) in [
        (429, None, None, "Throttled"),
        (429, Some("7"), None, "Throttled for 7s"),
        (429, Some(" 0 "), None, "Throttled for 0ns"),
        (429, Some("Thu, 24 Sep 2026 12:00:09 GMT"), None, "Throttled for 9s"),
        (429, Some("Thu, 24 Sep 2026 11:59:59 GMT"), None, "Throttled for 0ns"),
        (429, Some("Fri, 25 Sep 2026 12:00:00 GMT"), None, "Throttled for 300s"),
        (429, Some("86400"), None, "Throttled for 300s"),
        (429, Some("18446744073709551615"), None, "Throttled for 300s"),
        (429, Some("soon"), None, "Throttled"),
        (429, Some("-1"), None, "Throttled"),
        (429, None, Some("12"), "Throttled for 12s"),
        (429, None, Some("12, 60;w=60"), "Throttled for 12s"),
        (429, None, Some("1790251205"), "Throttled for 5s"),
        (429, None, Some("1790251199"), "Throttled for 0ns"),
        (429, None, Some("86400"), "Throttled for 300s"),
        (429, None, Some("-3"), "Throttled"),
        (429, None, Some(""), "Throttled"),
        (429, Some("7"), Some("12"), "Throttled for 7s"),
        (429, Some("soon"), Some("12"), "Throttled for 12s"),
        (401, Some("7"), None, "Unauthorized for 7s"),
        (401, None, Some("12"), "Unauthorized"),
        (503, Some("7"), Some("12"), "ambiguous for 7s"),
        (503, Some("Thu, 24 Sep 2026 12:00:09 GMT"), None, "ambiguous for 9s"),
        (503, None, Some("12"), "ambiguous"),
        (422, Some("7"), None, "ambiguous for 7s"),
        (200, Some("7"), None, "ambiguous for 7s"),
        (400, Some("7"), None, "Invalid (status 400 without a message)"),
    ] {
        let headers = Headers { retry_after, rate_limit_reset };
        let shown = line(&read(status, headers, b"", 1, NOW));
        assert_eq!(shown.split(" |").next(), Some(meaning), "{status} {headers:?}");
    }
}

#[test]
fn messages_are_masked() {
    let body = json!({"message": "'ana@example.com' is not hashed"}).to_string();
    assert_eq!(read_plain(400, &body, 1), "Invalid (*** is not hashed) | - | *** is not hashed");
}

/// JSON that is made of the words that the reader looks for.
fn near_answers() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0_i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just("processed"), Just("failed"), Just("{\"events\":[]}"), Just("")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("events"),
        Just("details"),
        Just("status"),
        Just("num_events_processed"),
        Just("num_events_received"),
        Just("message"),
        Just("0"),
        Just("1"),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn check_laws(reading: &Reading, status: u16, events_sent: usize) -> Result<(), TestCaseError> {
    match &reading.answer {
        Answer::Verdicts(verdicts) => {
            prop_assert_eq!(verdicts.len(), events_sent);
            prop_assert!(matches!(status, 200..=299 | 400 | 413 | 422));
        }
        Answer::WholeRefused { .. } => prop_assert!(matches!(status, 400 | 413)),
        Answer::NotTaken { retry_after, .. } => {
            prop_assert!(matches!(status, 300..=399 | 401 | 403 | 404 | 405 | 415 | 429));
            prop_assert!(retry_after.unwrap_or_default() <= MAX_RETRY_AFTER);
        }
        Answer::Ambiguous { retry_after } => prop_assert!(retry_after.unwrap_or_default() <= MAX_RETRY_AFTER),
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        status in 0_u16..1000, body in proptest::collection::vec(any::<u8>(), 0..100), header in ".{0,30}",
        events_sent in 1_usize..4, now in any::<i64>(),
    ) {
        let headers = Headers { retry_after: Some(&header), rate_limit_reset: Some(&header) };
        check_laws(&read(status, headers, &body, events_sent, UnixMillis(now)), status, events_sent)?;
    }

    #[test]
    fn a_damaged_answer_is_read_by_the_laws_and_never_says_that_more_was_processed(
        status in prop_oneof![Just(200_u16), Just(400), Just(413), Just(422)],
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        form in 0..3_usize,
    ) {
        let events = json!([{"status": "processed"}, {"status": "failed", "error_message": "no"}]);
        let account = ok(2, 1, &events);
        let forms = [
            account.clone(),
            format!("{{\"code\": 7, \"details\": {account}}}"),
            format!("{{\"code\": 7, \"details\": {{\"0\": {}, \"1\": {}}}}}", events[0], events[1]),
        ];
        let mut body = forms[form].clone().into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let reading = read(status, Headers::default(), &body, 2, NOW);
        check_laws(&reading, status, 2)?;
        if let Answer::Verdicts(verdicts) = reading.answer {
            prop_assert!(n_processed(&verdicts) <= 1);
        }
    }

    #[test]
    fn any_json_near_an_answer_is_read_by_the_laws(
        status in prop_oneof![Just(200_u16), Just(400), Just(413), Just(422)], body in near_answers(), events_sent in 1_usize..4,
    ) {
        let body = body.to_string();
        check_laws(&read(status, Headers::default(), body.as_bytes(), events_sent, NOW), status, events_sent)?;
    }
}

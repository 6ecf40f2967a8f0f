//! A registry that asks who is there, and one that is away.

use std::fs;

use super::leads::{lead, writer};
use super::proxy::Failure;
use super::stage::{AUTH, PATIENCE, Stage, outcomes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_end_the_start_with_a_message_and_are_read_again_while_it_runs() {
    let stage = Stage::open("bearer", "confluent").await;
    let token = stage.folder().join("registry-token");
    fs::write(&token, "wrong").unwrap();
    stage.proxy.demand("Bearer first");

    let (code, out) = stage.topics(&["--apply"], AUTH).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("schema registry refuses: answered 401 Unauthorized authentication needed"), "{out}");
    let mut relay = stage.spawn(AUTH);
    assert_eq!(relay.ended(PATIENCE).await.code(), Some(1));
    assert!(stage.logged().contains("schema registry refuses: answered 401 Unauthorized"), "{}", stage.logged());
    assert!(!out.contains("wrong") && !stage.logged().contains("wrong"), "a secret is told");

    fs::write(&token, "first\n").unwrap();
    let (code, out) = stage.topics(&["--apply"], AUTH).await;
    assert_eq!(code, Some(0), "{out}");
    let relay = stage.spawn(AUTH);
    let first = stage.apicurio.register("bearer.leads-value", &writer(&[])).await;
    stage.write_framed(0, &[(first, lead("1"))]).await;
    assert_eq!(outcomes(&stage.rows(1).await, 0), [("delivered", 1)]);

    // The token changes at the registry first: records with known schemas go on, others wait until ours changes, too.
    stage.proxy.demand("Bearer second");
    let more = serde_json::json!({"name": "more", "type": "int"});
    let second = stage.apicurio.register("bearer.leads-value", &writer(&[more])).await;
    let request = format!("GET /schemas/ids/{second}");
    stage.write_framed(0, &[(first, lead("2")), (second, [lead("3"), vec![2]].concat())]).await;
    stage.write_framed(1, &[(first, lead("4"))]).await;
    // The second time a second after the first was told.
    stage.proxy.asked(&request, 2).await;
    let rows = stage.rows(3).await;
    assert_eq!((outcomes(&rows, 0), outcomes(&rows, 1)), (vec![("delivered", 2)], vec![("delivered", 1)]));
    assert!(stage.logged().contains("the registry gives no schema; records wait"), "{}", stage.logged());
    fs::write(&token, "second").unwrap();
    let rows = stage.rows(4).await;
    relay.leave(PATIENCE).await;
    assert_eq!(outcomes(&rows, 0), [("delivered", 3)]);
    assert!(2 <= stage.proxy.count(&request));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_and_a_password_are_shown_from_the_first_topic_to_the_last_row() {
    const BASIC: &str = "auth: {basic: {user: Aladdin, password: {file: registry-password}}}";
    let stage = Stage::open("basic", "confluent").await;
    let password = stage.folder().join("registry-password");
    // The example of RFC 7617, 2.
    stage.proxy.demand("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    fs::write(&password, "closed sesame").unwrap();
    let (code, out) = stage.topics(&["--apply"], BASIC).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("schema registry refuses: answered 401 Unauthorized"), "{out}");

    fs::write(&password, "open sesame\n").unwrap();
    let (code, out) = stage.topics(&["--apply"], BASIC).await;
    assert_eq!(code, Some(0), "{out}");
    let relay = stage.spawn(BASIC);
    let id = stage.apicurio.register("basic.leads-value", &writer(&[])).await;
    stage.write_framed(0, &[(id, lead("1"))]).await;
    assert_eq!(outcomes(&stage.rows(1).await, 0), [("delivered", 1)]);
    relay.leave(PATIENCE).await;
    assert_eq!(stage.proxy.count(&format!("GET /schemas/ids/{id}")), 1);
    assert!(!stage.logged().contains("sesame"), "a secret is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_fails_or_throttles_for_a_while_costs_time_alone() {
    let stage = Stage::open("away", "confluent").await.with_topics().await;
    let id = stage.apicurio.register("away.leads-value", &writer(&[])).await;
    let relay = stage.spawn("");
    // The start has found the schema of the rows: what fails from here on are requests for the record's schema.
    stage.proxy.asked("POST /subjects/away.delivery-results-value", 2).await;
    let failures = [Failure::Status(503), Failure::Throttled { retry_after_seconds: 2 }, Failure::Status(500)];
    stage.proxy.fail(failures);
    stage.write_framed(0, &[(id, lead("1")), (id, lead("2"))]).await;
    let rows = stage.rows(2).await;
    relay.leave(PATIENCE).await;
    assert_eq!(outcomes(&rows, 0), [("delivered", 2)]);
    assert_eq!(stage.proxy.count(&format!("GET /schemas/ids/{id}")), failures.len() + 1);
}

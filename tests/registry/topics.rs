//! The schema of the audit rows in the registry.

use pinrelay::kafka::audit;
use reqwest::Method;
use serde_json::{Value, json};

use super::leads::{lead, writer};
use super::stage::{PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_apply_registers_the_schema_of_the_rows_under_a_subject_that_takes_compatible_ones_alone() {
    let stage = Stage::open("rows", "confluent").await;
    let subject = "rows.delivery-results-value";
    let (code, out) = stage.topics(&[], "").await;
    assert_eq!(code, Some(1), "nothing is there");
    assert!(out.contains("topic rows.delivery-results does not exist"), "{out}");
    assert!(out.contains(&format!("subject {subject} of the schema registry has the compatibility NONE")), "{out}");
    assert!(out.contains(&format!("subject {subject} of the schema registry does not have the schema")), "{out}");
    assert_eq!(stage.apicurio.ask(Method::GET, &format!("subjects/{subject}/versions"), None).await.0, 404, "{out}");

    let (code, out) = stage.topics(&["--apply"], "").await;
    assert_eq!(code, Some(0), "{out}");
    let (_, latest) = stage.apicurio.ask(Method::GET, &format!("subjects/{subject}/versions/latest"), None).await;
    assert!(out.contains(&format!("registered {subject}, FULL_TRANSITIVE: schema {}", latest["id"])), "{out}");
    let registered: Value = serde_json::from_str(latest["schema"].as_str().unwrap()).unwrap();
    let ours: Value = serde_json::from_str(audit::SCHEMA).unwrap();
    assert_eq!(registered["fields"].as_array().unwrap().len(), ours["fields"].as_array().unwrap().len());
    let (_, level) = stage.apicurio.ask(Method::GET, &format!("config/{subject}"), None).await;
    assert_eq!(level["compatibilityLevel"], "FULL_TRANSITIVE");

    let (code, out) = stage.topics(&[], "").await;
    let shown = format!("audit rows: subject {subject}, compatibility FULL_TRANSITIVE, schema {}\n", latest["id"]);
    assert!(code == Some(0) && out.ends_with(&shown), "{out}");

    // Again: the same schema is the same version, and a start finds it.
    let (_, again) = stage.topics(&["--apply"], "").await;
    assert!(again.contains(&format!("schema {}", latest["id"])), "{again}");
    let relay = stage.spawn("");
    let id = stage.apicurio.register("rows.leads-value", &writer(&[])).await;
    stage.write_framed(0, &[(id, lead("1"))]).await;
    stage.rows(1).await;
    relay.leave(PATIENCE).await;
    let (_, versions) = stage.apicurio.ask(Method::GET, &format!("subjects/{subject}/versions"), None).await;
    assert_eq!(versions, json!([1]));

    // The registry itself says what a later release may do to the schema.
    let with = |field: Value| {
        let mut schema = ours.clone();
        schema["fields"].as_array_mut().unwrap().push(field);
        schema
    };
    let optional = with(json!({"name": "new", "type": ["null", "string"], "default": null}));
    let required = with(json!({"name": "new", "type": "string"}));
    assert_eq!(stage.apicurio.try_register(subject, &required, &[]).await.unwrap_err().0, 409);
    assert!(stage.apicurio.try_register(subject, &optional, &[]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_is_refused_where_the_registry_would_take_a_schema_that_breaks_readers_until_apply_has_mended_it() {
    let stage = Stage::open("loose", "confluent").await.with_topics().await;
    let subject = "loose.delivery-results-value";
    let backward = json!({"compatibility": "BACKWARD"});
    let (status, _) = stage.apicurio.ask(Method::PUT, &format!("config/{subject}"), Some(backward)).await;
    assert!(status.is_success());
    let fault = format!(
        "subject {subject} of the schema registry has the compatibility BACKWARD; needed is FULL_TRANSITIVE: \
         `pinrelay topics --config FILE --apply` sets it"
    );

    let (code, out) = stage.topics(&[], "").await;
    assert!(code == Some(1) && out.contains(&format!("error: {fault}")), "{out}");
    let (code, out) = stage.topics(&["--json"], "").await;
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["as_needed"], &said["faults"]), (Some(1), &json!(false), &json!([fault])));
    let mut relay = stage.spawn("");
    assert_eq!(relay.ended(PATIENCE).await.code(), Some(1));
    assert!(stage.logged().contains(&fault), "{}", stage.logged());

    let (code, out) = stage.topics(&["--apply", "--json"], "").await;
    let said: Value = serde_json::from_str(&out).unwrap();
    let (_, latest) = stage.apicurio.ask(Method::GET, &format!("subjects/{subject}/versions/latest"), None).await;
    let mended = json!({
        "as_needed": true,
        "created": [],
        "feeds": [{"name": "lead", "topic": "loose.leads", "partitions": 2}],
        "audit_subject": {
            "subject": subject, "compatibility": "FULL_TRANSITIVE", "schema_id": latest["id"], "withheld": []
        },
        "faults": [],
    });
    assert_eq!((code, said), (Some(0), mended));
    let relay = stage.spawn("");
    let id = stage.apicurio.register("loose.leads-value", &writer(&[])).await;
    stage.write_framed(0, &[(id, lead("1"))]).await;
    stage.rows(1).await;
    relay.leave(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_goes_on_and_says_so_where_the_registry_does_not_show_what_it_takes() {
    let stage = Stage::open("closed", "confluent").await.with_topics().await;
    for (status, words) in
        [(404, "answered 404 Not Found"), (405, "answered 405 Method"), (403, "answered 403 Forbidden")]
    {
        stage.proxy.close("GET /config", status);
        let (code, out) = stage.topics(&[], "").await;
        assert!(code == Some(0) && out.contains("compatibility not told, schema "), "{out}");
        assert!(out.contains(&format!("the registry does not tell all: it {words}")), "{out}");
    }
    let relay = stage.spawn("");
    let id = stage.apicurio.register("closed.leads-value", &writer(&[])).await;
    stage.write_framed(0, &[(id, lead("1"))]).await;
    stage.rows(1).await;
    relay.leave(PATIENCE).await;
    let warned = "the registry does not tell which schemas it takes for audit rows";
    assert!(stage.logged().contains(warned), "{}", stage.logged());
}

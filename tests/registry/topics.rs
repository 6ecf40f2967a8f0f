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

    // Again: the same schema is the same version, also when the process registers it at its start.
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

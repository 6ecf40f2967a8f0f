use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::kafka::registry_fake::{Fake, Says, registry};

const CONFIG: &str = "/config/audit-value?defaultToGlobal=true";
const LOOK_UP: &str = "/subjects/audit-value";

fn retry(cause: &str) -> RegistryFault {
    RegistryFault::Retry { after: Duration::from_secs(1), cause: cause.into() }
}

fn told(compatibility: &str) -> Told<String> {
    Told::Told(compatibility.into())
}

fn withheld<T>() -> Told<T> {
    Told::Withheld { cause: "answered 403 Forbidden".into() }
}

#[test]
fn another_compatibility_and_a_schema_that_is_missing_are_faults_and_what_is_withheld_is_none() {
    let level = |found: &str| SubjectFault::Compatibility { subject: "audit-value".into(), found: found.into() };
    let missing = || SubjectFault::NotRegistered { subject: "audit-value".into() };
    let here = Told::Told(Some(7));
    for (compatibility, schema_id, faults) in [
        (told("FULL_TRANSITIVE"), here.clone(), vec![]),
        (told("FULL_TRANSITIVE"), Told::Told(None), vec![missing()]),
        (told("FULL"), here.clone(), vec![level("FULL")]),
        (told("BACKWARD_TRANSITIVE"), here.clone(), vec![level("BACKWARD_TRANSITIVE")]),
        (told("NONE"), Told::Told(None), vec![level("NONE"), missing()]),
        (told("NONE"), withheld(), vec![level("NONE")]),
        (withheld(), here, vec![]),
        (withheld(), Told::Told(None), vec![missing()]),
        (withheld(), withheld(), vec![]),
    ] {
        let subject = Subject { name: "audit-value".into(), compatibility, schema_id };
        assert_eq!(subject.faults(), faults, "{subject:?}");
        let mismatch = faults.into_iter().find(|fault| *fault != missing());
        assert_eq!(subject.mismatch(), mismatch, "{subject:?}");
    }
}

#[test]
fn a_fault_names_the_subject_what_is_wrong_and_the_command_that_mends_it() {
    let subject = Subject { name: "audit-value".into(), compatibility: told("BACKWARD"), schema_id: Told::Told(None) };
    let words: Vec<String> = subject.faults().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    subject audit-value of the schema registry has the compatibility BACKWARD; needed is FULL_TRANSITIVE: `pinrelay topics --config FILE --apply` sets it
    subject audit-value of the schema registry does not have the schema of the audit rows: `pinrelay topics --config FILE --apply` registers it
    ");
}

#[tokio::test]
async fn the_compatibility_is_that_of_the_subject_else_that_of_all_and_may_be_withheld() {
    let level = |level: &str| Says::Json(200, json!({ "compatibilityLevel": level }));
    let none = |code: u32| Says::Json(404, json!({ "error_code": code, "message": "nothing" }));
    let without_words = |status| Says::Text(status, String::new());
    let withheld = |cause: &str| Ok(Told::Withheld { cause: cause.into() });
    let nobody = || without_words(500);
    for (own, of_all, compatibility) in [
        (level("FULL_TRANSITIVE"), nobody(), Ok(told("FULL_TRANSITIVE"))),
        (level("NONE"), nobody(), Ok(told("NONE"))),
        // Apicurio, for a subject without schemas.
        (none(40401), level("NONE"), Ok(told("NONE"))),
        // A registry that is too old for the query.
        (none(40408), level("BACKWARD"), Ok(told("BACKWARD"))),
        (none(40408), without_words(403), withheld("answered 403 Forbidden")),
        (none(40408), none(40401), withheld("answered 404 Not Found nothing")),
        (without_words(403), nobody(), withheld("answered 403 Forbidden")),
        (without_words(405), nobody(), withheld("answered 405 Method Not Allowed")),
        (without_words(404), nobody(), withheld("answered 404 Not Found, not as a registry does: check its url")),
        (without_words(401), nobody(), Err(RegistryFault::Refused { cause: "answered 401 Unauthorized".into() })),
        (without_words(503), nobody(), Err(retry("answered 503 Service Unavailable"))),
        (Says::Text(200, "<html>".into()), nobody(), Err(retry("answered 200 OK, not as a registry does"))),
        (none(40401), without_words(503), Err(retry("answered 503 Service Unavailable"))),
    ] {
        let fake = Arc::<Fake>::default().on(CONFIG, [own]).on("/config", [of_all]);
        assert_eq!(registry(&fake).await.compatibility("audit-value").await, compatibility);
    }
}

#[tokio::test]
async fn a_schema_is_looked_for_in_its_subject_and_nothing_is_changed() {
    let level = Says::Json(200, json!({ "compatibilityLevel": "FULL_TRANSITIVE" }));
    let missing = |code: u32| Says::Json(404, json!({ "error_code": code, "message": "nothing" }));
    let without_words = |status| Says::Text(status, String::new());
    for (says, schema_id) in [
        (Says::Json(200, json!({ "subject": "audit-value", "version": 3, "id": 42 })), Ok(Told::Told(Some(42)))),
        (missing(40401), Ok(Told::Told(None))),
        (missing(40403), Ok(Told::Told(None))),
        (without_words(403), Ok(withheld())),
        (without_words(404), Err(retry("answered 404 Not Found, not as a registry does: check its url"))),
        (without_words(502), Err(retry("answered 502 Bad Gateway"))),
    ] {
        let fake = Arc::<Fake>::default().on(CONFIG, [level.clone()]).on(LOOK_UP, [says]);
        let subject = registry(&fake).await.subject("audit-value", r#""string""#).await;
        assert_eq!(subject.map(|subject| subject.schema_id), schema_id);
        assert_eq!(fake.seen(), [format!("GET {CONFIG}"), format!("POST {LOOK_UP}")]);
        assert_eq!(*fake.bodies.lock().unwrap(), [json!({ "schema": "\"string\"" })]);
    }
}

#[tokio::test]
async fn a_compatibility_that_may_not_be_read_raises_no_doubt_in_credentials_that_are_taken() {
    let found = Says::Json(200, json!({ "id": 42 }));
    let fake = Arc::<Fake>::default().on(CONFIG, [Says::Text(403, String::new())]).on(LOOK_UP, [found]);
    let registry = registry(&fake).await;
    let subject = registry.subject("audit-value", r#""string""#).await.unwrap();
    assert_eq!((subject.compatibility, subject.schema_id), (withheld(), Told::Told(Some(42))));
    assert!(registry.has_credentials());
}

#[tokio::test]
async fn a_schema_is_registered_under_its_subject() {
    let path = "/subjects/audit-value/versions";
    let conflict = Says::Json(409, json!({ "error_code": 409, "message": "incompatible: READER_FIELD_MISSING" }));
    let down = Says::Text(502, String::new());
    let fake = Arc::<Fake>::default().on(path, [Says::Json(200, json!({ "id": 42 })), down, conflict]);
    let registry = registry(&fake).await;
    assert_eq!(registry.register("audit-value", r#""string""#).await, Ok(42));
    assert_eq!(fake.bodies.lock().unwrap()[0], json!({ "schema": "\"string\"" }));
    let again = registry.register("audit-value", r#""string""#).await;
    assert_eq!(again, Err(retry("answered 502 Bad Gateway")));
    let cause = "answered 409 Conflict incompatible: READER_FIELD_MISSING".into();
    assert_eq!(registry.register("audit-value", r#""string""#).await, Err(RegistryFault::Refused { cause }));
}

#[tokio::test]
async fn compatible_schemas_alone_are_demanded_for_a_subject() {
    let path = "/config/audit-value";
    let forbidden = Says::Json(403, json!({ "error_code": 40301, "message": "not yours" }));
    let fake = Arc::<Fake>::default().on(path, [Says::Json(200, json!({ "compatibility": COMPATIBILITY })), forbidden]);
    let registry = registry(&fake).await;
    assert_eq!(registry.require_compatibility("audit-value").await, Ok(()));
    assert_eq!(fake.bodies.lock().unwrap()[0], json!({ "compatibility": "FULL_TRANSITIVE" }));
    let cause = "answered 403 Forbidden not yours".into();
    assert_eq!(registry.require_compatibility("audit-value").await, Err(RegistryFault::Refused { cause }));
    assert_eq!(fake.seen(), ["PUT /config/audit-value"; 2]);
}

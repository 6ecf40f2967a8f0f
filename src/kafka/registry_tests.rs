use std::collections::VecDeque;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::kafka::registry_fake::{Fake, Fixed, Says, registry, settings};

const ID_7: &str = "/schemas/ids/7";

fn at(seconds: u64) -> BootTime {
    BootTime(1000 * seconds)
}

fn found(schema: &str) -> Says {
    Says::Json(200, json!({ "schema": schema }))
}

fn missing() -> Says {
    Says::Json(404, json!({ "error_code": 40403, "message": "Schema 7 not found" }))
}

fn alone(schema: &str) -> RegisteredSchema {
    RegisteredSchema { schema: schema.into(), references: vec![] }
}

fn retry(after_seconds: u64, cause: &str) -> RegistryFault {
    RegistryFault::Retry { after: Duration::from_secs(after_seconds), cause: cause.into() }
}

#[tokio::test]
async fn a_schema_is_asked_for_once_and_kept() {
    let fake = Arc::<Fake>::default().on(ID_7, [found(r#""string""#), missing()]);
    let registry = registry(&fake).await;
    for seconds in [0, 1, 1_000_000] {
        assert_eq!(*registry.schema(7, at(seconds)).await.unwrap(), alone(r#""string""#));
    }
    assert_eq!(fake.seen(), ["GET /schemas/ids/7"]);
}

#[tokio::test]
async fn a_schema_is_found_by_the_guid_that_a_header_names() {
    let path = "/schemas/guids/00010203-0405-0607-0809-0a0b0c0d0e0f";
    let fake = Arc::<Fake>::default().on(path, [found(r#""string""#)]);
    let registry = registry(&fake).await;
    let guid = SchemaName::Guid(std::array::from_fn(|n| u8::try_from(n).unwrap()));
    assert_eq!(*registry.schema(guid, at(0)).await.unwrap(), alone(r#""string""#));
}

#[tokio::test]
async fn many_who_want_one_schema_make_one_request() {
    let fake = Arc::<Fake>::default().on(ID_7, [found(r#""long""#)]);
    let registry = Arc::new(registry(&fake).await);
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let registry = Arc::clone(&registry);
        all.spawn(async move { registry.schema(7, at(0)).await.unwrap().schema.clone() });
    }
    assert_eq!(all.join_all().await, vec![r#""long""#; 20]);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_registry_that_fails_and_recovers_costs_time_and_no_record() {
    let down = Says::Text(500, "<html>".into());
    let fake = Arc::<Fake>::default().on(ID_7, [down, found(r#""long""#)]);
    let registry = registry(&fake).await;
    let fault = retry(1, "answered 500 Internal Server Error");
    assert_eq!(registry.schema(7, at(100)).await, Err(fault.clone()));
    assert_eq!(registry.schema(7, BootTime(100_999)).await, Err(fault), "too early: the registry is left in peace");
    assert_eq!(fake.seen().len(), 1);
    assert_eq!(*registry.schema(7, at(101)).await.unwrap(), alone(r#""long""#));
}

#[tokio::test]
async fn nothing_but_the_registrys_own_word_makes_an_id_unknown() {
    for (says, fault) in [
        (Says::Text(503, String::new()), retry(1, "answered 503 Service Unavailable")),
        (Says::Throttled { retry_after: "30" }, retry(30, "answered 429 Too Many Requests")),
        (Says::Throttled { retry_after: "0" }, retry(1, "answered 429 Too Many Requests")),
        (Says::Throttled { retry_after: "86400" }, retry(300, "answered 429 Too Many Requests")),
        (
            Says::Text(404, "<html>no such page</html>".into()),
            retry(1, "answered 404 Not Found, not as a registry does: check its url"),
        ),
        (
            Says::Json(404, json!({ "error_code": 404, "message": "HTTP 404 Not Found" })),
            retry(1, "answered 404 Not Found HTTP 404 Not Found, not as a registry does: check its url"),
        ),
        (Says::Text(200, "<html>".into()), retry(1, "answered 200 OK, not as a registry does")),
    ] {
        let fake = Arc::<Fake>::default().on(ID_7, [says]);
        let registry = registry(&fake).await;
        for seconds in [0, 1_000_000] {
            assert_eq!(registry.schema(7, at(seconds)).await, Err(fault.clone()));
        }
    }
}

#[tokio::test]
async fn a_registry_that_does_not_answer_in_time_is_asked_again() {
    let fake = Arc::<Fake>::default().on(ID_7, [Says::Nothing, found(r#""long""#)]);
    let settings = RegistrySettings { timeout: Duration::from_millis(100), ..settings(fake.start().await) };
    let registry = Registry::try_new(settings, Box::new(Fixed(Credentials::None))).unwrap();
    assert!(matches!(registry.schema(7, at(0)).await, Err(RegistryFault::Retry { .. })));
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let registry = Registry::try_new(settings(url.clone()), Box::new(Fixed(Credentials::None))).unwrap();
    let Err(RegistryFault::Retry { cause, .. }) = registry.schema(7, at(0)).await else { panic!("not a retry") };
    assert!(cause.contains("onnect") && !cause.contains(&url), "{cause}");
}

#[tokio::test]
async fn an_id_that_appears_late_is_found() {
    let fake = Arc::<Fake>::default().on(ID_7, [missing(), missing(), found(r#""long""#)]);
    let registry = registry(&fake).await;
    let fault = retry(1, "answered 404 Not Found Schema 7 not found");
    assert_eq!(registry.schema(7, at(0)).await, Err(fault.clone()));
    assert_eq!(registry.schema(7, at(9)).await, Err(fault));
    assert_eq!(*registry.schema(7, at(11)).await.unwrap(), alone(r#""long""#));
}

#[tokio::test]
async fn an_id_that_stays_missing_over_the_patience_is_unknown_and_asked_for_again_later() {
    let fake = Arc::<Fake>::default().on(ID_7, [missing(), missing(), missing(), found(r#""long""#)]);
    let registry = registry(&fake).await;
    assert!(matches!(registry.schema(7, at(0)).await, Err(RegistryFault::Retry { .. })));
    let unknown = RegistryFault::Unknown { cause: "answered 404 Not Found Schema 7 not found".into() };
    assert_eq!(registry.schema(7, at(10)).await, Err(unknown.clone()));
    assert_eq!(registry.schema(7, at(69)).await, Err(unknown.clone()));
    assert_eq!(fake.seen().len(), 2, "kept for a minute");
    assert_eq!(registry.schema(7, at(70)).await, Err(unknown), "the patience is not granted twice");
    assert_eq!(*registry.schema(7, at(130)).await.unwrap(), alone(r#""long""#));
}

#[tokio::test]
async fn an_outage_does_not_count_as_patience() {
    let down = Says::Text(503, String::new());
    let fake = Arc::<Fake>::default().on(ID_7, [down, missing()]);
    let registry = registry(&fake).await;
    assert!(matches!(registry.schema(7, at(0)).await, Err(RegistryFault::Retry { .. })));
    assert!(matches!(registry.schema(7, at(100)).await, Err(RegistryFault::Retry { .. })));
    assert!(matches!(registry.schema(7, at(110)).await, Err(RegistryFault::Unknown { .. })));
}

#[tokio::test]
async fn references_are_followed_once_each_and_come_before_those_that_need_them() {
    let refers = |schema: &str, to: &[(&str, i32)]| {
        let references: Vec<_> = to
            .iter()
            .map(|(subject, version)| json!({ "name": "x", "subject": subject, "version": version }))
            .collect();
        Says::Json(200, json!({ "schema": schema, "schemaType": "AVRO", "references": references }))
    };
    let fake = Arc::<Fake>::default()
        .on(ID_7, [refers("order", &[("shop/line", 2), ("money", 1)])])
        .on("/subjects/shop%2Fline/versions/2", [refers("line", &[("money", 1)])])
        .on("/subjects/money/versions/1", [refers("money", &[("shop/line", 2)])]);
    let registry = registry(&fake).await;
    let schema = registry.schema(7, at(0)).await.unwrap();
    assert_eq!((schema.schema.as_str(), &schema.references[..]), ("order", &["money".into(), "line".into()][..]));
    assert_eq!(fake.seen().len(), 3, "{:?}", fake.seen());
}

#[tokio::test]
async fn a_reference_that_is_missing_makes_the_schema_missing() {
    let references = json!([{ "name": "x", "subject": "money", "version": 1 }]);
    let gone = Says::Json(404, json!({ "error_code": 40402, "message": "Version 1 not found." }));
    let fake = Arc::<Fake>::default()
        .on(ID_7, [Says::Json(200, json!({ "schema": "order", "references": references }))])
        .on("/subjects/money/versions/1", [gone]);
    let registry = registry(&fake).await;
    assert!(matches!(registry.schema(7, at(0)).await, Err(RegistryFault::Retry { .. })));
    assert!(matches!(registry.schema(7, at(10)).await, Err(RegistryFault::Unknown { .. })));
}

#[tokio::test]
async fn what_is_too_large_or_not_avro_is_of_no_use() {
    let large = "x".repeat(10_001);
    let half = json!([{ "name": "x", "subject": "half", "version": 1 }]);
    for (says, cause) in [
        (found(&large), "expected an answer of at most 10000 bytes, found more"),
        (
            Says::Json(200, json!({ "schema": "y".repeat(6000), "references": half })),
            "schema 7 with its references exceeds 100 schemas and 10000 bytes",
        ),
        (
            Says::Json(200, json!({ "schema": "message M {}", "schemaType": "PROTOBUF" })),
            "expected an Avro schema, found PROTOBUF",
        ),
    ] {
        let fake = Arc::<Fake>::default().on(ID_7, [says]).on("/subjects/half/versions/1", [found(&"x".repeat(6000))]);
        let registry = registry(&fake).await;
        assert_eq!(registry.schema(7, at(0)).await, Err(RegistryFault::Unknown { cause: cause.into() }));
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_a_matter_for_a_person() {
    for (says, cause) in [
        (Says::Text(401, String::new()), "answered 401 Unauthorized"),
        (
            Says::Json(403, json!({ "error_code": 40301, "message": "User 5551234567 may not read" })),
            "answered 403 Forbidden User *** may not read",
        ),
        (Says::Text(302, String::new()), "answered 302 Found"),
    ] {
        let fake = Arc::<Fake>::default().on(ID_7, [says]);
        let registry = registry(&fake).await;
        assert_eq!(registry.schema(7, at(0)).await, Err(RegistryFault::Refused { cause: cause.into() }));
    }
}

#[tokio::test]
async fn credentials_are_read_before_every_request() {
    struct Rotating(std::sync::Mutex<VecDeque<Result<Credentials, String>>>);
    impl CredentialSource for Rotating {
        fn read(&self) -> Result<Credentials, String> {
            self.0.lock().unwrap().pop_front().expect("no request beyond these")
        }
    }
    let old = || Ok(Credentials::Bearer(Secret::new("old".into())));
    let none = || Err("token: no such file".into());
    let new = || Ok(Credentials::Basic { user: "me".into(), password: Secret::new("new".into()) });
    // Each is read by a request and then by a look.
    let rotating = Rotating(std::sync::Mutex::new(VecDeque::from([old(), old(), none(), none(), new(), new()])));
    let fake = Arc::<Fake>::default().on(ID_7, [Says::Text(401, String::new()), found(r#""long""#)]);
    let registry = Registry::try_new(settings(fake.start().await), Box::new(rotating)).unwrap();
    assert!(matches!(registry.schema(7, at(0)).await, Err(RegistryFault::Refused { .. })));
    assert!(!registry.has_credentials(), "they were refused");
    assert_eq!(registry.schema(7, at(1)).await, Err(retry(1, "no credentials: token: no such file")));
    assert!(!registry.has_credentials(), "there are none");
    assert!(registry.schema(7, at(2)).await.is_ok());
    assert!(registry.has_credentials());
    assert_eq!(fake.seen(), ["GET /schemas/ids/7 Bearer old", "GET /schemas/ids/7 Basic bWU6bmV3"]);
}

#[tokio::test]
async fn a_base_url_may_have_a_path_and_must_be_http() {
    let fake = Arc::<Fake>::default().on("/apis/ccompat/v7/schemas/ids/7", [found(r#""long""#)]);
    let url = fake.start().await;
    for url in [format!("{url}/apis/ccompat/v7"), format!("{url}/apis/ccompat/v7/")] {
        let registry = Registry::try_new(settings(url), Box::new(Fixed(Credentials::None))).unwrap();
        assert!(registry.schema(7, at(0)).await.is_ok());
    }
    for url in ["ftp://registry", "registry:8081", ""] {
        let registry = Registry::try_new(settings(url.into()), Box::new(Fixed(Credentials::None)));
        assert!(matches!(registry.err(), Some(RegistryFault::Refused { .. })), "{url}");
    }
}

#[tokio::test]
async fn any_number_of_ids_can_be_named_and_what_is_known_stays_known() {
    let fake = Arc::<Fake>::default().on(ID_7, [found(r#""long""#), missing()]);
    let registry = registry(&fake).await;
    assert!(registry.schema(7, at(0)).await.is_ok());
    for id in 100..100 + i32::try_from(MAX_MISSING).unwrap() {
        registry.entry(id.into());
    }
    assert!(registry.schemas.lock().unwrap().len() <= MAX_MISSING);
    assert!(registry.schema(7, at(1)).await.is_ok());
}

//! The client alone: what it makes of a real registry's answers.

use std::sync::Arc;
use std::time::Duration;

use pinrelay::domain::{BootTime, Secret};
use pinrelay::kafka::registry::{CredentialSource, Credentials, Registry, RegistryFault, RegistrySettings, SchemaName};
use pinrelay::mapping::{Decoder, Plan};
use serde_json::{Value, json};

use super::apicurio::{Apicurio, Reference};
use super::leads::{reader, writer};
use super::proxy::{Failure, Proxy};

struct Always(Credentials);

impl CredentialSource for Always {
    fn read(&self) -> Result<Credentials, String> {
        Ok(self.0.clone())
    }
}

fn registry(proxy: &Proxy, credentials: Credentials) -> Registry {
    let settings = RegistrySettings {
        url: proxy.url().to_owned(),
        timeout: Duration::from_secs(20),
        retry_after: Duration::from_secs(1),
        patience: Duration::from_secs(10),
        unknown_for: Duration::from_mins(1),
        max_bytes: 1 << 20,
    };
    Registry::try_new(settings, Box::new(Always(credentials))).unwrap()
}

const NOW: BootTime = BootTime(1_000_000);

#[tokio::test]
async fn what_was_registered_is_found_by_its_id_as_avro_without_being_called_so() {
    let apicurio = Apicurio::shared().await;
    let id = apicurio.register("reading-plain", &writer(&[])).await;
    // Confluent's registry leaves `schemaType` out for Avro, Apicurio for every type.
    let (_, said) = apicurio.ask(reqwest::Method::GET, &format!("schemas/ids/{id}"), None).await;
    assert_eq!(said.get("schemaType"), None);

    let found = registry(&Proxy::open(apicurio).await, Credentials::None).schema(id, NOW).await.unwrap();
    let schema: Value = serde_json::from_str(&found.schema).unwrap();
    assert_eq!(schema["fields"], writer(&[])["fields"]);
    assert_eq!(found.references, Vec::<String>::new());
    let plan = Plan::compile("lead", &reader().to_string(), &[], &[].into()).unwrap();
    assert!(Decoder::compile(&found.schema, &[], &plan).is_ok());
}

#[tokio::test]
async fn references_of_two_levels_come_in_the_order_in_which_they_are_needed_and_once_each() {
    let apicurio = Apicurio::shared().await;
    let record = |name: &str, types: &[&str]| {
        let fields: Vec<Value> =
            types.iter().enumerate().map(|(n, ty)| json!({"name": format!("f{n}"), "type": ty})).collect();
        json!({"type": "record", "name": name, "fields": fields})
    };
    let reference = |name: &'static str, subject: &'static str| Reference { name, subject, version: 1 };
    let (money, line) = (reference("shop.Money", "reading-money"), reference("shop.Line", "reading-line"));
    apicurio.register("reading-money", &record("shop.Money", &["long"])).await;
    apicurio.try_register("reading-line", &record("shop.Line", &["string", "shop.Money"]), &[money]).await.unwrap();
    let order = record("shop.Order", &["shop.Line", "shop.Money"]);
    let id = apicurio.try_register("reading-order", &order, &[line, money]).await.unwrap();

    let proxy = Proxy::open(apicurio).await;
    let found = registry(&proxy, Credentials::None).schema(id, NOW).await.unwrap();
    let names: Vec<String> = found
        .references
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["name"].as_str().unwrap().to_owned())
        // Apicurio parts a name from its namespace where it knows all of a schema's types.
        .map(|name| name.trim_start_matches("shop.").to_owned())
        .collect();
    assert_eq!(names, ["Money", "Line"]);
    assert_eq!(proxy.count("GET /subjects/reading-money/versions/1"), 1);
}

#[tokio::test]
async fn basic_and_bearer_credentials_are_shown_and_wrong_ones_are_a_matter_for_a_person() {
    let apicurio = Apicurio::shared().await;
    let id = apicurio.register("reading-credentials", &writer(&[])).await;
    let basic = |password: &str| Credentials::Basic { user: "key".into(), password: Secret::new(password.into()) };
    let bearer = |token: &str| Credentials::Bearer(Secret::new(token.into()));
    for (demanded, right, wrong) in [
        // The example of RFC 7617, section 2, has the same form: base64 of user, colon, password.
        ("Basic a2V5OnNlY3JldA==", basic("secret"), [basic("other"), Credentials::None]),
        ("Bearer secret", bearer("secret"), [bearer("other"), basic("secret")]),
    ] {
        let proxy = Proxy::open(apicurio).await;
        proxy.demand(demanded);
        assert!(registry(&proxy, right).schema(id, NOW).await.is_ok(), "{demanded}");
        for credentials in wrong {
            let fault = registry(&proxy, credentials).schema(id, NOW).await;
            let cause = "answered 401 Unauthorized authentication needed".to_owned();
            assert_eq!(fault, Err(RegistryFault::Refused { cause }), "{demanded}");
        }
    }
}

#[tokio::test]
async fn an_unknown_id_is_asked_for_again_and_unknown_when_the_patience_ends() {
    let proxy = Proxy::open(Apicurio::shared().await).await;
    let registry = registry(&proxy, Credentials::None);
    let fault = registry.schema(i32::MAX - 1, NOW).await;
    assert!(matches!(fault, Err(RegistryFault::Retry { after, .. }) if after == Duration::from_secs(1)), "{fault:?}");
    let fault = registry.schema(i32::MAX - 1, NOW.after(Duration::from_secs(10))).await;
    assert!(matches!(fault, Err(RegistryFault::Unknown { .. })), "{fault:?}");
}

/// Confluent Platform 8 answers `/schemas/guids/…`; Apicurio says 404 without a word, as a server does that is no such
/// registry, so that no record is settled for it. The proxy says it for Apicurio, which leaves one in four hundred
/// requests for a path that it does not know without any answer (19 of 8,000).
#[tokio::test]
async fn a_guid_at_a_registry_that_has_none_is_asked_for_again_for_ever() {
    let proxy = Proxy::open(Apicurio::shared().await).await;
    proxy.fail([Failure::Status(404); 3]);
    let registry = Arc::new(registry(&proxy, Credentials::None));
    for seconds in [0, 10, 1_000_000] {
        let fault = registry.schema(SchemaName::Guid([7; 16]), NOW.after(Duration::from_secs(seconds))).await;
        let cause = "answered 404 Not Found, not as a registry does: check its url".to_owned();
        assert_eq!(fault, Err(RegistryFault::Retry { after: Duration::from_secs(1), cause }));
    }
}

//! Secrets that are shown as tokens, and those of the environment.

use std::fs;
use std::time::Duration;

use super::forms::{Canary, Search};
use super::{Aviary, REGISTRY, assert_nothing_is_shown, bytes, pages, registry, sell};
use crate::process::{binary, run, text};
use crate::secured::{jwt, refused_jwt, secured};
use crate::shop::{PATIENCE, Shop, Terms};
use crate::support::free_port;
use crate::support::secured::Way;

/// Of the configuration, each in a variable of this name.
const SECRETS: [(&str, &str); 3] = [
    ("CANARY_REGISTRY", "r3gistry-b3arer-t0ken"),
    ("CANARY_KEY", "k3y-f1le-s3cret-pass"),
    ("CANARY_TOKEN", "0ther-l4ne-s3cret-token"),
];

fn secret(place: &str, text: &str) -> Canary {
    Canary { place: place.to_owned(), text: text.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shows_the_tokens_for_brokers_and_registry_nor_the_secrets_of_the_environment() {
    let (broker, aviary, port) = (secured().await, Aviary::open(), free_port());
    let [(_, bearer), ..] = SECRETS;
    let security = format!(
        ", security.protocol: sasl_ssl, sasl.mechanism: OAUTHBEARER, ssl.ca.location: {}, \
         ssl.key.password: {{env: CANARY_KEY}}}}, oauth_token: {{file: jwt",
        broker.authority().display()
    );
    let terms = Terms {
        watch: format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n"),
        registry: Some(registry(format!("{} Bearer {bearer}", aviary.at(REGISTRY).join(" "))).await),
        registry_auth: ", auth: {bearer: {env: CANARY_REGISTRY}}",
        bootstrap: Some(broker.bootstrap_of(Way::Oauth)),
        security,
        more_lanes: |url| {
            format!(
                "  - {{name: other, ad_account_id: \"549755885176\", base_url: \"{url}\", \
                 token: {{env: CANARY_TOKEN}}}}\n"
            )
        },
        environment: SECRETS.map(|(name, secret)| (name, secret.to_owned())).into(),
        log: "pinrelay=trace,librdkafka=debug,info",
        ..Terms::default()
    };
    let mut shop = Shop::without_topics(broker, "canaries-of-tokens", 84, terms).await;
    let life = Duration::from_mins(10);
    let (token, refused) = (jwt(life), refused_jwt(life));
    let mut emitted = Vec::new();
    let config = shop.config("check");
    for (token, code) in [(refused.as_str(), 1), ("n0t-a-j0t-s3cret", 1), (token.as_str(), 0)] {
        fs::write(shop.folder().join("jwt"), token).unwrap();
        if code == 0 {
            shop.create_inputs().await;
        }
        let mut check = binary();
        check.args(["config", "check", "--json", "--config"]).arg(&config).envs(SECRETS);
        for (command, code) in [(check, 0), (shop.topics_command(&["--apply"]), code)] {
            let output = run(command).await;
            let all = [output.stdout, output.stderr].concat();
            assert_eq!(output.status.code(), Some(code), "{}", text(&all));
            emitted.push((format!("a command that ends with {code}"), all));
        }
    }
    let n_inputs = sell(&shop, &aviary, "tokens").await;
    let relay = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| stats.requests_by_status.contains_key(&401)).await;
    shop.rows_reach(n_inputs).await;
    emitted.extend(pages(port).await);
    relay.leave(PATIENCE).await;

    emitted.extend(shop.logs().into_iter().map(|log| ("log".to_owned(), log.into_bytes())));
    let rows = shop.broker.read_all(&shop.audit_topic()).await;
    emitted.extend(rows.iter().map(|row| ("audit row".to_owned(), bytes(row))));
    let tokens =
        [("the token", token.as_str()), ("the refused token", &refused), ("what is no token", "n0t-a-j0t-s3cret")];
    let claims = token.split('.').nth(1).expect("a token has claims");
    let secrets = SECRETS.into_iter().chain(tokens).chain([("the claims of the token", claims)]);
    let secrets = secrets.map(|(place, text)| secret(place, text));
    assert_nothing_is_shown(&Search::of(aviary.canaries().chain(secrets).collect()), &emitted);
}

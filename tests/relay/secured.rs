//! A broker that asks who is there, and credentials that change while the relay runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use pinrelay::run::clock;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::metrics::Page;
use super::process::{run, text};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::free_port;
use super::support::secured::{PLAIN_PASSWORD, Secured, USER, Way};

static SECURED: OnceCell<Secured> = OnceCell::const_new();

/// Shared by the tests of this file; each password of SCRAM is the whole cluster's, so one test changes it.
pub(crate) async fn secured() -> &'static Secured {
    SECURED.get_or_init(Secured::start).await
}

/// Properties of a client, with the password or the certificate in files of the shop's folder.
fn security(broker: &Secured, way: Way) -> String {
    let ca = broker.authority().display().to_string();
    let sasl = |mechanism: &str| {
        format!(
            ", security.protocol: sasl_ssl, sasl.mechanism: {mechanism}, ssl.ca.location: {ca}, sasl.username: {USER}, \
             sasl.password: {{file: password}}"
        )
    };
    match way {
        Way::Plain => sasl("PLAIN"),
        Way::Scram => sasl("SCRAM-SHA-512"),
        Way::Oauth => format!(
            ", security.protocol: sasl_ssl, sasl.mechanism: OAUTHBEARER, ssl.ca.location: {ca}}}, oauth_token: {{file: jwt"
        ),
        Way::Certificate => format!(", security.protocol: ssl, ssl.ca.location: {ca}"),
    }
}

fn terms(broker: &Secured, way: Way, more: &str) -> Terms {
    let (bootstrap, security) = (Some(broker.bootstrap_of(way)), security(broker, way) + more);
    Terms { bootstrap, security, ..Terms::slow() }
}

/// What `/status` says about the credentials.
async fn credentials(port: u16) -> Value {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/status")).await.expect("the page answers");
    let text = answer.text().await.expect("the page is text");
    serde_json::from_str::<Value>(&text).expect("the page is JSON")["kafka_credentials"].take()
}

async fn until(port: u16, enough: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = credentials(port).await;
        if enough(&found) {
            return;
        }
        assert!(Instant::now() < deadline, "{found}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// What the alarm on credentials goes by.
async fn unusable(port: u16) -> u64 {
    Page::get(port).await.sum("pinrelay_credential_unusable", &["peer=\"kafka\""])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_relayed_by_plain_and_a_wrong_password_ends_the_start_with_a_message() {
    let broker = secured().await;
    let mut shop = Shop::without_topics(broker, "by-plain", 131, terms(broker, Way::Plain, "")).await;
    let password = shop.folder().join("password");
    fs::write(&password, "wrong-password").unwrap();
    let refused = run(shop.topics_command(&[])).await;
    let said = text(&refused.stdout) + &text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let fault = said.lines().find(|line| line.starts_with("error: ")).expect("what is wrong is said");
    assert!(fault.contains("SASL authentication error") && !said.contains("wrong-password"), "{said}");

    fs::write(&password, PLAIN_PASSWORD).unwrap();
    shop.create_topics().await;
    shop.sell(500).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_is_taken_up_by_new_clients_and_no_record_is_missing_or_double() {
    let broker = secured().await;
    broker.set_password("first-password").await;
    let port = free_port();
    let watch = format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n");
    let terms = Terms { watch, ..terms(broker, Way::Scram, "") };
    let mut shop = Shop::without_topics(broker, "by-scram", 132, terms).await;
    let password = shop.folder().join("password");
    fs::write(&password, "first-password").unwrap();
    shop.create_topics().await;
    shop.sell(3_000).await;
    let mut relay = shop.spawn("a");
    shop.rows_reach(500).await;

    // Ours changes first, to one that is refused: the work goes on with the old clients.
    fs::write(&password, "second-password").unwrap();
    until(port, |credentials| credentials["refused"].is_string()).await;
    assert_eq!((&credentials(port).await["renewed"], unusable(port).await), (&Value::from(0), 1));
    shop.sell(500).await;
    shop.settled().await;
    shop.sell(3_000).await;
    broker.set_password("second-password").await;
    until(port, |credentials| credentials["renewed"] == 1).await;
    assert_eq!((&credentials(port).await["refused"], unusable(port).await), (&Value::Null, 0));
    shop.sell(500).await;
    shop.settled().await;
    assert_eq!(relay.has_ended(), None, "the process is the same");
    relay.leave(PATIENCE).await;

    let account = Account::of(&shop).await;
    account.assert_calm();
    account.assert_that_it_could_fail(&shop).await;
    let [log] = shop.logs().try_into().unwrap();
    for (line, count) in
        [("a new credential of Kafka is taken", 1), ("the old clients cannot finish", 0), ("-password", 0)]
    {
        assert_eq!(log.matches(line).count(), count, "{line}: {log}");
    }
    assert!(log.contains("a new credential of Kafka is not taken"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_changes_as_kubernetes_changes_it_is_taken_up_by_new_clients() {
    let broker = secured().await;
    let port = free_port();
    let watch = format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n");
    let mounted = tempfile::TempDir::new().unwrap();
    // A mounted secret: the files are links into a folder whose own link is replaced.
    symlink(broker.certify("first"), mounted.path().join("..data")).unwrap();
    for file in ["tls.key", "tls.crt"] {
        symlink(format!("..data/{file}"), mounted.path().join(file)).unwrap();
    }
    let folder = mounted.path().display();
    let pair = format!(", ssl.key.location: {folder}/tls.key, ssl.certificate.location: {folder}/tls.crt");
    let terms = Terms { watch, ..terms(broker, Way::Certificate, &pair) };
    let mut shop = Shop::open(broker, "by-certificate", 133, terms).await;
    shop.sell(2_000).await;
    let relay = shop.spawn("a");
    shop.rows_reach(200).await;
    symlink(broker.certify("second"), mounted.path().join("..next")).unwrap();
    fs::rename(mounted.path().join("..next"), mounted.path().join("..data")).unwrap();
    until(port, |credentials| credentials["renewed"] == 1).await;
    shop.sell(500).await;
    shop.settled().await;
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
}

/// A token of the relay without a signature, which counts for so long.
pub(crate) fn jwt(life: Duration) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let now = clock::wall().0 / 1000;
    let expires = now + i64::try_from(life.as_secs()).unwrap();
    let encoded = |text: String| -> String {
        let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1)).collect();
        let six = |bits: &[u8]| (0..6).fold(0, |six, place| six << 1 | bits.get(place).copied().unwrap_or(0));
        bits.chunks(6).map(|bits| char::from(LETTERS[usize::from(six(bits))])).collect()
    };
    let claims = format!("{{\"sub\":\"{USER}\",\"iat\":{now},\"exp\":{expires}}}");
    format!("{}.{}.", encoded("{\"alg\":\"none\"}".to_owned()), encoded(claims))
}

/// One that the broker refuses although it counts for so long: it takes tokens without a signature alone.
pub(crate) fn refused_jwt(life: Duration) -> String {
    jwt(life) + "c2lnbmVk"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_replaced_before_it_expires_is_shown_by_the_same_clients() {
    // Far longer than a start takes, and the part of it that is left when clients ask for the next one, a fifth.
    const LIFE: Duration = Duration::from_secs(40);
    let broker = secured().await;
    let mut shop = Shop::without_topics(broker, "by-oauth", 134, terms(broker, Way::Oauth, "")).await;
    let file = shop.folder().join("jwt");
    fs::write(&file, "not-a-token").unwrap();
    let refused = run(shop.topics_command(&[])).await;
    let said = text(&refused.stdout) + &text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the OAuth token is no JWT") && !said.contains("not-a-token"), "{said}");

    let first = jwt(Duration::from_mins(2));
    fs::write(&file, &first).unwrap();
    shop.create_topics().await;
    let short = jwt(LIFE);
    fs::write(&file, &short).unwrap();
    let mut relay = shop.spawn("a");
    shop.sell(500).await;
    shop.rows_reach(100).await;
    let second = jwt(Duration::from_mins(10));
    fs::write(shop.folder().join("next"), &second).unwrap();
    fs::rename(shop.folder().join("next"), &file).unwrap();
    // Beyond the life of the first one, and of the connections that showed it.
    let until = Instant::now() + LIFE + Duration::from_secs(10);
    while Instant::now() < until {
        shop.sell(100).await;
        shop.settled().await;
    }
    assert_eq!(relay.has_ended(), None, "the process is the same");
    relay.leave(PATIENCE).await;

    let account = Account::of(&shop).await;
    account.assert_calm();
    let [log] = shop.logs().try_into().unwrap();
    for hidden in [&first, &short, &second] {
        assert!(!log.contains(hidden.as_str()), "a token is in the log");
    }
    // A handshake that nobody answers is tried again; the client library tells of it in the words of a refusal, but for
    // its cause, which lies on this side.
    let told: Vec<&str> = log.lines().filter(|line| !line.contains("failed: Local: ")).collect();
    for trouble in ["token for Kafka", "Authentication failed", "SASL", "a new credential of Kafka"] {
        assert_eq!(told.iter().filter(|line| line.contains(trouble)).count(), 0, "{trouble}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_brokers_refuse_before_its_time_is_told_and_the_next_one_is_taken_at_once() {
    let broker = secured().await;
    let port = free_port();
    let watch = format!("admin: {{listen: \"127.0.0.1:{port}\"}}\n");
    let terms = Terms { watch, ..terms(broker, Way::Oauth, "") };
    let mut shop = Shop::without_topics(broker, "by-refused-token", 135, terms).await;
    let [next, file] = ["next", "jwt"].map(|name| shop.folder().join(name));
    let put = |token: &str| {
        fs::write(&next, token).unwrap();
        fs::rename(&next, &file).unwrap();
    };
    let (short, ample) = (Duration::from_secs(40), Duration::from_mins(10));
    put(&jwt(ample));
    shop.create_topics().await;
    put(&jwt(short));
    let mut relay = shop.spawn("a");
    shop.sell(300).await;
    shop.settled().await;
    assert_eq!((&credentials(port).await["refused"], unusable(port).await), (&Value::Null, 0));

    // The clients show the next one before the first expires.
    let refused = refused_jwt(ample);
    put(&refused);
    until(port, |credentials| credentials["refused"].is_string()).await;
    assert_eq!((&credentials(port).await["renewed"], unusable(port).await), (&Value::from(0), 1));
    put(&jwt(ample));
    until(port, |credentials| credentials["renewed"] == 1 && credentials["refused"].is_null()).await;
    assert_eq!(unusable(port).await, 0);
    shop.sell(300).await;
    shop.settled().await;
    assert_eq!(relay.has_ended(), None, "the process is the same");
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();
    let [log] = shop.logs().try_into().unwrap();
    assert!(!log.contains(&refused), "a token is in the log");
}

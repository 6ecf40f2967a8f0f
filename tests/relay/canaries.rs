//! What must never be shown: e-mail addresses, phone numbers, passwords and tokens are put into every input but those
//! that a row shows by its contract, and everything that the process emits is searched for them.

mod avro;
mod forms;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use pinrelay::commands::demo::records::Generator;
use pinrelay::commands::demo::scenario::{DemoFeed, Lot, plan};
use pinrelay::kafka::audit;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use pinrelay::run::clock;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use self::avro::Place;
use self::forms::{Canary, Search, hex};
use super::collector::Collector;
use super::desk::TOKEN;
use super::process::{binary, run, text};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, Input, free_port};

const REGISTRY_PASSWORD: &str = "r3gistry-s3cret";
const AUTHORIZATION: &str = "Bearer c0llector-s3cret";

/// Of the configuration, each in a file of this name.
const SECRETS: [(&str, &str); 4] =
    [("token", TOKEN), ("registry", REGISTRY_PASSWORD), ("collector", AUTHORIZATION), ("kafka", "kafk4-s3cret-pass")];

/// Schema ids: of the first feed's schema, of one that the registry does not know.
const FIRST_KNOWN: i32 = 101;
const UNKNOWN: i32 = 999;

/// What is put into a place: an e-mail address, a phone number, a password, a token, and the hash of an address.
const KINDS: usize = 5;

/// Inputs that are no field.
const KEY: &str = "the record's key";
const HEADER_KEY: &str = "a header's key";
const HEADER: &str = "a header's value";
const NO_RECORD: &str = "what is no record";
const PINTEREST: &str = "Pinterest's message";
const REGISTRY: &str = "the registry's message";

/// Canaries of each place, no two places' alike: what is shown names the input that it comes from.
struct Aviary(BTreeMap<String, [String; KINDS]>);

impl Aviary {
    fn open() -> Self {
        let fields = DemoFeed::ALL.into_iter().flat_map(places);
        let others = [KEY, HEADER_KEY, HEADER, NO_RECORD, PINTEREST, REGISTRY].map(str::to_owned);
        Self((0..).zip(fields.chain(others)).map(|(n, place)| (place, breed(n))).collect())
    }

    fn at(&self, place: &str) -> &[String; KINDS] {
        &self.0[place]
    }

    fn canaries(&self) -> impl Iterator<Item = Canary> {
        self.0
            .iter()
            .flat_map(|(place, texts)| texts.iter().map(|text| Canary { place: place.clone(), text: text.clone() }))
    }
}

fn breed(n: u8) -> [String; KINDS] {
    assert!(n < 100, "there are numbers for a hundred places");
    let name: String = [n / 26, n % 26].map(|letter| char::from(b'a' + letter)).iter().collect();
    let hash = Sha256::digest(format!("hashed.{name}@example.com"));
    [
        format!("Canary.Mail{name}@example.com"),
        format!("+1 212 555 01{n:02}"),
        format!("Kan4rien{name}-Pass"),
        format!("pina_c4n4ry{name}T0ken9"),
        String::from_utf8(hex(&hash)).unwrap(),
    ]
}

fn schema(feed: DemoFeed) -> Value {
    serde_json::from_str(feed.schema()).unwrap()
}

/// Feed and path of each text that is not the event's id.
fn places(feed: DemoFeed) -> Vec<String> {
    let mut places = Vec::new();
    avro::write(&schema(feed), &mut |place| {
        if !place.names_the_event() {
            places.push(named(feed, place));
        }
        String::new()
    });
    places
}

fn named(feed: DemoFeed, place: &Place<'_>) -> String {
    format!("{}.{}", feed.name(), place.path)
}

/// A text that is as it should be.
fn plain(place: &Place<'_>) -> String {
    match place.target {
        target if target.contains("\"hashed\"") => String::from_utf8(hex(&Sha256::digest("plain"))).unwrap(),
        target if target.contains("user_data.em") => "somebody@example.com".to_owned(),
        target if target.contains("currency") => "EUR".to_owned(),
        _ => "plain".to_owned(),
    }
}

fn schema_id(feed: DemoFeed) -> i32 {
    (FIRST_KNOWN..).zip(DemoFeed::ALL).find(|(_, known)| *known == feed).unwrap().0
}

fn framed(id: i32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

/// Each canary in each place of a record alone, and in all of them; then what is no record.
fn inputs(aviary: &Aviary, feed: DemoFeed, ids: &str) -> Vec<Input> {
    let (schema, places, id) = (schema(feed), places(feed), schema_id(feed));
    let mut values = Vec::new();
    for kind in 0..KINDS {
        for alone in places.iter().map(Some).chain([None]) {
            let event = format!("{ids}-{}-{}", feed.name(), values.len());
            let payload = avro::write(&schema, &mut |place| {
                let name = named(feed, place);
                if place.names_the_event() {
                    event.clone()
                } else if alone.is_none_or(|alone| *alone == name) {
                    aviary.at(&name)[kind].clone()
                } else {
                    plain(place)
                }
            });
            values.push(framed(id, &payload));
        }
        let canary = aviary.at(NO_RECORD)[kind].as_bytes();
        values.extend([canary.to_vec(), framed(id, canary), framed(UNKNOWN, canary)]);
    }
    let input = |(n, value): (usize, Vec<u8>)| {
        let [key, header, header_key] = [KEY, HEADER, HEADER_KEY].map(|place| aviary.at(place)[n % KINDS].as_str());
        let trace = format!("00-{:032x}-{:016x}-01", n + 1, n + 1);
        let trace = if n % 2 == 0 { &trace } else { header };
        let headers = [
            ("traceparent", trace),
            ("tracestate", header),
            ("baggage", header),
            ("__value_schema_id", header),
            (header_key, header),
        ];
        let headers = headers.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).to_vec();
        Input { partition: 0, key: Some(key.as_bytes().to_vec()), value: Some(value), headers }
    };
    values.into_iter().enumerate().map(input).collect()
}

/// A registry that tells everything back where it does not know a schema.
async fn registry(told: String) -> String {
    let known = DemoFeed::ALL.map(|feed| (format!("/schemas/ids/{}", schema_id(feed)), feed.schema()));
    let answer = move |uri: Uri| async move {
        let path = uri.path();
        if let Some((_, schema)) = known.iter().find(|(known, _)| known == path) {
            axum::Json(json!({"schema": schema})).into_response()
        } else if path.starts_with("/subjects/") {
            axum::Json(json!({"id": 7})).into_response()
        } else if path.starts_with("/schemas/") {
            (StatusCode::NOT_FOUND, axum::Json(json!({"error_code": 40403, "message": told}))).into_response()
        } else {
            axum::Json(json!({"is_compatible": true, "compatibilityLevel": "FULL_TRANSITIVE", "id": 7})).into_response()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    format!("http://{address}")
}

/// Pinterest's word about one event that tells everything back.
fn told(aviary: &Aviary) -> String {
    format!("{} and Bearer {TOKEN} are not what they should be", aviary.at(PINTEREST).join(", "))
}

fn answer(status: u16, body: &Value) -> [(When, Fault); 1] {
    let fault = Fault::Answer { status, headers: BTreeMap::new(), body: body.to_string(), at: Stage::BeforeTaking };
    [(When::Always, fault)]
}

/// Of requests that hold one event each.
fn answer_about(event: &Value) -> [(When, Fault); 1] {
    let processed = u8::from(event["status"] == "processed");
    answer(200, &json!({"num_events_received": 1, "num_events_processed": processed, "events": [event]}))
}

/// Key, value and headers.
fn bytes(message: &OwnedMessage) -> Vec<u8> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.flat_map(|header| [header.key.as_bytes(), header.value.unwrap_or_default()].concat());
    let parts = [message.key().unwrap_or_default(), message.payload().unwrap_or_default()];
    parts.concat().into_iter().chain(headers).collect()
}

/// Every command that reads the configuration, and what a person gets to read who wrote a secret into the file.
async fn said_by_commands(shop: &Shop<'_>) -> Vec<(String, Vec<u8>)> {
    let wrong = shop.folder().join("wrong.yaml");
    let config = shop.config("right");
    let mut text = fs::read_to_string(&config).unwrap();
    for (file, secret) in SECRETS {
        let reference = format!("{{file: {file}}}");
        assert!(text.contains(&reference), "{text}");
        text = text.replace(&reference, &format!("\"{secret}\""));
    }
    fs::write(&wrong, text).unwrap();
    let mut said = Vec::new();
    for (arguments, file, code) in [
        (&["config", "check", "--json"][..], &config, 0),
        (&["config", "check"], &config, 0),
        (&["config", "check"], &wrong, 64),
        (&["run"], &wrong, 64),
    ] {
        let mut command = binary();
        command.args(arguments).arg("--config").arg(file);
        said.push((arguments.join(" "), command, code));
    }
    said.push(("topics".to_owned(), shop.topics_command(&["--apply"]), 0));
    let mut emitted = Vec::new();
    for (name, command, code) in said {
        let output = run(command).await;
        let all = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(code), "{name}: {}", self::text(&all));
        emitted.push((format!("`pinrelay {name}`"), all));
    }
    emitted
}

#[test]
fn every_text_of_the_shipped_schemas_is_a_place_of_its_own() {
    assert_eq!(DemoFeed::ALL.map(|feed| places(feed).len()), [19, 14, 9]);
    let aviary = Aviary::open();
    let texts: BTreeSet<String> = aviary.canaries().map(|canary| canary.text).collect();
    assert_eq!(texts.len(), (19 + 14 + 9 + 6) * KINDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_process_emits_shows_what_is_personal_or_secret() {
    let aviary = Aviary::open();
    let (collector, port) = (Collector::default(), free_port());
    let watch = format!(
        "admin: {{listen: \"127.0.0.1:{port}\"}}\n\
         telemetry: {{otlp: \"{}\", authorization: {{file: collector}}, interval: 1s, trace_one_in: 1}}\n",
        collector.open().await
    );
    let terms = Terms {
        watch,
        registry: Some(registry(format!("{} {REGISTRY_PASSWORD}", aviary.at(REGISTRY).join(" "))).await),
        registry_auth: ", auth: {basic: {user: relay, password: {file: registry}}}",
        properties: ", sasl.username: relay, sasl.password: {file: kafka}",
        lane: "batch_events: 1, concurrency: 4, backoff_min: 50ms, backoff_max: 1s",
        log: "pinrelay=trace,librdkafka=debug,info",
        ..Terms::default()
    };
    let mut shop = Shop::without_topics(Broker::shared().await, "canaries", 83, terms).await;
    for (file, secret) in SECRETS {
        fs::write(shop.folder().join(file), secret).unwrap();
    }
    shop.create_topics().await;
    let refusal = json!({"code": 4196, "message": told(&aviary)});
    shop.desk.faults(answer(403, &refusal));
    let mut n_inputs = sell(&shop, &aviary, "refused").await;
    let relay = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| stats.requests_by_status.contains_key(&403)).await;
    let mut emitted = pages(port).await;
    for (ids, faults) in [
        ("refused", Some(answer(400, &refusal))),
        ("failed", Some(answer_about(&json!({"status": "failed", "error_message": told(&aviary)})))),
        ("warned", Some(answer_about(&json!({"status": "processed", "warning_message": told(&aviary)})))),
        ("processed", None),
    ] {
        shop.desk.faults(faults.into_iter().flatten());
        if ids != "refused" {
            n_inputs += sell(&shop, &aviary, ids).await;
        }
        shop.rows_reach(n_inputs).await;
        emitted.extend(pages(port).await);
    }
    relay.leave(PATIENCE).await;

    emitted.extend(said_by_commands(&shop).await);
    emitted.extend(shop.logs().into_iter().map(|log| ("log".to_owned(), log.into_bytes())));
    emitted.extend(collector.bodies().into_iter().map(|body| ("OTLP".to_owned(), body.to_vec())));
    assert!(collector.is_authorized_by(AUTHORIZATION));
    assert!(!collector.spans().is_empty() && !collector.metrics().is_empty());
    let rows = shop.broker.read_all(&shop.audit_topic()).await;
    emitted.extend(rows.iter().map(|message| ("audit row".to_owned(), bytes(message))));
    let has_trace =
        |row: &OwnedMessage| row.headers().is_some_and(|all| all.iter().any(|one| one.key == "traceparent"));
    assert!(rows.iter().any(has_trace), "a trace goes on in the header of a row");
    let is_told = |text: Option<&str>| text.is_some_and(|text| text.ends_with("are not what they should be"));
    for feed in DemoFeed::ALL {
        let changelog = shop.broker.read_all(&format!("{}.{}.changelog", shop.name, feed.name())).await;
        assert!(!changelog.is_empty());
        emitted.extend(changelog.iter().map(|message| ("changelog".to_owned(), bytes(message))));
        let rows = rows.iter().map(|row| audit::read(row.payload().unwrap()).unwrap());
        let rows: Vec<_> = rows.filter(|row| row.feed == feed.name()).collect();
        let reasons: BTreeSet<&str> = rows.iter().map(|row| row.reason).collect();
        for reason in ["processed", "invalid_request", "refused_by_pinterest", "bad_framing", "unknown_schema"] {
            assert!(reasons.contains(reason), "no row of {} says {reason}: {reasons:?}", feed.name());
        }
        // Pinterest's words are there, and what is personal in them is not.
        for reason in ["invalid_request", "refused_by_pinterest"] {
            assert!(rows.iter().any(|row| row.reason == reason && is_told(row.detail)), "{reason}");
        }
        assert!(rows.iter().any(|row| is_told(row.warning)));
    }

    let secrets = SECRETS.map(|(file, secret)| {
        let text = secret.trim_start_matches("Bearer ").to_owned();
        Canary { place: format!("the secret in the file {file}"), text }
    });
    assert_nothing_is_shown(&Search::of(aviary.canaries().chain(secrets).collect()), &emitted);
}

#[tokio::test]
async fn nothing_that_the_demo_says_shows_what_is_personal_in_its_records() {
    const SEED: u64 = 9;
    const RECORDS: u64 = 2_000;
    let generator = Generator::try_new(SEED, clock::wall()).unwrap();
    let mut personal = BTreeMap::new();
    for record in generator.generate(RECORDS).filter(|record| plan(SEED, record.number).lot == Lot::Event) {
        // After the marker and the fingerprint.
        let value = record.value.expect("an event has a value");
        avro::read(&schema(record.feed), &value[10..], &mut |place, text| {
            // Postal codes and names of states are too short to be told from anything else.
            if place.target.contains("user_data.") && 8 < text.len() {
                personal.insert(text.to_owned(), named(record.feed, place));
            }
        });
    }
    let places: BTreeSet<&String> = personal.values().collect();
    for place in
        ["order.customer.email", "order.customer.phone", "install.account.email", "in_store_purchase.loyalty.email"]
    {
        assert!(places.contains(&place.to_owned()), "{places:?}");
    }

    let mut demo = binary();
    let (records, seed) = (RECORDS.to_string(), SEED.to_string());
    demo.args(["demo", "--records", &records, "--seed", &seed, "--json"]).env("PINRELAY_LOG", "pinrelay=trace");
    let demo = run(demo).await;
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    let report: Value = serde_json::from_slice(&demo.stdout).expect("a report and nothing else");
    assert_eq!(report["agrees"], true);
    assert!(!demo.stderr.is_empty(), "it logs");
    let canaries = personal.into_iter().map(|(text, place)| Canary { place, text });
    let emitted = [("stdout".to_owned(), demo.stdout), ("stderr".to_owned(), demo.stderr)];
    assert_nothing_is_shown(&Search::of(canaries.collect()), &emitted);
}

/// Panics if anything is shown, or would not be seen if it were: each canary at the end of each kind of what was emitted.
fn assert_nothing_is_shown(search: &Search, emitted: &[(String, Vec<u8>)]) {
    for (what, bytes) in emitted {
        if let Some((canary, around)) = search.shown_by(bytes).first() {
            panic!("{canary:?} is shown by {what}: {around}");
        }
    }
    let last: BTreeMap<&String, &Vec<u8>> = emitted.iter().map(|(what, bytes)| (what, bytes)).collect();
    for (what, bytes) in last {
        let leaks = search.canaries().iter().flat_map(|canary| [b" ", canary.text.as_bytes()].concat());
        let leaking: Vec<u8> = bytes.iter().copied().chain(leaks).collect();
        assert_eq!(search.shown_by(&leaking).len(), search.canaries().len(), "a leak into {what} is not seen");
    }
}

/// Writes the inputs of every feed; gives their count.
async fn sell(shop: &Shop<'_>, aviary: &Aviary, ids: &str) -> usize {
    let mut sold = 0;
    for feed in DemoFeed::ALL {
        let inputs = inputs(aviary, feed, ids);
        sold += inputs.len();
        shop.broker.produce(&shop.topic(feed), inputs).await;
    }
    sold
}

async fn pages(port: u16) -> Vec<(String, Vec<u8>)> {
    let mut pages = Vec::new();
    for path in ["/livez", "/readyz", "/status", "/metrics"] {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.expect("the page answers");
        pages.push((path.to_owned(), answer.bytes().await.expect("a body").to_vec()));
    }
    pages
}

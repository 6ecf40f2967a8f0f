//! What must never be shown: e-mail addresses, phone numbers, passwords and tokens are put into every input but those
//! that a row shows by its contract, and everything that the process emits is searched for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::kafka::audit;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use pinrelay::run::clock;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::collector::Collector;
use super::desk::TOKEN;
use super::metrics::free_port;
use super::process::{binary, run};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, Input};

const EMAIL: &str = "Canary.Mail@example.com";
const PHONE: &str = "+1 (555) 010-7788";
const PASSWORD: &str = "Kan4rien-Pass";
const SECRET: &str = "pina_c4n4ryT0ken9";

/// Put into records, and told back by Pinterest and by the registry.
const CANARIES: [&str; 4] = [EMAIL, PHONE, PASSWORD, SECRET];

/// Of the configuration.
const REGISTRY_PASSWORD: &str = "r3gistry-s3cret";
const COLLECTOR_SECRET: &str = "Bearer c0llector-s3cret";
const KAFKA_PASSWORD: &str = "kafk4-s3cret-pass";

/// Schema ids: of the orders' schema, of one that the registry does not know.
const KNOWN: i32 = 101;
const UNKNOWN: i32 = 999;

/// Texts of an order, in the order of its fields, that are not the event's id.
const SLOTS: usize = 19;
const CURRENCY: usize = 0;
const EMAIL_SLOT: usize = 6;

fn long(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while 0x7f < rest {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    long(bytes, i64::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}

/// An order of `schemas/order.avsc` in Confluent's framing.
fn order(id: &str, slots: &[&str; SLOTS]) -> Vec<u8> {
    let mut bytes = [&[0], &KNOWN.to_be_bytes()[..]].concat();
    let out = &mut bytes;
    let mut slots = slots.iter();
    let mut optional = |out: &mut Vec<u8>| {
        long(out, 1);
        text(out, slots.next().unwrap());
    };
    text(out, id);
    long(out, 0); // tag_event_id: null
    long(out, clock::wall().0);
    long(out, 0); // channel: WEB
    out.push(0); // no test order
    out.extend([2, 1]); // marketing_consent: true
    long(out, 0); // tracking_opt_out: null
    // A text that is not optional has no branch before it.
    let mut plain = Vec::new();
    optional(&mut plain);
    out.extend(&plain[1..]); // currency
    long(out, 1999);
    long(out, 1); // one item
    let mut sku = Vec::new();
    optional(&mut sku);
    out.extend(&sku[1..]);
    (0..3).for_each(|_| optional(out)); // name, category, brand
    long(out, 2);
    long(out, 999);
    long(out, 0); // no more items
    long(out, 1); // customer
    let mut customer = Vec::new();
    optional(&mut customer);
    out.extend(&customer[1..]);
    (0..4).for_each(|_| optional(out)); // email, phone, first and last name
    long(out, 0); // birthday: null
    long(out, 1); // address
    (0..4).for_each(|_| optional(out)); // city, state, postal code, country
    (0..5).for_each(|_| optional(out)); // click id, IP address, user agent, locale, page
    bytes
}

/// Each canary in each place of an order alone, and in all of them; then what is no order.
fn inputs(ids: &str) -> Vec<Input> {
    let mut plain = ["plain"; SLOTS];
    (plain[CURRENCY], plain[EMAIL_SLOT]) = ("EUR", "somebody@example.com");
    let mut values = Vec::new();
    for (n, canary) in CANARIES.into_iter().enumerate() {
        values.push(order(&format!("{ids}-{n}"), &[canary; SLOTS]));
        for place in 0..SLOTS {
            let mut slots = plain;
            slots[place] = canary;
            values.push(order(&format!("{ids}-{n}-{place}"), &slots));
        }
        let framed = |id: i32| [&[0], &id.to_be_bytes()[..], canary.as_bytes()].concat();
        values.extend([canary.as_bytes().to_vec(), framed(KNOWN), framed(UNKNOWN)]);
    }
    let input = |(n, value)| {
        let canary = CANARIES[n % CANARIES.len()];
        let headers = [("traceparent", canary), (canary, canary), ("__value_schema_id", canary)];
        let headers = headers.map(|(key, value): (&str, &str)| (key.to_owned(), value.as_bytes().to_vec())).to_vec();
        Input { partition: 0, key: Some(canary.as_bytes().to_vec()), value: Some(value), headers }
    };
    values.into_iter().enumerate().map(input).collect()
}

/// A registry that tells everything back where it does not know a schema.
async fn registry() -> String {
    async fn answer(uri: Uri) -> axum::response::Response {
        let told = format!("{} {REGISTRY_PASSWORD}", CANARIES.join(" "));
        match uri.path() {
            "/schemas/ids/101" => axum::Json(json!({"schema": DemoFeed::Order.schema()})).into_response(),
            path if path.starts_with("/subjects/") => axum::Json(json!({"id": 7})).into_response(),
            path if path.starts_with("/schemas/") => {
                (StatusCode::NOT_FOUND, axum::Json(json!({"error_code": 40403, "message": told}))).into_response()
            }
            _ => axum::Json(json!({"is_compatible": true, "compatibilityLevel": "BACKWARD", "id": 7})).into_response(),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    format!("http://{address}")
}

/// An answer of Pinterest that tells everything back.
fn echo(status: u16, nth: &str) -> Fault {
    let message = format!("{nth}: {} and Bearer {TOKEN} are not what they should be", CANARIES.join(", "));
    let body = json!({"code": 4196, "message": message}).to_string();
    Fault::Answer { status, headers: BTreeMap::new(), body, at: Stage::BeforeTaking }
}

/// All forms in which a text may come to be shown.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let lower = canary.to_lowercase();
    let digits: String = canary.chars().filter(char::is_ascii_digit).collect();
    let mut plain = vec![lower.clone().into_bytes()];
    if 8 < digits.len() {
        plain.push(digits.into_bytes());
    }
    let mut forms = plain.clone();
    for text in &plain {
        let encoded = text.iter().map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
            _ => format!("%{byte:02x}"),
        });
        forms.push(encoded.collect::<String>().into_bytes());
        let hash = Sha256::digest(text);
        forms.extend([hash.to_vec(), hex(text), hex(&hash)]);
    }
    // Letters of base64 are not the same in lower case: the text as it is, at each of the three alignments.
    forms.extend((0..3).map(|shift| base64(canary.as_bytes(), shift).to_ascii_lowercase()));
    forms
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// The letters that depend on the text alone where `shift` bytes stand before it.
fn base64(text: &[u8], shift: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = [&[0; 2][..shift], text].concat();
    let letters = bytes.chunks_exact(3).flat_map(|three| {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        [18, 12, 6, 0].map(|by| LETTERS[usize::try_from(bits >> by & 63).unwrap()])
    });
    letters.skip(if shift == 0 { 0 } else { 4 }).collect()
}

/// Key, value and headers.
fn bytes(message: &OwnedMessage) -> Vec<u8> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.flat_map(|header| [header.key.as_bytes(), header.value.unwrap_or_default()].concat());
    let parts = [message.key().unwrap_or_default(), message.payload().unwrap_or_default()];
    parts.concat().into_iter().chain(headers).collect()
}

#[test]
fn what_is_searched_for_is_found_in_every_form() {
    let hay = |text: &str| text.as_bytes().to_ascii_lowercase();
    let found = |hay: Vec<u8>| forms(EMAIL).iter().any(|form| hay.windows(form.len()).any(|part| part == form));
    for text in [
        "to canary.mail@example.com",
        "?em=canary.mail%40example.com",
        "63616E6172792E6D61696C406578616D706C652E636F6D",
        "Q2FuYXJ5Lk1haWxAZXhhbXBsZS5jb20=",
        "IENhbmFyeS5NYWlsQGV4YW1wbGUuY29t",
        "ICBDYW5hcnkuTWFpbEBleGFtcGxlLmNvbQ==",
        &String::from_utf8(hex(&Sha256::digest(EMAIL.to_lowercase()))).unwrap(),
    ] {
        assert!(found(hay(text)), "{text}");
    }
    assert!(!found(hay("canary mail example com")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_process_emits_shows_what_is_personal_or_secret() {
    let (collector, port) = (Collector::default(), free_port());
    let watch = format!(
        "admin: {{listen: \"127.0.0.1:{port}\"}}\n\
         telemetry: {{otlp: \"{}\", authorization: {{file: collector}}, interval: 1s, trace_one_in: 1}}\n",
        collector.open().await
    );
    let terms = Terms {
        watch,
        registry: Some(registry().await),
        registry_auth: ", auth: {basic: {user: relay, password: {file: registry}}}",
        properties: ", sasl.username: relay, sasl.password: {file: kafka}",
        log: "pinrelay=trace,librdkafka=debug,info",
        ..Terms::default()
    };
    let mut shop = Shop::without_topics(Broker::shared().await, "canaries", 83, terms).await;
    for (file, secret) in [("collector", COLLECTOR_SECRET), ("registry", REGISTRY_PASSWORD), ("kafka", KAFKA_PASSWORD)]
    {
        fs::write(shop.folder().join(file), secret).unwrap();
    }
    shop.create_topics().await;
    shop.broker.produce(&shop.topic(DemoFeed::Order), inputs("first")).await;

    shop.desk.faults([(When::Always, echo(403, "first"))]);
    let relay = shop.spawn("a");
    shop.desk.until(PATIENCE, |stats| stats.requests_by_status.contains_key(&403)).await;
    let mut emitted = pages(port).await;
    shop.desk.faults([(When::Always, echo(400, "second"))]);
    let refused = |rows: &[OwnedMessage]| rows.iter().any(|row| reason(row) == "invalid_request");
    shop.broker.read_until(&shop.audit_topic(), PATIENCE, refused).await;
    emitted.extend(pages(port).await);
    shop.desk.faults([]);
    let more = inputs("second");
    let n_inputs = 2 * more.len();
    shop.broker.produce(&shop.topic(DemoFeed::Order), more).await;
    shop.rows_reach(n_inputs).await;
    emitted.extend(pages(port).await);
    relay.leave(PATIENCE).await;

    // What a person gets to read who wrote a secret into the file.
    let wrong = shop.folder().join("wrong.yaml");
    let text = fs::read_to_string(shop.config("wrong")).unwrap().replace("{file: token}", &format!("\"{TOKEN}\""));
    fs::write(&wrong, text).unwrap();
    let mut start = binary();
    start.args(["run", "--config"]).arg(&wrong);
    let refused = run(start).await;
    assert_eq!(refused.status.code(), Some(64));
    emitted.push(("refusal".to_owned(), [refused.stdout, refused.stderr].concat()));

    emitted.extend(shop.logs().into_iter().map(|log| ("log".to_owned(), log.into_bytes())));
    emitted.extend(collector.bodies().into_iter().map(|body| ("OTLP".to_owned(), body.to_vec())));
    let rows = shop.broker.read_all(&shop.audit_topic()).await;
    let changelog = shop.broker.read_all(&format!("{}.order.changelog", shop.name)).await;
    for (what, messages) in [("audit row", &rows), ("changelog", &changelog)] {
        assert!(!messages.is_empty());
        emitted.extend(messages.iter().map(|message| (what.to_owned(), bytes(message))));
    }
    assert!(collector.is_authorized_by(COLLECTOR_SECRET) && !collector.spans().is_empty());
    let reasons: BTreeSet<String> = rows.iter().map(reason).collect();
    for reason in ["processed", "invalid_request", "bad_framing", "unknown_schema"] {
        assert!(reasons.contains(reason), "no row says {reason}: {reasons:?}");
    }

    let secrets = [TOKEN, REGISTRY_PASSWORD, COLLECTOR_SECRET, KAFKA_PASSWORD];
    for canary in CANARIES.into_iter().chain(secrets) {
        for form in forms(canary) {
            for (what, bytes) in &emitted {
                let lower = bytes.to_ascii_lowercase();
                let at = lower.windows(form.len()).position(|part| part == form);
                let shown = at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..]).into_owned());
                assert!(shown.is_none(), "{canary} is shown by {what}: {:.400}", shown.unwrap_or_default());
            }
        }
    }
}

fn reason(row: &OwnedMessage) -> String {
    audit::read(row.payload().unwrap()).unwrap().reason.to_owned()
}

async fn pages(port: u16) -> Vec<(String, Vec<u8>)> {
    let mut pages = Vec::new();
    for path in ["/livez", "/readyz", "/status", "/metrics"] {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.expect("the page answers");
        pages.push((path.to_owned(), answer.bytes().await.expect("a body").to_vec()));
    }
    pages
}

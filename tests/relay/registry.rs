//! Confluent framing, with a schema registry that fails for a while.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::kafka::audit;
use pinrelay::mapping::fingerprint;
use rdkafka::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

/// Ids of the feeds' schemas, in their order; of the audit rows' schema; and one that the registry does not know.
const FEED_IDS: [i32; 3] = [101, 102, 103];
const AUDIT_ID: i32 = 7;
const UNKNOWN_ID: i32 = 999;

/// What the registry knows and was asked.
#[derive(Clone, Default)]
struct Registry {
    well: Arc<AtomicBool>,
    n_failures: Arc<AtomicU32>,
    registered: Arc<Mutex<Vec<(String, String)>>>,
}

impl Registry {
    async fn open(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/schemas/ids/{id}", get(schema))
            .route("/subjects/{subject}/versions", post(register))
            .route("/subjects/{subject}", post(look_up))
            .route("/config/{subject}", put(|body: Json<Value>| async { body }).get(level))
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }
}

async fn schema(State(registry): State<Registry>, Path(id): Path<i32>) -> Response {
    if !registry.well.load(Ordering::Relaxed) {
        registry.n_failures.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error_code": 50001, "message": "no store"})))
            .into_response();
    }
    match FEED_IDS.iter().position(|known| *known == id) {
        Some(feed) => Json(json!({"schema": DemoFeed::ALL[feed].schema()})).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error_code": 40403, "message": "not found"}))).into_response(),
    }
}

async fn register(
    State(registry): State<Registry>,
    Path(subject): Path<String>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let schema = body["schema"].as_str().unwrap().to_owned();
    registry.registered.lock().unwrap().push((subject, schema));
    Json(json!({"id": AUDIT_ID}))
}

async fn look_up(State(registry): State<Registry>, Path(subject): Path<String>, Json(body): Json<Value>) -> Response {
    let wanted = (subject, body["schema"].as_str().unwrap().to_owned());
    if registry.registered.lock().unwrap().contains(&wanted) {
        return Json(json!({"id": AUDIT_ID})).into_response();
    }
    (StatusCode::NOT_FOUND, Json(json!({"error_code": 40403, "message": "not found"}))).into_response()
}

async fn level() -> Json<Value> {
    Json(json!({"compatibilityLevel": "FULL_TRANSITIVE"}))
}

/// From single-object encoding to Confluent's; what has another fingerprint gets an id that is not known.
fn confluent(feed: DemoFeed, value: Vec<u8>) -> Vec<u8> {
    let Some(([0xc3, 0x01, schema @ ..], rest)) = value.split_first_chunk::<10>() else { return value };
    let position = DemoFeed::ALL.iter().position(|one| *one == feed).unwrap();
    let known = fingerprint(feed.schema()).unwrap() == *schema;
    let id = if known { FEED_IDS[position] } else { UNKNOWN_ID };
    [&[0], &id.to_be_bytes()[..], rest].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_answers_500_for_a_while_loses_no_record() {
    let registry = Registry::default();
    let url = registry.clone().open().await;
    let terms = Terms { registry: Some(url), ..Terms::default() };
    let mut shop = Shop::open(Broker::shared().await, "registry", 61, terms).await;
    let relay = shop.spawn("a");
    shop.sell_as(4_000, confluent).await;

    let deadline = Instant::now() + PATIENCE;
    // Each schema, more than once.
    while registry.n_failures.load(Ordering::Relaxed) < 9 {
        assert!(Instant::now() < deadline, "the registry is not asked");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shop.desk.stats().posted, 0);
    registry.well.store(true, Ordering::Relaxed);
    shop.settled().await;
    relay.leave(PATIENCE).await;

    Account::of(&shop).await.assert_calm();
    let subject = format!("{}-value", shop.audit_topic());
    // By `topics --apply`: the process finds it at its start.
    assert_eq!(*registry.registered.lock().unwrap(), [(subject, audit::SCHEMA.to_owned())]);
    let head = [&[0][..], &AUDIT_ID.to_be_bytes()].concat();
    for message in shop.broker.read_all(&shop.audit_topic()).await {
        assert!(message.payload().unwrap().starts_with(&head));
    }
}

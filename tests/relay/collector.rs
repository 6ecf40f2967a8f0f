//! A collector that takes OTLP over HTTP, played by this process.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// What it was sent.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone)]
struct Request {
    signal: String,
    authorization: Option<String>,
    body: Bytes,
}

impl Collector {
    /// Listens for the life of the process; gives back its base URL.
    pub(crate) async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/v1/{signal}", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }

    fn of(&self, signal: &str) -> Vec<Request> {
        self.requests.lock().unwrap().iter().filter(|request| request.signal == signal).cloned().collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let decode = |request: Request| ExportTraceServiceRequest::decode(request.body).expect("protobuf");
        let resources = self.of("traces").into_iter().flat_map(|request| decode(request).resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Those of the last request.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let Some(last) = self.of("metrics").pop() else { return Vec::new() };
        let request = ExportMetricsServiceRequest::decode(last.body).expect("protobuf");
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        self.requests.lock().unwrap().iter().map(|request| request.body.clone()).collect()
    }

    /// Whether every request showed this.
    pub(crate) fn is_authorized_by(&self, authorization: &str) -> bool {
        let requests = self.requests.lock().unwrap();
        !requests.is_empty() && requests.iter().all(|one| one.authorization.as_deref() == Some(authorization))
    }
}

async fn take(
    State(collector): State<Collector>,
    Path(signal): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    collector.requests.lock().unwrap().push(Request { signal, authorization, body });
    StatusCode::OK
}

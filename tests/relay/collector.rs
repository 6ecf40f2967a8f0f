//! A collector that takes OTLP over HTTP, played by this process.

use std::ffi::OsString;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::shop::PATIENCE;
use super::support::free_port;

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

/// The OpenTelemetry Collector, which hands on what it takes. Killed when it is dropped.
pub(crate) struct Real {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Real {
    /// Before the collector with that base URL, if `OTEL_COLLECTOR` names the binary (`scripts/check-telemetry`).
    pub(crate) async fn before(url: &str) -> Option<Self> {
        let binary: OsString = std::env::var_os("OTEL_COLLECTOR")?;
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        // Without a queue it answers when the next one has answered.
        let config = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: \"127.0.0.1:{port}\"}}}}}}}}\n\
             exporters: {{otlp_http: {{endpoint: \"{url}\", compression: none, sending_queue: {{enabled: false}}, \
             retry_on_failure: {{enabled: false}}}}}}\n\
             service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n\
             \x20   traces: {{receivers: [otlp], exporters: [otlp_http]}}\n\
             \x20   metrics: {{receivers: [otlp], exporters: [otlp_http]}}\n"
        );
        let file = folder.path().join("collector.yaml");
        fs::write(&file, config).unwrap();
        let mut collector = Command::new(binary);
        collector.arg("--config").arg(&file).stdin(Stdio::null());
        let real = Self { child: collector.spawn().expect("the binary is there"), port, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "the collector does not listen");
            sleep(Duration::from_millis(20)).await;
        }
        Some(real)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for.
        self.child.kill().ok();
        self.child.wait().ok();
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

//! OTLP over HTTP in protobuf (<https://opentelemetry.io/docs/specs/otlp>, read 2026-09): how readings and spans are
//! written down for a collector, and sent.
//!
//! It repeats nothing: a reading that did not arrive is replaced by the next one, and spans are a sample anyway.

use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use prost::Message;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use super::metric::{Kind, Metric, Unit};
use super::reading::{Reading, Sample, Value};
use super::span::{Attribute, Span, SpanKind, SpanState};
use crate::domain::{Secret, UnixMillis};

/// From the start of a request to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who tells, in the words of OpenTelemetry's resource conventions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `service.instance.id`.
    pub instance: String,
    /// Since when counters count.
    pub started: UnixMillis,
}

/// Where a collector listens.
#[derive(Clone, Debug)]
pub struct CollectorSettings {
    /// Without the path that OTLP adds.
    pub endpoint: String,
    /// Value of the header `Authorization`.
    pub authorization: Option<Secret>,
}

/// Sends to one collector.
pub struct Collector {
    http: reqwest::Client,
    endpoint: String,
    authorization: Option<HeaderValue>,
    source: Source,
}

/// Why there is no way to a collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorFault {
    #[error("the HTTP client cannot start")]
    Http(#[source] reqwest::Error),
    #[error("`telemetry.authorization` has characters that no header has: only visible ASCII may stand there")]
    Authorization,
}

/// Why something did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    #[error("no answer")]
    Unanswered,
    #[error("no connection")]
    Unreachable,
    #[error("status {0}")]
    Refused(u16),
}

impl Collector {
    /// # Errors
    /// If the header cannot be written, or no certificate store can be loaded.
    pub fn try_new(settings: &CollectorSettings, source: Source) -> Result<Self, CollectorFault> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("pinrelay/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(TIMEOUT)
            .build()
            .map_err(CollectorFault::Http)?;
        let authorization = settings.authorization.as_ref().map(header).transpose()?;
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        Ok(Self { http, endpoint, authorization, source })
    }

    /// # Errors
    /// If the collector did not take it.
    pub async fn send_reading(&self, reading: &Reading, now: UnixMillis) -> Result<(), NotSent> {
        self.send("v1/metrics", metrics_request(&self.source, reading, now)).await
    }

    /// # Errors
    /// If the collector did not take them.
    pub async fn send_spans(&self, spans: &[Span]) -> Result<(), NotSent> {
        self.send("v1/traces", traces_request(&self.source, spans)).await
    }

    async fn send(&self, path: &str, body: Vec<u8>) -> Result<(), NotSent> {
        let mut request = self.http.post(format!("{}/{path}", self.endpoint)).body(body);
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await;
        let response =
            response.map_err(|fault| if fault.is_connect() { NotSent::Unreachable } else { NotSent::Unanswered })?;
        if response.status().is_success() { Ok(()) } else { Err(NotSent::Refused(response.status().as_u16())) }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn header(secret: &Secret) -> Result<HeaderValue, CollectorFault> {
    let mut header = HeaderValue::from_str(secret.expose()).map_err(|_| CollectorFault::Authorization)?;
    header.set_sensitive(true);
    Ok(header)
}

fn metrics_request(source: &Source, reading: &Reading, now: UnixMillis) -> Vec<u8> {
    let times = Times { start: nanos(source.started), now: nanos(now) };
    let metrics = Metric::ALL.iter().filter_map(|metric| {
        let samples: Vec<&Sample> = reading.of(*metric).collect();
        (!samples.is_empty()).then(|| metric_of(*metric, &samples, times))
    });
    let scope = Some(scope());
    let scope_metrics = vec![metrics::ScopeMetrics { scope, metrics: metrics.collect(), schema_url: String::new() }];
    let resource = Some(resource(source));
    let resource_metrics = vec![metrics::ResourceMetrics { resource, scope_metrics, schema_url: String::new() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

fn metric_of(metric: Metric, samples: &[&Sample], times: Times) -> metrics::Metric {
    let cumulative = metrics::AggregationTemporality::Cumulative.into();
    let numbers = || samples.iter().filter_map(|sample| number_point(sample, times)).collect();
    let data = match metric.kind() {
        Kind::Counter => metric::Data::Sum(metrics::Sum {
            data_points: numbers(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge => metric::Data::Gauge(metrics::Gauge { data_points: numbers() }),
        Kind::Histogram(_) => metric::Data::Histogram(metrics::Histogram {
            data_points: samples.iter().filter_map(|sample| histogram_point(sample, times)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    let unit = match metric.unit() {
        Unit::Each(thing) => format!("{{{thing}}}"),
        Unit::Seconds => "s".to_owned(),
        Unit::Share => "1".to_owned(),
        Unit::Info => String::new(),
    };
    metrics::Metric {
        name: metric.name().to_owned(),
        description: metric.help().to_owned(),
        unit,
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn number_point(sample: &Sample, times: Times) -> Option<metrics::NumberDataPoint> {
    let value = match &sample.value {
        Value::Count(count) => number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX)),
        Value::Number(number) => number_data_point::Value::AsDouble(*number),
        Value::Histogram(_) => return None,
    };
    Some(metrics::NumberDataPoint {
        attributes: labels(sample),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(value),
        ..metrics::NumberDataPoint::default()
    })
}

fn histogram_point(sample: &Sample, times: Times) -> Option<metrics::HistogramDataPoint> {
    let Value::Histogram(histogram) = &sample.value else { return None };
    Some(metrics::HistogramDataPoint {
        attributes: labels(sample),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count: histogram.count(),
        sum: Some(histogram.sum().as_secs_f64()),
        bucket_counts: histogram.counts().to_vec(),
        explicit_bounds: histogram.bounds().iter().map(Duration::as_secs_f64).collect(),
        ..metrics::HistogramDataPoint::default()
    })
}

fn labels(sample: &Sample) -> Vec<KeyValue> {
    let labels = sample.metric.labels().iter().zip(&sample.labels);
    labels.map(|(label, value)| text(label.name(), value)).collect()
}

fn traces_request(source: &Source, spans: &[Span]) -> Vec<u8> {
    let (scope, spans) = (Some(scope()), spans.iter().map(span_of).collect());
    let scope_spans = vec![trace::ScopeSpans { scope, spans, schema_url: String::new() }];
    let resource = Some(resource(source));
    let resource_spans = vec![trace::ResourceSpans { resource, scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn span_of(span: &Span) -> trace::Span {
    let kind = match span.kind {
        SpanKind::Consumer => trace::span::SpanKind::Consumer,
        SpanKind::Client => trace::span::SpanKind::Client,
    };
    let code = match span.state {
        SpanState::Unset => trace::status::StatusCode::Unset,
        SpanState::Failed => trace::status::StatusCode::Error,
    };
    let events = span.events.iter().map(|(name, at)| trace::span::Event {
        time_unix_nano: nanos(*at),
        name: (*name).to_owned(),
        ..trace::span::Event::default()
    });
    let links = span.links.iter().map(|link| trace::span::Link {
        trace_id: link.trace.as_bytes().to_vec(),
        span_id: link.span.as_bytes().to_vec(),
        ..trace::span::Link::default()
    });
    trace::Span {
        trace_id: span.context.trace.as_bytes().to_vec(),
        span_id: span.context.span.as_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default(),
        name: span.name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.start),
        end_time_unix_nano: nanos(span.end),
        attributes: span.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        events: events.collect(),
        links: links.collect(),
        status: Some(trace::Status { message: String::new(), code: code.into() }),
        ..trace::Span::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn resource(source: &Source) -> Resource {
    let attributes = vec![
        text("service.name", env!("CARGO_PKG_NAME")),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", &source.instance),
    ];
    Resource { attributes, ..Resource::default() }
}

fn attribute(name: &str, value: &Attribute) -> KeyValue {
    match value {
        Attribute::Text(value) => text(name, value),
        Attribute::Number(number) => key_value(name, any_value::Value::IntValue(*number)),
    }
}

fn text(name: &str, value: &str) -> KeyValue {
    key_value(name, any_value::Value::StringValue(value.to_owned()))
}

fn key_value(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanos(time: UnixMillis) -> u64 {
    u64::try_from(time.0).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SpanId, TraceContext, TraceId};
    use crate::telemetry::Histogram;
    use crate::telemetry::histogram::DURATIONS;

    fn source() -> Source {
        Source { instance: "group.a".to_owned(), started: UnixMillis(1_000) }
    }

    #[test]
    fn a_reading_becomes_the_metrics_of_one_resource_with_sums_gauges_and_histograms() {
        let mut durations = Histogram::new(&DURATIONS);
        durations.record(Duration::from_millis(7));
        let mut reading = Reading::default();
        reading.add(Metric::Events, &["main", "processed"], 3_u64.into());
        reading.add(Metric::EventsQueued, &["main"], 4_u64.into());
        reading.add(Metric::TransactionDuration, &[], (&durations).into());
        let body = metrics_request(&source(), &reading, UnixMillis(2_000));
        let request = ExportMetricsServiceRequest::decode(&*body).expect("what was encoded");
        let of_resource = &request.resource_metrics[0];
        let resource = of_resource.resource.as_ref().expect("a resource");
        assert!(resource.attributes.contains(&text("service.instance.id", "group.a")));
        let [histogram, sum, gauge] = {
            let mut metrics = of_resource.scope_metrics[0].metrics.clone();
            metrics.sort_by(|a, b| b.name.cmp(&a.name));
            <[_; 3]>::try_from(metrics).expect("three metrics")
        };
        let Some(metric::Data::Histogram(data)) = histogram.data else { panic!("{histogram:?}") };
        assert_eq!((histogram.name.as_str(), histogram.unit.as_str()), ("pinrelay.transaction.duration", "s"));
        assert_eq!((data.data_points[0].count, &data.data_points[0].bucket_counts[..2]), (1, &[0, 1][..]));
        let Some(metric::Data::Gauge(data)) = sum.data else { panic!("{sum:?}") };
        assert_eq!((sum.name.as_str(), sum.unit.as_str()), ("pinrelay.events.queued", "{event}"));
        assert_eq!(data.data_points[0].attributes, [text("lane", "main")]);
        let Some(metric::Data::Sum(data)) = gauge.data else { panic!("{gauge:?}") };
        let point = &data.data_points[0];
        assert!(data.is_monotonic);
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000_000_000, 2_000_000_000));
        assert_eq!(point.value, Some(number_data_point::Value::AsInt(3)));
    }

    #[test]
    fn a_span_keeps_its_parent_its_links_and_its_times() {
        let context = |n: u8| {
            let trace = TraceId::try_new([n; 16]).expect("not zero");
            TraceContext::sampled(trace, SpanId::try_new([n; 8]).expect("not zero"))
        };
        let span = Span {
            name: "relay record",
            kind: SpanKind::Consumer,
            context: context(1),
            parent: Some(context(2).span),
            start: UnixMillis(1),
            end: UnixMillis(3),
            attributes: vec![("pinrelay.outcome", "delivered".into()), ("pinrelay.offset", 7.into())],
            events: vec![("posted", UnixMillis(2))],
            links: vec![context(3)],
            state: SpanState::Unset,
        };
        let body = traces_request(&source(), &[span]);
        let request = ExportTraceServiceRequest::decode(&*body).expect("what was encoded");
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(
            (&span.trace_id[..], &span.span_id[..], &span.parent_span_id[..]),
            (&[1; 16][..], &[1; 8][..], &[2; 8][..])
        );
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1_000_000, 3_000_000));
        assert_eq!((&span.links[0].trace_id[..], span.events[0].time_unix_nano), (&[3; 16][..], 2_000_000));
        assert_eq!(span.kind, i32::from(trace::span::SpanKind::Consumer));
    }
}

//! A trace that begins in a record's header goes on through the post to the audit row's header.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::collector::{Collector, Real};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;

const WATCHED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNWATCHED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn traceparent(message: &OwnedMessage) -> Option<String> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == "traceparent")?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn context(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

fn is_of_record(span: &Span) -> bool {
    span.name != "post events"
}

/// The records that the metrics count.
fn relayed(collector: &Collector) -> usize {
    let metrics = collector.metrics();
    let Some(of_records) = metrics.iter().find(|metric| metric.name == "pinrelay.records") else { return 0 };
    let Some(metric::Data::Sum(sum)) = &of_records.data else { panic!("{of_records:?}") };
    let counts = sum.data_points.iter().map(|point| match point.value {
        Some(number_data_point::Value::AsInt(count)) => count,
        _ => panic!("{point:?}"),
    });
    usize::try_from(counts.sum::<i64>()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_on_from_the_record_through_the_post_to_the_audit_row() {
    let collector = Collector::default();
    let own = collector.open().await;
    let real = Real::before(&own).await;
    let url = real.as_ref().map_or(own, Real::url);
    let watch = format!("telemetry: {{otlp: \"{url}\", interval: 1s}}\n");
    let mut shop = Shop::open(Broker::shared().await, "traces", 82, Terms { watch, ..Terms::default() }).await;
    let of_each = 100;
    for header in [Some(WATCHED), Some(UNWATCHED), Some("someone@example.com"), None] {
        shop.headers = header.iter().map(|text| ("traceparent".to_owned(), text.as_bytes().to_vec())).collect();
        shop.sell(of_each).await;
    }
    let relay = shop.spawn("a");
    shop.settled().await;
    // The last export of a process that stops has three seconds.
    let deadline = Instant::now() + PATIENCE;
    let told = || collector.spans().iter().filter(|span| is_of_record(span)).count();
    while told() < of_each || relayed(&collector) < shop.planned.len() {
        assert!(Instant::now() < deadline, "{} records are told of", relayed(&collector));
        sleep(Duration::from_millis(20)).await;
    }
    relay.leave(PATIENCE).await;
    Account::of(&shop).await.assert_calm();

    let rows = shop.broker.read_all(&shop.audit_topic()).await;
    let mut by_header: HashMap<Option<String>, usize> = HashMap::new();
    for row in &rows {
        *by_header.entry(traceparent(row)).or_insert(0) += 1;
    }
    assert_eq!(by_header.remove(&Some(UNWATCHED.to_owned())), Some(of_each), "an unwatched trace goes on as it came");
    assert_eq!(by_header.remove(&None), Some(2 * of_each), "what is no trace is dropped");
    assert_eq!(by_header.len(), of_each, "each watched record has a span of its own");

    let spans = collector.spans();
    let (records, posts): (Vec<_>, Vec<_>) = spans.iter().partition(|span| is_of_record(span));
    assert_eq!(records.len(), of_each);
    let posts: HashMap<String, &Span> = posts.into_iter().map(|span| (context(span), span)).collect();
    let [_, trace, caller, _] = WATCHED.split('-').collect::<Vec<_>>()[..] else { panic!("four fields") };
    let mut n_posted = 0;
    for record in records {
        assert!(by_header.contains_key(&Some(context(record))), "a row names the span");
        assert_eq!((hex(&record.trace_id), hex(&record.parent_span_id)), (trace.to_owned(), caller.to_owned()));
        assert!(record.start_time_unix_nano <= record.end_time_unix_nano);
        for link in &record.links {
            let post = posts[&format!("00-{}-{}-01", hex(&link.trace_id), hex(&link.span_id))];
            assert!(post.links.iter().any(|back| back.span_id == record.span_id), "the post names its records");
            n_posted += 1;
        }
    }
    assert!(of_each / 2 < n_posted, "{n_posted} records were posted");

    assert_eq!(relayed(&collector), rows.len());
}

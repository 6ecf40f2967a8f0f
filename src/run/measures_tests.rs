//! Each metric with a value of its own, from what the loop knows to the page.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::domain::{BootTime, NextOffset, PartitionId, Redelivery, Settlement};
use crate::mapping::{DropReason, Target};
use crate::pipeline::{LaneStatus, PartitionStatus, Suspected};
use crate::run::behind::End;
use crate::run::totals::tests::{row, transaction};
use crate::run::totals::{Accounting, Totals};
use crate::run::traffic::Traffic;
use crate::run::{Credentials, Headway};
use crate::telemetry::text::expose;

const HOUR_MS: i64 = 3_600_000;

/// An hour and a second after the epoch.
const NOW: UnixMillis = UnixMillis(HOUR_MS + 1000);

fn partition(number: i32) -> PartitionId {
    PartitionId { feed: FeedId(0), number }
}

fn totals() -> Totals {
    let mut totals = Totals::default();
    let again = Settlement { redelivery: Redelivery::Possible, ..row(Reason::Processed, 2 * HOUR_MS) };
    let rows = vec![row(Reason::Processed, 60_000), row(Reason::Processed, 60_000), again, row(Reason::Tombstone, 0)];
    totals.commit(&Accounting::of(&transaction(0, rows)), UnixMillis(2001));
    totals
}

fn traffic() -> Traffic {
    let mut traffic = Traffic::default();
    let of_lane = traffic.lanes.entry(LaneId(0)).or_default();
    of_lane.requests.extend([(RequestStatus::ALL[0], 21), (RequestStatus::ALL[1], 22)]);
    of_lane.events.extend([(EventStatus::ALL[0], 23), (EventStatus::ALL[1], 24)]);
    of_lane.durations.record(Duration::from_millis(250));
    traffic.transactions.extend([(CommitEnd::Committed, 25), (CommitEnd::Unknown, 26)]);
    traffic.transaction_durations.record(Duration::from_millis(750));
    traffic.moved.extend([((FeedId(0), Change::Assigned), 27), ((FeedId(0), Change::Lost), 28)]);
    traffic
}

fn status() -> Status {
    let reading = PartitionStatus {
        partition: partition(0),
        restoring: false,
        span: 31,
        open: 32,
        oldest: Some(UnixMillis(NOW.0 - 33_000)),
        position: NextOffset(1000),
        window_keys: 34,
        window_evicted: 35,
        window_covers: Duration::from_secs(36),
    };
    let restoring = PartitionStatus {
        partition: partition(1),
        restoring: true,
        span: 0,
        open: 0,
        oldest: None,
        position: NextOffset(0),
        window_keys: 0,
        window_evicted: 0,
        window_covers: Duration::ZERO,
    };
    let lane = LaneStatus {
        lane: LaneId(0),
        queued: 41,
        posted: 42,
        posted_events: 43,
        interval: Duration::from_millis(250),
        level: 44,
        most: 45,
        trouble: Some(Trouble::Ambiguous),
    };
    Status {
        partitions: vec![reading, restoring],
        lanes: vec![lane],
        window: Duration::from_secs(46),
        suspected: Suspected { keys: 47, ..Suspected::default() },
    }
}

fn progress() -> Progress {
    Progress {
        turned: BootTime(10_000),
        started: UnixMillis(1_500),
        totals: totals(),
        traffic: traffic(),
        restoring: HashMap::from([(partition(1), BootTime(3_000))]),
        waiting: HashMap::new(),
        ends: HashMap::from([(
            partition(0),
            End { end: NextOffset(1018), position: NextOffset(1000), standing_since: None },
        )]),
        notes: vec![Notes {
            dropped: BTreeMap::from([((Target::UserEm, DropReason::Malformed), 51)]),
            warnings: BTreeMap::from([(Warning::OwnEventName, 52)]),
        }],
        tokens: vec![UnixMillis(NOW.0 - 53_000)],
        spans_dropped: 54,
        credentials: Credentials { refused: Some("expired".to_owned()), ..Credentials::default() },
        status: Some(status()),
        restores: BTreeMap::from([(partition(1), Headway { read: 1, to_read: 4, keys: 9 })]),
    }
}

#[test]
fn each_metric_shows_what_it_is_named_after() {
    let names = Names { feeds: vec!["order".to_owned()], lanes: vec!["main".to_owned()] };
    let page = expose(&names.reading(&progress(), NOW));
    let is_sample = |line: &&str| !line.starts_with('#') && !line.contains("_bucket{") && !line.ends_with(" 0");
    let found: Vec<&str> = page.lines().filter(is_sample).collect();
    let expected = EXPECTED.trim().replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{found:#?}");
    for metric in Metric::ALL {
        assert!(found.iter().any(|line| line.starts_with(&metric.prometheus_name())), "{}", metric.prometheus_name());
    }
}

/// All but zeros and the buckets of histograms.
const EXPECTED: &str = r#"
pinrelay_records_total{feed="order",outcome="delivered",reason="processed"} 3
pinrelay_records_total{feed="order",outcome="skipped",reason="tombstone"} 1
pinrelay_records_redelivered_total{feed="order"} 1
pinrelay_records_unaccounted{feed="order",partition="0"} 31
pinrelay_records_behind{feed="order",partition="0"} 50
pinrelay_records_oldest_age_seconds{feed="order",partition="0"} 33
pinrelay_record_duration_seconds_sum{feed="order"} 8
pinrelay_record_duration_seconds_count{feed="order"} 4
pinrelay_event_age_seconds_sum{feed="order"} 7320
pinrelay_event_age_seconds_count{feed="order"} 3
pinrelay_events_late_total{feed="order"} 1
pinrelay_events_identity_total{feed="order",parameter="em"} 3
pinrelay_values_dropped_total{feed="order",target="user_data.em",cause="malformed"} 51
pinrelay_events_warned_total{feed="order",warning="own_event_name"} 52
pinrelay_events_total{lane="main",status="processed"} 23
pinrelay_events_total{lane="main",status="failed"} 24
pinrelay_events_queued{lane="main"} 41
pinrelay_events_in_flight{lane="main"} 43
pinrelay_requests_total{lane="main",status="verdicts"} 21
pinrelay_requests_total{lane="main",status="refused"} 22
pinrelay_request_duration_seconds_sum{lane="main"} 0.25
pinrelay_request_duration_seconds_count{lane="main"} 1
pinrelay_requests_in_flight{lane="main"} 42
pinrelay_requests_budget{lane="main"} 240
pinrelay_requests_concurrency{lane="main"} 44
pinrelay_requests_concurrency_limit{lane="main"} 45
pinrelay_lane_halted{lane="main",cause="ambiguous"} 1
pinrelay_token_age_seconds{lane="main"} 53
pinrelay_credential_unusable{peer="kafka"} 1
pinrelay_window_keys{feed="order",partition="0"} 34
pinrelay_window_evicted_total{feed="order",partition="0"} 35
pinrelay_window_covered_seconds{feed="order",partition="0"} 36
pinrelay_window_length_seconds 46
pinrelay_keys_sent_twice_total 47
pinrelay_partitions{feed="order",state="restoring"} 1
pinrelay_partitions{feed="order",state="reading"} 1
pinrelay_partitions_moved_total{feed="order",change="assigned"} 27
pinrelay_partitions_moved_total{feed="order",change="lost"} 28
pinrelay_restore_duration_seconds{feed="order",partition="1"} 7
pinrelay_restore_progress_ratio{feed="order",partition="0"} 1
pinrelay_restore_progress_ratio{feed="order",partition="1"} 0.25
pinrelay_transactions_total{fate="committed"} 25
pinrelay_transactions_total{fate="unknown"} 26
pinrelay_transaction_duration_seconds_sum 0.75
pinrelay_transaction_duration_seconds_count 1
pinrelay_spans_dropped_total 54
pinrelay_build_info{version="VERSION"} 1
pinrelay_start_time_seconds 1.5
"#;

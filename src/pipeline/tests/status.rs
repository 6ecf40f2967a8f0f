//! What the core says about itself.

use super::super::{LaneStatus, PartitionStatus};
use super::*;

#[test]
fn the_status_counts_what_is_under_way_and_says_what_is_wrong() {
    let mut settings = settings();
    settings.shared_limits = vec![CallLimit::per_minute(NonZeroU32::new(60).unwrap())];
    settings.lanes[0] = LaneSettings { batch_events: 2, shares: Some(0), ..settings.lanes[0].clone() };
    let mut desk = Desk::with(settings);
    let other = PartitionId { number: 1, ..P0 };
    desk.step(Input::Assigned(other));
    for key in 0..6 {
        let mut record = record(i64::from(key), event(key, Resend));
        record.timestamp = Some(UnixMillis(1000 + i64::from(key)));
        desk.step(Input::Record { partition: P0, epoch: Epoch(1), record: Box::new(record) });
    }
    let batch = desk.commit_and_post();
    desk.process_all(&batch);
    desk.pass(Duration::from_secs(1));
    desk.commit();
    let batch = desk.posted().expect("a second has passed since the first");
    let status = desk.core.status(desk.now);
    let restoring = PartitionStatus {
        partition: other,
        restoring: true,
        span: 0,
        open: 0,
        oldest: None,
        position: NextOffset(0),
        window_keys: 0,
        window_evicted: 0,
        window_covers: Duration::ZERO,
    };
    let reading = PartitionStatus {
        partition: P0,
        restoring: false,
        span: 4,
        open: 4,
        oldest: Some(UnixMillis(1002)),
        position: NextOffset(6),
        window_keys: 2,
        window_evicted: 0,
        window_covers: Duration::from_hours(48),
    };
    assert_eq!(status.partitions, [reading, restoring]);
    let lane = LaneStatus {
        lane: LaneId(0),
        queued: 2,
        posted: 1,
        posted_events: 2,
        interval: Duration::from_nanos(1_015_228_426),
        level: 1,
        most: 1,
        trouble: None,
    };
    assert_eq!((status.lanes, status.window), (vec![lane], Duration::from_hours(48)));
    desk.answer(&batch, silence());
    assert_eq!(desk.core.status(desk.now).lanes[0].trouble, Some(Trouble::Ambiguous));
}

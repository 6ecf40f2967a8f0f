//! What is told of events that two partitions send.

use super::super::Suspected;
use super::*;

/// In the sample.
const SAMPLED: u8 = 64;

#[test]
fn an_event_that_two_partitions_deliver_is_sent_twice_and_told() {
    let other = PartitionId { feed: FeedId(1), number: 3 };
    let mut desk = Desk::new();
    desk.step(Input::Assigned(other));
    let Some(Effect::Restore { partition, epoch }) = desk.effects.pop() else { panic!("no restore") };
    let restored = Replay::new(&settings(), NextOffset(0), ChangelogOffset(0)).finish(desk.now.wall);
    desk.step(Input::Restored { partition, epoch, restored: Box::new(restored) });
    for (partition, epoch) in [(P0, Epoch(1)), (other, Epoch(2))] {
        let record = Box::new(record(0, event(SAMPLED, Resend)));
        desk.step(Input::Record { partition, epoch, record });
    }
    let batch = desk.commit_and_post();
    assert_eq!(batch.bodies.len(), 2);
    desk.process_all(&batch);
    desk.commit();
    assert_eq!(desk.core.status(desk.now).suspected, Suspected { keys: 1, last: Some((P0, other)) });
}

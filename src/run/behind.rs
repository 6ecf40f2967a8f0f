//! How far behind the ends of its partitions the work is.
//!
//! The group's lag in Kafka does not say it: it counts the markers of transactions, and a position that is committed
//! only together with a record. Here the end is compared with the reader's own position, which passes markers.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::domain::{NextOffset, PartitionId, UnixMillis};
use crate::kafka::ends::EndReader;

use super::{Progress, clock};

/// Between two questions to the brokers.
const EVERY: Duration = Duration::from_secs(2);

/// Where partitions ended when it was last asked.
pub type Ends = HashMap<PartitionId, End>;

/// Where a partition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub end: NextOffset,
    /// Where the reader stood.
    pub(super) position: NextOffset,
    /// Since when it has been seen to stand there with something before it: the records came no later.
    pub standing_since: Option<UnixMillis>,
}

/// Asks until nobody listens any more.
pub(super) async fn watch(reader: EndReader, progress: watch::Receiver<Progress>, ends: watch::Sender<Ends>) {
    let mut reader = reader;
    let mut turns = interval(EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !ends.is_closed() {
        turns.tick().await;
        let positions = positions(&progress.borrow());
        let partitions: Vec<PartitionId> = positions.keys().copied().collect();
        let asked = spawn_blocking(move || {
            let answer = reader.ends(&partitions);
            (reader, answer)
        });
        // The runtime ends before the answer comes only with the process.
        let Ok((back, answer)) = asked.await else { return };
        reader = back;
        match answer {
            Ok(found) => ends.send_modify(|ends| *ends = renewed(ends, &positions, found, clock::wall())),
            // The consumer says that a broker is away; the last ends stay.
            Err(error) => tracing::debug!(%error, "the ends of partitions are not known"),
        }
    }
}

fn positions(progress: &Progress) -> HashMap<PartitionId, NextOffset> {
    let partitions = progress.status.iter().flat_map(|status| &status.partitions);
    partitions.map(|partition| (partition.partition, partition.position)).collect()
}

fn renewed(
    before: &Ends,
    positions: &HashMap<PartitionId, NextOffset>,
    found: Vec<(PartitionId, NextOffset)>,
    now: UnixMillis,
) -> Ends {
    let renew = |(partition, end): (PartitionId, NextOffset)| {
        let position = *positions.get(&partition)?;
        let stood = before.get(&partition).filter(|before| before.position == position);
        let standing_since = (position < end).then(|| stood.and_then(|stood| stood.standing_since).unwrap_or(now));
        Some((partition, End { end, position, standing_since }))
    };
    found.into_iter().filter_map(renew).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeedId;

    #[test]
    fn a_reader_stands_since_it_was_first_seen_there_with_something_before_it() {
        let partition = PartitionId { feed: FeedId(0), number: 1 };
        let mut ends = Ends::new();
        // Position, end and time of each look, and since when the reader stands then.
        for (position, end, now, since) in [
            (5, 5, 10, None),
            (5, 9, 20, Some(20)),
            (5, 12, 30, Some(20)),
            (7, 12, 40, Some(40)),
            (12, 12, 50, None),
            (12, 13, 60, Some(60)),
        ] {
            let positions = [(partition, NextOffset(position))].into();
            ends = renewed(&ends, &positions, vec![(partition, NextOffset(end))], UnixMillis(now));
            assert_eq!(ends[&partition].standing_since, since.map(UnixMillis), "at {now}");
        }
        assert_eq!(renewed(&ends, &HashMap::new(), vec![(partition, NextOffset(1))], UnixMillis(70)), Ends::new());
    }
}

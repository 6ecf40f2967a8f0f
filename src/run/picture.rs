//! The loop's progress as the admin pages show it, with the names that people know.

use crate::admin::{AgeAtDelivery, Credentials, Lane, Partition, PartitionState, Picture, Records, SentByTwo, Status};
use crate::config::Config;
use crate::domain::{FeedId, LaneId, NotTaken, PartitionId};
use crate::pipeline::{Suspected, Trouble};

use super::{Headway, Progress};

/// The names of feeds and lanes, in the order of the configuration.
#[derive(Clone, Debug)]
pub struct Names {
    pub(super) feeds: Vec<String>,
    pub(super) lanes: Vec<String>,
}

impl Names {
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            feeds: config.feeds.iter().map(|feed| feed.name.clone()).collect(),
            lanes: config.lanes.iter().map(|lane| lane.name.clone()).collect(),
        }
    }

    pub(super) fn feed(&self, feed: FeedId) -> String {
        self.feeds.get(usize::from(feed.0)).cloned().unwrap_or_default()
    }

    pub(super) fn lane(&self, lane: LaneId) -> String {
        self.lanes.get(usize::from(lane.0)).cloned().unwrap_or_default()
    }

    /// What the pages show of `progress`.
    #[must_use]
    pub fn picture(&self, progress: &Progress) -> Picture {
        let (partitions, lanes) =
            progress.status.as_ref().map_or((&[][..], &[][..]), |status| (&status.partitions, &status.lanes));
        let partitions = partitions.iter().map(|partition| Partition {
            feed: self.feed(partition.partition.feed),
            partition: partition.partition.number,
            state: if partition.restoring { PartitionState::Restoring } else { PartitionState::Reading },
            position: partition.position.0,
            unaccounted: partition.span,
            restored_percent: progress.restores.get(&partition.partition).map(Headway::percent),
            window_keys: progress
                .restores
                .get(&partition.partition)
                .map_or(partition.window_keys, |so_far| so_far.keys),
            window_evicted: partition.window_evicted,
            window_covers_seconds: partition.window_covers.as_secs(),
        });
        let lanes = lanes.iter().map(|lane| Lane {
            lane: self.lane(lane.lane),
            queued: lane.queued,
            requests: lane.posted,
            trouble: lane.trouble.map(|trouble| words(trouble).to_owned()),
        });
        let records = progress.totals.feeds().flat_map(|(feed, totals)| {
            let records = totals.outcomes().into_iter();
            records.map(move |(outcome, count)| Records { feed: self.feed(feed), outcome: outcome.as_str(), count })
        });
        let ages = progress.totals.feeds().filter(|(_, totals)| 0 < totals.ages.count());
        let ages = ages.map(|(feed, totals)| AgeAtDelivery {
            feed: self.feed(feed),
            events: totals.ages.count(),
            over_an_hour: totals.late,
            half_within_seconds: totals.ages.bound_of(500).map(|bound| bound.as_secs()),
            most_within_seconds: totals.ages.bound_of(990).map(|bound| bound.as_secs()),
        });
        let suspected = progress.status.as_ref().map(|status| status.suspected).unwrap_or_default();
        let place = |partition: PartitionId| format!("{}/{}", self.feed(partition.feed), partition.number);
        let status = Status {
            partitions: partitions.collect(),
            lanes: lanes.collect(),
            records: records.collect(),
            age_at_delivery: ages.collect(),
            sent_by_two_partitions: SentByTwo {
                sampled_keys: suspected.keys,
                one_key_in: Suspected::ONE_IN,
                last: suspected.last.map(|(one, other)| [place(one), place(other)]),
            },
            kafka_credentials: Credentials {
                renewed: progress.credentials.renewed,
                refused: progress.credentials.refused.clone(),
            },
        };
        Picture { turned: progress.turned, status }
    }
}

/// What it is, and what a person does about it.
pub(super) const fn words(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Ambiguous => "the last answer was no verdict",
        Trouble::NotTaken(NotTaken::Throttled) => "Pinterest asked to wait",
        Trouble::NotTaken(NotTaken::Unauthorized) => {
            "the access token is not accepted: make a new one in Ads Manager > Conversions > Conversions API > Set up API > Generate new token"
        }
        Trouble::NotTaken(NotTaken::Forbidden) => {
            "the token's user has no access to the ad account: check ad_account_id, or give the user a role there in Ads Manager"
        }
        Trouble::NotTaken(NotTaken::WrongAddress) => {
            "this is not the address of the API, or of the ad account: check base_url and ad_account_id"
        }
        Trouble::NotTaken(NotTaken::Unreachable) => "Pinterest cannot be reached",
    }
}

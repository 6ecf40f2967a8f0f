//! What Kafka knows of the group: who owns what, and how far it is.

use std::collections::BTreeSet;
use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::groups::GroupInfo;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::account::Committed;
use super::shop::{PATIENCE, Shop};

/// How long the broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Between two questions.
const AGAIN: Duration = Duration::from_millis(20);

/// Partitions of the input topics.
pub(crate) type Owned = BTreeSet<(DemoFeed, i32)>;

/// Asks for the offsets that the group has committed.
pub(crate) struct Offsets {
    client: BaseConsumer,
    topics: [(DemoFeed, String); DemoFeed::ALL.len()],
}

impl Offsets {
    /// Stable ones: of no transaction that is still open.
    pub(crate) fn committed(&self, within: Duration) -> KafkaResult<Committed> {
        let mut list = TopicPartitionList::new();
        for (feed, topic) in &self.topics {
            list.add_partition_range(topic, 0, i32::try_from(feed.partitions()).unwrap() - 1);
        }
        let list = self.client.committed_offsets(list, within)?;
        let elements = list.elements();
        let known = elements.iter().filter_map(|element| {
            let Offset::Offset(offset) = element.offset() else { return None };
            let (feed, _) = self.topics.iter().find(|(_, topic)| topic == element.topic()).unwrap();
            Some(((*feed, element.partition()), offset))
        });
        Ok(known.collect())
    }
}

impl Shop<'_> {
    fn group_client(&self) -> BaseConsumer {
        self.broker.client().set("group.id", &self.name).create().unwrap()
    }

    pub(crate) fn offsets(&self) -> Offsets {
        Offsets { client: self.group_client(), topics: DemoFeed::ALL.map(|feed| (feed, self.topic(feed))) }
    }

    pub(crate) async fn committed(&self) -> Committed {
        let offsets = self.offsets();
        spawn_blocking(move || offsets.committed(ANSWER)).await.unwrap().unwrap()
    }

    /// Returns what this member keeps when the group wants something back from it.
    pub(crate) async fn keeps(&self, instance: &str) -> Owned {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let [owned] = self.owned([instance]).await;
            if !owned.is_empty() && owned.len() < partitions_of_all_feeds() {
                return owned;
            }
            assert!(Instant::now() < deadline, "the group leaves {instance} all that it has");
            sleep(AGAIN).await;
        }
    }

    /// Returns the partitions of these members when together they own all, and each at least one.
    pub(crate) async fn shared_by<const N: usize>(&self, instances: [&str; N]) -> [Owned; N] {
        let all = partitions_of_all_feeds();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let owned = self.owned(instances).await;
            if owned.iter().all(|one| !one.is_empty()) && owned.iter().map(Owned::len).sum::<usize>() == all {
                return owned;
            }
            assert!(Instant::now() < deadline, "the group does not come to rest: {owned:?}");
            sleep(AGAIN).await;
        }
    }

    async fn owned<const N: usize>(&self, instances: [&str; N]) -> [Owned; N] {
        // A static member's id begins with its group.instance.id.
        let identities = instances.map(|instance| format!("{}-", self.identity(instance)));
        let client = self.group_client();
        let group = self.name.clone();
        let assignments = spawn_blocking(move || {
            let list = client.fetch_group_list(Some(&group), ANSWER).unwrap();
            let stable = list.groups().iter().filter(|group| group.state() == "Stable");
            let members: Vec<_> = stable.flat_map(GroupInfo::members).collect();
            identities.map(|identity| {
                let member = members.iter().find(|member| member.id().starts_with(&identity));
                member.and_then(|member| member.assignment()).unwrap_or_default().to_owned()
            })
        });
        assignments.await.unwrap().map(|assignment| self.partitions(&assignment))
    }

    /// How many members the group has.
    pub(crate) async fn members(&self) -> usize {
        let (client, group) = (self.group_client(), self.name.clone());
        let counting = spawn_blocking(move || {
            let list = client.fetch_group_list(Some(&group), ANSWER).unwrap();
            list.groups().iter().map(|group| group.members().len()).sum()
        });
        counting.await.unwrap()
    }

    /// Reads Kafka's consumer protocol: version, then topics, each with its partitions.
    fn partitions(&self, assignment: &[u8]) -> Owned {
        let mut owned = Owned::new();
        if assignment.is_empty() {
            return owned;
        }
        let mut rest = assignment;
        take::<2>(&mut rest);
        for _ in 0..i32::from_be_bytes(take(&mut rest)) {
            let length = usize::from(u16::from_be_bytes(take(&mut rest)));
            let (topic, behind) = rest.split_at(length);
            rest = behind;
            let topic = str::from_utf8(topic).unwrap();
            let feed = DemoFeed::ALL.into_iter().find(|feed| self.topic(*feed) == topic).unwrap();
            for _ in 0..i32::from_be_bytes(take(&mut rest)) {
                owned.insert((feed, i32::from_be_bytes(take(&mut rest))));
            }
        }
        owned
    }

    /// Returns when what is committed is at these ends.
    pub(crate) async fn reach(&self, ends: &Committed) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.committed().await;
            let waiting: Vec<_> = ends.iter().filter(|(partition, end)| now.get(partition) != Some(end)).collect();
            if waiting.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "these ends are not reached: {waiting:?}");
            sleep(AGAIN).await;
        }
    }

    /// Returns when each of these partitions is further than at `before`, or at its end.
    pub(crate) async fn moves_on(&self, partitions: &Owned, before: &Committed) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.committed().await;
            let waiting: Vec<_> =
                partitions.iter().filter(|p| now.get(p) <= before.get(p) && now.get(p) != self.ends().get(p)).collect();
            if waiting.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "nobody reads {waiting:?}");
            sleep(AGAIN).await;
        }
    }
}

fn partitions_of_all_feeds() -> usize {
    DemoFeed::ALL.iter().map(|feed| usize::try_from(feed.partitions()).unwrap()).sum()
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (head, behind) = rest.split_first_chunk().unwrap();
    *rest = behind;
    *head
}

//! Puts keys that another sender has delivered into the windows of a group that nobody runs.
//!
//! Each transaction holds entries for every partition, and their offsets with metadata that says from where a restore
//! needs the changelog (P4): what is committed is found by the next owner, and nothing else. The group is asked first,
//! and each commit carries an identity that the brokers refuse as soon as the group has a member (T4).

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer as _, ThreadedProducer};

use crate::domain::{
    ChangelogEntry, Epoch, EventKey, FeedId, InDoubtPolicy, Offset, OwnEntries, PartitionId, ReadFrom, Redelivery,
    SettledKind, Transaction, TransactionId, TransactionPart, UnixMillis,
};

use super::client::{self, Isolation, Logging};
use super::commit::{End, Steps};
use super::delivery::Deliveries;
use super::restore::{RestoreError, Restorer, Standing};
use super::settings::KafkaSettings;
use super::transactions::Scribe;

/// A key and when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentKey {
    pub key: EventKey,
    pub at: UnixMillis,
    /// The partition whose window takes it; every one if there is none.
    pub partition: Option<i32>,
}

/// Why keys were not imported, by what must be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Stop the processes of the group, wait until their sessions are over, and begin again.
    #[error("the group {group} is in use (state {state}, {members} members): keys are imported while nobody runs")]
    GroupInUse { group: String, state: String, members: usize },
    /// Decide what the message asks, as for a run.
    #[error("partition {partition}: {halt}")]
    Halt { partition: PartitionId, halt: super::restore::Halt },
    /// Begin again: what was committed stays, and is not counted twice.
    #[error("the import has not come to its end: {0}")]
    Again(String),
}

impl From<KafkaError> for ImportError {
    fn from(error: KafkaError) -> Self {
        Self::Again(error.to_string())
    }
}

/// Entries of a transaction, an intent and an outcome for each key and partition: about two megabytes.
const ENTRIES: usize = 200_000;

/// What writes into the changelogs of one feed.
pub struct Importer {
    settings: Arc<KafkaSettings>,
    scribe: Scribe,
    group: BaseConsumer<Logging>,
    standings: Vec<(PartitionId, Standing)>,
    transactions: u64,
    /// Keys so far: numbers the offsets that stand for them.
    keys: i64,
}

impl Importer {
    /// Looks at the group and at where the partitions of `feed` stand; writes nothing. Blocks.
    ///
    /// # Errors
    ///
    /// If the group is in use, or a partition could not be restored.
    pub fn open(
        settings: &KafkaSettings,
        scribe: Scribe,
        feed: FeedId,
        partitions: Vec<i32>,
    ) -> Result<Self, ImportError> {
        let identity = format!("{}.window-import", settings.group_id);
        let settings = Arc::new(KafkaSettings { identity, ..settings.clone() });
        // With an instance id, the brokers judge a commit by the members of the group even within a transaction.
        let group: BaseConsumer<Logging> = client::reader(&settings, Isolation::Committed)
            .set("group.instance.id", &settings.identity)
            .create_with_context(Logging::of(&settings))?;
        client::authorize(&settings, group.client());
        let importer =
            Self { settings: Arc::clone(&settings), scribe, group, standings: Vec::new(), transactions: 0, keys: 0 };
        importer.check_group()?;
        let count = partitions.get(usize::from(feed.0)).copied().unwrap_or_default();
        let restorer = Restorer::new(settings, importer.scribe.process, partitions)?;
        let standings = (0..count).map(|number| {
            let partition = PartitionId { feed, number };
            match restorer.standing(partition) {
                Ok(standing) => Ok((partition, standing)),
                Err(RestoreError::Halt(halt)) => Err(ImportError::Halt { partition, halt }),
                Err(other @ (RestoreError::Retry(_) | RestoreError::Gone)) => {
                    Err(ImportError::Again(other.to_string()))
                }
            }
        });
        Ok(Self { standings: standings.collect::<Result<_, _>>()?, ..importer })
    }

    fn check_group(&self) -> Result<(), ImportError> {
        client::authorize(&self.settings, self.group.client());
        let id = &self.settings.group_id;
        let list = self.group.fetch_group_list(Some(id), self.settings.timeouts.request)?;
        for group in list.groups() {
            if !group.members().is_empty() {
                return Err(ImportError::GroupInUse {
                    group: id.clone(),
                    state: group.state().to_owned(),
                    members: group.members().len(),
                });
            }
        }
        Ok(())
    }

    /// Partitions of the feed.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.standings.len()
    }

    /// Writes all keys; `progress` is told how many are committed. Blocks.
    ///
    /// # Errors
    ///
    /// If a transaction was not committed. Those before it are.
    pub fn import(&mut self, keys: &[SentKey], mut progress: impl FnMut(usize)) -> Result<(), ImportError> {
        let producer: Arc<ThreadedProducer<Deliveries>> =
            Arc::new(client::producer(&self.settings).create_with_context(Deliveries::of(&self.settings))?);
        client::authorize(&self.settings, producer.client());
        producer.init_transactions(self.settings.timeouts.request)?;
        let mut done = 0;
        for chunk in keys.chunks((ENTRIES / (2 * self.partitions().max(1))).max(1)) {
            self.commit(&producer, chunk)?;
            done += chunk.len();
            progress(done);
        }
        Ok(())
    }

    fn commit(&mut self, producer: &Arc<ThreadedProducer<Deliveries>>, chunk: &[SentKey]) -> Result<(), ImportError> {
        self.check_group()?;
        self.transactions += 1;
        let parts = self.standings.iter().map(|(partition, standing)| part(*partition, standing, self.keys, chunk));
        let parts: Vec<_> = parts.filter(|part| !part.entries.is_empty()).collect();
        let transaction = Transaction { id: TransactionId(self.transactions), parts };
        self.keys += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        let steps = Steps { settings: &self.settings, scribe: &self.scribe, producer };
        let metadata = self.group.group_metadata();
        let metadata =
            metadata.ok_or_else(|| ImportError::Again("the client tells nothing of its group".to_owned()))?;
        match steps.carry_out(&transaction, |_| Ok(metadata)) {
            End::Committed(written) => {
                for written in written {
                    let found = self.standings.iter_mut().find(|(partition, _)| *partition == written.partition);
                    let Some((_, standing)) = found else { continue };
                    standing.end = written.end;
                    standing.window_from = standing.window_from.into_iter().chain([written.first]).min();
                }
                Ok(())
            }
            End::Aborted { .. } => {
                self.check_group()?;
                Err(ImportError::Again("its transaction was aborted; the log says why".to_owned()))
            }
            End::Broken(breakage) | End::Unknown { breakage, .. } => {
                Err(ImportError::Again(format!("its transaction has not ended: {breakage:?}")))
            }
        }
    }
}

/// Entries for one partition, and what a restore needs once they are committed.
fn part(partition: PartitionId, standing: &Standing, keys_before: i64, chunk: &[SentKey]) -> TransactionPart {
    let numbered =
        || (keys_before..).zip(chunk).filter(|(_, sent)| sent.partition.is_none_or(|n| n == partition.number));
    let intents = numbered().map(|(number, sent)| ChangelogEntry::Intent {
        offset: Offset::imported(number),
        key: sent.key,
        policy: InDoubtPolicy::Resend,
    });
    let outcomes = numbered().map(|(number, sent)| ChangelogEntry::Outcome {
        offset: Offset::imported(number),
        kind: SettledKind::Delivered,
        redelivery: Redelivery::Impossible,
        at: sent.at,
    });
    TransactionPart {
        partition,
        epoch: Epoch(0),
        rows: Vec::new(),
        entries: intents.chain(outcomes).collect(),
        next_offset: standing.next_offset,
        ledger_from: ReadFrom { earlier: standing.ledger_from, own_entries: OwnEntries::NotNeeded },
        window_from: ReadFrom { earlier: standing.window_from, own_entries: OwnEntries::Needed },
        end_before: standing.end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangelogOffset, NextOffset};

    #[test]
    fn a_partition_gets_the_keys_of_all_and_its_own_with_intents_before_outcomes() {
        let sent = |key, partition| SentKey { key: EventKey([key; 16]), at: UnixMillis(7), partition };
        let standing = Standing {
            next_offset: NextOffset(40),
            ledger_from: Some(ChangelogOffset(3)),
            window_from: None,
            end: ChangelogOffset(9),
        };
        let partition = PartitionId { feed: FeedId(0), number: 1 };
        let part = part(partition, &standing, 5, &[sent(1, None), sent(2, Some(0)), sent(3, Some(1))]);
        let entries: Vec<_> = part.entries.iter().map(ChangelogEntry::offset).collect();
        let (first, second) = (Offset::imported(5), Offset::imported(7));
        assert_eq!(entries, [first, second, first, second]);
        assert!(matches!(part.entries[1], ChangelogEntry::Intent { key: EventKey([3, ..]), .. }));
        assert_eq!(part.next_offset, NextOffset(40));
        assert_eq!(part.ledger_from.resolve(Some(ChangelogOffset(9))), Some(ChangelogOffset(3)));
        assert_eq!(part.window_from.resolve(Some(ChangelogOffset(9))), Some(ChangelogOffset(9)));
    }
}

//! One task for each partition that is read: it decodes and maps in order, and may wait without holding up others.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::domain::{Epoch, NextOffset, PartitionId, Record};
use crate::kafka::Receipt;
use crate::kafka::message::Messages;

use super::feed::FeedReader;
use super::traces::Watching;

/// Messages decoded between two chances for other tasks: about a millisecond of work.
const SLICE: usize = 200;

/// What a partition yields, in order.
#[derive(Debug)]
pub(super) enum Yield {
    /// `receipt` is to be dropped when all of them have been taken; the last part of what was fetched together has it.
    Records { partition: PartitionId, epoch: Epoch, records: Vec<Record>, receipt: Option<Receipt> },
    /// The reader has passed everything before `position`.
    Reached { partition: PartitionId, epoch: Epoch, position: NextOffset },
}

/// What the consumer yields for a partition, in order.
#[derive(Debug)]
pub(super) enum Raw {
    Messages(Messages),
    Reached(NextOffset),
}

/// The task of one epoch of one partition; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Intake {
    inbox: UnboundedSender<Raw>,
    task: JoinHandle<()>,
}

impl Intake {
    pub(super) fn start(
        partition: PartitionId,
        epoch: Epoch,
        reader: Arc<FeedReader>,
        watching: Watching,
        yields: UnboundedSender<Yield>,
    ) -> Self {
        let (inbox, raw) = unbounded_channel();
        let task = tokio::spawn(take_in(partition, epoch, reader, watching, raw, yields));
        Self { inbox, task }
    }

    /// Bounded by the consumer: it pauses the partition while too much is under way.
    pub(super) fn take(&self, raw: Raw) {
        // The task ends early only with the process.
        if self.inbox.send(raw).is_err() {
            tracing::debug!("messages came for a partition whose task had ended");
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take_in(
    partition: PartitionId,
    epoch: Epoch,
    reader: Arc<FeedReader>,
    watching: Watching,
    mut raw: UnboundedReceiver<Raw>,
    yields: UnboundedSender<Yield>,
) {
    while let Some(raw) = raw.recv().await {
        let next = match raw {
            Raw::Reached(position) => Yield::Reached { partition, epoch, position },
            Raw::Messages(Messages { messages, receipt, .. }) => {
                let mut records = Vec::with_capacity(messages.len());
                for slice in messages.chunks(SLICE) {
                    for message in slice {
                        let trace = watching.trace(message.trace, partition, epoch, message.offset);
                        let mut reading = pin!(reader.read(message, trace));
                        let record = match poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await {
                            Poll::Ready(record) => record,
                            Poll::Pending => {
                                // It waits for the registry; what came before it does not wait with it.
                                let records = std::mem::take(&mut records);
                                let part = Yield::Records { partition, epoch, records, receipt: None };
                                if yields.send(part).is_err() {
                                    return;
                                }
                                reading.await
                            }
                        };
                        records.push(record);
                    }
                    tokio::task::yield_now().await;
                }
                Yield::Records { partition, epoch, records, receipt: Some(receipt) }
            }
        };
        if yields.send(next).is_err() {
            return;
        }
    }
}

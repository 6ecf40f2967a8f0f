//! Which records are watched, and what is told of them when they are accounted for.
//!
//! Ids follow from what they name: a record's span from its place and epoch, a post's trace from its batch. So a row
//! can name the span that accounts for it before that has ended, and nothing has to be remembered in between.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::{
    Answered, BatchId, Epoch, Offset, OutcomeKind, PartitionId, Settlement, SpanId, Trace, TraceContext, TraceId,
    Transaction, UnixMillis,
};
use crate::pipeline::Batch;
use crate::telemetry::label::RequestStatus;
use crate::telemetry::span::{Span, SpanKind, SpanState};

use super::{Names, SpanSender};

/// Decides which records are watched.
#[derive(Clone, Copy, Debug)]
pub struct Watching {
    process: Uuid,
    /// Of records without a trace, one in so many begins one; 0 for none. Absent where there is no collector: nobody is
    /// told of anything then.
    one_in: Option<u64>,
}

/// What the loop needs to tell of records whose trace somebody watches.
pub(super) struct Tracing {
    pub(super) watching: Watching,
    /// Absent where there is no collector.
    pub(super) spans: Option<SpanSender>,
    pub(super) names: Names,
}

impl Tracing {
    pub(super) fn of_records(&self, transaction: &Transaction) -> Vec<Span> {
        if self.spans.is_none() { Vec::new() } else { self.watching.of_records(transaction, &self.names) }
    }

    pub(super) fn send(&self, spans: impl IntoIterator<Item = Span>) {
        if let Some(sender) = &self.spans {
            spans.into_iter().for_each(|span| sender.send(span));
        }
    }
}

impl Watching {
    #[must_use]
    pub const fn new(process: Uuid, one_in: Option<u64>) -> Self {
        Self { process, one_in }
    }

    /// The trace of a record that came with `caller` in its `traceparent`.
    pub(super) fn trace(
        &self,
        caller: Option<TraceContext>,
        partition: PartitionId,
        epoch: Epoch,
        offset: Offset,
    ) -> Option<Trace> {
        let id = || self.id(&[b"record", &place(partition), &epoch.0.to_be_bytes(), &offset.0.to_be_bytes()]);
        match caller {
            Some(caller) if caller.is_sampled() && self.one_in.is_some() => {
                let own = TraceContext::sampled(caller.trace, id().1);
                Some(Trace::Watched { own, parent: Some(caller.span) })
            }
            Some(caller) => Some(Trace::Passed(caller)),
            None if self.is_chosen(offset) => {
                let (trace, span) = id();
                Some(Trace::Watched { own: TraceContext::sampled(trace, span), parent: None })
            }
            None => None,
        }
    }

    /// One in so many, spread evenly: neighbours in a topic are often alike.
    fn is_chosen(&self, offset: Offset) -> bool {
        // Multiplication by an odd number whose bits look random (2^64 divided by the golden ratio) spreads them.
        let spread = offset.0.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.one_in.is_some_and(|one_in| 0 < one_in && spread <= u64::MAX / one_in)
    }

    /// The span of a post: the only one of its trace.
    fn of_post(&self, batch: BatchId) -> TraceContext {
        let (trace, span) = self.id(&[b"post", &batch.0.to_be_bytes()]);
        TraceContext::sampled(trace, span)
    }

    fn id(&self, name: &[&[u8]]) -> (TraceId, SpanId) {
        let mut hash = Sha256::new_with_prefix(self.process.as_bytes());
        for part in name {
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let part = |from: usize| digest.iter().skip(from);
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.iter_mut().zip(part(0)).for_each(|(to, from)| *to = *from);
        span.iter_mut().zip(part(16)).for_each(|(to, from)| *to = *from);
        let reason = "a digest with so many zeros has not been seen yet";
        (TraceId::try_new(trace).expect(reason), SpanId::try_new(span).expect(reason))
    }

    /// What is told of the watched records of a transaction when it is committed; they end when they were settled.
    fn of_records(&self, transaction: &Transaction, names: &Names) -> Vec<Span> {
        let parts = transaction.parts.iter();
        let rows = parts.flat_map(|part| part.rows.iter().map(move |row| (part.partition, row)));
        rows.filter_map(|(partition, row)| self.of_record(partition, row, names)).collect()
    }

    fn of_record(&self, partition: PartitionId, row: &Settlement, names: &Names) -> Option<Span> {
        let Some(Trace::Watched { own, parent }) = row.trace.as_deref().copied() else { return None };
        let kind = row.outcome.kind();
        let posted = row.posted.map(|at| ("posted", at));
        Some(Span {
            name: "relay record",
            kind: SpanKind::Consumer,
            context: own,
            parent,
            start: row.received.unwrap_or(row.settled),
            end: row.settled,
            attributes: vec![
                ("messaging.system", "kafka".into()),
                ("messaging.operation.type", "process".into()),
                ("messaging.destination.partition.id", partition.number.to_string().as_str().into()),
                ("messaging.kafka.offset", row.offset.0.into()),
                ("pinrelay.feed", names.feed(partition.feed).as_str().into()),
                ("pinrelay.outcome", kind.as_str().into()),
                ("pinrelay.reason", row.outcome.reason.code().into()),
            ],
            events: posted.into_iter().chain([("settled", row.settled)]).collect(),
            links: row.batch.map(|batch| self.of_post(batch)).into_iter().collect(),
            state: match kind {
                OutcomeKind::Delivered | OutcomeKind::Duplicate | OutcomeKind::Skipped => SpanState::Unset,
                OutcomeKind::Undecodable
                | OutcomeKind::Unmappable
                | OutcomeKind::Refused
                | OutcomeKind::InDoubt
                | OutcomeKind::Lost => SpanState::Failed,
            },
        })
    }

    /// What is told of a post with watched events.
    pub(super) fn of_answer(&self, batch: &Batch, lane: &str, start: UnixMillis, answered: &Answered) -> Option<Span> {
        if batch.watched.is_empty() {
            return None;
        }
        let status = RequestStatus::of(&answered.answer);
        let mut attributes = vec![
            ("http.request.method", "POST".into()),
            ("pinrelay.lane", lane.into()),
            ("pinrelay.events", i64::try_from(batch.bodies.len()).unwrap_or(i64::MAX).into()),
            ("pinrelay.status", status.as_str().into()),
        ];
        attributes
            .extend(answered.attempt.status.map(|status| ("http.response.status_code", i64::from(status).into())));
        Some(Span {
            name: "post events",
            kind: SpanKind::Client,
            context: self.of_post(batch.id),
            parent: None,
            start,
            end: answered.attempt.at,
            attributes,
            events: Vec::new(),
            links: batch.watched.clone(),
            state: if status == RequestStatus::Verdicts { SpanState::Unset } else { SpanState::Failed },
        })
    }
}

fn place(partition: PartitionId) -> [u8; 6] {
    let (feed, number) = (partition.feed.0.to_be_bytes(), partition.number.to_be_bytes());
    let mut bytes = [0; 6];
    bytes.iter_mut().zip(feed.into_iter().chain(number)).for_each(|(to, from)| *to = from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FeedId;

    const PLACE: PartitionId = PartitionId { feed: FeedId(1), number: 2 };
    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    fn watching(one_in: u64) -> Watching {
        Watching::new(Uuid::from_u128(7), Some(one_in))
    }

    fn trace(header: Option<&str>, offset: i64) -> Option<Trace> {
        let caller = header.and_then(|header| TraceContext::parse(header.as_bytes()));
        watching(0).trace(caller, PLACE, Epoch(1), Offset(offset))
    }

    #[test]
    fn a_sampled_trace_goes_on_with_a_span_of_its_own_and_one_that_is_not_sampled_as_it_came() {
        let Some(Trace::Watched { own, parent: Some(parent) }) = trace(Some(&format!("{CALLER}-01")), 5) else {
            panic!("it is watched")
        };
        assert_eq!(own.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.to_string(), "b7ad6b7169203331");
        assert_ne!(own.span, parent);
        let Some(passed @ Trace::Passed(_)) = trace(Some(&format!("{CALLER}-00")), 5) else {
            panic!("it is passed on")
        };
        assert_eq!(passed.context().to_string(), format!("{CALLER}-00"));
        assert_eq!(trace(None, 5), None);
        let caller = TraceContext::parse(format!("{CALLER}-01").as_bytes()).expect("it is one");
        let without_collector = Watching::new(Uuid::from_u128(7), None);
        let trace = without_collector.trace(Some(caller), PLACE, Epoch(1), Offset(5));
        assert_eq!(trace, Some(Trace::Passed(caller)));
    }

    #[test]
    fn spans_of_different_records_epochs_and_batches_differ() {
        let of = |epoch, offset| watching(1).trace(None, PLACE, Epoch(epoch), Offset(offset)).expect("all are chosen");
        let spans: Vec<_> = [of(1, 1), of(1, 2), of(2, 1)].into_iter().map(|trace| trace.context()).collect();
        let posts = [watching(1).of_post(BatchId(1)), watching(1).of_post(BatchId(2))];
        let all: std::collections::HashSet<_> = spans.iter().chain(&posts).collect();
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn of_records_without_a_trace_one_in_so_many_begins_one() {
        for (one_in, least, most) in [(0, 0, 0), (1, 10_000, 10_000), (100, 90, 110), (10_000, 0, 3)] {
            let chosen = (0..10_000).filter(|offset| watching(one_in).is_chosen(Offset(*offset))).count();
            assert!((least..=most).contains(&chosen), "one in {one_in}: {chosen}");
        }
    }
}

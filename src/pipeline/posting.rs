//! Forming batches, posting them, and what an answer does to their events.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{
    Answer, Answered, BatchId, BootTime, DuplicateOf, InDoubtPolicy, LaneId, NotTaken, Now, Outcome, PartitionId,
    Reason, Redelivery, Verdict, WholeRefusal,
};

use super::lane::{BatchStage, BatchState, Element, Lane, Mode, Trouble};
use super::pace::Pace;
use super::partition::{Partition, Phase, Queued, REPEATABLE_FOR, effective_policy};
use super::pending::{Doubt, MAX_SILENCES, Pending, Stage};
use super::rules::Rule;
use super::{Batch, Effect, Pipeline};

impl Pipeline {
    /// Forms batches that are due, and posts those whose intents are committed and whose turn it is.
    pub(super) fn post_what_is_ready(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let first = self.first_lane;
        for index in (first..self.lanes.len()).chain(0..first) {
            if let Some(lane) = self.lanes.get_mut(index)
                && let Mode::Paused { until } = lane.mode
                && until <= now.boot
            {
                lane.mode = Mode::Open;
            }
            self.form(now, index);
            while let Some(batch) = self.next_to_post(now, index) {
                self.post(now, index, batch, effects);
                self.form(now, index);
            }
        }
    }

    /// The earliest moment for a call of the lane that `others` of its own go before (R12).
    pub(super) fn slot(&self, lane: &Lane, now: BootTime, others: usize) -> BootTime {
        let own = lane.pace.slot(now, others);
        self.shared_pace(lane).map_or(own, |pace| own.max(pace.slot(now, others)))
    }

    /// The budget that the lane divides with others.
    pub(super) fn shared_pace(&self, lane: &Lane) -> Option<&Pace> {
        lane.settings.shares.and_then(|shares| self.shared_paces.get(shares))
    }

    fn form(&mut self, now: Now, index: usize) {
        let fresh_for = self.settings.post_deadline / 2;
        while let Some(lane) = self.lanes.get(index)
            && lane.may_form(now.boot, self.slot(lane, now.boot, lane.prepared()), self.tick.lead())
            && let Some(lane) = self.lanes.get_mut(index)
        {
            let mut elements = lane.take_batch();
            // Before its intent is renewed, too: an intent that is not followed by a post makes needless doubt.
            elements.retain(|element| !self.ends_before_post(now, element));
            if elements.is_empty() {
                continue;
            }
            self.last_batch += 1;
            let id = BatchId(self.last_batch);
            let mut oldest = Some(now.boot);
            for element in &elements {
                let Some(pending) = pending_of(&mut self.partitions, element) else { continue };
                pending.stage = Stage::Batched;
                let fresh = pending.intent.committed.filter(|since| now.boot.since(*since) < fresh_for);
                oldest = oldest.zip(fresh).map(|(a, b)| a.min(b));
            }
            let unwritten = if self.settings.rules.holds(Rule::IntentBeforePost) {
                BatchStage::Unwritten
            } else {
                BatchStage::Ready { since: now.boot }
            };
            let stage = oldest.map_or(unwritten, |since| BatchStage::Ready { since });
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.batches.push_back(BatchState { id, elements, stage });
            }
        }
    }

    /// The next batch that may be posted now; batches whose intents are too old go back to have them renewed (R2).
    fn next_to_post(&mut self, now: Now, index: usize) -> Option<BatchState> {
        let rules = self.settings.rules;
        let (deadline, renew) = (self.settings.post_deadline, rules.holds(Rule::StaleIntentRenewed));
        let lane = self.lanes.get(index)?;
        let waits = now.boot < self.slot(lane, now.boot, 0) && rules.holds(Rule::CallsSpaced);
        if waits {
            return None;
        }
        let lane = self.lanes.get_mut(index)?;
        if lane.allowed() <= lane.posted() {
            if lane.has_ready() {
                lane.concurrency.wanted();
            }
            return None;
        }
        for batch in &mut lane.batches {
            if let BatchStage::Ready { since } = batch.stage
                && renew
                && deadline < now.boot.since(since)
            {
                batch.stage = BatchStage::Unwritten;
            }
        }
        let ready = lane.batches.iter().position(|batch| matches!(batch.stage, BatchStage::Ready { .. }))?;
        lane.batches.remove(ready)
    }

    fn post(&mut self, now: Now, index: usize, mut batch: BatchState, effects: &mut Vec<Effect>) {
        let rules = self.settings.rules;
        let elements = std::mem::take(&mut batch.elements);
        let (mut bodies, mut watched) = (Vec::with_capacity(elements.len()), Vec::new());
        for element in elements {
            if self.ends_before_post(now, &element) {
                continue;
            }
            let Some(pending) = pending_of(&mut self.partitions, &element) else { continue };
            if pending.doubt == Doubt::MayBeTaken && rules.holds(Rule::RepetitionMarked) {
                pending.redelivery = Redelivery::Possible;
            }
            pending.post_begins(batch.id, now.wall);
            bodies.push(pending.event.body.bytes());
            watched.extend(pending.watched());
            batch.elements.push(element);
        }
        if bodies.is_empty() {
            return;
        }
        batch.stage = BatchStage::Posted { since: now.boot };
        let Ok(lane_number) = u16::try_from(index) else { return };
        effects.push(Effect::Post(Batch { id: batch.id, lane: LaneId(lane_number), bodies, watched }));
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.batches.push_back(batch);
        lane.pace.called(now.boot);
        if let Some(shared) = lane.settings.shares.and_then(|shares| self.shared_paces.get_mut(shares)) {
            shared.called(now.boot);
            self.first_lane = (index + 1) % self.lanes.len();
        }
    }

    /// Settles an event that is too old to be posted (R10): again, if it was posted before or its key was, or at all.
    fn ends_before_post(&mut self, now: Now, element: &Element) -> bool {
        let rules = self.settings.rules;
        let Some(partition) = self.partitions.get_mut(&element.partition).filter(|p| p.epoch == element.epoch) else {
            return false;
        };
        let Some(pending) = partition.ledger.pending_mut(element.offset) else { return false };
        let is_old = effective_policy(&pending.event, now, rules) != pending.event.policy;
        debug_assert!(
            !is_old || REPEATABLE_FOR < now.wall.since(pending.event.event_time.to_millis()),
            "only age changes a policy"
        );
        let is_past = pending.event.post_by.at < now.wall && rules.holds(Rule::PastNotPosted);
        let key = (is_old && pending.redelivery == Redelivery::Possible).then_some(pending.event.key);
        let outcome = match (pending.doubt, key.and_then(|key| partition.window.get(&key, now.wall))) {
            (Doubt::MayBeTaken, _) if is_old => Outcome::new(Reason::TooLateToRepeat),
            (Doubt::None, Some(entry)) => Outcome::duplicate(DuplicateOf { offset: entry.offset, state: entry.state }),
            (Doubt::None, None) if is_past => Outcome::new(pending.event.post_by.otherwise),
            (Doubt::MayBeTaken, _) | (Doubt::None, None) => return false,
        };
        if pending.doubt == Doubt::None {
            // Nothing of this record was sent, whatever became of its key.
            pending.redelivery = Redelivery::Impossible;
        }
        let mut queued = Queued::new();
        partition.settle(now, element.offset, outcome, &mut queued);
        self.enqueue(now, element.partition, queued);
        true
    }

    /// The answer to a post.
    pub(super) fn answered(&mut self, now: Now, batch: BatchId, answered: Answered) {
        let found = self.lanes.iter().enumerate().find_map(|(index, lane)| {
            let called = |b: &BatchState| match b.stage {
                BatchStage::Posted { since } if b.id == batch => Some(since),
                BatchStage::Posted { .. }
                | BatchStage::Unwritten
                | BatchStage::Writing(_)
                | BatchStage::Ready { .. } => None,
            };
            lane.batches.iter().enumerate().find_map(|(position, b)| Some((index, position, called(b)?)))
        });
        let Some((index, position, called)) = found else { return };
        if let (Some(limit), Some(lane)) = (answered.limit, self.lanes.get_mut(index)) {
            lane.pace.seen(limit);
        }
        let Some(batch) = self.lanes.get_mut(index).and_then(|lane| lane.batches.remove(position)) else { return };
        for element in &batch.elements {
            if let Some(pending) = pending_of(&mut self.partitions, element) {
                pending.remember(answered.attempt.clone());
            }
        }
        let answer = match answered.answer {
            Answer::Verdicts(verdicts) if verdicts.len() != batch.elements.len() => {
                Answer::Ambiguous { retry_after: None }
            }
            Answer::Ambiguous { .. } if !self.settings.rules.holds(Rule::NoVerdictIsDoubt) => {
                Answer::NotTaken { cause: NotTaken::Unreachable, retry_after: None }
            }
            answer @ (Answer::Verdicts(_)
            | Answer::WholeRefused { .. }
            | Answer::NotTaken { .. }
            | Answer::Ambiguous { .. }) => answer,
        };
        match answer {
            Answer::Verdicts(verdicts) => {
                self.reopen(now, index, called);
                for (element, verdict) in batch.elements.into_iter().zip(verdicts) {
                    self.verdict(now, &element, verdict);
                }
            }
            Answer::WholeRefused { why, message } => {
                self.reopen(now, index, called);
                if batch.elements.len() < 2 {
                    let reason = match why {
                        WholeRefusal::Invalid => Reason::InvalidRequest,
                        WholeRefusal::TooLarge => Reason::BodyTooLarge,
                    };
                    for element in batch.elements {
                        let outcome = Outcome { detail: Some(message.clone()), ..Outcome::new(reason) };
                        self.refuse(now, &element, outcome);
                    }
                } else {
                    self.halve(now, index, batch.elements);
                }
            }
            Answer::NotTaken { cause, retry_after } => {
                self.put_back(index, batch.elements);
                let random = self.random.unit();
                let Some(lane) = self.lanes.get_mut(index) else { return };
                if cause == NotTaken::Throttled {
                    lane.pause(now.boot, retry_after, random);
                    lane.pace.throttled(now.boot, called);
                    if let Some(shared) = lane.settings.shares.and_then(|shares| self.shared_paces.get_mut(shares)) {
                        shared.throttled(now.boot, called);
                    }
                } else {
                    lane.probe(now.boot, Trouble::NotTaken(cause), retry_after, random);
                    self.dissolve(index);
                }
            }
            Answer::Ambiguous { retry_after } => {
                self.doubt(now, index, batch.elements);
                let random = self.random.unit();
                let Some(lane) = self.lanes.get_mut(index) else { return };
                if self.settings.rules.holds(Rule::ProbeAlone) {
                    lane.probe(now.boot, Trouble::Ambiguous, retry_after, random);
                    self.dissolve(index);
                } else {
                    lane.pause(now.boot, retry_after, random);
                }
            }
        }
    }

    fn reopen(&mut self, now: Now, index: usize, called: BootTime) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.open();
            lane.concurrency.answered(now.boot, called, self.settings.answer_timeout);
        }
    }

    fn verdict(&mut self, now: Now, element: &Element, verdict: Verdict) {
        match verdict {
            Verdict::Processed { warning } => {
                let Some(pending) = pending_of(&mut self.partitions, element) else { return };
                pending.taken_until = pending.taken_until.max(Some(now.wall));
                let outcome = Outcome { warning, ..Outcome::new(Reason::Processed) };
                self.settle(now, element, outcome);
            }
            Verdict::Failed { message } => {
                let outcome = Outcome { detail: Some(message), ..Outcome::new(Reason::RefusedByPinterest) };
                self.refuse(now, element, outcome);
            }
        }
    }

    /// A refusal says nothing about an earlier attempt (R5).
    fn refuse(&mut self, now: Now, element: &Element, outcome: Outcome) {
        let sticky = self.settings.rules.holds(Rule::DoubtIsSticky);
        let Some(pending) = pending_of(&mut self.partitions, element) else { return };
        let outcome = if pending.doubt == Doubt::MayBeTaken && sticky {
            Outcome { reason: Reason::RefusedAfterDoubt, ..outcome }
        } else {
            outcome
        };
        self.settle(now, element, outcome);
    }

    fn settle(&mut self, now: Now, element: &Element, outcome: Outcome) {
        let Some(partition) = self.partitions.get_mut(&element.partition) else { return };
        let mut queued = Queued::new();
        partition.settle(now, element.offset, outcome, &mut queued);
        self.enqueue(now, element.partition, queued);
    }

    /// It cannot be known what was taken: `hold` ends here, `resend` goes again (step 8 of a record's life).
    fn doubt(&mut self, now: Now, index: usize, elements: Vec<Element>) {
        let slack = self.settings.rules.holds(Rule::LateSlackCounted).then_some(self.settings.late_slack);
        let taken_until = now.wall.after(slack.unwrap_or_default());
        let holds = self.settings.rules.holds(Rule::HoldNotRepeated);
        let (company, alone) = (elements.len().div_ceil(2), elements.len() == 1);
        let verdicts = self.lanes.get(index).map_or(0, |lane| lane.verdicts);
        let aside = self.settings.rules.holds(Rule::SilentSetAside);
        let mut again = Vec::new();
        for element in elements {
            let Some(pending) = pending_of(&mut self.partitions, &element) else { continue };
            if alone && aside {
                pending.silence.alone(verdicts);
            }
            pending.doubt = Doubt::MayBeTaken;
            pending.taken_until = pending.taken_until.max(Some(taken_until));
            match pending.policy {
                InDoubtPolicy::Hold if holds => self.settle(now, &element, Outcome::new(Reason::AnswerLost)),
                InDoubtPolicy::Hold | InDoubtPolicy::Resend if pending.silence.times == MAX_SILENCES => {
                    self.settle(now, &element, Outcome::new(Reason::NoVerdict));
                }
                InDoubtPolicy::Hold | InDoubtPolicy::Resend => again.push(Element { company, ..element }),
            }
        }
        if alone && aside {
            let staying = self.back_in_queue(again);
            if let Some(lane) = self.lanes.get_mut(index) {
                for element in staying {
                    lane.queue.set_aside(element);
                }
            }
        } else {
            self.put_back(index, again);
        }
    }

    /// A whole body was refused: its halves go on their own, until the culprits are alone.
    fn halve(&mut self, now: Now, index: usize, mut first: Vec<Element>) {
        let second = first.split_off(first.len() / 2);
        for half in [second, first] {
            let mut elements = self.staying(half);
            let company = elements.len();
            for element in &mut elements {
                element.company = company;
            }
            if elements.is_empty() {
                continue;
            }
            let mut since = Some(now.boot);
            for element in &elements {
                if let Some(pending) = pending_of(&mut self.partitions, element) {
                    pending.stage = Stage::Batched;
                    since = since.zip(pending.intent.committed).map(|(a, b)| a.min(b));
                }
            }
            let stage = since.map_or(BatchStage::Unwritten, |since| BatchStage::Ready { since });
            self.last_batch += 1;
            let batch = BatchState { id: BatchId(self.last_batch), elements, stage };
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.batches.push_front(batch);
            }
        }
    }

    /// Events go back to the front of the lane's queue.
    fn put_back(&mut self, index: usize, elements: Vec<Element>) {
        let staying = self.back_in_queue(elements);
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.queue.put_back(staying);
        }
    }

    /// Those that can join the queue again.
    fn back_in_queue(&mut self, elements: Vec<Element>) -> Vec<Element> {
        let staying = self.staying(elements);
        for element in &staying {
            if let Some(pending) = pending_of(&mut self.partitions, element) {
                pending.stage = Stage::Queued;
            }
        }
        staying
    }

    /// Those whose partition lives and does not leave; the others are taken back.
    fn staying(&mut self, elements: Vec<Element>) -> Vec<Element> {
        let mut staying = Vec::with_capacity(elements.len());
        for element in elements {
            let Some(partition) = self.partitions.get_mut(&element.partition) else { continue };
            if partition.epoch != element.epoch {
                continue;
            }
            if matches!(partition.phase, Phase::Leaving { .. }) {
                partition.take_back(element.offset);
            } else {
                staying.push(element);
            }
        }
        staying
    }

    /// Batches that are not posted go back to the queue; those whose intents are being written do so later.
    pub(super) fn dissolve(&mut self, index: usize) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        let (keep, back): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut lane.batches)
            .into_iter()
            .partition(|batch| matches!(batch.stage, BatchStage::Posted { .. } | BatchStage::Writing(_)));
        lane.batches = keep;
        for batch in back.into_iter().rev() {
            self.put_back(index, batch.elements);
        }
    }
}

/// The event of an element, unless its epoch is dead or it is settled.
pub(super) fn pending_of<'a>(
    partitions: &'a mut BTreeMap<PartitionId, Partition>,
    element: &Element,
) -> Option<&'a mut Pending> {
    let partition = partitions.get_mut(&element.partition).filter(|p| p.epoch == element.epoch)?;
    partition.ledger.pending_mut(element.offset)
}

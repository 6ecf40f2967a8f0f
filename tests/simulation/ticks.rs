//! The producer of a process: T3 to T7 for one transaction at a time.

use pinrelay::domain::{ChangelogOffset, Epoch, Fate, Transaction, TransactionId, TransactionPart, Written};
use pinrelay::pipeline::Input;

use crate::checker::Law;
use crate::kafka::{Metadata, Refusal, Stored};
use crate::process::Reply;
use crate::scenario::{TRANSACTION_TIMEOUT, Time, index_of, partition_id};
use crate::variants::Variant;
use crate::world::{Call, EndAnswer, Event, Own, Request, World};

#[derive(Debug, Default)]
pub(crate) struct Producer {
    /// Nothing until `init_transactions` has succeeded.
    epoch: Option<i32>,
    fenced: Option<Time>,
}

/// One transaction on its way.
#[derive(Debug)]
pub(crate) struct Job {
    number: u64,
    transaction: Transaction,
    stage: JobStage,
    /// Produce requests without an answer.
    outstanding: usize,
    written: Vec<Written>,
    /// A commit or abort was repeated: its copies may still be on their way (T5).
    indefinite: bool,
    attempts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobStage {
    /// For a producer, then to be started.
    Waiting,
    Producing,
    Offsets,
    /// Only where the flush does not come before the offsets.
    Flushing,
    Committing,
    Aborting,
    /// For a new producer, which ends what is open.
    AbortedByNewProducer,
    /// The core has been told; it asks for the resolution.
    Unknown,
    /// For a new producer, then to be looked up.
    Resolving,
}

/// What a step of a job brought.
#[derive(Debug)]
pub(crate) enum Produced {
    Written(Result<Option<Written>, Refusal>),
    Offsets(Result<(), OffsetsError>),
    Ended(Result<(), Refusal>),
    /// No answer to the attempt of this number.
    TimedOut(u64),
    FatalAfterCommit,
    Initialised(i32),
    LookUp,
    LookedUp {
        partition: usize,
        epoch: Epoch,
        committed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetsError {
    /// Not the member or not the generation (T6).
    Refused,
    Fenced,
    Lost,
}

/// A producer is not fenced twice within this time without another process behind it (T7), in a hundredth of the real time.
const FENCED_AGAIN: Time = 6000;
const CALL_TIMEOUT: Time = 60;

impl World {
    /// `Effect::Commit`.
    pub(crate) fn commit(&mut self, slot: usize, transaction: Transaction) {
        self.lives += 1;
        let number = self.lives;
        let process = &mut self.processes[slot];
        if process.job.is_some() || transaction.parts.is_empty() {
            let what =
                format!("process {slot} begins transaction {} while another is open, or empty", transaction.id.0);
            return self.checker.blame(self.now, Law::Contract, what);
        }
        process.job = Some(Job {
            number,
            transaction,
            stage: JobStage::Waiting,
            outstanding: 0,
            written: Vec::new(),
            indefinite: false,
            attempts: 0,
        });
        if process.producer.epoch.is_some() {
            self.produce(slot);
        }
    }

    /// `Effect::Resolve`.
    pub(crate) fn resolve(&mut self, slot: usize, id: TransactionId) {
        let Some(job) = &mut self.processes[slot].job else { return };
        if job.transaction.id != id || job.stage != JobStage::Unknown {
            let what = format!("process {slot} resolves {}, which is not unknown", id.0);
            return self.checker.blame(self.now, Law::Contract, what);
        }
        job.stage = JobStage::Resolving;
        self.renew_producer(slot);
    }

    pub(crate) fn renew_producer(&mut self, slot: usize) {
        self.processes[slot].producer.epoch = None;
        self.request(slot, 0, 0, Call::Init);
    }

    fn request(&mut self, slot: usize, epoch: i32, job: u64, what: Call) {
        let life = self.processes[slot].life;
        let delay = self.random.between(1, 4);
        self.after(delay, Event::Broker(Request { slot, life, epoch, job, what }));
    }

    fn produce(&mut self, slot: usize) {
        let Some(epoch) = self.processes[slot].producer.epoch else { return };
        let reversed = self.is(Variant::EntriesReversed);
        let unflushed = self.is(Variant::WatermarkFirstWithoutFlush) || self.is(Variant::UnstableOffsetWithoutFlush);
        let Some(job) = &mut self.processes[slot].job else { return };
        job.stage = JobStage::Producing;
        let number = job.number;
        let mut calls = Vec::new();
        let rows: Vec<_> = job
            .transaction
            .parts
            .iter()
            .flat_map(|part| part.rows.iter().map(|row| (index_of(part.partition), row.clone())))
            .collect();
        if !rows.is_empty() {
            calls.push(Call::Rows(rows));
        }
        for part in job.transaction.parts.iter().filter(|part| !part.entries.is_empty()) {
            let mut entries = part.entries.clone();
            if reversed {
                entries.reverse();
            }
            let size = self.random.pick(&[2, 5, 100]);
            let packs = entries.chunks(size).map(<[_]>::to_vec).collect();
            calls.push(Call::Entries { partition: index_of(part.partition), packs });
        }
        job.outstanding = calls.len();
        let none = calls.is_empty();
        if unflushed {
            // The positions that the entries will have if nothing comes between.
            for call in &calls {
                if let Call::Entries { partition, packs } = call {
                    let first = self.kafka.changelogs[*partition].end;
                    let end = first + i64::try_from(packs.len()).expect("few");
                    let partition = partition_id(*partition);
                    job.written.push(Written { partition, first: ChangelogOffset(first), end: ChangelogOffset(end) });
                }
            }
            let life = self.processes[slot].life;
            for what in calls {
                let most = self.random.pick(&[50, 550]);
                let delay = self.random.between(2, most);
                self.after(delay, Event::Broker(Request { slot, life, epoch, job: number, what }));
            }
        } else {
            for call in calls {
                self.request(slot, epoch, number, call);
            }
        }
        if none || unflushed {
            self.send_offsets(slot);
        }
    }

    /// T3: everything is flushed. Check, then send the offsets.
    fn send_offsets(&mut self, slot: usize) {
        let unchecked = self.is(Variant::NoOwnershipCheck);
        let filtered = self.is(Variant::FiltersLostParts);
        let any_member = self.is(Variant::NoMemberCheck);
        let any_generation = self.is(Variant::MinusOne);
        let process = &self.processes[slot];
        let Some(job) = &process.job else { return };
        let owned = |part: &TransactionPart| process.owns(index_of(part.partition), part.epoch);
        let all_owned = job.transaction.parts.iter().all(owned);
        let member = process.client.member;
        let generation = process.client.generation;
        let noted = process.held.values().all(|held| held.member == member);
        let valid = member.is_some() && 0 <= generation;
        if !all_owned && !unchecked && !filtered {
            return self.abort(slot);
        }
        if (!valid && !any_generation) || (!noted && !any_member && !any_generation) {
            self.abort(slot);
            return self.new_consumer(slot);
        }
        let parts: Vec<&TransactionPart> =
            job.transaction.parts.iter().filter(|part| !filtered || owned(part)).collect();
        if parts.is_empty() {
            return self.abort(slot);
        }
        let offsets: Vec<(usize, Stored)> =
            parts.iter().map(|part| (index_of(part.partition), self.stored_of(slot, job, part))).collect();
        let number = job.number;
        let epoch = process.producer.epoch.unwrap_or(0);
        let moved =
            |(partition, stored): &(usize, Stored)| self.kafka.transactions.stored(*partition).next < stored.next;
        let offsets = if self.is(Variant::OnlyMovedOffsets) && offsets.iter().any(moved) {
            offsets.into_iter().filter(moved).collect()
        } else {
            offsets
        };
        if let Some(job) = &mut self.processes[slot].job {
            job.stage = JobStage::Offsets;
        }
        if self.strikes(self.scenario.chances.offsets_lost) {
            return self.own(
                slot,
                CALL_TIMEOUT,
                Own::Reply(Reply::Tick { job: number, produced: Produced::Offsets(Err(OffsetsError::Lost)) }),
            );
        }
        // Nothing of the process may come between the checks and the sending; the request itself may be late.
        self.request(slot, epoch, number, Call::Offsets { member, generation, offsets });
    }

    /// P4: the metadata of one part.
    fn stored_of(&self, slot: usize, job: &Job, part: &TransactionPart) -> Stored {
        let written = job.written.iter().find(|written| written.partition == part.partition);
        let first = written.map(|written| written.first);
        let end = written.map_or(part.end_before, |written| written.end);
        let position = |from: Option<ChangelogOffset>| from.map(|from| from.0);
        let mut ledger_from = position(part.ledger_from.resolve(first));
        let mut window_from = position(part.window_from.resolve(first));
        let mut end = end.0;
        match self.variant {
            Some(Variant::LedgerFromNothing) => ledger_from = None,
            Some(Variant::WindowFromNothing) => window_from = None,
            Some(Variant::OnePosition) => {
                ledger_from = [ledger_from, window_from].into_iter().flatten().min();
                window_from = ledger_from;
            }
            Some(Variant::LedgerFromEarlierOnly) => ledger_from = position(part.ledger_from.earlier),
            Some(Variant::WindowFromEarlierOnly) => window_from = position(part.window_from.earlier),
            Some(Variant::PositionsFromOwnOnly) => {
                ledger_from = ledger_from.and(position(first));
                window_from = window_from.and(position(first));
            }
            Some(Variant::EndBeforeOwn) => end = part.end_before.0,
            _ => {}
        }
        let stamp = (self.processes[slot].life, part_stamp(&job.transaction));
        let next = part.next_offset.0;
        let topic = self.processes[slot].topic;
        Stored { next, metadata: Some(Metadata { ledger_from, window_from, end, stamp, topic }) }
    }

    fn call_end(&mut self, slot: usize, committed: bool) {
        let Some(epoch) = self.processes[slot].producer.epoch else { return };
        let chances = self.scenario.chances;
        let Some(job) = &mut self.processes[slot].job else { return };
        job.attempts += 1;
        job.stage = if committed { JobStage::Committing } else { JobStage::Aborting };
        let (number, attempt) = (job.number, job.attempts);
        if committed && self.strikes(chances.fatal_after_commit) {
            if self.random.chance(600) {
                self.request(slot, epoch, number, Call::End { committed, answer: EndAnswer::Lost });
            }
            let what = Own::Reply(Reply::Tick { job: number, produced: Produced::FatalAfterCommit });
            return self.own(slot, 2, what);
        }
        let lost = self.strikes(chances.end_request_lost);
        let answer = if self.strikes(chances.end_answer_lost) { EndAnswer::Lost } else { EndAnswer::Arrives };
        if lost {
            // Lost for the caller; a copy in some buffer may arrive much later.
            if self.strikes(chances.end_delayed) {
                let life = self.processes[slot].life;
                let delay = self.random.between(CALL_TIMEOUT, 500);
                let what = Call::End { committed, answer: EndAnswer::Lost };
                self.after(delay, Event::Broker(Request { slot, life, epoch, job: number, what }));
            }
        } else {
            self.request(slot, epoch, number, Call::End { committed, answer });
        }
        let timeout = Own::Reply(Reply::Tick { job: number, produced: Produced::TimedOut(attempt) });
        self.own(slot, CALL_TIMEOUT, timeout);
    }

    /// Before commit was called: nothing of it can become visible.
    fn abort(&mut self, slot: usize) {
        if self.processes[slot].job.as_ref().is_some_and(|job| 0 < job.outstanding) {
            // What is still on its way must not land in the next transaction.
            return self.abort_by_new_producer(slot);
        }
        self.call_end(slot, false);
    }

    fn abort_by_new_producer(&mut self, slot: usize) {
        if let Some(job) = &mut self.processes[slot].job {
            job.stage = JobStage::AbortedByNewProducer;
        }
        self.renew_producer(slot);
    }

    /// T7.
    fn fenced(&mut self, slot: usize) {
        let process = &mut self.processes[slot];
        let again = process.producer.fenced.is_some_and(|before| self.now < before + FENCED_AGAIN);
        if process.client.has_lost_membership() || again {
            return self.kill(slot);
        }
        process.producer.fenced = Some(self.now);
        self.abort_by_new_producer(slot);
    }

    fn unknown(&mut self, slot: usize) {
        let (as_aborted, as_committed) = (self.is(Variant::UnknownIsAborted), self.is(Variant::UnknownIsCommitted));
        let Some(job) = &mut self.processes[slot].job else { return };
        job.stage = JobStage::Unknown;
        let id = job.transaction.id;
        if as_aborted {
            job.stage = JobStage::AbortedByNewProducer;
            return self.renew_producer(slot);
        }
        if as_committed {
            self.ended(slot, true);
            return self.renew_producer(slot);
        }
        self.step(slot, Input::Unknown(id));
    }

    /// The end is certain.
    fn ended(&mut self, slot: usize, committed: bool) {
        let keeps_producer = self.is(Variant::NoNewProducer);
        let Some(job) = self.processes[slot].job.take() else { return };
        let id = job.transaction.id;
        if job.indefinite && !keeps_producer && self.processes[slot].producer.epoch.is_some() {
            self.renew_producer(slot);
        }
        let fate = if committed { Fate::Committed(job.written) } else { Fate::Aborted(job.transaction) };
        self.step(slot, Input::Ended { transaction: id, fate });
    }

    pub(crate) fn produced(&mut self, slot: usize, number: u64, produced: Produced) {
        if let Produced::Initialised(epoch) = produced {
            return self.initialised(slot, epoch);
        }
        let answers_with_abort = self.is(Variant::TimeOutIsAborted);
        let Some(job) = &mut self.processes[slot].job else { return };
        if job.number != number {
            return;
        }
        match (produced, job.stage) {
            (Produced::Written(Ok(written)), JobStage::Producing) => {
                job.written.extend(written);
                job.outstanding -= 1;
                if job.outstanding == 0 {
                    self.send_offsets(slot);
                }
            }
            (Produced::Written(Ok(_)), JobStage::Offsets | JobStage::Flushing) => {
                job.outstanding -= 1;
                if job.outstanding == 0 && job.stage == JobStage::Flushing {
                    self.call_end(slot, true);
                }
            }
            (Produced::Offsets(Ok(())), JobStage::Offsets) if 0 < job.outstanding => job.stage = JobStage::Flushing,
            (Produced::Written(Err(_)), JobStage::Producing | JobStage::Offsets | JobStage::Flushing)
            | (Produced::Offsets(Err(OffsetsError::Fenced)), JobStage::Offsets)
            | (Produced::Ended(Err(_)), JobStage::Aborting) => self.fenced(slot),
            (Produced::Offsets(Ok(())), JobStage::Offsets) => self.call_end(slot, true),
            (Produced::Offsets(Err(OffsetsError::Refused | OffsetsError::Lost)), JobStage::Offsets) => self.abort(slot),
            (Produced::Ended(Ok(())), JobStage::Committing) => self.ended(slot, true),
            (Produced::Ended(Ok(())), JobStage::Aborting) => self.ended(slot, false),
            (Produced::Ended(Err(_)) | Produced::FatalAfterCommit, JobStage::Committing) => self.unknown(slot),
            (Produced::TimedOut(attempt), JobStage::Committing) if attempt == job.attempts => {
                job.indefinite = true;
                if answers_with_abort {
                    return self.abort_by_new_producer(slot);
                }
                self.call_end(slot, true);
            }
            (Produced::TimedOut(attempt), JobStage::Aborting) if attempt == job.attempts => {
                self.abort_by_new_producer(slot);
            }
            (Produced::LookUp, JobStage::Resolving) => self.look_up(slot),
            (Produced::LookedUp { partition, epoch, committed }, JobStage::Resolving) => {
                // Lost meanwhile: what was read may be another owner's, so that it says nothing of the others.
                if self.processes[slot].owns(partition, epoch) {
                    self.ended(slot, committed);
                } else {
                    self.look_up(slot);
                }
            }
            (_, _) => {}
        }
    }

    fn initialised(&mut self, slot: usize, epoch: i32) {
        let process = &mut self.processes[slot];
        process.producer.epoch = Some(epoch);
        match process.job.as_ref().map(|job| job.stage) {
            Some(JobStage::Waiting) => self.produce(slot),
            Some(JobStage::AbortedByNewProducer) => self.ended(slot, false),
            Some(JobStage::Resolving) => self.look_up(slot),
            _ => {}
        }
    }

    /// T5: our stamp in the offset of a partition that is still ours tells the fate of all.
    fn look_up(&mut self, slot: usize) {
        let process = &self.processes[slot];
        let Some(job) = &process.job else { return };
        let number = job.number;
        let part = job.transaction.parts.iter().find(|part| process.owns(index_of(part.partition), part.epoch));
        let Some(part) = part else {
            return self.ended(slot, false);
        };
        let (partition, epoch) = (index_of(part.partition), part.epoch);
        let produced = match self.kafka.transactions.stable(partition) {
            // Somebody has deleted it: nothing can tell, and the process ends.
            Some(None) if !self.is(Variant::MissingIsAborted) => return self.kill(slot),
            Some(stored) => {
                let stamp = (process.life, part_stamp(&job.transaction));
                let metadata = stored.and_then(|stored| stored.metadata);
                let committed = metadata.is_some_and(|metadata| metadata.stamp == stamp);
                Produced::LookedUp { partition, epoch, committed }
            }
            None => Produced::LookUp,
        };
        let delay = self.random.between(2, 10);
        self.own(slot, delay, Own::Reply(Reply::Tick { job: number, produced }));
    }
}

fn part_stamp(transaction: &Transaction) -> u64 {
    transaction.id.0
}

const _: () = assert!(CALL_TIMEOUT < TRANSACTION_TIMEOUT);

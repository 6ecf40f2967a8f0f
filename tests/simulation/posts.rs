//! Posts on their way between a process and Pinterest.

use pinrelay::domain::{Answer, BatchId, EventKey, LaneId};
use pinrelay::pipeline::Batch;

use crate::checker::{Attempt, Law};
use crate::faults::Chances;
use crate::pinterest::{Course, Fate, Posted, answered};
use crate::process::{Process, Reply};
use crate::scenario::{ANSWER_TIMEOUT, EventSpec, Time, WALL};
use crate::variants::Variant;
use crate::world::{Event, Own, World};

/// A post on its way.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) slot: usize,
    pub(crate) life: u64,
    pub(crate) batch: BatchId,
    pub(crate) lane: LaneId,
    pub(crate) events: Vec<Posted>,
    pub(crate) fate: Fate,
    pub(crate) back: Option<Time>,
}

impl World {
    /// `Effect::Post`.
    pub(crate) fn post(&mut self, slot: usize, batch: &Batch) {
        if batch.bodies.is_empty() {
            return self.checker.blame(self.now, Law::Contract, format!("batch {} is empty", batch.id.0));
        }
        let course = self.course(batch.lane);
        self.probes_alone(slot, batch);
        let mut events = Vec::new();
        for body in &batch.bodies {
            let (partition, offset, key) = read_body(body);
            let specs = &self.scenario.records[partition];
            let spec =
                &specs[specs.binary_search_by_key(&offset, |spec| spec.offset).expect("bodies are made of records")];
            // The policy is settled when a record is claimed, and a later mapping changes it only if the claim was given
            // back: then nothing was taken.
            let former = self.checker.possible(partition, offset);
            let mapped = spec.plans[self.processes[slot].plan].map(EventSpec::effective_policy);
            let process = &self.processes[slot];
            // What a former owner may have posted is a repetition, and so is what this one has.
            let repeats =
                former.is_some() || process.held.get(&partition).is_some_and(|held| held.inherited.contains(&offset));
            let last = spec.post_by.filter(|_| !repeats);
            let policy = former.map(|attempt| attempt.policy).or(mapped).expect("posted records map to events");
            // By the clock of the process, which decides.
            let wall = u64::try_from(self.clocks(slot).wall.0 - WALL).unwrap_or(0);
            if let Some(last) = last.filter(|last| *last < wall) {
                let what = format!("{partition}/{offset} is posted for the first time, and its moment was {last}");
                self.checker.blame(self.now, Law::Age, what);
            }
            let attempt = self.checker.attempts.len();
            events.push(Posted { partition, offset, nature: spec.nature, attempt });
            self.checker.attempts.push(Attempt {
                partition,
                offset,
                key: EventKey([key; 16]),
                policy,
                start: self.now,
                taken: None,
                unsure: true,
            });
        }
        let post = self.posts.len();
        let Process { life, .. } = self.processes[slot];
        if let Some(arrives) = course.arrives {
            self.after(arrives - self.now, Event::Pinterest { post });
        }
        self.posts.push(Post {
            slot,
            life,
            batch: batch.id,
            lane: batch.lane,
            events,
            fate: course.fate,
            back: course.back,
        });
        if self.processes[slot].posts.insert(batch.id, post).is_some() {
            self.checker.blame(
                self.now,
                Law::Contract,
                format!("batch {} is posted while it is under way", batch.id.0),
            );
        }
        self.own(slot, ANSWER_TIMEOUT, Own::PostTimeout(batch.id));
    }

    /// R11: after an answer without verdict one event at a time finds out whether Pinterest is back.
    fn probes_alone(&mut self, slot: usize, batch: &Batch) {
        let process = &self.processes[slot];
        if !process.doubting.contains(&batch.lane) {
            return;
        }
        let others = process.posts.values().filter(|post| self.posts[**post].lane == batch.lane).count();
        if 1 < batch.bodies.len() || 0 < others {
            let what = format!("process {slot} posts batch {} to a lane in doubt, and not as a lone probe", batch.id.0);
            self.checker.blame(self.now, Law::Probe, what);
        }
    }

    fn course(&mut self, lane: LaneId) -> Course {
        let calm = Chances::default();
        let chances = if self.troubled { &self.scenario.chances } else { &calm };
        self.pinterest.course(lane, self.now, chances, &mut self.random)
    }

    pub(crate) fn receive_post(&mut self, number: usize) {
        let calm = Chances::default();
        let chances = if self.troubled { self.scenario.chances } else { calm };
        let post = &self.posts[number];
        let (slot, life, batch, fate, back) = (post.slot, post.life, post.batch, post.fate, post.back);
        // What is one too many is not looked at; the limit stays when faults stop.
        let (refused, limit) = self.pinterest.count(self.now, post.lane, self.scenario.allowed.as_ref());
        let (taken, answer) = match refused {
            Some(answer) => (Vec::new(), answer),
            None => self.pinterest.receive(fate, &post.events, &chances, &mut self.random),
        };
        for attempt in taken {
            self.checker.attempts[attempt].taken = Some(self.now);
        }
        self.trace.say(self.now, || format!("pinterest: batch {} of life {life}: {answer:?}", batch.0));
        // The client of the variant repeats on its own what went wrong, as HTTP clients like to.
        if self.is(Variant::ClientRepeats) && matches!(answer, Answer::Ambiguous { .. }) {
            self.posts[number].fate = Fate::Verdicts;
            return self.after(5, Event::Pinterest { post: number });
        }
        if let Some(back) = back {
            let answered = answered(answer, limit, self.broker_clock());
            let what = Own::Reply(Reply::Post { batch, answered });
            self.after(back, Event::Process { slot, life, what });
        }
    }
}

/// The body that stands for an event: which record and which key.
pub(crate) fn body(partition: usize, offset: i64, key: u8) -> String {
    format!("{partition}/{offset}:{key}")
}

fn read_body(body: &[u8]) -> (usize, i64, u8) {
    let text = std::str::from_utf8(body).expect("bodies are text");
    let (name, key) = text.split_once(':').expect("bodies have a key");
    let (partition, offset) = name.split_once('/').expect("bodies have a place");
    let number = "bodies hold numbers";
    (partition.parse().expect(number), offset.parse().expect(number), key.parse().expect(number))
}

//! The law: what must be true of every history, whatever the process does inside.
//!
//! It knows the records, what Pinterest was sent and took, and what Kafka made visible; it shares no code with the
//! pipeline.

use std::collections::BTreeMap;

use pinrelay::domain::{EventKey, InDoubtPolicy, KeyState, OutcomeKind, Redelivery, Settlement};

use crate::scenario::{Kind, Nature, SKEW, Scenario, Spec, Time};

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) what: String,
    pub(crate) at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// One visible row for each record; no offset passes a record without one.
    G1,
    /// A duplicate defers to a record that was delivered or is in doubt, as it says.
    G2,
    /// Sent once; sent again only under `resend`, and marked.
    G3,
    /// Only owners commit, and offsets never go back.
    G4,
    /// Bounded.
    G5,
    /// Drains end.
    G6,
    /// Without faults everything ends.
    G7,
    /// No doubt and no mark in a calm world.
    Calm,
    /// R11: a lane without verdicts sends single events.
    Probe,
    /// R12: no more calls in any window than the process's part of the limit.
    Pace,
    /// R10: nothing is posted for the first time after its moment, or skipped before it.
    Age,
    /// What the shell and the core owe each other.
    Contract,
    /// Nothing panics.
    Panic,
}

/// One event in one post.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) partition: usize,
    pub(crate) offset: i64,
    pub(crate) key: EventKey,
    pub(crate) policy: InDoubtPolicy,
    pub(crate) start: Time,
    pub(crate) taken: Option<Time>,
    /// No answer tells whether it was taken.
    pub(crate) unsure: bool,
}

impl Attempt {
    const fn is_possible(&self) -> bool {
        self.taken.is_some() || self.unsure
    }
}

/// What an audit reader sees of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: OutcomeKind,
    pub(crate) redelivery: Redelivery,
    pub(crate) key: Option<EventKey>,
    pub(crate) duplicate_of: Option<(i64, KeyState)>,
    /// Behind the last record of a row for several.
    pub(crate) end: Option<i64>,
}

impl From<&Settlement> for Row {
    fn from(row: &Settlement) -> Self {
        Self {
            kind: row.outcome.kind(),
            redelivery: row.redelivery,
            key: row.key,
            duplicate_of: row.outcome.duplicate_of.map(|of| (of.offset.0, of.state)),
            end: row.range_end.map(|end| end.0),
        }
    }
}

/// An offset in a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) partition: usize,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) owned: bool,
}

/// What has become of a record in the input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// It is there, or compaction took it.
    No,
    /// Retention took it: a row must tell.
    Yes,
    /// Somebody deleted the topic.
    WithTheTopic,
}

#[derive(Debug)]
struct Known {
    row: Option<Row>,
    vanishes: Option<Time>,
    /// The last moment for its first post.
    post_by: Option<Time>,
    /// Whether a row must say that it was deleted.
    cut: Cut,
    nature: Nature,
}

impl Known {
    /// Whether it has no row and must have one.
    fn lacks_row(&self, now: Time) -> bool {
        let there = self.vanishes.is_none_or(|gone| now < gone);
        self.row.is_none() && self.cut != Cut::WithTheTopic && (there || self.cut == Cut::Yes)
    }
}

#[derive(Debug)]
pub(crate) struct Checker {
    kind: Kind,
    window: Time,
    records: Vec<BTreeMap<i64, Known>>,
    /// Where each partition begins by now.
    starts: Vec<i64>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) violation: Option<Violation>,
    pub(crate) in_doubt: usize,
}

impl Checker {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let known = |spec: &Spec| {
            let Spec { offset, vanishes, post_by, nature, .. } = *spec;
            (offset, Known { row: None, vanishes, post_by, cut: Cut::No, nature })
        };
        Self {
            kind: scenario.kind,
            window: u64::try_from(scenario.settings.window.as_millis()).expect("windows are short"),
            records: scenario.records.iter().map(|specs| specs.iter().map(known).collect()).collect(),
            starts: scenario.starts.clone(),
            attempts: Vec::new(),
            violation: None,
            in_doubt: 0,
        }
    }

    /// The first violation counts: what follows it may be its consequence.
    pub(crate) fn blame(&mut self, at: Time, law: Law, what: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { law, what, at });
        }
    }

    /// A transaction has been decided to commit.
    pub(crate) fn committed(&mut self, now: Time, rows: &[(usize, Row, i64)], moved: &[Moved]) {
        for (partition, row, offset) in rows {
            self.row(now, *partition, *offset, row);
        }
        for (partition, row, offset) in rows {
            self.duplicate(now, *partition, *offset, row);
        }
        for moved in moved {
            self.moved(now, *moved);
        }
    }

    fn row(&mut self, now: Time, partition: usize, offset: i64, row: &Row) {
        let name = format!("{partition}/{offset}");
        if let Some(end) = row.end {
            return self.lost(now, partition, offset..end, row);
        }
        let taken = self.of(partition, offset).any(|attempt| attempt.taken.is_some());
        let Some(known) = self.records[partition].get_mut(&offset) else {
            return self.blame(now, Law::G1, format!("a row names {name}, and there is no such record"));
        };
        let (nature, post_by) = (known.nature, known.post_by);
        if let Some(first) = known.row.replace(row.clone()) {
            return self.blame(now, Law::G1, format!("{name} has a second row: {row:?} after {first:?}"));
        }
        if row.kind == OutcomeKind::Lost {
            self.blame(now, Law::G1, format!("{name} is said to be lost, and is there"));
        }
        if row.kind == OutcomeKind::Delivered && (!taken || matches!(nature, Nature::Poisonous | Nature::Silent)) {
            self.blame(now, Law::G3, format!("{name} is said to be delivered, and Pinterest never took it"));
        }
        if row.kind == OutcomeKind::Skipped && post_by.is_none_or(|last| now + SKEW < last) {
            self.blame(now, Law::Age, format!("{name} is skipped, and its moment is {post_by:?}"));
        }
        if row.kind == OutcomeKind::InDoubt {
            self.in_doubt += 1;
        }
        if self.kind.is_calm() && (row.kind == OutcomeKind::InDoubt || row.redelivery == Redelivery::Possible) {
            self.blame(now, Law::Calm, format!("{name} is in doubt or marked in a calm world: {row:?}"));
        }
    }

    /// One row for a range: of records that retention took, and that have no row yet.
    fn lost(&mut self, now: Time, partition: usize, range: std::ops::Range<i64>, row: &Row) {
        if self.starts[partition] < range.end {
            return self.blame(
                now,
                Law::G1,
                format!("{partition}: {range:?} is said to be lost, and is not to its end"),
            );
        }
        for offset in range {
            let Some(known) = self.records[partition].get_mut(&offset) else { continue };
            if known.cut == Cut::No || row.kind != OutcomeKind::Lost {
                return self.blame(now, Law::G1, format!("{partition}/{offset} is said to be lost, and is not"));
            }
            if let Some(first) = known.row.replace(row.clone()) {
                return self.blame(now, Law::G1, format!("{partition}/{offset} is said to be lost after {first:?}"));
            }
        }
    }

    /// Retention takes the records before `start`.
    pub(crate) fn cut(&mut self, now: Time, partition: usize, start: i64) {
        self.starts[partition] = start;
        for (_, known) in self.records[partition].range_mut(..start) {
            known.vanishes.get_or_insert(now);
            known.cut = Cut::Yes;
        }
    }

    /// Nothing that has no row yet will get one.
    pub(crate) fn topic_deleted(&mut self, now: Time) {
        for known in self.records.iter_mut().flat_map(BTreeMap::values_mut) {
            known.vanishes = Some(now);
            if known.row.is_none() {
                known.cut = Cut::WithTheTopic;
            }
        }
    }

    fn duplicate(&mut self, now: Time, partition: usize, offset: i64, row: &Row) {
        let Some((of, state)) = row.duplicate_of else {
            if row.kind == OutcomeKind::Duplicate {
                self.blame(now, Law::G2, format!("duplicate {partition}/{offset} names no record"));
            }
            return;
        };
        let expected = match state {
            KeyState::Delivered => OutcomeKind::Delivered,
            KeyState::InDoubt => OutcomeKind::InDoubt,
        };
        let named = self.records[partition].get(&of).and_then(|known| known.row.as_ref());
        let fits = named.is_some_and(|named| {
            named.kind == expected && (named.key == row.key || named.key.is_none() || row.key.is_none())
        });
        if !fits || of == offset {
            let what =
                format!("duplicate {partition}/{offset} says that {of} is {expected:?}, and its row is {named:?}");
            self.blame(now, Law::G2, what);
        }
    }

    fn moved(&mut self, now: Time, moved: Moved) {
        let Moved { partition, from, to, owned } = moved;
        if !owned {
            self.blame(now, Law::G4, format!("offset {to} of {partition} was committed by a process that lost it"));
        }
        if to < from {
            self.blame(now, Law::G4, format!("the offset of {partition} went back from {from} to {to}"));
        }
        let unseen =
            self.records[partition].range(..to).find(|(_, known)| known.lacks_row(now)).map(|(offset, _)| *offset);
        if let Some(offset) = unseen {
            self.blame(now, Law::G1, format!("offset {to} of {partition} passes {offset}, which has no row"));
        }
    }

    /// The first attempt of a record that may have been taken.
    pub(crate) fn possible(&self, partition: usize, offset: i64) -> Option<&Attempt> {
        self.of(partition, offset).find(|attempt| attempt.is_possible())
    }

    fn of(&self, partition: usize, offset: i64) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| attempt.partition == partition && attempt.offset == offset)
    }

    /// Whether an event that never gets a verdict may wait: nobody can tell it from an outage while nothing else of
    /// its lane is posted, and it holds up its own partition at most.
    pub(crate) fn may_wait(&self, partition: usize) -> bool {
        self.records[partition].iter().any(|(offset, known)| {
            known.nature == Nature::Silent
                && known.row.is_none()
                && self
                    .of(partition, *offset)
                    .any(|attempt| attempt.is_possible() && attempt.policy == InDoubtPolicy::Resend)
        })
    }

    /// The first record that still has to get its row.
    pub(crate) fn missing(&self, now: Time) -> Option<(usize, i64)> {
        (0..self.records.len()).find_map(|partition| self.missing_in(now, partition))
    }

    /// The same, without those that may wait for ever.
    pub(crate) fn overdue(&self, now: Time) -> Option<(usize, i64)> {
        let due = |partition: usize| self.missing_in(now, partition).filter(|_| !self.may_wait(partition));
        (0..self.records.len()).find_map(due)
    }

    fn missing_in(&self, now: Time, partition: usize) -> Option<(usize, i64)> {
        self.records[partition]
            .iter()
            .find(|(offset, known)| {
                known.lacks_row(now)
                    || (known.row.is_none()
                        && known.cut != Cut::WithTheTopic
                        && self.of(partition, **offset).any(Attempt::is_possible))
            })
            .map(|(offset, _)| (partition, *offset))
    }

    /// How many records before `offset` have no row.
    pub(crate) fn without_row(&self, now: Time, partition: usize, offset: i64) -> usize {
        let waits = |known: &Known| known.lacks_row(now) && known.cut == Cut::No;
        self.records[partition].range(..offset).filter(|(_, known)| waits(known)).count()
    }

    /// What can be said only when all has come to rest.
    pub(crate) fn finish(&mut self, now: Time) {
        if let Some((partition, offset)) = self.overdue(now) {
            self.blame(now, Law::G7, format!("{partition}/{offset} has no row long after the last fault"));
            return;
        }
        for attempt in self.attempts.clone() {
            self.taken_is_told(now, &attempt);
        }
        let mut by_key: BTreeMap<(usize, EventKey), Vec<Attempt>> = BTreeMap::new();
        for attempt in self.attempts.iter().filter(|attempt| attempt.is_possible()) {
            by_key.entry((attempt.partition, attempt.key)).or_default().push(attempt.clone());
        }
        for attempts in by_key.values_mut() {
            attempts.sort_by_key(|attempt| attempt.start);
            for (n, later) in attempts.iter().enumerate() {
                for earlier in &attempts[..n] {
                    self.sent_twice(now, earlier, later);
                }
            }
        }
        self.record_twice(now);
    }

    fn taken_is_told(&mut self, now: Time, attempt: &Attempt) {
        let Attempt { partition, offset, .. } = *attempt;
        let known = self.records[partition].get(&offset);
        let kind = known.and_then(|known| known.row.as_ref()).map(|row| row.kind);
        let told = match kind {
            Some(kind) => matches!(kind, OutcomeKind::Delivered | OutcomeKind::InDoubt),
            None => self.may_wait(partition) || known.is_some_and(|known| known.cut == Cut::WithTheTopic),
        };
        if attempt.taken.is_some() && !told {
            let what =
                format!("Pinterest took {partition}/{offset} (posted at {}), its row says {kind:?}", attempt.start);
            self.blame(now, Law::G3, what);
        }
    }

    fn sent_twice(&mut self, now: Time, earlier: &Attempt, later: &Attempt) {
        if earlier.taken.unwrap_or(earlier.start) + self.window <= later.start + SKEW {
            return;
        }
        let what = format!(
            "key {:02x} was posted with {}/{} at {} and with {}/{} at {}",
            later.key.0[0],
            earlier.partition,
            earlier.offset,
            earlier.start,
            later.partition,
            later.offset,
            later.start
        );
        if self.kind.is_calm() {
            self.blame(now, Law::Calm, format!("{what} in a calm world"));
        }
        if [earlier.policy, later.policy].contains(&InDoubtPolicy::Hold) {
            self.blame(now, Law::G3, format!("{what} under hold"));
        }
        let marked = self.records[later.partition].get(&later.offset).is_some_and(|known| match &known.row {
            Some(row) => row.redelivery == Redelivery::Possible,
            None => self.may_wait(later.partition) || known.cut == Cut::WithTheTopic,
        });
        if !marked {
            self.blame(now, Law::G3, format!("{what}, and the row of the later one is not marked"));
        }
    }

    /// A record is never posted twice under `hold`, not even with two keys.
    fn record_twice(&mut self, now: Time) {
        let mut seen: BTreeMap<(usize, i64), &Attempt> = BTreeMap::new();
        let mut twice = None;
        for attempt in self.attempts.iter().filter(|attempt| attempt.is_possible()) {
            if let Some(former) = seen.insert((attempt.partition, attempt.offset), attempt)
                && (former.policy == InDoubtPolicy::Hold || former.key != attempt.key)
            {
                twice = Some(format!(
                    "{}/{} was posted at {} and at {} under hold, or with two keys",
                    attempt.partition, attempt.offset, former.start, attempt.start
                ));
            }
        }
        if let Some(what) = twice {
            self.blame(now, Law::G3, what);
        }
    }
}

//! What can be said of a plan only when all of its sources are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::constant::Constant;
use super::fault::Faults;
use super::tree::Draft;
use super::{Joint, Outlet, Place, Reading, Source};
use crate::domain::{Identity, IdentitySet};
use crate::mapping::target::Target;

/// Orders the sources that share a target by preference, joins those that are parts of one text, and finds targets fed
/// twice. Gives how many slots they need, and what comes of the slots.
pub(super) fn rank(drafts: &mut [Draft], faults: &mut Faults) -> (usize, Box<[Outlet]>) {
    let mut groups: BTreeMap<(Box<str>, Place), Vec<usize>> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        groups.entry((draft.contents.clone(), draft.source.place)).or_default().push(n);
    }
    let mut slots = Slots { drafts, count: 0, outlets: Vec::new() };
    for ((_, place), group) in groups {
        slots.group(place, &group, faults);
    }
    (slots.count, slots.outlets.into())
}

struct Slots<'d> {
    drafts: &'d mut [Draft],
    count: usize,
    outlets: Vec<Outlet>,
}

/// What may feed a target: one field, or all the parts of a text.
struct Candidate {
    order: Option<i64>,
    drafts: Vec<usize>,
}

impl Slots<'_> {
    fn group(&mut self, place: Place, group: &[usize], faults: &mut Faults) {
        let is_list = matches!(place, Place::Target(target) if target.is_list());
        let (parts, whole): (Vec<usize>, Vec<usize>) =
            group.iter().partition(|n| self.drafts.get(**n).is_some_and(|draft| draft.rank.part.is_some()));
        let mut candidates: Vec<Candidate> =
            whole.into_iter().map(|n| Candidate { order: self.order(n), drafts: vec![n] }).collect();
        // Every value of a list counts, so that its sources need not wait for each other.
        if is_list {
            candidates.clear();
        }
        let composed = self.compose(parts, faults);
        if composed.is_none() && candidates.len() < 2 {
            return;
        }
        candidates.extend(composed);
        candidates.sort_by_key(|candidate| candidate.order);
        let distinct = candidates.iter().all(|candidate| candidate.order.is_some())
            && candidates.is_sorted_by(|a, b| a.order < b.order);
        if 1 < candidates.len() && !distinct {
            let paths: Vec<_> = candidates.iter().map(|candidate| self.paths(&candidate.drafts)).collect();
            let what = format!("{} is fed by {}", place.path(), paths.join(" and by "));
            let last = paths.last().map_or("", String::as_str);
            faults.add(last, what, "keep one, or give each its own `order`: 1 counts first");
        }
        for candidate in candidates {
            self.wait(place, &candidate.drafts);
        }
    }

    /// The parts of a text in their order, and what is wrong with them.
    fn compose(&self, mut parts: Vec<usize>, faults: &mut Faults) -> Option<Candidate> {
        let number = |n: &usize| self.drafts.get(*n).and_then(|draft| Some(draft.rank.part.as_ref()?.number));
        parts.sort_by_key(number);
        let first = self.drafts.get(*parts.first()?)?;
        let (path, target) = (&first.source.path, first.source.place.path());
        if parts.len() < 2 {
            faults.add(path, format!("{target} has one part"), "give it a second, or remove `part`");
        }
        if !parts.is_sorted_by(|a, b| number(a) < number(b)) {
            let what = format!("parts of {target} have the same number: {}", self.paths(&parts));
            faults.add(path, what, "number them from 1 in the order in which they stand");
        }
        let orders = parts.iter().filter_map(|n| self.order(*n));
        Some(Candidate { order: orders.min(), drafts: parts })
    }

    fn order(&self, n: usize) -> Option<i64> {
        self.drafts.get(n)?.rank.order
    }

    fn paths(&self, drafts: &[usize]) -> String {
        let paths: Vec<_> =
            drafts.iter().filter_map(|n| self.drafts.get(*n)).map(|draft| &*draft.source.path).collect();
        paths.join(" + ")
    }

    /// Gives each a slot, and says what comes of them.
    fn wait(&mut self, place: Place, drafts: &[usize]) {
        let path = self.paths(drafts).into();
        let mut parts = Vec::with_capacity(drafts.len());
        for n in drafts {
            let Some(draft) = self.drafts.get_mut(*n) else { continue };
            let slot = self.count;
            self.count += 1;
            draft.source.slot = Some(slot);
            match &draft.rank.part {
                None => self.outlets.push(Outlet::Slot(slot)),
                Some(part) => parts.push(Joint { slot, join: part.join.clone() }),
            }
        }
        if !parts.is_empty() {
            let source =
                Arc::new(Source { path, place, reading: Reading::default(), slot: None, standing: Box::default() });
            self.outlets.push(Outlet::Joined { source, parts: parts.into() });
        }
    }
}

/// Finds targets that a constant feeds although a field does.
pub(super) fn constants(drafts: &[Draft], constants: &[(Target, Constant)], faults: &mut Faults) {
    for (target, _) in constants {
        let field = drafts.iter().find(|draft| draft.source.place == Place::Target(*target));
        if let Some(Draft { source, .. }) = field
            && !target.is_list()
        {
            let what = format!("{} is fed by this field and by a constant", target.path());
            faults.add(&source.path, what, "keep one, or make the constant the `default` of the field's annotation");
        }
    }
}

/// Finds what would give many records one event id, of which Pinterest keeps the first.
pub(super) fn ids(drafts: &[Draft], constants: &[(Target, Constant)], faults: &mut Faults) {
    if constants.iter().any(|(target, _)| *target == Target::EventId) {
        faults.add(
            "",
            "a constant event_id gives every record the same, of which Pinterest keeps one",
            "annotate the field that names the conversion",
        );
    }
    let of_ids = drafts.iter().filter(|draft| draft.source.place == Place::Target(Target::EventId));
    let is_shared = |draft: &&Draft| draft.source.reading.default.is_some() || draft.source.reading.table.is_some();
    let (parts, whole): (Vec<&Draft>, Vec<&Draft>) = of_ids.partition(|draft| draft.rank.part.is_some());
    let parts = if parts.iter().all(is_shared) { parts } else { Vec::new() };
    for draft in whole.into_iter().filter(is_shared).chain(parts) {
        faults.add(
            &draft.source.path,
            "`default` or `values` gives many records one event_id, of which Pinterest keeps one",
            "remove it, or compose the id with a part that differs from record to record",
        );
    }
}

/// Finds phone numbers that are said to be of two countries: which of them a number is of cannot be told afterwards.
pub(super) fn regions(drafts: &[Draft], faults: &mut Faults) {
    let mut said = drafts.iter().filter_map(|draft| Some((&draft.source, draft.source.reading.region?)));
    let Some((_, first)) = said.next() else { return };
    if let Some((source, second)) = said.find(|(_, region)| *region != first) {
        let what = format!("the phone numbers are of two regions, {} and {}", first.code(), second.code());
        faults.add(&source.path, what, "keep one; it is asked last, behind the record's own country");
    }
}

/// Finds what no event can do without, and is fed by nothing.
pub(super) fn complete(drafts: &[Draft], constants: &[(Target, Constant)], faults: &mut Faults) {
    let fed = targets(drafts, constants);
    for target in Target::ALL.iter().filter(|target| target.is_required() && !fed.contains(target)) {
        let what = format!("nothing feeds {}, which Pinterest requires", target.path());
        faults.add("", what, "annotate a field with it, or set a constant");
    }
    let mut identity = IdentitySet::default();
    for parameter in Identity::ALL {
        if fed.iter().any(|target| target.path().strip_prefix("user_data.") == Some(parameter.as_str())) {
            identity.insert(parameter);
        }
    }
    if !identity.suffices() {
        faults.add(
            "",
            "nothing tells Pinterest whose event it is",
            "feed user_data.em, or user_data.hashed_maids, or both user_data.client_ip_address and user_data.client_user_agent",
        );
    }
}

pub(super) fn targets(drafts: &[Draft], constants: &[(Target, Constant)]) -> Box<[Target]> {
    let of = |source: &Source| match source.place {
        Place::Target(target) => target,
        Place::Content(_) => Target::CustomContents,
    };
    let fields = drafts.iter().map(|draft| of(&draft.source));
    let mut all: Vec<_> = fields.chain(constants.iter().map(|(target, _)| *target)).collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

//! What can be said of a plan only when all of its sources are known.

use std::collections::BTreeMap;

use super::constant::Constant;
use super::fault::Faults;
use super::tree::Draft;
use super::{Place, Source};
use crate::domain::{Identity, IdentitySet};
use crate::mapping::target::Target;

/// Orders the sources that share a target by preference, and finds targets fed twice. Gives how many slots they need.
pub(super) fn rank(drafts: &mut [Draft], faults: &mut Faults) -> usize {
    let mut groups: BTreeMap<(Box<str>, &'static str), Vec<usize>> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        let is_list = matches!(draft.source.place, Place::Target(target) if target.is_list());
        if !is_list {
            groups.entry((draft.contents.clone(), draft.source.place.path())).or_default().push(n);
        }
    }
    let mut n_slots = 0;
    for ((_, path), mut group) in groups {
        if group.len() < 2 {
            continue;
        }
        let order = |n: &usize| drafts.get(*n).and_then(|draft| draft.order);
        group.sort_by_key(order);
        let distinct = group.iter().all(|n| order(n).is_some()) && group.is_sorted_by(|a, b| order(a) < order(b));
        if !distinct {
            let paths: Vec<_> = group.iter().filter_map(|n| drafts.get(*n)).map(|draft| &*draft.source.path).collect();
            let what = format!("{path} is fed by {}", paths.join(" and by "));
            let place = paths.last().copied().unwrap_or("");
            faults.add(place, what, "keep one, or give each its own `order`: 1 counts first");
        }
        for n in group {
            if let Some(draft) = drafts.get_mut(n) {
                draft.source.slot = Some(n_slots);
                n_slots += 1;
            }
        }
    }
    n_slots
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

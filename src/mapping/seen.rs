//! The texts of one list that were met before, so that each is written once.

use std::borrow::Cow;
use std::collections::HashSet;

/// So many are compared one by one, which costs less than hashing them. More are hashed: a list of ten thousand must not
/// cost its square.
const FEW: usize = 16;

/// A set of texts that is nearly always small.
pub(super) struct Seen<'v> {
    few: Vec<Cow<'v, str>>,
    rest: HashSet<Cow<'v, str>>,
}

impl<'v> Seen<'v> {
    pub(super) fn new() -> Self {
        Self { few: Vec::new(), rest: HashSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.few.len() + self.rest.len()
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.few.iter().any(|seen| seen == text) || (!self.rest.is_empty() && self.rest.contains(text))
    }

    /// Adds a text that it does not contain.
    pub(super) fn insert(&mut self, text: Cow<'v, str>) {
        if self.few.len() < FEW {
            self.few.push(text);
        } else {
            self.rest.insert(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_seen_once_it_was_met_however_many_were(texts in prop::collection::vec("[a-f]{1,2}", 0..80)) {
            let (mut seen, mut model) = (Seen::new(), HashSet::new());
            for text in &texts {
                prop_assert_eq!(seen.contains(text), model.contains(text));
                if model.insert(text) {
                    seen.insert(Cow::Borrowed(text));
                }
                prop_assert_eq!(seen.len(), model.len());
            }
        }
    }
}

//! Which changelog positions a restore would still need.

use std::collections::BTreeMap;

use crate::domain::ChangelogOffset;

/// A multiset of positions with a cheap minimum. The entries of one transaction share one position, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Positions(BTreeMap<ChangelogOffset, u32>);

impl Positions {
    pub(crate) fn add(&mut self, position: ChangelogOffset) {
        *self.0.entry(position).or_insert(0) += 1;
    }

    /// Takes back one `add` of the same position.
    pub(crate) fn remove(&mut self, position: ChangelogOffset) {
        if let Some(count) = self.0.get_mut(&position) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&position);
            }
        }
    }

    pub(crate) fn min(&self) -> Option<ChangelogOffset> {
        self.0.first_key_value().map(|(position, _)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_stays_until_its_last_holder_lets_go() {
        let mut positions = Positions::default();
        assert_eq!(positions.min(), None);
        for position in [7, 3, 3] {
            positions.add(ChangelogOffset(position));
        }
        positions.remove(ChangelogOffset(3));
        assert_eq!(positions.min(), Some(ChangelogOffset(3)));
        positions.remove(ChangelogOffset(3));
        assert_eq!(positions.min(), Some(ChangelogOffset(7)));
        positions.remove(ChangelogOffset(7));
        assert_eq!(positions.min(), None);
    }
}

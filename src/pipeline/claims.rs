//! Which keys are under way, and who waits for them (R9).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use crate::domain::{EventKey, Offset};

/// The claims of one partition.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashMap<EventKey, Claim>);

#[derive(Debug)]
struct Claim {
    holder: Offset,
    waiting: VecDeque<Offset>,
}

/// What came of asking for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The record holds the claim.
    Held,
    /// Another one does; the record waits behind it.
    Waiting,
}

impl Claims {
    /// The first to ask holds the claim, the others wait in the order in which they ask.
    pub(crate) fn ask(&mut self, key: EventKey, offset: Offset) -> Claimed {
        match self.0.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Claim { holder: offset, waiting: VecDeque::new() });
                Claimed::Held
            }
            Entry::Occupied(mut claim) => {
                claim.get_mut().waiting.push_back(offset);
                Claimed::Waiting
            }
        }
    }

    /// Ends the claim if `offset` holds it; gives back those that waited, in order.
    pub(crate) fn release(&mut self, key: &EventKey, offset: Offset) -> VecDeque<Offset> {
        match self.0.entry(*key) {
            Entry::Occupied(claim) if claim.get().holder == offset => claim.remove().waiting,
            Entry::Occupied(_) | Entry::Vacant(_) => VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_holds_and_the_others_come_back_in_order() {
        let (mut claims, key) = (Claims::default(), EventKey([1; 16]));
        assert_eq!(claims.ask(key, Offset(1)), Claimed::Held);
        assert_eq!(claims.ask(key, Offset(2)), Claimed::Waiting);
        assert_eq!(claims.ask(key, Offset(3)), Claimed::Waiting);
        assert_eq!(claims.release(&key, Offset(2)), []);
        assert_eq!(claims.release(&key, Offset(1)), [Offset(2), Offset(3)]);
        assert_eq!(claims.ask(key, Offset(3)), Claimed::Held);
    }
}

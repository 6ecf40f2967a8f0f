//! Pinterest's rules, one function for each kind of value: a value in; its normalised form, or the reason to drop it, out.
//!
//! Nothing here hashes, encodes or decides about a record; that is `finish`.
//! Where Pinterest's own examples contradict its words, the words hold: its example hashes of `ge`, `db` and `country`
//! are those of `male`, `01/01/1900` and `US`.
//! Every function is idempotent: what it yields, it yields again.

pub(super) mod amounts;
pub(super) mod email;
pub(super) mod events;
pub(super) mod ids;
pub(super) mod network;
pub(super) mod person;
pub(super) mod phone;
pub(super) mod places;
pub(super) mod texts;
pub(super) mod times;

mod calling_codes;
mod codes;

use std::borrow::Cow;

/// A normalised text, borrowed where nothing had to change, or why there is none.
pub type Normal<'a> = Result<Cow<'a, str>, DropReason>;

/// Why a value was left out of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Not of the form that the rule demands.
    Malformed,
    /// Of the right form, but not one of the codes or words that there are.
    NotListed,
    /// A number or a day beyond what Pinterest takes.
    OutOfRange,
    TooLong,
    /// A list has more elements than Pinterest takes; these are the ones behind the limit.
    TooMany,
    /// Stands for "not known": an advertising id of zeros, `0.0.0.0`, `null`, the hash of nothing.
    Placeholder,
    /// An address of a private network, a loopback or a link.
    PrivateAddress,
    /// The user agent of a program that nobody sits at.
    Bot,
    /// Declared to be hashed, but not 64 hex digits.
    NotAHash,
    /// A kind of value that the target does not take.
    WrongKind,
    /// The feed does not send this field.
    SwitchedOff,
}

impl DropReason {
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::NotListed,
        Self::OutOfRange,
        Self::TooLong,
        Self::TooMany,
        Self::Placeholder,
        Self::PrivateAddress,
        Self::Bot,
        Self::NotAHash,
        Self::WrongKind,
        Self::SwitchedOff,
    ];

    /// Stable code for metrics and notes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotListed => "not_listed",
            Self::OutOfRange => "out_of_range",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::Placeholder => "placeholder",
            Self::PrivateAddress => "private_address",
            Self::Bot => "bot",
            Self::NotAHash => "not_a_hash",
            Self::WrongKind => "wrong_kind",
            Self::SwitchedOff => "switched_off",
        }
    }
}

impl DropReason {
    /// What it means, as a sentence without full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => "not of the form that the rule demands",
            Self::NotListed => "of the right form, but none of the codes or words that there are",
            Self::OutOfRange => "a number or a day beyond what Pinterest takes",
            Self::TooLong => "more characters than the field may have",
            Self::TooMany => "more values than the list may have; the first ones are sent",
            Self::Placeholder => "stands for \"not known\": zeros, `null`, `Other`, the hash of nothing",
            Self::PrivateAddress => "an address of no public network; `private_addresses: keep` sends it",
            Self::Bot => "the user agent of a program that nobody sits at; `odd_user_agents: keep` sends it",
            Self::NotAHash => "declared as `hashed`, but not 64 hex digits",
            Self::WrongKind => "a kind of value that the target does not take",
            Self::SwitchedOff => "the feed does not send this field; `customer_type: send` does",
        }
    }
}

/// Tables of rules: each row is an input and what must come of it.
#[cfg(test)]
mod testing {
    use super::{DropReason, Normal};

    pub(super) type Row<'a> = (&'a str, Result<&'a str, DropReason>);

    /// Checks every row, and that the rule yields its own results again.
    pub(super) fn check(rule: impl Fn(&str) -> Result<String, DropReason>, rows: &[Row<'_>]) {
        for (input, expected) in rows {
            let got = rule(input);
            assert_eq!(got.as_deref().map_err(|why| *why), *expected, "{input:?}");
            if let Ok(normal) = got {
                assert_eq!(rule(&normal), Ok(normal.clone()), "again, from {input:?}");
            }
        }
    }

    pub(super) fn owned(normal: Normal<'_>) -> Result<String, DropReason> {
        normal.map(std::borrow::Cow::into_owned)
    }
}

//! What became of one record. Final.

use super::changelog::{KeyState, SettledKind};
use super::ids::Offset;
use super::reason::Reason;
use super::text::ForeignText;

/// The eight ends that a record can come to; the audit row's `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Pinterest answered `processed`. It never means "counted".
    Delivered,
    /// Another record of the same partition has the same event key and was delivered or is in doubt, or an earlier
    /// sender has sent the event.
    Duplicate,
    /// Not to be sent, by the data or by configuration.
    Skipped,
    /// The bytes are not what the schema says.
    Undecodable,
    /// Decoded, but no event that Pinterest would accept can be made of it.
    Unmappable,
    /// Pinterest answered that it did not take it.
    Refused,
    /// Posted, and it cannot be known whether Pinterest took it.
    InDoubt,
    /// Deleted from the topic before it was read.
    Lost,
}

impl OutcomeKind {
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Duplicate,
        Self::Skipped,
        Self::Undecodable,
        Self::Unmappable,
        Self::Refused,
        Self::InDoubt,
        Self::Lost,
    ];

    /// The symbol in the audit schema, and the label in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Duplicate => "duplicate",
            Self::Skipped => "skipped",
            Self::Undecodable => "undecodable",
            Self::Unmappable => "unmappable",
            Self::Refused => "refused",
            Self::InDoubt => "in_doubt",
            Self::Lost => "lost",
        }
    }
}

/// An end, its reason, and what is known beyond the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Decides the kind.
    pub reason: Reason,
    /// What the reason's own text cannot say: the field, the schema id, Pinterest's words.
    pub detail: Option<ForeignText>,
    /// For `delivered`: Pinterest's warning. Not a failure.
    pub warning: Option<ForeignText>,
    /// Set exactly for `duplicate`, unless an earlier sender has sent the event.
    pub duplicate_of: Option<DuplicateOf>,
}

/// The record of the same partition that a duplicate defers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateOf {
    pub offset: Offset,
    pub state: KeyState,
}

impl Outcome {
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason, detail: None, warning: None, duplicate_of: None }
    }

    /// With words beyond the reason's own; they are cut and masked.
    #[must_use]
    pub fn with_detail(reason: Reason, detail: &str) -> Self {
        Self { detail: Some(ForeignText::new(detail)), ..Self::new(reason) }
    }

    #[must_use]
    pub fn duplicate(of: DuplicateOf) -> Self {
        if of.offset.is_imported() {
            return Self::new(Reason::DuplicateOfImported);
        }
        let reason = match of.state {
            KeyState::Delivered => Reason::DuplicateOfDelivered,
            KeyState::InDoubt => Reason::DuplicateOfInDoubt,
        };
        Self { duplicate_of: Some(of), ..Self::new(reason) }
    }

    #[must_use]
    pub const fn kind(&self) -> OutcomeKind {
        self.reason.kind()
    }

    /// What the changelog says of it.
    #[must_use]
    pub const fn settled_kind(&self) -> SettledKind {
        match self.kind() {
            OutcomeKind::Delivered => SettledKind::Delivered,
            OutcomeKind::InDoubt => SettledKind::InDoubt,
            OutcomeKind::Duplicate
            | OutcomeKind::Skipped
            | OutcomeKind::Undecodable
            | OutcomeKind::Unmappable
            | OutcomeKind::Refused
            | OutcomeKind::Lost => SettledKind::NotSent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_hears_of_what_pinterest_took_or_may_have_taken() {
        for (reason, word, kind) in [
            (Reason::Processed, "delivered", SettledKind::Delivered),
            (Reason::AnswerLost, "in_doubt", SettledKind::InDoubt),
            (Reason::DuplicateOfInDoubt, "duplicate", SettledKind::NotSent),
            (Reason::TooOld, "skipped", SettledKind::NotSent),
            (Reason::NoIdentity, "unmappable", SettledKind::NotSent),
            (Reason::RefusedByPinterest, "refused", SettledKind::NotSent),
            (Reason::DeletedBeforeRead, "lost", SettledKind::NotSent),
        ] {
            let outcome = Outcome::with_detail(reason, "why");
            assert_eq!((outcome.kind().as_str(), outcome.settled_kind()), (word, kind), "{reason:?}");
            assert_eq!(outcome.detail, Some(ForeignText::new("why")));
        }
        let words = OutcomeKind::ALL.map(OutcomeKind::as_str);
        assert_eq!(words.iter().collect::<std::collections::BTreeSet<_>>().len(), 8, "{words:?}");
    }

    #[test]
    fn a_duplicate_names_its_record_unless_another_sender_has_sent_the_event() {
        let of = |offset, state| Outcome::duplicate(DuplicateOf { offset, state });
        for (outcome, reason, named) in [
            (of(Offset(5), KeyState::Delivered), Reason::DuplicateOfDelivered, true),
            (of(Offset(5), KeyState::InDoubt), Reason::DuplicateOfInDoubt, true),
            (of(Offset::imported(5), KeyState::Delivered), Reason::DuplicateOfImported, false),
        ] {
            assert_eq!((outcome.reason, outcome.duplicate_of.is_some()), (reason, named));
        }
    }
}

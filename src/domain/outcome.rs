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

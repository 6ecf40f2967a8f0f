//! From bytes to events: an annotated reader schema is the mapping.

pub mod draft;
pub mod event_rules;
pub mod finish;
pub mod rules;
pub mod target;
pub mod value;

mod body;
mod encode;

pub use draft::Draft;
pub use event_rules::{Derive, EventRules, LaneRule, Late, MissingConsent, PhoneRegion, PrivateAddresses};
pub use finish::{Finished, Warning, finish};
pub use rules::DropReason;
pub use target::{ContentField, Target, TargetKind};
pub use value::{Value, ValueKind};

//! From bytes to events: an annotated reader schema is the mapping.

pub mod decoder;
pub mod draft;
pub mod event_rules;
pub mod explain;
pub mod fingerprint;
pub mod finish;
pub mod identity;
pub mod mapper;
pub mod plan;
pub mod reference;
pub mod rules;
pub mod target;
pub mod value;

mod body;
mod encode;
mod normalise;
mod parameters;
mod schema;
mod seen;

pub use decoder::{DecodeFault, Decoder, Unresolvable};
pub use draft::Draft;
pub use event_rules::{
    CustomerType, Derive, EventRules, LaneRule, Late, MissingConsent, OddUserAgents, PhoneRegion, PrivateAddresses,
};
pub use explain::{Explained, Note, Noted, Reveal};
pub use fingerprint::{NotASchema, fingerprint, fingerprint_with};
pub use finish::{Finished, Warning, finish};
pub use identity::identify;
pub use mapper::Mapper;
pub use plan::{ANNOTATION_KEYS, Misfit, Overrides, Plan, PlanFault, Told};
pub use reference::{Caution, TargetRow, target_rows};
pub use rules::DropReason;
pub use target::{ContentField, Target, TargetKind};
pub use value::{Value, ValueKind};

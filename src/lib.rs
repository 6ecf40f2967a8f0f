//! pinrelay: Kafka to Pinterest's Conversions API, every record accounted for exactly once.
//!
//! Decisions are pure, the world is a shell around them:
//!
//! ```text
//! main → commands → run → config → { mapping, pipeline, kafka, pinterest, admin, telemetry } → domain
//! ```
//!
//! - [`domain`] holds the words: records, events, answers, outcomes, and what may not be printed.
//! - [`mapping`] makes an event of a record's bytes by an annotated reader schema.
//! - [`pipeline`] decides what is sent, suppressed, written and committed; it reads no clock and touches nothing.
//! - [`kafka`] and [`pinterest`] touch the world; [`admin`] and [`telemetry`] show the work.
//! - [`run`] is the one loop that carries inputs to the core and its effects out again.
//!
//! Modules in braces do not import each other; a test reads the `use` lines and says so.

pub mod admin;
pub mod commands;
pub mod config;
pub mod domain;
pub mod kafka;
pub mod mapping;
pub mod pinterest;
pub mod pipeline;
pub mod run;
pub mod telemetry;

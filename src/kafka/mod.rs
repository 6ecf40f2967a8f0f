//! The world of Kafka: consumer, transactions, restore, schema registry, and what is written to topics.

pub mod audit;
#[cfg(test)]
mod audit_document_tests;
pub mod audit_reader;
mod audit_row;
mod backlog;
mod binary;
pub mod changelog;
mod client;
mod command;
mod commit;
pub mod consumer;
pub mod credential;
mod deadline;
mod delivery;
pub mod ends;
pub mod feeding;
pub mod framing;
mod holdings;
pub mod import;
pub mod message;
pub mod metadata;
mod native;
pub mod oauth;
pub mod partitioner;
#[cfg(feature = "broken-rules")]
mod plain;
mod reach;
mod reading;
mod rebalance;
mod refusals;
pub mod registry;
#[cfg(test)]
mod registry_fake;
pub mod repeats;
pub mod resolve;
pub mod restore;
mod restore_facts;
pub mod restore_plan;
#[cfg(test)]
mod schema_tests;
pub mod settings;
#[cfg(test)]
mod stored_tests;
pub mod subject;
mod topic_needs;
pub mod topics;
pub mod transactions;
mod within;

pub use backlog::Receipt;
pub use holdings::MetadataRefusal;
pub use native::end_process;

//! The world of Kafka: consumer, transactions, restore, schema registry, and what is written to topics.

pub mod audit;
#[cfg(test)]
mod audit_document_tests;
mod audit_row;
mod binary;
pub mod changelog;
pub mod framing;
pub mod metadata;
pub mod registry;
#[cfg(test)]
mod schema_tests;

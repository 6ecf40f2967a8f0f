//! The world of Kafka: consumer, transactions, restore, schema registry, and what is written to topics.

mod backlog;
mod binary;
pub mod changelog;
mod client;
pub mod consumer;
mod deadline;
mod holdings;
pub mod message;
pub mod metadata;
mod native;
mod rebalance;
pub mod settings;

pub use backlog::Receipt;
pub use holdings::MetadataRefusal;

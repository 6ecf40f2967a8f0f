//! The world of Kafka: consumer, transactions, restore, schema registry, and what is written to topics.

mod binary;
pub mod changelog;
pub mod metadata;

//! pinrelay: Kafka to Pinterest's Conversions API, every record accounted for exactly once.

pub mod admin;
pub mod commands;
pub mod config;
pub mod domain;
pub mod kafka;
pub mod mapping;
pub mod pinterest;
pub mod pipeline;
pub mod run;

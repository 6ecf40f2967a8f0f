//! What the tests stand on: a real Apache Kafka in a container, and ways to fill and read its topics.
//!
//! A test binary uses it by `#[path = "../support/mod.rs"] mod support;`. The image comes from `scripts/kafka-image`.

#![allow(dead_code, reason = "each test binary uses a part of this")]

mod broker;
pub(crate) mod cluster;
mod image;
mod kafka;
mod ports;
mod reaper;
pub(crate) mod secured;
mod topics;

#[allow(unused_imports, reason = "each test binary uses a part of this")]
pub(crate) use broker::Broker;
pub(crate) use kafka::Kafka;
#[allow(unused_imports, reason = "each test binary uses a part of this")]
pub(crate) use ports::free_port;
#[allow(unused_imports, reason = "each test binary uses a part of this")]
pub(crate) use reaper::Reaper;
#[allow(unused_imports, reason = "each test binary uses a part of this")]
pub(crate) use topics::Input;

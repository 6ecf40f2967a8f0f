//! Everything at once: three brokers, three processes, a Pinterest that loses answers, and a driver that breaks each of
//! them at random, for a chosen time. Then every record is accounted for.
//!
//! Here it plays for a minute; `scripts/soak` plays for as long as it is told.

#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of this")]
#[path = "../relay/account.rs"]
mod account;
#[cfg(test)]
mod brokers;
#[cfg(test)]
mod crew;
#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of this")]
#[path = "../relay/desk.rs"]
mod desk;
#[cfg(test)]
mod fault;
#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of this")]
#[path = "../relay/members.rs"]
mod members;
#[cfg(test)]
mod pinterest;
#[cfg(test)]
mod play;
#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of this")]
#[path = "../relay/process.rs"]
mod process;
#[cfg(test)]
mod report;
#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of this")]
#[path = "../relay/shop.rs"]
mod shop;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

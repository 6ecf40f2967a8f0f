//! The real loop: real processes, a real broker, the sandbox over HTTP, configuration files.
//!
//! A binary of its own, with a broker of its own; a test that takes its broker away has one for itself.
//! `scripts/soak-kill` runs the test with the kill over many seeds, `scripts/soak-lanes` the one with the lanes for long.

#[cfg(test)]
mod account;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod broker_away;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod deployed;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod feeds;
#[cfg(test)]
#[path = "../support/chart/mod.rs"]
mod helm;
#[cfg(test)]
mod importing;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod late;
#[cfg(test)]
mod members;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod pinterest_away;
#[cfg(test)]
mod process;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod restoring;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod shadow;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod staying;
#[cfg(test)]
mod stopping;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
#[path = "../support/tls.rs"]
mod tls;
#[cfg(test)]
mod traces;

//! All tests that need a real broker, in one binary: they share one container, and are linked once.
//!
//! Each test uses topics, groups and transactional ids that begin with its own name.

#[cfg(test)]
mod consuming;
#[cfg(test)]
mod restoring;
#[cfg(test)]
mod rig;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod the_broker;
#[cfg(test)]
mod topics;
#[cfg(test)]
mod transacting;

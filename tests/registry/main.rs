//! A real schema registry: Apicurio Registry with Confluent's API, before it a proxy that can fail and ask for
//! credentials, a real broker, the sandbox, and pinrelay as a process.
//!
//! Where Apicurio is unlike Confluent's registry the test says so. What a registry could say beyond what either says is
//! tested beside `kafka::registry`.

#[cfg(test)]
mod apicurio;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod evolution;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod leads;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod topics;

#[cfg(test)]
#[allow(dead_code, reason = "a part of what the tests of the real loop need")]
#[path = "../relay/desk.rs"]
mod desk;
#[cfg(test)]
#[allow(dead_code, reason = "a part of what the tests of the real loop need")]
#[path = "../relay/process.rs"]
mod process;
#[cfg(test)]
#[allow(unused_imports, reason = "records with headers are written here")]
#[path = "../support/mod.rs"]
mod support;

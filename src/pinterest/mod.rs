//! The world of Pinterest: the client, the reading of its answers, and a Pinterest to run on a desk.

mod address;
pub mod answer;
pub mod authorities;
pub mod client;
pub mod rate_limit;
pub mod sandbox;
#[cfg(test)]
mod testing;
mod token;

pub use address::{BaseUrl, BaseUrlFault};
pub use client::{Client, ClientFault, ClientSettings, Mode};
pub use sandbox::{Sandbox, SandboxSettings};
pub use token::{TokenFault, TokenSource};

//! The way from the client to Pinterest over real sockets: who is trusted, which protocol is spoken, what is certain
//! when it breaks.

#[cfg(test)]
#[path = "../support/tls.rs"]
mod tls;

#[cfg(test)]
mod desk;
#[cfg(test)]
mod ways;

//! Ports for the servers of a test binary: none is given twice.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the system gives to outgoing connections: a client that looks for a stopped server could otherwise be
/// given the server's own port, and connect to itself.
const PORTS: Range<u16> = 10_000..32_000;

/// Other binaries may run beside this one.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(PORTS)));

/// A port that nobody listens on now, and that nobody else is given in this binary.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

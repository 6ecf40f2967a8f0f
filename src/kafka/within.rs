//! Calls into librdkafka that may never return.
//!
//! In librdkafka 2.12, `rd_kafka_send_offsets_to_transaction` forgets its time-out while it waits for the group's
//! coordinator, and waits for ever when that broker is gone (its issues 5456 and 5511). Three brokers of which one
//! restarts now and then show it within a minute.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Carries `call` out on a thread of its own and gives it up when it has not returned within `limit`.
///
/// A call that was given up keeps what it holds until it returns, if ever; its result is lost.
pub(super) fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("transaction-call".to_owned()).spawn(move || {
        if tell.send(call()).is_err() {
            tracing::info!("a call that was given up has returned");
        }
    });
    match thread {
        Ok(_) => told.recv_timeout(limit).ok(),
        Err(error) => {
            tracing::error!(%error, "no thread for a call");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_is_waited_for_and_one_that_does_not_is_given_up() {
        assert_eq!(within(Duration::from_mins(1), || 7), Some(7));

        let (go_on, waits) = mpsc::channel::<()>();
        let (tell, ended) = mpsc::channel();
        let given_up = within(Duration::from_millis(1), move || {
            let told = waits.recv();
            tell.send(told).expect("the test waits for it");
        });
        assert_eq!(given_up, None);
        drop(go_on);
        ended.recv_timeout(Duration::from_mins(1)).expect("it goes on by itself").expect_err("nobody told it anything");
    }
}

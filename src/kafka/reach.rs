//! Whether the cluster answers at all, and what stands in the way if it does not.
//!
//! librdkafka tries on for ever and says on its log alone why: a password that is refused looks to its caller like a
//! broker that is away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};

use super::client::{self, Isolation};
use super::deadline::Deadline;
use super::repeats::words;
use super::settings::KafkaSettings;

/// Between two looks at what was said meanwhile.
const SLICE: Duration = Duration::from_secs(1);

/// As [`client::Logging`], and keeps the last thing that was said about a connection that failed.
#[derive(Debug, Default)]
pub(super) struct Noting(Mutex<Option<String>>);

impl Noting {
    fn said(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Noting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words(message).to_owned());
        }
        client::log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client::report(&error, reason);
    }
}

impl ConsumerContext for Noting {}

/// A reader that notes why it does not get through.
pub(super) fn reader(settings: &KafkaSettings) -> Result<BaseConsumer<Noting>, KafkaError> {
    let reader: BaseConsumer<Noting> =
        client::reader(settings, Isolation::Committed).create_with_context(Noting::default())?;
    client::authorize(settings, reader.client());
    Ok(reader)
}

/// Returns when a broker has answered, or has refused the credentials, or the time of a request is over. Blocks.
pub(super) fn reach(settings: &KafkaSettings, reader: &BaseConsumer<Noting>) -> Result<(), String> {
    // Without one librdkafka does not even try to connect.
    settings.credential.check()?;
    let deadline = Deadline::after(settings.timeouts.request);
    loop {
        let Err(error) = reader.fetch_metadata(Some(&settings.audit_topic), SLICE) else { return Ok(()) };
        // What librdkafka logs waits in the queue of this client, which nobody else polls.
        while reader.poll(Duration::ZERO).is_some() {}
        let is_silence = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::OperationTimedOut)
        );
        let said = reader.context().said();
        if deadline.has_passed() || !is_silence || said.as_deref().is_some_and(is_refusal) {
            return Err(said.unwrap_or_else(|| error.to_string()));
        }
    }
}

/// As librdkafka 2.12 words it (`rdkafka_sasl.c`, `rdkafka_request.c`).
fn is_refusal(said: &str) -> bool {
    said.contains("SASL authentication error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_broker_that_is_away() {
        let noting = Noting::default();
        noting.log(RDKafkaLogLevel::Error, "FAIL", "[thrd:a:1/0]: a:1/0: Connect to ipv4#10.0.0.1:1 failed");
        assert_eq!(noting.said().as_deref(), Some("a:1/0: Connect to ipv4#10.0.0.1:1 failed"));
        assert!(!is_refusal(&noting.said().unwrap()));
        noting.log(RDKafkaLogLevel::Info, "GETSUB", "[thrd:main]: something else");
        let refusal =
            "[thrd:b]: b:1/0: SASL authentication error: Authentication failed (after 310ms in state AUTH_REQ)";
        noting.log(RDKafkaLogLevel::Error, "FAIL", refusal);
        assert_eq!(noting.said().as_deref(), Some("b:1/0: SASL authentication error: Authentication failed"));
        assert!(is_refusal(&noting.said().unwrap()));
    }
}

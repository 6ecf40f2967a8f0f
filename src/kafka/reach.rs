//! Whether the cluster answers at all, and what stands in the way if it does not.
//!
//! librdkafka tries on for ever and says on its log alone why: a password that is refused looks to its caller like a
//! broker that is away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};

use super::client::{self, Isolation};
use super::credential::{self, Refused};
use super::deadline::Deadline;
use super::repeats::words;
use super::settings::KafkaSettings;

/// Between two looks at what was said meanwhile.
const SLICE: Duration = Duration::from_secs(1);

/// As [`client::Logging`], and keeps what was said last about a connection that failed.
#[derive(Debug, Default)]
pub(super) struct Noting(Mutex<Said>);

#[derive(Clone, Debug, Default)]
struct Said {
    last: Option<String>,
    /// By a broker that has looked at what this process shows.
    refusal: Option<String>,
}

impl Noting {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Noting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            self.said().last = Some(words(message).to_owned());
        }
        client::log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // A handshake of TLS is tried again until the time is over.
        if credential::refused(&error, reason) == Some(Refused::BySasl) {
            self.said().refusal = Some(words(reason).to_owned());
        }
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
        let Said { last, refusal } = reader.context().said().clone();
        if deadline.has_passed() || !is_silence || refusal.is_some() {
            return Err(refusal.or(last).unwrap_or_else(|| error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As librdkafka tells of a connection that failed: by its log, and as an error in the same words.
    fn told(code: RDKafkaErrorCode, said: &str) -> Said {
        let noting = Noting::default();
        noting.log(RDKafkaLogLevel::Error, "FAIL", &format!("[thrd:b:1/1]: {said} (after 310ms in state AUTH_REQ)"));
        noting.error(KafkaError::Global(code), &format!("{said} (after 310ms in state AUTH_REQ)"));
        noting.log(RDKafkaLogLevel::Info, "GETSUB", "[thrd:main]: something else");
        noting.said().clone()
    }

    #[test]
    fn a_refusal_is_told_from_a_broker_that_is_away_and_from_a_step_that_nobody_answered() {
        use RDKafkaErrorCode::{Authentication, BrokerTransportFailure, SSL};
        for (code, said, is_refusal) in [
            (BrokerTransportFailure, "b:1/1: Connect to ipv4#10.0.0.1:1 failed", false),
            (Authentication, "b:1/1: SASL authentication error: Authentication failed", true),
            (
                BrokerTransportFailure,
                "b:1/1: SASL authentication error: SaslAuthenticateRequest failed: Local: Broker transport failure",
                false,
            ),
            (
                Authentication,
                "b:1/1: SASL PLAIN mechanism handshake failed: Local: Timed out: broker's supported mechanisms: (n/a)",
                false,
            ),
            (
                Authentication,
                "b:1/1: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported \
                 mechanisms: SCRAM-SHA-512",
                true,
            ),
            (SSL, "b:1/1: SSL handshake failed: certificate expired", false),
        ] {
            let Said { last, refusal } = told(code, said);
            assert_eq!((last.as_deref(), refusal.as_deref()), (Some(said), is_refusal.then_some(said)));
        }
    }
}

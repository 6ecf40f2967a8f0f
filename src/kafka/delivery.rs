//! Delivery reports: where the changelog entries of a transaction came to lie, and what could not be written.

use std::error::Error;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};

use super::client;
use super::credential::Credential;
use super::deadline::Deadline;
use super::settings::KafkaSettings;

/// What a produced record is, told to librdkafka and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Produced {
    AuditRow,
    /// Entries of the part with this index.
    Entries(usize),
}

impl Produced {
    pub(super) const fn to_opaque(self) -> usize {
        match self {
            Self::AuditRow => 0,
            Self::Entries(part) => part + 1,
        }
    }

    const fn from_opaque(opaque: usize) -> Self {
        match opaque.checked_sub(1) {
            None => Self::AuditRow,
            Some(part) => Self::Entries(part),
        }
    }
}

/// First and last position of the records of one part.
pub(super) type Span = Option<(i64, i64)>;

/// Collects the reports of one transaction.
#[derive(Default)]
pub(super) struct Deliveries {
    reports: Mutex<Reports>,
    all_in: Condvar,
    credential: Credential,
}

#[derive(Default)]
struct Reports {
    outstanding: usize,
    failed: Option<KafkaError>,
    spans: Vec<Span>,
}

impl Deliveries {
    pub(super) fn of(settings: &KafkaSettings) -> Self {
        Self { credential: settings.credential.clone(), ..Self::default() }
    }

    /// Forgets everything: a transaction with `parts` parts begins.
    pub(super) fn begin(&self, parts: usize) {
        *self.reports() = Reports { outstanding: 0, failed: None, spans: vec![None; parts] };
    }

    /// A record is about to be produced.
    pub(super) fn expect_one(&self) {
        self.reports().outstanding += 1;
    }

    /// It was not taken.
    pub(super) fn expect_one_less(&self) {
        self.reports().outstanding -= 1;
    }

    /// Waits for the reports of everything produced; the spans of the parts in their order.
    ///
    /// # Errors
    ///
    /// The first failure; `None` if reports are missing at the deadline.
    pub(super) fn wait(&self, deadline: Deadline) -> Result<Vec<Span>, Option<KafkaError>> {
        let (mut reports, _) = self
            .all_in
            .wait_timeout_while(self.reports(), deadline.remaining(), |reports| 0 < reports.outstanding)
            .unwrap_or_else(PoisonError::into_inner);
        if 0 < reports.outstanding {
            return Err(None);
        }
        match reports.failed.take() {
            Some(error) => Err(Some(error)),
            None => Ok(std::mem::take(&mut reports.spans)),
        }
    }

    /// The first failure that nobody has waited for.
    pub(super) fn failure(&self) -> Option<KafkaError> {
        self.reports().failed.clone()
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, produced: Produced, outcome: Result<i64, KafkaError>) {
        let mut reports = self.reports();
        match (outcome, produced) {
            (Ok(_), Produced::AuditRow) => {}
            (Ok(offset), Produced::Entries(part)) => {
                if let Some(span) = reports.spans.get_mut(part) {
                    let (first, last) = span.unwrap_or((offset, offset));
                    *span = Some((first.min(offset), last.max(offset)));
                }
            }
            (Err(error), _) => {
                reports.failed.get_or_insert(error);
            }
        }
        // Reports of an aborted transaction may come late.
        reports.outstanding = reports.outstanding.saturating_sub(1);
        if reports.outstanding == 0 {
            self.all_in.notify_all();
        }
    }
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.credential.note(&error, reason);
        client::report(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.credential.next_token()
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        self.note(Produced::from_opaque(opaque), outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    fn now() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    #[test]
    fn the_span_of_a_part_runs_from_its_lowest_to_its_highest_position() {
        let deliveries = Deliveries::default();
        deliveries.begin(3);
        for (produced, offset) in
            [(Produced::Entries(0), 7), (Produced::AuditRow, 99), (Produced::Entries(0), 5), (Produced::Entries(2), 1)]
        {
            deliveries.expect_one();
            deliveries.note(Produced::from_opaque(produced.to_opaque()), Ok(offset));
        }
        assert_eq!(deliveries.wait(now()), Ok(vec![Some((5, 7)), None, Some((1, 1))]));
    }

    #[test]
    fn a_missing_report_and_a_failed_record_are_told_apart() {
        let deliveries = Deliveries::default();
        deliveries.begin(1);
        deliveries.expect_one();
        assert_eq!(deliveries.wait(now()), Err(None));
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        deliveries.note(Produced::AuditRow, Err(error.clone()));
        assert_eq!(deliveries.wait(now()), Err(Some(error)));
    }
}

//! What this process shows to brokers, and whether they take it.
//!
//! It decides what counts as a refusal. Passwords and certificates are librdkafka's to show; a token is read here.

use std::error::Error;

use rdkafka::client::OAuthToken;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::oauth::TokenSource;
use super::refusals::Refusals;
use super::repeats::words;

/// How librdkafka tells of a step of the authentication that no broker has answered, as after the connection broke: it
/// calls that a failed authentication too (`rdkafka_broker.c` and `rdkafka_request.c` of 2.12.1).
const UNANSWERED: [&str; 2] = ["failed: Local: Broker transport failure", "failed: Local: Timed out"];

/// Who has looked at what this process shows, and does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    BySasl,
    /// Where the two may as well not trust each other.
    ByTls,
}

/// Whether what a client was told is a refusal; that brokers are away is none.
pub(super) fn refused(error: &KafkaError, reason: &str) -> Option<Refused> {
    if UNANSWERED.iter().any(|words| reason.contains(words)) {
        None
    } else if *error == KafkaError::Global(RDKafkaErrorCode::Authentication) {
        Some(Refused::BySasl)
    } else if *error == KafkaError::Global(RDKafkaErrorCode::SSL) {
        Some(Refused::ByTls)
    } else {
        None
    }
}

/// Of all clients of one [`super::settings::KafkaSettings`]: its clones share what brokers said.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    oauth_token: Option<TokenSource>,
    /// [`Refused::BySasl`].
    refusals: Refusals,
    /// [`Refused::ByTls`].
    handshakes: Refusals,
}

impl Credential {
    /// `oauth_token`: where the token of SASL OAUTHBEARER is.
    #[must_use]
    pub fn new(oauth_token: Option<TokenSource>) -> Self {
        Self { oauth_token, ..Self::default() }
    }

    /// Whether the clients show a token.
    #[must_use]
    pub const fn is_token(&self) -> bool {
        self.oauth_token.is_some()
    }

    /// Whether there is something to show.
    ///
    /// # Errors
    /// There is no token that a broker might take.
    pub(super) fn check(&self) -> Result<(), String> {
        self.oauth_token.as_ref().map_or(Ok(()), TokenSource::check)
    }

    /// Why it is of no use now: there is no token to show, or a broker has refused what was shown within the last minute.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.check().err().or_else(|| self.refusals.why()).or_else(|| self.handshakes.why())
    }

    /// Whether brokers refuse a token while there is another one, which clients read when most of the life of the first is
    /// over.
    #[must_use]
    pub fn has_better_token(&self) -> bool {
        self.refusals.why().is_some() && self.oauth_token.as_ref().is_some_and(TokenSource::has_another)
    }

    /// The token as it is now; `None` if there is none, which its source says by itself.
    pub(super) fn token(&self) -> Option<OAuthToken> {
        self.oauth_token.as_ref().and_then(|source| source.token().ok())
    }

    /// The next token of a client that asks for it, because it is polled.
    pub(super) fn next_token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        Ok(self.oauth_token.as_ref().ok_or("`kafka.oauth_token` is not set")?.next_token()?)
    }

    /// What a client that is in use was told.
    pub(super) fn note(&self, error: &KafkaError, reason: &str) {
        match refused(error, reason) {
            Some(Refused::BySasl) => self.refusals.note(words(reason)),
            Some(Refused::ByTls) => self.handshakes.note(words(reason)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Secret, UnixMillis};

    #[test]
    fn what_brokers_refuse_is_a_fault_and_that_they_are_away_is_none() {
        for (code, reason, fault) in [
            (RDKafkaErrorCode::BrokerTransportFailure, "b:1/1: Connect failed", None),
            (RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down", None),
            (
                RDKafkaErrorCode::Authentication,
                "b:1/1: SASL authentication error: no (after 5ms in state AUTH_REQ)",
                Some("b:1/1: SASL authentication error: no"),
            ),
            (
                RDKafkaErrorCode::Authentication,
                "GroupCoordinator: SASL SCRAM-SHA-512 mechanism handshake failed: Local: Broker transport failure: \
                 broker's supported mechanisms: (n/a) (after 0ms in state DOWN)",
                None,
            ),
            (
                RDKafkaErrorCode::Authentication,
                "b:1/1: SASL authentication error: SaslAuthenticateRequest failed: Local: Timed out (after 9ms in state UP)",
                None,
            ),
            (
                RDKafkaErrorCode::Authentication,
                "b:1/1: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported \
                 mechanisms: SCRAM-SHA-512 (after 3ms in state AUTH_HANDSHAKE)",
                Some(
                    "b:1/1: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported \
                     mechanisms: SCRAM-SHA-512",
                ),
            ),
            (
                RDKafkaErrorCode::SSL,
                "b:1/1: SSL handshake failed: certificate expired (after 2ms in state SSL_HANDSHAKE)",
                Some("b:1/1: SSL handshake failed: certificate expired"),
            ),
        ] {
            let (credential, of_others) = (Credential::default(), Credential::default());
            credential.clone().note(&KafkaError::Global(code), reason);
            assert_eq!((credential.fault().as_deref(), of_others.fault()), (fault, None), "{reason}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_shown_is_a_fault_until_there_is_a_better_one() {
        let source = TokenSource::new(|| Ok(Secret::new("no-token".to_owned())), || UnixMillis(0));
        let credential = Credential::new(Some(source));
        credential.note(&KafkaError::Global(RDKafkaErrorCode::Authentication), "the broker's words");
        let fault = credential.fault().expect("it is no token");
        assert!(fault.starts_with("the OAuth token is no JWT"), "{fault}");
        assert!(credential.is_token() && credential.token().is_none() && credential.next_token().is_err());
        assert!(!credential.has_better_token(), "there is no other");
    }
}

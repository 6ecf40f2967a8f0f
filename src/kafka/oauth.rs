//! The token of SASL OAUTHBEARER: what stands in it, and how long it counts.
//!
//! It decides what a client shows to a broker. Whether the token is genuine is the broker's to say.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use crate::domain::{Secret, UnixMillis};

/// Where the token is read, each time anew: whoever writes it replaces it before it expires.
#[derive(Clone)]
pub struct TokenSource {
    text: Text,
    wall: fn() -> UnixMillis,
    state: Arc<Mutex<State>>,
}

/// What all clients share.
#[derive(Default)]
struct State {
    /// Why there was none when it was last asked for, so that one fault is one line.
    fault: Option<String>,
    /// The one that clients hold: the first that there was, and then the last that one asked for in time.
    held: Option<Secret>,
}

type Text = Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>;

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}

impl TokenSource {
    /// `text` gives the token, or says why there is none.
    pub fn new(text: impl Fn() -> Result<Secret, String> + Send + Sync + 'static, wall: fn() -> UnixMillis) -> Self {
        Self { text: Arc::new(text), wall, state: Arc::default() }
    }

    /// Whether there is one that a broker might take. Logged when a fault begins and when it changes.
    ///
    /// # Errors
    /// There is none, or a broker would refuse it.
    pub fn check(&self) -> Result<(), String> {
        let token = self.read();
        self.tell(&token);
        token.map(drop)
    }

    /// As it is now, for a client that is shown it now and then.
    pub(super) fn token(&self) -> Result<OAuthToken, String> {
        let token = self.read();
        self.tell(&token);
        if let Ok(found) = &token {
            self.state().held.get_or_insert_with(|| Secret::new(found.token.clone()));
        }
        token
    }

    /// As it is now, for a client that asks for the next one when most of the life of the one before is over.
    pub(super) fn next_token(&self) -> Result<OAuthToken, String> {
        let token = self.read();
        self.tell(&token);
        if let Ok(found) = &token {
            self.state().held = Some(Secret::new(found.token.clone()));
        }
        token
    }

    /// Whether there is another one than clients hold.
    pub(super) fn has_another(&self) -> bool {
        self.read().is_ok_and(|found| self.state().held.as_ref().is_some_and(|held| held.expose() != found.token))
    }

    fn tell(&self, token: &Result<OAuthToken, String>) {
        let fault = token.as_ref().err();
        let mut state = self.state();
        if fault != state.fault.as_ref() {
            if let Some(cause) = fault {
                tracing::warn!(cause, "there is no token for Kafka");
            }
            state.fault = fault.cloned();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<OAuthToken, String> {
        let text = (self.text)()?;
        let claims = read(text.expose(), (self.wall)()).map_err(|fault| fault.to_string())?;
        Ok(OAuthToken {
            token: text.expose().to_owned(),
            principal_name: claims.principal,
            lifetime_ms: claims.expires.0,
        })
    }
}

/// What a client must know of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub principal: String,
    pub expires: UnixMillis,
}

/// What is wrong with a token; never the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the OAuth token is no JWT: three parts of base64url with dots between, the second one a JSON object")]
    NotAJwt,
    #[error("the OAuth token has no `exp`, in seconds since 1970")]
    NoExpiry,
    #[error("the OAuth token has no `sub`")]
    NoSubject,
    #[error("the OAuth token has expired: whoever writes it must replace it earlier")]
    Expired,
}

/// Reads the claims of a JSON Web Token (RFC 7519) without looking at its signature.
///
/// # Errors
/// It is none, or cannot be used any more.
pub fn read(token: &str, now: UnixMillis) -> Result<Claims, TokenFault> {
    #[derive(Deserialize)]
    struct Payload {
        exp: Option<serde_json::Number>,
        sub: Option<String>,
    }
    if !token.bytes().all(|letter| letter.is_ascii_alphanumeric() || b".-_".contains(&letter)) {
        return Err(TokenFault::NotAJwt);
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenFault::NotAJwt);
    };
    // Without padding, as RFC 7515 wants it.
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenFault::NotAJwt)?;
    let payload: Payload = serde_json::from_slice(&payload).map_err(|_| TokenFault::NotAJwt)?;
    let seconds = payload.exp.and_then(|exp| whole(&exp)).ok_or(TokenFault::NoExpiry)?;
    let principal = payload.sub.filter(|sub| !sub.is_empty() && !sub.contains('\0')).ok_or(TokenFault::NoSubject)?;
    let expires = UnixMillis(seconds.saturating_mul(1000));
    if expires <= now { Err(TokenFault::Expired) } else { Ok(Claims { principal, expires }) }
}

/// `exp` may have a fraction; the whole seconds before it are early enough.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| number.to_string().split_once('.')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    #[test]
    fn expiry_and_principal_are_those_of_the_token() {
        // {"sub":"relay","exp":1790000060}
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZWxheSIsImV4cCI6MTc5MDAwMDA2MH0.";
        let claims = Claims { principal: "relay".to_owned(), expires: UnixMillis(1_790_000_060_000) };
        assert_eq!(read(token, NOW), Ok(claims.clone()));
        assert_eq!(read(token, UnixMillis(claims.expires.0 - 1)), Ok(claims.clone()));
        assert_eq!(read(token, claims.expires), Err(TokenFault::Expired));
    }

    #[test]
    fn what_cannot_be_shown_to_a_broker_is_named_without_the_token() {
        for (token, fault) in [
            ("", TokenFault::NotAJwt),
            ("hunter2", TokenFault::NotAJwt),
            ("hunter2.hunter2", TokenFault::NotAJwt),
            ("a.hunter2.c", TokenFault::NotAJwt),
            ("a.e30.c.hunter2", TokenFault::NotAJwt),
            ("a.e30=.c", TokenFault::NotAJwt),
            ("a\n.eyJzdWIiOiJyZWxheSIsImV4cCI6MTc5MDAwMDA2MC41fQ.c", TokenFault::NotAJwt),
            ("a.e.c", TokenFault::NotAJwt),
            // {}
            ("a.e30.c", TokenFault::NoExpiry),
            // {"exp":1790000060}
            ("a.eyJleHAiOjE3OTAwMDAwNjB9.c", TokenFault::NoSubject),
        ] {
            assert_eq!(read(token, NOW), Err(fault), "{token}");
            assert!(!fault.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn another_token_than_clients_hold_is_known() {
        const FIRST: &str = "a.eyJzdWIiOiJyZWxheSIsImV4cCI6MTc5MDAwMDA2MC41fQ.c";
        let text = Arc::new(Mutex::new(FIRST.to_owned()));
        let shown = Arc::clone(&text);
        let source = TokenSource::new(move || Ok(Secret::new(shown.lock().unwrap().clone())), || NOW);
        let put = |token: String| *text.lock().unwrap() = token;
        assert_eq!((source.check(), source.has_another()), (Ok(()), false), "clients hold none");
        assert!(source.token().is_ok() && !source.has_another());
        put(FIRST.to_owned() + "c");
        assert!(source.check().is_ok() && source.token().is_ok() && source.has_another(), "who holds it asks later");
        put("no-token".to_owned());
        assert!(!source.has_another(), "that is none");
        put(FIRST.to_owned() + "c");
        assert!(source.clone().next_token().is_ok() && !source.has_another());
    }

    #[test]
    fn the_whole_seconds_of_an_expiry_count() {
        // {"sub":"relay","exp":1790000060.5}
        let token = "a.eyJzdWIiOiJyZWxheSIsImV4cCI6MTc5MDAwMDA2MC41fQ.c";
        assert_eq!(read(token, NOW).map(|claims| claims.expires), Ok(UnixMillis(1_790_000_060_000)));
    }
}

//! The access token of a lane: where it is, and what it is now.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use reqwest::header::HeaderValue;

use crate::domain::{Secret, UnixMillis};

/// Where the access token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    Fixed(Secret),
    /// A file that holds nothing else. It is read for every post, so a new token counts from the next post on; a
    /// small file costs microseconds, and comparing times of change would miss what a mounted secret does.
    File(PathBuf),
}

/// Why there is no token. The texts never hold a part of one.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    #[error("token file {}: {fault}", path.display())]
    Unreadable { path: PathBuf, fault: io::Error },
    #[error("the token is empty")]
    Empty,
    #[error("the token has characters that no token has: only visible ASCII may stand in a header")]
    NotVisibleAscii,
}

/// A source, and the last good token that it gave.
pub(super) struct Token {
    source: TokenSource,
    held: Mutex<Held>,
}

struct Held {
    /// `Bearer …`, marked as sensitive.
    header: HeaderValue,
    /// When this process met it; of the first one from a file, when the file was written.
    since: UnixMillis,
    last_reading: LastReading,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LastReading {
    Good,
    Failed,
}

impl Token {
    /// Reads the token once, so that a wrong path is noticed at the start.
    pub(super) fn try_new(source: TokenSource, now: UnixMillis) -> Result<Self, TokenFault> {
        let (header, since) = match &source {
            TokenSource::Fixed(secret) => (header(secret.expose())?, now),
            TokenSource::File(path) => match std::fs::read(path) {
                Ok(bytes) => (header_of_bytes(&bytes)?, written(path).unwrap_or(now)),
                Err(fault) => return Err(TokenFault::Unreadable { path: path.clone(), fault }),
            },
        };
        Ok(Self { source, held: Mutex::new(Held { header, since, last_reading: LastReading::Good }) })
    }

    /// The present value of the `Authorization` header.
    ///
    /// While the file cannot be read or holds no token, the last good one goes on: Pinterest says soon enough if it is
    /// no longer valid.
    pub(super) async fn header(&self, now: UnixMillis) -> HeaderValue {
        self.look(now).await;
        self.held().header.clone()
    }

    /// Reads the file, if it is one. Whether there is a token now.
    pub(super) async fn look(&self, now: UnixMillis) -> bool {
        let fresh = match &self.source {
            TokenSource::Fixed(_) => None,
            TokenSource::File(path) => Some(match tokio::fs::read(path).await {
                Ok(bytes) => header_of_bytes(&bytes),
                Err(fault) => Err(TokenFault::Unreadable { path: path.clone(), fault }),
            }),
        };
        let mut held = self.held();
        match fresh {
            None => {}
            Some(Ok(header)) => {
                if held.header != header {
                    held.since = now;
                }
                held.header = header;
                held.last_reading = LastReading::Good;
            }
            Some(Err(fault)) => {
                if held.last_reading == LastReading::Good {
                    tracing::warn!(cause = %fault, "no new token; the last good one stays in use");
                }
                held.last_reading = LastReading::Failed;
            }
        }
        held.last_reading == LastReading::Good
    }

    /// When this process met the token in use; of the first one from a file, when the file was written.
    pub(super) fn since(&self) -> UnixMillis {
        self.held().since
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a file was written, if the system says so.
fn written(path: &Path) -> Option<UnixMillis> {
    let since = std::fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("source", &self.source).finish_non_exhaustive()
    }
}

fn header_of_bytes(bytes: &[u8]) -> Result<HeaderValue, TokenFault> {
    header(str::from_utf8(bytes).map_err(|_| TokenFault::NotVisibleAscii)?)
}

/// White space around the token is dropped: editors end files with a line feed.
fn header(token: &str) -> Result<HeaderValue, TokenFault> {
    let token = token.trim();
    if token.is_empty() {
        return Err(TokenFault::Empty);
    }
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenFault::NotVisibleAscii);
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TokenFault::NotVisibleAscii)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_visible_ascii_and_is_never_shown() {
        for (text, shown) in [
            ("pina_secret\n", "ok"),
            ("  pina_secret", "ok"),
            ("", "the token is empty"),
            (" \n", "the token is empty"),
            ("pina secret", "the token has characters that no token has: only visible ASCII may stand in a header"),
            ("pina_ß", "the token has characters that no token has: only visible ASCII may stand in a header"),
        ] {
            let token = Token::try_new(TokenSource::Fixed(Secret::new(text.into())), UnixMillis(0));
            assert_eq!(token.as_ref().map_or_else(ToString::to_string, |_| "ok".into()), shown, "{text:?}");
            if let Ok(token) = token {
                let debug = format!("{token:?} {:?}", token.held.lock().expect("no panic").header);
                assert!(!debug.contains("secret"), "{debug}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named_at_the_start() {
        let fault =
            Token::try_new(TokenSource::File("/nowhere/token".into()), UnixMillis(0)).expect_err("no such file");
        assert_eq!(fault.to_string(), "token file /nowhere/token: No such file or directory (os error 2)");
    }

    #[tokio::test]
    async fn a_changed_file_counts_at_once_and_a_broken_one_leaves_the_last_token() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "first\n").expect("written");
        let token = Token::try_new(TokenSource::File(path.clone()), UnixMillis(0)).expect("a token");
        assert_eq!(token.header(UnixMillis(1)).await, "Bearer first");
        assert!(UnixMillis(1) < token.since(), "the file was written long after 1970");
        std::fs::write(&path, "second").expect("written");
        assert_eq!(token.header(UnixMillis(2)).await, "Bearer second");
        for broken in [Some(""), Some("two words"), None] {
            match broken {
                Some(text) => std::fs::write(&path, text).expect("written"),
                None => std::fs::remove_file(&path).expect("removed"),
            }
            assert!(!token.look(UnixMillis(3)).await, "{broken:?}");
            assert_eq!(token.header(UnixMillis(3)).await, "Bearer second", "{broken:?}");
            assert_eq!(token.since(), UnixMillis(2), "{broken:?}");
        }
        std::fs::write(&path, "third").expect("written");
        assert!(token.look(UnixMillis(4)).await);
        assert_eq!(token.header(UnixMillis(4)).await, "Bearer third");
        assert_eq!(token.since(), UnixMillis(4));
    }
}

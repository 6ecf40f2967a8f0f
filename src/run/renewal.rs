//! Notices that a credential of Kafka has changed on disk, and tries the new one while the old clients work on.
//!
//! It decides when new clients are due. The loop then lets the work come to rest and closes the old ones, because two
//! under one identity fence each other. A new credential that Kafka does not take changes nothing: it is tried again.
//! What is shown to others needs no new clients; it tells of that alone whether it is of any use.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::{self, Property};
use crate::kafka::credential::Credential;
use crate::telemetry::label::Peer;

use super::prepare::{Lasting, Parts, StartFault};

/// Between two looks at the files: they change some times a year, and reading them takes microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Between two tries of a credential that was not taken.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// What the credentials of Kafka are made of, as a hash. Not to be shown: of a short password it tells enough to guess.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Secrets count as they were read, files that librdkafka opens itself as they are now.
    pub(super) fn of(kafka: &config::Kafka) -> Self {
        let mut hash = Sha256::new();
        let mut add = |name: &str, bytes: &[u8]| {
            for part in [name.as_bytes(), bytes] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        };
        for (name, property) in &kafka.properties {
            match property {
                Property::Plain(path) if config::is_credential_file(name) => {
                    // A file that is not there is as good as another one that is not there.
                    add(name, &contents(Path::new(path)).unwrap_or_default());
                }
                Property::Plain(text) => add(name, text.as_bytes()),
                Property::Secret(secret) => add(name, secret.value.expose().as_bytes()),
            }
        }
        Self(hash.finalize().into())
    }
}

/// Of a file, or of the files in a folder, such as one of authorities.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    if !path.is_dir() {
        return fs::read(path);
    }
    let mut files = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    let files = files.iter().filter(|file| file.is_file());
    files.map(fs::read).collect::<io::Result<Vec<_>>>().map(|all| all.concat())
}

/// How it went with changed credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// How often new clients took over.
    pub renewed: u64,
    /// Why what is on disk now is not in use, or of no use.
    pub refused: Option<String>,
    /// To whom else nothing can be shown that counts.
    pub(super) unusable: BTreeSet<Peer>,
}

impl Credentials {
    /// Whether nothing can be shown to the peer that counts.
    pub(super) fn is_unusable(&self, peer: Peer) -> bool {
        match peer {
            Peer::Kafka => self.refused.is_some(),
            Peer::Registry | Peer::Pinterest => self.unusable.contains(&peer),
        }
    }
}

/// Sends what goes on with new credentials, once they have changed and Kafka takes them; ends then.
///
/// `credential` is the one in use. A token needs no new clients, since they read it by themselves in time; but where
/// brokers refuse one that has not expired, the next may be there long before.
pub(super) async fn watch(
    lasting: Lasting,
    credential: Credential,
    in_use: Fingerprint,
    credentials: watch::Sender<Credentials>,
    next: UnboundedSender<Box<Parts>>,
) {
    let mut seen = in_use;
    loop {
        sleep(LOOK_EVERY).await;
        let unusable = lasting.unusable().await;
        credentials.send_modify(|credentials| credentials.unusable = unusable);
        let found = match lasting.read_again() {
            Ok((_, found)) => found,
            Err(why) => {
                refuse(&credentials, why);
                continue;
            }
        };
        // Twice the same: files that belong together are not always replaced in one step.
        if std::mem::replace(&mut seen, found) != found {
            continue;
        }
        if found == in_use {
            let fault = credential.fault();
            credentials.send_if_modified(|credentials| {
                let is_news = credentials.refused != fault;
                credentials.refused = fault;
                is_news
            });
            if !credential.has_better_token() {
                continue;
            }
        }
        match lasting.renewed().await {
            Ok(parts) => {
                credentials.send_modify(|credentials| credentials.refused = None);
                // Nobody listens any more only while the process stops.
                if next.send(Box::new(parts)).is_err() {
                    tracing::debug!("a credential was tried when the loop had ended");
                }
                return;
            }
            Err(StartFault::Mend(lines) | StartFault::Surroundings(lines)) => {
                // Why the present one is refused is told already.
                if found != in_use {
                    refuse(&credentials, lines.join("; "));
                }
                sleep(TRY_EVERY).await;
            }
        }
    }
}

/// Logged when it begins and when the cause changes.
fn refuse(credentials: &watch::Sender<Credentials>, cause: String) {
    credentials.send_if_modified(|credentials| {
        let is_news = credentials.refused.as_ref() != Some(&cause);
        if is_news {
            tracing::warn!(cause, "a new credential of Kafka is not taken; the old clients work on");
            credentials.refused = Some(cause);
        }
        is_news
    });
}

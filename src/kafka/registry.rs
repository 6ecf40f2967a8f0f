//! A client for schema registries with Confluent's API: writer schemas by id. `subject` asks it for our own.
//!
//! Faults say what the caller does. That the registry is down, slow, throttling or not itself never ends a record: it
//! is asked again. Only a registry that answers in its own words that it does not know an id, over all of a patience,
//! makes the id unknown. Known schemas are kept for ever: an id never changes its meaning.
//! Source: Confluent Platform 8.0, "Schema Registry API Reference" (read 2026-11).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};
use serde::Deserialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::domain::{BootTime, ForeignText, Secret};

use super::refusals::Refusals;

/// How the registry is asked.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Base URL: what stands before `/schemas` and `/subjects`.
    pub url: String,
    /// From the start of a request to the last byte of its answer.
    pub timeout: Duration,
    /// Between two requests for one schema, where the answer names no longer time.
    pub retry_after: Duration,
    /// How long an id may be missing before it counts as unknown: registries replicate with a delay.
    pub patience: Duration,
    /// For how long an unknown id is not asked for again.
    pub unknown_for: Duration,
    /// Most bytes of one answer, and of a schema with all its references.
    pub max_bytes: usize,
}

/// How a request shows who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

/// Where credentials come from; asked before every request, so that they may rotate.
pub trait CredentialSource: Send + Sync {
    /// # Errors
    /// Says why they cannot be had now; the request is made later.
    fn read(&self) -> Result<Credentials, String>;
}

/// The name of a schema in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaName {
    Id(i32),
    /// Confluent Platform 8: the same in every registry.
    Guid([u8; 16]),
}

impl From<i32> for SchemaName {
    fn from(id: i32) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Guid(guid) => write!(f, "{}", Uuid::from_bytes(*guid)),
        }
    }
}

/// A schema as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSchema {
    /// Avro, as JSON.
    pub schema: String,
    /// The schemas that it refers to, each behind those that it refers to itself.
    pub references: Vec<String>,
}

/// What the caller does when there is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryFault {
    /// Ask again, not before `after`. Never a reason to settle a record.
    #[error("schema registry: {cause}")]
    Retry { after: Duration, cause: String },
    /// Settle the record: there is no such schema, or none that could be used.
    #[error("schema registry: {cause}")]
    Unknown { cause: String },
    /// Stop and tell a person: credentials or configuration are wrong.
    #[error("schema registry refuses: {cause}")]
    Refused { cause: String },
}

/// Most schemas that one schema may need, direct and indirect.
const MAX_REFERENCES: usize = 100;

/// Most ids of which something is kept while they are not known: damaged records can name any number.
const MAX_MISSING: usize = 10_000;

/// Longest time that an answer can make us wait.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// Confluent's codes for a missing subject, version and schema, and for a subject that has no compatibility of its own. A
/// 404 without one comes from something in between.
const NOT_FOUND_CODES: [i64; 4] = [40401, 40402, 40403, 40408];

/// A client that remembers what it has learnt.
pub struct Registry {
    settings: RegistrySettings,
    base: Url,
    client: Client,
    credentials: Box<dyn CredentialSource>,
    refusals: Refusals,
    /// The outer lock is held for a look, an inner one through the request: one request in flight for an id.
    schemas: std::sync::Mutex<HashMap<SchemaName, Arc<Mutex<Learnt>>>>,
}

/// What is known of an id.
enum Learnt {
    Nothing,
    Known(Arc<RegisteredSchema>),
    /// The last request failed; the next is not made before `again_at`.
    Failed {
        fault: RegistryFault,
        again_at: BootTime,
        missing_since: Option<BootTime>,
    },
}

impl Registry {
    /// # Errors
    /// `Refused` if the URL is not one for HTTP.
    pub fn try_new(settings: RegistrySettings, credentials: Box<dyn CredentialSource>) -> Result<Self, RegistryFault> {
        let refused = |cause: String| RegistryFault::Refused { cause };
        let base = Url::parse(&settings.url).map_err(|error| refused(format!("its url is not valid: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(refused(format!("expected an http or https url, found {}", base.scheme())));
        }
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("pinrelay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| refused(format!("no client for it: {error}")))?;
        Ok(Self {
            settings,
            base,
            client,
            credentials,
            refusals: Refusals::default(),
            schemas: std::sync::Mutex::default(),
        })
    }

    /// Reads the credentials again, as a request does. Whether they are there, and were not refused within the last minute.
    pub fn has_credentials(&self) -> bool {
        self.credentials.read().is_ok() && self.refusals.why().is_none()
    }

    /// The schema of this name and all that it refers to.
    ///
    /// # Errors
    /// Each of [`RegistryFault`].
    pub async fn schema(
        &self,
        name: impl Into<SchemaName>,
        now: BootTime,
    ) -> Result<Arc<RegisteredSchema>, RegistryFault> {
        let name = name.into();
        let learnt = self.entry(name);
        let mut learnt = learnt.lock().await;
        let missing_since = match &*learnt {
            Learnt::Known(schema) => return Ok(Arc::clone(schema)),
            Learnt::Failed { fault, again_at, .. } if now < *again_at => return Err(fault.clone()),
            Learnt::Failed { missing_since, .. } => *missing_since,
            Learnt::Nothing => None,
        };
        match self.fetch(name).await {
            Ok(schema) => {
                let schema = Arc::new(schema);
                *learnt = Learnt::Known(Arc::clone(&schema));
                Ok(schema)
            }
            Err(failure) => {
                let missing_since = match &failure {
                    Failure::NotFound { .. } => Some(missing_since.unwrap_or(now)),
                    Failure::Fault(_) | Failure::Closed(_) => missing_since,
                };
                let fault = self.fault(failure, missing_since.map_or(Duration::ZERO, |since| now.since(since)));
                let pause = match &fault {
                    RegistryFault::Retry { after, .. } => *after,
                    RegistryFault::Unknown { .. } => self.settings.unknown_for,
                    RegistryFault::Refused { .. } => self.settings.retry_after,
                };
                *learnt = Learnt::Failed { fault: fault.clone(), again_at: now.after(pause), missing_since };
                Err(fault)
            }
        }
    }

    fn entry(&self, name: SchemaName) -> Arc<Mutex<Learnt>> {
        let mut schemas = self.schemas.lock().expect("nothing panics while it holds this lock");
        if MAX_MISSING <= schemas.len() && !schemas.contains_key(&name) {
            // An entry that is locked has a request under way.
            schemas.retain(|_, learnt| learnt.try_lock().is_ok_and(|learnt| matches!(*learnt, Learnt::Known(_))));
        }
        Arc::clone(schemas.entry(name).or_insert_with(|| Arc::new(Mutex::new(Learnt::Nothing))))
    }

    fn fault(&self, failure: Failure, missing_for: Duration) -> RegistryFault {
        match failure {
            Failure::Fault(fault) | Failure::Closed(fault) => fault,
            Failure::NotFound { cause } if self.settings.patience <= missing_for => RegistryFault::Unknown { cause },
            Failure::NotFound { cause } => RegistryFault::Retry { after: self.settings.retry_after, cause },
        }
    }

    /// Fetches a schema, then what it refers to, depth first.
    async fn fetch(&self, name: SchemaName) -> Result<RegisteredSchema, Failure> {
        let kind = match name {
            SchemaName::Id(_) => "ids",
            SchemaName::Guid(_) => "guids",
        };
        let root: Found =
            self.answer(self.request(Method::GET, self.url(&["schemas", kind, &name.to_string()]))?).await?;
        let mut bytes = root.schema.len();
        let mut seen = HashSet::new();
        let mut references = Vec::new();
        let mut open = vec![(root.checked()?, 0)];
        loop {
            let (found, next) = open.last_mut().expect("the loop ends when the root is closed");
            let Some(reference) = found.references.get(*next).cloned() else {
                let (closed, _) = open.pop().expect("it was there a line ago");
                if open.is_empty() {
                    return Ok(RegisteredSchema { schema: closed.schema, references });
                }
                references.push(closed.schema);
                continue;
            };
            *next += 1;
            let Reference { subject, version } = &reference;
            let path = ["subjects", subject, "versions", &version.to_string()];
            if seen.contains(&reference) {
                continue;
            }
            let child: Found = self.answer(self.request(Method::GET, self.url(&path))?).await?;
            seen.insert(reference);
            bytes += child.schema.len();
            if MAX_REFERENCES < seen.len() || self.settings.max_bytes < bytes {
                let limits = format!("{MAX_REFERENCES} schemas and {} bytes", self.settings.max_bytes);
                return Err(unknown(format!("schema {name} with its references exceeds {limits}")));
            }
            open.push((child.checked()?, 0));
        }
    }

    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http urls have segments").pop_if_empty().extend(path);
        url
    }

    pub(super) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, RegistryFault> {
        let request = self.client.request(method, url);
        match self.credentials.read() {
            Ok(Credentials::None) => Ok(request),
            Ok(Credentials::Basic { user, password }) => Ok(request.basic_auth(user, Some(password.expose()))),
            Ok(Credentials::Bearer(token)) => Ok(request.bearer_auth(token.expose())),
            Err(cause) => Err(self.retry(format!("no credentials: {cause}"))),
        }
    }

    fn retry(&self, cause: String) -> RegistryFault {
        RegistryFault::Retry { after: self.settings.retry_after, cause }
    }

    /// Sends a request and reads the answer's JSON.
    pub(super) async fn answer<T: for<'de> Deserialize<'de>>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let lost = |error: reqwest::Error| self.retry(error_text(error));
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status();
        let after = self.retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if self.settings.max_bytes < body.len() + chunk.len() {
                return Err(if status.is_success() {
                    unknown(format!("expected an answer of at most {} bytes, found more", self.settings.max_bytes))
                } else {
                    self.retry(format!("answered {status}")).into()
                });
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            self.refusals.end();
            let parsed = serde_json::from_slice(&body);
            return parsed.map_err(|_| self.retry(format!("answered {status}, not as a registry does")).into());
        }
        Err(self.refusal(status, after, &body))
    }

    fn refusal(&self, status: StatusCode, after: Duration, body: &[u8]) -> Failure {
        let said: Option<Said> = serde_json::from_slice(body).ok();
        let code = said.as_ref().map(|said| said.error_code);
        let words = said.map_or(ForeignText::new(""), |said| ForeignText::new(&said.message));
        let cause = format!("answered {status} {words}").trim_end().to_owned();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.refusals.note(&cause);
        }
        match status {
            StatusCode::NOT_FOUND if code.is_some_and(|code| NOT_FOUND_CODES.contains(&code)) => {
                Failure::NotFound { cause }
            }
            // Something in front of the registry, or another server: it may be there again soon.
            StatusCode::NOT_FOUND => {
                Failure::Closed(self.retry(format!("{cause}, not as a registry does: check its url")))
            }
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => Failure::Closed(RegistryFault::Refused { cause }),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => RegistryFault::Retry { after, cause }.into(),
            _ if status.is_server_error() => RegistryFault::Retry { after, cause }.into(),
            _ => RegistryFault::Refused { cause }.into(),
        }
    }

    /// What the answer asks for in seconds, within our own bounds.
    fn retry_after(&self, headers: &HeaderMap) -> Duration {
        let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = asked.map_or(Duration::ZERO, Duration::from_secs);
        asked.min(MAX_RETRY_AFTER).max(self.settings.retry_after)
    }
}

/// The body of a schema by id, and of a version of a subject.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    schema: String,
    /// Absent for Avro.
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
struct Reference {
    subject: String,
    version: i32,
}

/// What a registry says when it refuses.
#[derive(Deserialize)]
struct Said {
    error_code: i64,
    #[serde(default)]
    message: String,
}

impl Found {
    fn checked(self) -> Result<Self, Failure> {
        match self.schema_type.as_deref() {
            None | Some("AVRO") => Ok(self),
            Some(other) => Err(unknown(format!("expected an Avro schema, found {}", ForeignText::new(other)))),
        }
    }
}

/// Why one request brought nothing.
pub(super) enum Failure {
    /// The registry itself says that there is no such thing.
    NotFound {
        cause: String,
    },
    /// This part of the registry is not open to us, or not there (403, 404, 405): a fault to all who cannot do without.
    Closed(RegistryFault),
    Fault(RegistryFault),
}

impl Failure {
    /// What is missing where something was to be written is a matter for a person.
    pub(super) fn of_a_write(self) -> RegistryFault {
        match self {
            Self::NotFound { cause }
            | Self::Closed(RegistryFault::Unknown { cause })
            | Self::Fault(RegistryFault::Unknown { cause }) => RegistryFault::Refused { cause },
            Self::Fault(fault) | Self::Closed(fault) => fault,
        }
    }
}

impl From<RegistryFault> for Failure {
    fn from(fault: RegistryFault) -> Self {
        Self::Fault(fault)
    }
}

pub(super) fn with_body(request: RequestBuilder, body: &serde_json::Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/vnd.schemaregistry.v1+json").body(body.to_string())
}

fn unknown(cause: String) -> Failure {
    RegistryFault::Unknown { cause }.into()
}

/// The error and what caused it, without the URL, which may hold a password.
fn error_text(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;

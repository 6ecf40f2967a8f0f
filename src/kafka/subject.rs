//! The registry's subject for the schema of the audit rows: what is demanded of it, what the registry tells of it, and
//! how it becomes so.
//!
//! Source: Confluent Platform 8.0, "Schema Registry API Reference" (read 2026-11). Apicurio Registry 3.3 knows no
//! compatibility of a subject without schemas, whatever holds for all of them; Confluent's registry does when it is asked
//! for one that may be that of all.

use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::ForeignText;

use super::registry::{Failure, Registry, RegistryFault, with_body};

/// Readers of rows may be older or newer than what wrote them, by any number of versions.
pub const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// A subject, and what the registry tells of it and of one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub name: String,
    /// What the registry demands of a new schema, by its own word.
    pub compatibility: Told<String>,
    /// The id of the schema, if the subject has it.
    pub schema_id: Told<Option<i32>>,
}

/// What a registry tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<T> {
    Told(T),
    /// We may not ask, or this registry cannot be asked.
    Withheld {
        cause: String,
    },
}

/// What is wrong with a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectFault {
    #[error(
        "subject {subject} of the schema registry has the compatibility {found}; needed is {COMPATIBILITY}: \
         `pinrelay topics --config FILE --apply` sets it"
    )]
    Compatibility { subject: String, found: String },
    #[error(
        "subject {subject} of the schema registry does not have the schema of the audit rows: \
         `pinrelay topics --config FILE --apply` registers it"
    )]
    NotRegistered { subject: String },
}

impl Subject {
    /// Everything that is wrong with it; what the registry withholds is not.
    #[must_use]
    pub fn faults(&self) -> Vec<SubjectFault> {
        let not_registered =
            (self.schema_id == Told::Told(None)).then(|| SubjectFault::NotRegistered { subject: self.name.clone() });
        self.mismatch().into_iter().chain(not_registered).collect()
    }

    /// Why no schema may be registered as it is: the registry would let a later one break the readers of rows.
    #[must_use]
    pub fn mismatch(&self) -> Option<SubjectFault> {
        match &self.compatibility {
            Told::Told(found) if found != COMPATIBILITY => {
                Some(SubjectFault::Compatibility { subject: self.name.clone(), found: found.clone() })
            }
            Told::Told(_) | Told::Withheld { .. } => None,
        }
    }
}

/// A compatibility, as the registry answers with it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    compatibility_level: String,
}

#[derive(Deserialize)]
struct Registered {
    id: i32,
}

impl Registry {
    /// What the registry tells of `subject` and of `schema` in it; changes nothing.
    ///
    /// # Errors
    /// `Retry`, or `Refused` for what is refused to whoever shows these credentials.
    pub async fn subject(&self, subject: &str, schema: &str) -> Result<Subject, RegistryFault> {
        let compatibility = self.compatibility(subject).await?;
        // Last: an answer ends the doubt in credentials that a 403 has raised.
        let schema_id = self.look_up(subject, schema).await?;
        Ok(Subject { name: subject.to_owned(), compatibility, schema_id })
    }

    /// Registers `schema` under `subject`, or finds it there; the id.
    ///
    /// # Errors
    /// `Retry`, or `Refused`: also if the schema is not compatible with the earlier ones of the subject.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<i32, RegistryFault> {
        let request = self.request(Method::POST, self.url(&["subjects", subject, "versions"]))?;
        let request = with_body(request, &serde_json::json!({ "schema": schema }));
        let registered: Registered = self.answer(request).await.map_err(Failure::of_a_write)?;
        Ok(registered.id)
    }

    /// From now on the registry takes no schema under `subject` that the earlier ones cannot read or that cannot read
    /// them.
    ///
    /// # Errors
    /// `Retry` or `Refused`.
    pub async fn require_compatibility(&self, subject: &str) -> Result<(), RegistryFault> {
        let request = self.request(Method::PUT, self.url(&["config", subject]))?;
        let request = with_body(request, &serde_json::json!({ "compatibility": COMPATIBILITY }));
        let _: IgnoredAny = self.answer(request).await.map_err(Failure::of_a_write)?;
        Ok(())
    }

    /// What holds for the subject: its own, else that of all.
    async fn compatibility(&self, subject: &str) -> Result<Told<String>, RegistryFault> {
        let mut own = self.url(&["config", subject]);
        own.set_query(Some("defaultToGlobal=true"));
        let level = match self.answer::<Level>(self.request(Method::GET, own)?).await {
            Err(Failure::NotFound { .. }) => self.answer(self.request(Method::GET, self.url(&["config"]))?).await,
            level => level,
        };
        match level {
            Ok(Level { compatibility_level }) => Ok(Told::Told(ForeignText::new(&compatibility_level).to_string())),
            Err(
                Failure::NotFound { cause }
                | Failure::Closed(
                    RegistryFault::Retry { cause, .. }
                    | RegistryFault::Refused { cause }
                    | RegistryFault::Unknown { cause },
                ),
            ) => Ok(Told::Withheld { cause }),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }

    async fn look_up(&self, subject: &str, schema: &str) -> Result<Told<Option<i32>>, RegistryFault> {
        let request = self.request(Method::POST, self.url(&["subjects", subject]))?;
        let request = with_body(request, &serde_json::json!({ "schema": schema }));
        match self.answer::<Registered>(request).await {
            Ok(Registered { id }) => Ok(Told::Told(Some(id))),
            Err(Failure::NotFound { .. }) => Ok(Told::Told(None)),
            Err(Failure::Closed(RegistryFault::Refused { cause })) => Ok(Told::Withheld { cause }),
            Err(Failure::Closed(fault) | Failure::Fault(fault)) => Err(fault),
        }
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;

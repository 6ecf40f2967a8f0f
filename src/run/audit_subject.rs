//! The registry's subject of the audit rows: looked at by each start and by `pinrelay topics`, made so by its `--apply`.

use crate::config::Config;
use crate::kafka::audit::SCHEMA;
use crate::kafka::registry::Registry;
use crate::kafka::subject::{Subject, Told};

use super::prepare::{StartFault, open_registry};

/// The schema of the audit rows, where the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredAudit {
    pub subject: String,
    pub schema_id: i32,
}

/// Registers the schema of the audit rows under a subject that takes compatible schemas alone; `None` without a registry.
///
/// # Errors
/// The registry's address is none, or it cannot be reached, or it refuses.
pub async fn register_audit(config: &Config) -> Result<Option<RegisteredAudit>, StartFault> {
    let Some(registry) = config.registry.as_ref().map(open_registry).transpose()? else { return Ok(None) };
    let subject = name(config);
    registry.require_compatibility(&subject).await.map_err(StartFault::client)?;
    let schema_id = registry.register(&subject, SCHEMA).await.map_err(StartFault::client)?;
    Ok(Some(RegisteredAudit { subject, schema_id }))
}

/// What the registry tells of the subject of the audit rows; `None` without a registry.
///
/// # Errors
/// The registry's address is none, or it cannot be reached, or it refuses.
pub async fn look_at_audit(config: &Config) -> Result<Option<Subject>, StartFault> {
    let Some(registry) = config.registry.as_ref().map(open_registry).transpose()? else { return Ok(None) };
    registry.subject(&name(config), SCHEMA).await.map(Some).map_err(StartFault::client)
}

/// For a start.
///
/// # Errors
/// The registry cannot be reached, or refuses, or would take a schema that old or new readers of rows cannot use.
pub(super) async fn look(registry: Option<&Registry>, config: &Config) -> Result<Option<Subject>, StartFault> {
    let Some(registry) = registry else { return Ok(None) };
    let subject = registry.subject(&name(config), SCHEMA).await.map_err(StartFault::client)?;
    if let Told::Withheld { cause } = &subject.compatibility {
        tracing::warn!(
            subject = subject.name,
            cause,
            "the registry does not tell which schemas it takes for audit rows: a later one may break their readers"
        );
    }
    match subject.mismatch() {
        Some(fault) => Err(StartFault::client(fault)),
        None => Ok(Some(subject)),
    }
}

/// The id of the schema of the audit rows, which is registered where it is not known to be there.
///
/// # Errors
/// The registry cannot be reached, or refuses.
pub(super) async fn id(registry: &Registry, subject: Subject) -> Result<i32, StartFault> {
    match subject.schema_id {
        Told::Told(Some(id)) => Ok(id),
        Told::Told(None) | Told::Withheld { .. } => {
            registry.register(&subject.name, SCHEMA).await.map_err(StartFault::client)
        }
    }
}

/// As Confluent's clients name it for the values of a topic.
fn name(config: &Config) -> String {
    format!("{}-value", config.audit.topic)
}

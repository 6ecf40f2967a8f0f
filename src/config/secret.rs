//! Secrets: `{file: PATH}` or `{env: NAME}`, never the secret itself, and never shown.

use std::fs;
use std::path::PathBuf;

use crate::domain::Secret;

use super::fault::{FaultKind, Placed};
use super::key::{Form, Key, Presence, Spec};
use super::yaml::{Node, Reading, Secrets};

pub(super) const SPEC: Spec = Spec {
    title: "a secret",
    keys: &[
        Key {
            name: "file",
            form: Form::Text("a path"),
            presence: Presence::Optional,
            about: "File that holds the secret and nothing else; white space at its ends is ignored",
        },
        Key {
            name: "env",
            form: Form::Text("the name of an environment variable"),
            presence: Presence::Optional,
            about: "Environment variable that holds the secret",
        },
    ],
};

/// What a key that takes a secret is said to take.
pub(super) const FORM: &str = "a secret: `{file: PATH}` or `{env: NAME}`";

/// A secret and where it came from, so that it can be read again when it changes.
#[derive(Clone, Debug)]
pub struct SecretValue {
    pub source: SecretSource,
    pub value: Secret,
}

impl SecretValue {
    /// As it is now; a variable does not change while the process lives.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn read_again(&self) -> Result<Secret, String> {
        let SecretSource::File(path) = &self.source else { return Ok(self.value.clone()) };
        match fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim().to_owned())),
            Ok(_) => Err(format!("the secret file {} is empty", path.display())),
            Err(error) => Err(format!("the secret file {} cannot be read: {}", path.display(), error.kind())),
        }
    }
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Variable(String),
}

/// Reads the secret that `node` refers to.
pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<SecretValue> {
    if node.as_text().is_some() || node.as_integer().is_some() {
        reading.fault(
            FaultKind::PlainSecret,
            &node.place,
            "expected a reference to a secret, found a plain value",
            "keep the secret out of this file: write {file: PATH} or {env: NAME}, and replace the secret that stood here",
        );
        return None;
    }
    let section = node.section(&SPEC, reading)?;
    let (file, variable) = (section.text("file", reading), section.text("env", reading));
    match (file, variable) {
        (Some(path), None) => from_file(&path, reading),
        (None, Some(name)) => from_environment(&name, reading),
        (Some(_), Some(_)) => {
            let problem = "`file` and `env` stand together";
            reading.fault(FaultKind::ExclusiveKeys, &section.place, problem, "keep one of the two");
            None
        }
        (None, None) => {
            if !section.has("file") && !section.has("env") {
                let problem = "the reference names neither `file` nor `env`";
                reading.fault(FaultKind::MissingKey, &section.place, problem, "write {file: PATH} or {env: NAME}");
            }
            None
        }
    }
}

fn from_file(path: &Placed<&str>, reading: &mut Reading<'_>) -> Option<SecretValue> {
    let full = reading.folder.join(path.value);
    let source = SecretSource::File(full.clone());
    let problem = match fs::read_to_string(&full) {
        Ok(text) if !text.trim().is_empty() => {
            let value = Secret::new(text.trim().to_owned());
            return Some(SecretValue { source, value });
        }
        _ if reading.secrets == Secrets::Unneeded => {
            return Some(SecretValue { source, value: Secret::new(String::new()) });
        }
        Ok(_) => format!("the file {} is empty", path.value),
        Err(error) => format!("the file {} cannot be read: {}", path.value, error.kind()),
    };
    let remedy = "put the secret there, readable by this user; relative paths start at the configuration's folder";
    reading.fault(FaultKind::SecretUnavailable, &path.place, problem, remedy);
    None
}

fn from_environment(name: &Placed<&str>, reading: &mut Reading<'_>) -> Option<SecretValue> {
    let value = (reading.environment)(name.value).filter(|value| !value.trim().is_empty());
    let source = SecretSource::Variable(name.value.to_owned());
    if value.is_none() && reading.secrets == Secrets::Unneeded {
        return Some(SecretValue { source, value: Secret::new(String::new()) });
    }
    if value.is_none() {
        let problem = format!("the environment variable {} is not set or is empty", name.value);
        reading.fault(FaultKind::SecretUnavailable, &name.place, problem, "set it for this process");
    }
    value.map(|value| SecretValue { source, value: Secret::new(value.trim().to_owned()) })
}

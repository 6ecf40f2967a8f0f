//! `registry`: the schema registry, where there is one.

use super::fault::FaultKind;
use super::key::{Form, Key, Presence, Spec};
use super::names::{self, Carries};
use super::secret::{self, SecretValue};
use super::yaml::{Node, Reading};

pub(super) const SPEC: Spec = Spec {
    title: "registry",
    keys: &[
        Key {
            name: "url",
            form: Form::Text("a URL"),
            presence: Presence::Required,
            about: "Base URL of a registry with Confluent's API",
        },
        Key {
            name: "auth",
            form: Form::Other("a mapping with `basic` or `bearer`"),
            presence: Presence::Optional,
            about: "How pinrelay shows who it is",
        },
    ],
};

pub(super) const AUTH_SPEC: Spec = Spec {
    title: "registry.auth",
    keys: &[
        Key {
            name: "basic",
            form: Form::Other("a mapping with `user` and `password`"),
            presence: Presence::Optional,
            about: "User name and password, or API key and secret",
        },
        Key { name: "bearer", form: Form::Other(secret::FORM), presence: Presence::Optional, about: "A bearer token" },
    ],
};

pub(super) const BASIC_SPEC: Spec = Spec {
    title: "registry.auth.basic",
    keys: &[
        Key { name: "user", form: Form::Text("text"), presence: Presence::Required, about: "User name or API key" },
        Key {
            name: "password",
            form: Form::Other(secret::FORM),
            presence: Presence::Required,
            about: "Password or API secret",
        },
    ],
};

/// The schema registry.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Without `/` at its end.
    pub url: String,
    pub auth: Option<RegistryAuth>,
}

/// How to authenticate to the registry.
#[derive(Clone, Debug)]
pub enum RegistryAuth {
    Basic { user: String, password: SecretValue },
    Bearer(SecretValue),
}

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Registry> {
    let section = node.section(&SPEC, reading)?;
    let carries = if section.has("auth") { Carries::Secret } else { Carries::Nothing };
    let url = section.text("url", reading).and_then(|text| names::url(&text, carries, reading));
    let auth = match section.node("auth", reading) {
        Some(node) => Some(auth(node, reading)?),
        None => None,
    };
    Some(Registry { url: url?, auth })
}

fn auth(node: Node<'_>, reading: &mut Reading<'_>) -> Option<RegistryAuth> {
    let section = node.section(&AUTH_SPEC, reading)?;
    match (section.node("basic", reading), section.node("bearer", reading)) {
        (Some(basic), None) => {
            let section = basic.section(&BASIC_SPEC, reading)?;
            let user = section.text("user", reading).map(|user| user.value.to_owned());
            let password = section.node("password", reading).and_then(|node| secret::read(node, reading));
            Some(RegistryAuth::Basic { user: user?, password: password? })
        }
        (None, Some(bearer)) => secret::read(bearer, reading).map(RegistryAuth::Bearer),
        (Some(_), Some(_)) => {
            let problem = "`basic` and `bearer` stand together";
            reading.fault(FaultKind::ExclusiveKeys, &section.place, problem, "keep one of the two");
            None
        }
        (None, None) => {
            let problem = "neither `basic` nor `bearer` is given";
            reading.fault(FaultKind::MissingKey, &section.place, problem, "add one of the two, or remove `auth`");
            None
        }
    }
}

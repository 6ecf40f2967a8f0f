//! `audit` and `admin`: where the account of every record goes, and where the process can be asked how it is.

use std::net::SocketAddr;

use super::fault::FaultKind;
use super::key::{Form, Key, Presence, Spec};
use super::names;
use super::yaml::{Node, Reading};

pub(super) const SPEC: Spec = Spec {
    title: "audit",
    keys: &[Key {
        name: "topic",
        form: Form::Text("a topic"),
        presence: Presence::Required,
        about: "Topic that gets one row for every record of every feed; it must exist",
    }],
};

pub(super) const ADMIN_SPEC: Spec = Spec {
    title: "admin",
    keys: &[Key {
        name: "listen",
        form: Form::Text("an IP address and a port"),
        presence: Presence::Required,
        about: "Where health, metrics and the status page are served",
    }],
};

/// The audit topic.
#[derive(Clone, Debug)]
pub struct Audit {
    pub topic: String,
}

/// The listener of the admin pages.
#[derive(Clone, Debug)]
pub struct Admin {
    pub listen: SocketAddr,
}

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Audit> {
    let section = node.section(&SPEC, reading)?;
    let topic = section.text("topic", reading).and_then(|text| names::topic(text, reading));
    reading.crossed.audit_topic.clone_from(&topic);
    Some(Audit { topic: topic?.value })
}

pub(super) fn read_admin(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Admin> {
    let section = node.section(&ADMIN_SPEC, reading)?;
    let listen = section.text("listen", reading)?;
    if let Ok(address) = listen.value.parse() {
        return Some(Admin { listen: address });
    }
    let problem = format!("expected an IP address and a port, found {:?}", listen.value);
    reading.fault(FaultKind::BadAddress, &listen.place, problem, "write it as in 127.0.0.1:9600 or [::]:9600");
    None
}

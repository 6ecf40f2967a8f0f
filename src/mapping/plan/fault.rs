//! What is wrong with an annotated schema, and how to mend it.

/// One fault of a plan. It names fields, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{schema}: {}{what}; {mend}", place(path))]
pub struct PlanFault {
    /// The schema's name, as given to the compiler.
    pub schema: Box<str>,
    /// The field's path; empty where the fault is the schema's as a whole.
    pub path: Box<str>,
    pub what: Box<str>,
    pub mend: Box<str>,
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Gathers faults, each once.
pub(super) struct Faults {
    schema: Box<str>,
    all: Vec<PlanFault>,
}

impl Faults {
    pub(super) fn new(schema: &str) -> Self {
        Self { schema: schema.into(), all: Vec::new() }
    }

    pub(super) fn add(&mut self, path: &str, what: impl Into<Box<str>>, mend: impl Into<Box<str>>) {
        let fault = PlanFault { schema: self.schema.clone(), path: path.into(), what: what.into(), mend: mend.into() };
        // Two branches of a union may be wrong in the same way.
        if !self.all.contains(&fault) {
            self.all.push(fault);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn into_inner(self) -> Vec<PlanFault> {
        self.all
    }
}

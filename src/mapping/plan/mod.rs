//! An annotated reader schema, compiled and checked: from Avro fields to targets.
//!
//! It says which fields are wanted and how each is read. It knows nothing of writer schemas, which the decoder resolves
//! against it, and nothing of Pinterest's rules beyond what each target takes.

mod annotation;
mod check;
mod constant;
mod default;
mod fault;
mod literal;
mod record;
mod step;
mod table;
mod tree;

pub(crate) use constant::Constant;
pub(crate) use step::Step;
pub(crate) use tree::{Node, Part, Role, Wanted};

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

pub use annotation::KEYS as ANNOTATION_KEYS;
pub use fault::PlanFault;
pub use record::Misfit;

use jiff::tz::TimeZone;

use super::event_rules::PhoneRegion;
use super::schema::{Schema, Unit, parse};
use super::target::{ContentField, Target};
use fault::Faults;
use literal::Literal;

/// Constants that a feed's configuration sets: target path → text. They replace the schema's own.
pub type Overrides = BTreeMap<String, String>;

/// What to read from the records of one feed, and for which targets.
#[derive(Clone)]
pub struct Plan(Arc<Compiled>);

pub(crate) struct Compiled {
    pub(crate) name: Box<str>,
    pub(crate) schema: Schema,
    pub(crate) root: Node,
    pub(crate) sources: Box<[Arc<Source>]>,
    /// Put behind all sources.
    pub(crate) constants: Box<[(Target, Constant)]>,
    /// How many sources wait in a slot until the record is read: a better one may follow, or the other parts.
    pub(crate) n_slots: usize,
    /// What is put when the record is read, the best source first.
    pub(crate) outlets: Box<[Outlet]>,
    targets: Box<[Target]>,
    literals: Box<[Literal]>,
}

/// One annotation of one field: what feeds which target, and how it is read.
pub(crate) struct Source {
    /// Names of fields joined by dots, `[]` behind arrays, `{}` behind maps.
    pub(crate) path: Box<str>,
    pub(crate) place: Place,
    pub(crate) reading: Reading,
    /// Set where several sources feed one target: where its value waits.
    pub(crate) slot: Option<usize>,
    /// How it stands to the other sources of its target, in words.
    standing: Box<str>,
}

/// What comes of the values that wait in slots.
pub(crate) enum Outlet {
    /// The value in this slot, as it is.
    Slot(usize),
    /// The texts of several slots as one, if each has a value. The source stands for all of them.
    Joined { source: Arc<Source>, parts: Box<[Joint]> },
}

/// A part of a composed text: where its value waits, and what stands before it.
pub(crate) struct Joint {
    pub(crate) slot: usize,
    pub(crate) join: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Target(Target),
    Content(ContentField),
}

/// What an annotation says about reading.
#[derive(Default)]
pub(crate) struct Reading {
    /// By symbol, text, number or `true` and `false`; null means that this value yields nothing.
    pub(crate) table: Option<HashMap<Box<str>, Option<Constant>>>,
    /// What null yields, and a value that the table lacks.
    pub(crate) default: Option<Constant>,
    /// Decimal places of an integer in minor units.
    pub(crate) scale: Option<u32>,
    /// Unit of a number that counts from 1970.
    pub(crate) unit: Option<Unit>,
    /// Where the clocks stand that a time without an offset was read from.
    pub(crate) zone: Option<TimeZone>,
    /// The country of phone numbers that name none.
    pub(crate) region: Option<PhoneRegion>,
    /// The only key of a map whose value counts.
    pub(crate) key: Option<Box<str>>,
    pub(crate) prefix: Option<Box<str>>,
    /// Whether the text is a SHA-256 hash already.
    pub(crate) hashed: bool,
}

/// A source in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `None` for a field of `custom_data.contents`.
    pub target: Option<Target>,
    /// The name in annotations.
    pub name: &'static str,
    /// The field's path.
    pub path: String,
    /// What the annotation says beside the target; empty if nothing.
    pub reading: String,
}

impl Told {
    fn of(source: &Source) -> Self {
        let target = match source.place {
            Place::Target(target) => Some(target),
            Place::Content(_) => None,
        };
        let mut words = vec![source.standing.to_string(), source.reading.words()];
        words.retain(|words| !words.is_empty());
        Self { target, name: source.place.path(), path: source.path.to_string(), reading: words.join(", ") }
    }
}

impl Reading {
    /// The keys of the annotation that change the value, as a list.
    fn words(&self) -> String {
        let scale = self.scale.map(|scale| format!("scale {scale}"));
        let words = [
            self.table.as_ref().map(|table| format!("{} values", table.len())),
            self.default.as_ref().map(|_| "default".to_owned()),
            scale,
            self.unit.map(|unit| format!("unit {}", unit.word())),
            self.zone.as_ref().map(|zone| format!("zone {}", zone.iana_name().unwrap_or("fixed"))),
            self.region.map(|region| format!("region {}", region.code())),
            self.hashed.then(|| "hashed".to_owned()),
            self.prefix.as_ref().map(|prefix| format!("prefix {prefix}")),
            self.key.as_ref().map(|key| format!("key {key}")),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.0.name).finish()
    }
}

impl Plan {
    /// Compiles the annotated schema `schema`, which may use types that `references` define. `name` is how faults call
    /// it: its file.
    ///
    /// # Errors
    /// Every fault that there is, in the order of the schema.
    pub fn compile(
        name: &str,
        schema: &str,
        references: &[&str],
        overrides: &Overrides,
    ) -> Result<Self, Vec<PlanFault>> {
        let mut faults = Faults::new(name);
        let schema = match parse(schema, references) {
            Ok(schema) => schema,
            Err(fault) => {
                faults.add("", fault.to_string(), "mend the schema; Avro's specification says how it is written");
                return Err(faults.into_inner());
            }
        };
        let (root, mut sources) = tree::build(&schema, &mut faults);
        let leaves = root.leaves();
        table::check(&schema, &leaves, &sources, &mut faults);
        let constants = constant::constants(&schema, overrides, &mut faults);
        let literals = literal::literals(&schema, &leaves, &sources, &constants, overrides);
        literal::check(&literals, &mut faults);
        let (n_slots, outlets) = check::rank(&mut sources, &mut faults);
        check::constants(&sources, &constants, &mut faults);
        check::ids(&sources, &constants, &mut faults);
        check::regions(&sources, &mut faults);
        check::complete(&sources, &constants, &mut faults);
        let targets = check::targets(&sources, &constants);
        let sources = sources.into_iter().map(|draft| Arc::new(draft.source)).collect();
        if !faults.is_empty() {
            return Err(faults.into_inner());
        }
        let compiled =
            Compiled { name: name.into(), schema, root, sources, constants, n_slots, outlets, targets, literals };
        Ok(Self(Arc::new(compiled)))
    }

    /// The name that it was compiled under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether a field or a constant feeds the target.
    #[must_use]
    pub fn feeds(&self, target: Target) -> bool {
        self.0.targets.contains(&target)
    }

    /// The country whose national phone numbers the schema says that its records hold.
    #[must_use]
    pub fn phone_region(&self) -> Option<PhoneRegion> {
        self.0.sources.iter().find_map(|source| source.reading.region)
    }

    /// A record in plain JSON, unions untagged, as Avro of the plan's own schema. Fields that it lacks have their
    /// defaults; those that the schema lacks are passed over.
    ///
    /// # Errors
    /// Where it is no such record.
    pub fn encode(&self, record: &serde_json::Value) -> Result<Vec<u8>, Misfit> {
        record::encode(&self.0.schema, record)
    }

    /// What feeds which target, in the order of the schema; constants last.
    #[must_use]
    pub fn sources(&self) -> Vec<Told> {
        let fields = self.0.sources.iter().map(|source| Told::of(source));
        let constants = self.0.constants.iter().map(|(target, _)| Told {
            target: Some(*target),
            name: target.path(),
            path: "a constant".to_owned(),
            reading: String::new(),
        });
        fields.chain(constants).collect()
    }

    /// A plan of whatever the annotations say, faults or not: for tests of the decoder, which do not care for targets.
    #[cfg(test)]
    pub(crate) fn unchecked(schema: &str) -> Self {
        let schema = parse(schema, &[]).expect("a test's schema is one");
        let (root, sources) = tree::build(&schema, &mut Faults::new("test"));
        let sources = sources.into_iter().map(|draft| Arc::new(draft.source)).collect();
        let (constants, outlets, targets, literals) = Default::default();
        let name = "test".into();
        Self(Arc::new(Compiled { name, schema, root, sources, constants, n_slots: 0, outlets, targets, literals }))
    }

    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        &self.0
    }
}

#[cfg(test)]
mod tests;

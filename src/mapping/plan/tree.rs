//! The wanted part of the reader schema, as a tree whose leaves name their sources.

use std::sync::Arc;

use super::annotation::{Annotation, Context, Rank, read};
use super::constant::{Constant, kinds};
use super::default::encode;
use super::fault::Faults;
use super::step::Step;
use super::{Place, Source};
use crate::mapping::schema::{Field, Kind, Record, Schema, TypeId};
use crate::mapping::value::ValueKind;

/// Deepest nesting of what is wanted.
const MAX_DEPTH: usize = 48;
/// Most nodes of the tree: a type that is used in many places is in the tree as often.
const MAX_NODES: usize = 20_000;

/// A type of the reader schema, and what of it is wanted.
pub(crate) struct Node {
    pub(crate) ty: TypeId,
    pub(crate) part: Part,
}

pub(crate) enum Part {
    Nothing,
    /// One value for each source; numbers are positions in the plan's sources.
    Leaf(Box<[usize]>),
    /// Of an array or a map.
    Items(Box<Node>),
    /// As many as the union has.
    Branches(Box<[Node]>),
    /// As many as the record has.
    Fields {
        fields: Box<[Wanted]>,
        role: Role,
    },
}

/// A field of a record.
pub(crate) struct Wanted {
    pub(crate) node: Node,
    /// The schema's default, in Avro's binary encoding of the field's own type.
    pub(crate) default: Option<Arc<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    /// Each value of the record is an element of `custom_data.contents`.
    Content,
}

impl Node {
    pub(crate) const fn is_wanted(&self) -> bool {
        !matches!(self.part, Part::Nothing)
    }

    /// Every leaf below, in the order of the schema.
    pub(super) fn leaves(&self) -> Vec<Leaf<'_>> {
        match &self.part {
            Part::Nothing => Vec::new(),
            Part::Leaf(sources) => vec![Leaf { ty: self.ty, sources }],
            Part::Items(item) => item.leaves(),
            Part::Branches(branches) => branches.iter().flat_map(Self::leaves).collect(),
            Part::Fields { fields, .. } => fields.iter().flat_map(|field| field.node.leaves()).collect(),
        }
    }
}

/// A type that yields values, and the positions of the sources that get them.
pub(super) struct Leaf<'n> {
    pub(super) ty: TypeId,
    pub(super) sources: &'n [usize],
}

/// A source, and what only the compiler needs to know of it.
pub(super) struct Draft {
    pub(super) source: Source,
    pub(super) rank: Rank,
    /// The path of the contents that it belongs to; empty outside.
    pub(super) contents: Box<str>,
    /// What the schema says for writers that lack the field, if that is one value.
    pub(super) field_default: Option<Constant>,
}

pub(super) fn build(schema: &Schema, faults: &mut Faults) -> (Node, Vec<Draft>) {
    let mut builder =
        Builder { schema, faults, sources: Vec::new(), open: Vec::new(), recursive: Vec::new(), n_nodes: 0 };
    if !matches!(schema.get(schema.root()).kind, Kind::Record(_)) {
        builder.faults.add("", "the schema is not a record", "wrap it: each message of a feed is one record");
    }
    let surroundings = Surroundings { path: String::new(), contents: "".into(), context: Context::Event };
    let root = builder.node(schema.root(), &Feeds::None, &surroundings);
    (root, builder.sources)
}

/// What the annotation above says about the values below.
enum Feeds {
    None,
    Contents,
    Sources(Box<[usize]>),
}

#[derive(Clone)]
struct Surroundings {
    path: String,
    contents: Box<str>,
    context: Context,
}

struct Builder<'s, 'f> {
    schema: &'s Schema,
    faults: &'f mut Faults,
    sources: Vec<Draft>,
    /// The records around the present one.
    open: Vec<TypeId>,
    /// Those of them that hold themselves.
    recursive: Vec<TypeId>,
    n_nodes: usize,
}

impl Builder<'_, '_> {
    fn node(&mut self, ty: TypeId, feeds: &Feeds, at: &Surroundings) -> Node {
        let schema = self.schema;
        self.n_nodes += 1;
        if MAX_NODES < self.n_nodes || MAX_DEPTH < self.open.len() {
            let what = format!("the schema nests more than {MAX_DEPTH} records or {MAX_NODES} values");
            self.faults.add("", what, "declare only the fields that matter");
            return Node { ty, part: Part::Nothing };
        }
        let part = match &schema.get(ty).kind {
            Kind::Record(record) => self.record(ty, record, feeds, at),
            Kind::Array(items) => self.items(*items, feeds, &at.inside("[]")),
            Kind::Map(values) => self.items(*values, feeds, &at.inside("{}")),
            Kind::Union(branches) => {
                let nodes: Box<[Node]> = branches.iter().map(|branch| self.node(*branch, feeds, at)).collect();
                if nodes.iter().any(Node::is_wanted) { Part::Branches(nodes) } else { Part::Nothing }
            }
            kind @ (Kind::Null
            | Kind::Boolean
            | Kind::Int
            | Kind::Long
            | Kind::Float
            | Kind::Double
            | Kind::Bytes
            | Kind::String
            | Kind::Fixed(_)
            | Kind::Enum(_)) => self.leaf(ty, kind, feeds, at),
        };
        Node { ty, part }
    }

    fn items(&mut self, items: TypeId, feeds: &Feeds, at: &Surroundings) -> Part {
        let node = self.node(items, feeds, at);
        if node.is_wanted() { Part::Items(Box::new(node)) } else { Part::Nothing }
    }

    fn leaf(&mut self, ty: TypeId, kind: &Kind, feeds: &Feeds, at: &Surroundings) -> Part {
        let sources = match feeds {
            Feeds::None => return Part::Nothing,
            Feeds::Contents if matches!(kind, Kind::Null) => return Part::Nothing,
            Feeds::Contents => {
                let what = format!("a {} cannot feed custom_data.contents", kind.word());
                self.faults.add(&at.path, what, "annotate a record, or an array or map of records");
                return Part::Nothing;
            }
            Feeds::Sources(sources) => sources,
        };
        let logical = self.schema.get(ty).logical;
        for source in sources {
            let Some(Draft { source, rank, .. }) = self.sources.get(*source) else { continue };
            if !matches!(kind, Kind::Null)
                && let Some((what, mend)) = misplaced(source, rank, &at.path)
            {
                self.faults.add(&at.path, what, mend);
            }
            match Step::of(kind, logical, &source.reading) {
                Ok(None) => {}
                Err((what, mend)) => self.faults.add(&at.path, what, mend),
                Ok(Some(step)) => {
                    let yields = step.yields(&source.reading);
                    if rank.part.is_some() {
                        if source.reading.table.is_none() && !is_part(yields) {
                            let what = format!("{} {} is no part of a text", article(yields), yields.as_str());
                            self.faults.add(&at.path, what, "parts are text, whole numbers, days and moments");
                        }
                    } else if source.reading.table.is_none() && !source.place.kind().takes(yields) {
                        let what =
                            format!("{} {} cannot feed {}", article(yields), yields.as_str(), source.place.path());
                        self.faults.add(&at.path, what, mend(step, yields, source.place));
                    }
                }
            }
        }
        Part::Leaf(sources.clone())
    }

    fn record(&mut self, ty: TypeId, record: &Record, feeds: &Feeds, at: &Surroundings) -> Part {
        if let Feeds::Sources(sources) = feeds {
            for source in sources {
                if let Some(Draft { source, .. }) = self.sources.get(*source) {
                    let what = format!("a record cannot feed {}", source.place.path());
                    self.faults.add(&at.path, what, "annotate the fields within it");
                }
            }
            return Part::Nothing;
        }
        if self.open.contains(&ty) {
            self.recursive.push(ty);
            return Part::Nothing;
        }
        if !self.open.is_empty() && record.annotation.is_some() {
            self.faults.add(&at.path, "an inner record has an annotation", "write constants at the outermost record");
        }
        let (role, at) = match feeds {
            Feeds::Contents => {
                let contents = at.path.as_str().into();
                (Role::Content, Surroundings { path: at.path.clone(), contents, context: Context::Content })
            }
            Feeds::None | Feeds::Sources(_) => (Role::Plain, at.clone()),
        };
        self.open.push(ty);
        let fields: Box<[Wanted]> = record
            .fields
            .iter()
            .map(|field| {
                let at = at.field(&field.name);
                let feeds = self.feeds(field, &at);
                let node = self.node(field.ty, &feeds, &at);
                let default = match &field.default {
                    Some(json) if node.is_wanted() => {
                        let bytes = encode(self.schema, field.ty, json);
                        if bytes.is_none() {
                            self.faults.add(&at.path, "the default is no value of the field's type", "mend it");
                        }
                        bytes.map(Into::into)
                    }
                    _ => None,
                };
                Wanted { node, default }
            })
            .collect();
        self.open.pop();
        let is_wanted = fields.iter().any(|field| field.node.is_wanted());
        if is_wanted && self.recursive.contains(&ty) {
            let what = format!("{} holds itself, and such types cannot be mapped", record.names.full);
            self.faults.add(&at.path, what, "map only fields outside of it");
        }
        if is_wanted { Part::Fields { fields, role } } else { Part::Nothing }
    }

    fn feeds(&mut self, field: &Field, at: &Surroundings) -> Feeds {
        let Some(json) = &field.annotation else { return Feeds::None };
        let mut sources = Vec::new();
        let mut contents = false;
        for annotation in read(json, at.context, &at.path, self.faults) {
            match annotation {
                Annotation::Contents => contents = true,
                Annotation::Value { place, reading, rank } => {
                    let source = Source {
                        path: at.path.as_str().into(),
                        place,
                        reading: *reading,
                        slot: None,
                        standing: rank.words().into(),
                    };
                    sources.push(self.sources.len());
                    let field_default = field.default.as_ref().and_then(Constant::from_json);
                    self.sources.push(Draft { source, rank, contents: at.contents.clone(), field_default });
                }
            }
        }
        match (contents, sources.is_empty()) {
            (true, true) => Feeds::Contents,
            (true, false) => {
                self.faults.add(
                    &at.path,
                    "a field feeds custom_data.contents and another target",
                    "keep one of the two",
                );
                Feeds::Contents
            }
            (false, true) => Feeds::None,
            (false, false) => Feeds::Sources(sources.into()),
        }
    }
}

impl Surroundings {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, ..self.clone() }
    }

    fn inside(&self, mark: &str) -> Self {
        Self { path: format!("{}{mark}", self.path), ..self.clone() }
    }
}

/// What is wrong with where the source stands.
fn misplaced(source: &Source, rank: &Rank, leaf: &str) -> Option<(&'static str, &'static str)> {
    let below = leaf.strip_prefix(&*source.path).unwrap_or("");
    if source.reading.key.is_some() && below.matches("{}").count() != 1 {
        return Some(("`key` on what is not the values of one map", "annotate the map itself"));
    }
    let is_repeated = [&*source.path, below].iter().any(|path| path.contains("[]"))
        || source.path.contains("{}")
        || (below.contains("{}") && source.reading.key.is_none());
    if rank.part.is_some() && is_repeated {
        return Some(("a part that may have several values", "take the parts from fields outside of arrays and maps"));
    }
    if is_repeated && matches!(source.place, Place::Target(target) if target.is_decisive()) {
        return Some((
            "the target takes one value, and the first of several would be one by chance",
            "name one `key` of a map, or take a field outside of arrays",
        ));
    }
    None
}

/// Whether a value of this kind may be a part of a composed text.
const fn is_part(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Text | ValueKind::Integer | ValueKind::Date | ValueKind::Instant)
}

fn article(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Integer | ValueKind::Instant => "an",
        ValueKind::Text
        | ValueKind::Float
        | ValueKind::Boolean
        | ValueKind::Decimal
        | ValueKind::Date
        | ValueKind::Hash => "a",
    }
}

fn mend(step: Step, yields: ValueKind, place: Place) -> String {
    if step == Step::Integer && place.kind().takes(ValueKind::Instant) {
        return "say what it counts: `\"unit\": \"millis\"`".into();
    }
    if yields == ValueKind::Hash {
        return format!("remove `hashed`; {} is not sent as a hash", place.path());
    }
    format!("it takes {}", kinds(place.kind()))
}

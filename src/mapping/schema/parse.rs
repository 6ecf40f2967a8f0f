//! Reads a schema's JSON into a [`Schema`].
//!
//! Rules: Avro 1.12.0, "Schema Declaration" and "Names"
//! (<https://avro.apache.org/docs/1.12.0/specification/>, read 2026-11-24). Types may be used before the file that
//! defines them is read, so that references need no order. `serde_json` refuses JSON nested deeper than 128.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};

use super::{ANNOTATION, Enum, Field, Fixed, Kind, Logical, Names, Record, Schema, Type, TypeId, Unit};

/// Most types of one schema. The largest schemas in use have some thousands.
const MAX_TYPES: usize = 50_000;
/// Largest `fixed`; Kafka's own default limit for a whole message is 1 MiB.
const MAX_FIXED_BYTES: usize = 1 << 20;
/// `rust_decimal` holds 28 digits.
const MAX_SCALE: u64 = 28;

/// What is wrong with a schema: one sentence without full stop.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SchemaFault(pub(crate) Box<str>);

/// The schema `main`, with the named types that `references` define.
pub(crate) fn parse(main: &str, references: &[&str]) -> Result<Schema, SchemaFault> {
    let mut parser = Parser::default();
    for reference in references {
        let json = read(reference)?;
        parser.read(&json, None)?;
    }
    let json = read(main)?;
    let root = parser.read(&json, None)?;
    parser.finish(root)
}

fn read(text: &str) -> Result<Json, SchemaFault> {
    serde_json::from_str(text).map_err(|error| fault(format!("not JSON: {error}")))
}

#[derive(Default)]
struct Parser {
    /// `None` while a type is announced, by use or by a definition under way, and not yet defined.
    types: Vec<Option<(Kind, Logical)>>,
    names: HashMap<Box<str>, TypeId>,
}

impl Parser {
    fn read(&mut self, json: &Json, namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        match json {
            Json::String(word) => match primitive(word) {
                Some(kind) => self.add(kind, Logical::None),
                None => self.named(&full_name(word, namespace)?),
            },
            Json::Array(branches) => self.union(branches, namespace),
            Json::Object(object) => self.object(object, namespace),
            Json::Null | Json::Bool(_) | Json::Number(_) => {
                Err(fault("a type must be a name, a union or an object".into()))
            }
        }
    }

    fn object(&mut self, object: &Map<String, Json>, namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        let ty = object.get("type").ok_or_else(|| fault("a type object has no `type`".into()))?;
        let Json::String(word) = ty else {
            // `{"type": {"type": "string"}}`: legal, and some generators write it. An outer logical type counts.
            let inner = self.read(ty, namespace)?;
            return self.with_logical(inner, object);
        };
        match word.as_str() {
            "record" | "error" => self.record(object, namespace),
            "enum" => self.enumeration(object, namespace),
            "fixed" => self.fixed(object, namespace),
            "array" => {
                let items = self.read(part(object, "items")?, namespace)?;
                self.add(Kind::Array(items), Logical::None)
            }
            "map" => {
                let values = self.read(part(object, "values")?, namespace)?;
                self.add(Kind::Map(values), Logical::None)
            }
            _ => match primitive(word) {
                Some(kind) => {
                    let logical = logical(object, &kind);
                    self.add(kind, logical)
                }
                None => self.named(&full_name(word, namespace)?),
            },
        }
    }

    fn with_logical(&mut self, inner: TypeId, object: &Map<String, Json>) -> Result<TypeId, SchemaFault> {
        let Some(Some((kind, Logical::None))) = self.types.get(inner.0) else { return Ok(inner) };
        let outer = logical(object, kind);
        if outer == Logical::None {
            return Ok(inner);
        }
        let kind = kind.clone();
        self.add(kind, outer)
    }

    fn union(&mut self, branches: &[Json], namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        if branches.is_empty() {
            return Err(fault("a union has no branches".into()));
        }
        let branches = branches.iter().map(|branch| self.read(branch, namespace)).collect::<Result<_, _>>()?;
        self.add(Kind::Union(branches), Logical::None)
    }

    fn record(&mut self, object: &Map<String, Json>, namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        let (names, id) = self.begin(object, namespace)?;
        let inner = namespace_of(&names.full);
        let Some(Json::Array(declared)) = object.get("fields") else {
            return Err(fault(format!("record {} has no `fields`", names.full)));
        };
        let mut fields = Vec::with_capacity(declared.len());
        let mut seen = HashSet::with_capacity(declared.len());
        for field in declared {
            let field = self.field(field, &names.full, inner)?;
            if !seen.insert(field.name.clone()) {
                return Err(fault(format!("record {} has the field {} twice", names.full, field.name)));
            }
            fields.push(field);
        }
        let annotation = object.get(ANNOTATION).cloned();
        let record = Record { names, fields: fields.into(), annotation };
        self.define(id, Kind::Record(record), Logical::None);
        Ok(id)
    }

    fn field(&mut self, json: &Json, record: &str, namespace: Option<&str>) -> Result<Field, SchemaFault> {
        let Json::Object(object) = json else {
            return Err(fault(format!("a field of record {record} is not an object")));
        };
        let name = text(object, "name").ok_or_else(|| fault(format!("a field of record {record} has no name")))?;
        if !is_name(name) {
            return Err(fault(format!("record {record} has a field whose name is not a name")));
        }
        let ty = object.get("type").ok_or_else(|| fault(format!("field {name} of record {record} has no type")))?;
        let ty = self.read(ty, namespace).map_err(|inner| fault(format!("{name}: {inner}")))?;
        Ok(Field {
            name: name.into(),
            aliases: words(object, "aliases").map(Into::into).collect(),
            default: object.get("default").cloned(),
            annotation: object.get(ANNOTATION).cloned(),
            ty,
        })
    }

    fn enumeration(&mut self, object: &Map<String, Json>, namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        let (names, id) = self.begin(object, namespace)?;
        let symbols: Box<[Box<str>]> = words(object, "symbols").map(Into::into).collect();
        let default: Option<Box<str>> = text(object, "default").map(Into::into);
        if symbols.is_empty() {
            return Err(fault(format!("enum {} has no symbols", names.full)));
        }
        if let Some(symbol) = symbols.iter().find(|symbol| !is_name(symbol)) {
            return Err(fault(format!("the symbol {symbol:?} of enum {} is not a name", names.full)));
        }
        if default.as_ref().is_some_and(|default| !symbols.contains(default)) {
            return Err(fault(format!("the default of enum {} is none of its symbols", names.full)));
        }
        self.define(id, Kind::Enum(Enum { names, symbols, default }), Logical::None);
        Ok(id)
    }

    fn fixed(&mut self, object: &Map<String, Json>, namespace: Option<&str>) -> Result<TypeId, SchemaFault> {
        let (names, id) = self.begin(object, namespace)?;
        let size = object.get("size").and_then(Json::as_u64).and_then(|size| usize::try_from(size).ok());
        let size = size
            .filter(|size| *size <= MAX_FIXED_BYTES)
            .ok_or_else(|| fault(format!("fixed {} needs a size from 0 to {MAX_FIXED_BYTES}", names.full)))?;
        let kind = Kind::Fixed(Fixed { names, size });
        let logical = logical(object, &kind);
        self.define(id, kind, logical);
        Ok(id)
    }

    /// Names a type before its parts are read, so that they can refer to it.
    fn begin(&mut self, object: &Map<String, Json>, namespace: Option<&str>) -> Result<(Names, TypeId), SchemaFault> {
        let name = text(object, "name").ok_or_else(|| fault("a named type has no name".into()))?;
        let full = full_name(name, text(object, "namespace").or(namespace))?;
        let inner = namespace_of(&full);
        let aliases = words(object, "aliases").map(|alias| full_name(alias, inner)).collect::<Result<_, _>>()?;
        let id = self.named(&full)?;
        if self.types.get(id.0).is_some_and(Option::is_some) {
            return Err(fault(format!("{full} is defined twice")));
        }
        Ok((Names { full, aliases }, id))
    }

    /// The type of this name, defined or announced.
    fn named(&mut self, full: &str) -> Result<TypeId, SchemaFault> {
        if let Some(id) = self.names.get(full) {
            return Ok(*id);
        }
        let id = self.push(None)?;
        self.names.insert(full.into(), id);
        Ok(id)
    }

    fn define(&mut self, id: TypeId, kind: Kind, logical: Logical) {
        if let Some(slot) = self.types.get_mut(id.0) {
            *slot = Some((kind, logical));
        }
    }

    fn add(&mut self, kind: Kind, logical: Logical) -> Result<TypeId, SchemaFault> {
        self.push(Some((kind, logical)))
    }

    fn push(&mut self, ty: Option<(Kind, Logical)>) -> Result<TypeId, SchemaFault> {
        if MAX_TYPES <= self.types.len() {
            return Err(fault(format!("more than {MAX_TYPES} types")));
        }
        self.types.push(ty);
        Ok(TypeId(self.types.len() - 1))
    }

    fn finish(self, root: TypeId) -> Result<Schema, SchemaFault> {
        let names = self.names;
        let mut types = Vec::with_capacity(self.types.len());
        for (n, ty) in self.types.into_iter().enumerate() {
            let Some((kind, logical)) = ty else {
                let name = names.iter().find(|(_, id)| id.0 == n).map_or("a type", |(name, _)| name);
                return Err(fault(format!("{name} is not defined, neither here nor in a reference")));
            };
            types.push(Type { kind, logical, min_bytes: 0 });
        }
        let mut schema = Schema { types, root };
        for n in 0..schema.types.len() {
            if let Kind::Union(branches) = &schema.get(TypeId(n)).kind
                && branches.iter().any(|branch| matches!(schema.get(*branch).kind, Kind::Union(_)))
            {
                return Err(fault("a union holds another union".into()));
            }
        }
        set_min_bytes(&mut schema);
        Ok(schema)
    }
}

/// Grows every size from zero until nothing changes. Each round is right for one more level of nesting, so that fewer
/// rounds than levels leave a lower bound, which is still a bound.
fn set_min_bytes(schema: &mut Schema) {
    const MAX_ROUNDS: usize = 64;
    for _ in 0..MAX_ROUNDS {
        let sizes: Vec<usize> = schema.types.iter().map(|ty| min_bytes(schema, &ty.kind)).collect();
        let changed = schema.types.iter().zip(&sizes).any(|(ty, size)| ty.min_bytes != *size);
        for (ty, size) in schema.types.iter_mut().zip(sizes) {
            ty.min_bytes = size;
        }
        if !changed {
            return;
        }
    }
}

fn min_bytes(schema: &Schema, kind: &Kind) -> usize {
    match kind {
        Kind::Null => 0,
        Kind::Boolean
        | Kind::Int
        | Kind::Long
        | Kind::Bytes
        | Kind::String
        | Kind::Enum(_)
        | Kind::Array(_)
        | Kind::Map(_) => 1,
        Kind::Float => 4,
        Kind::Double => 8,
        Kind::Fixed(fixed) => fixed.size,
        Kind::Union(branches) => {
            let smallest = branches.iter().map(|branch| schema.get(*branch).min_bytes).min().unwrap_or(0);
            smallest.saturating_add(1)
        }
        Kind::Record(record) => {
            record.fields.iter().fold(0, |sum, field| sum.saturating_add(schema.get(field.ty).min_bytes))
        }
    }
}

fn primitive(word: &str) -> Option<Kind> {
    match word {
        "null" => Some(Kind::Null),
        "boolean" => Some(Kind::Boolean),
        "int" => Some(Kind::Int),
        "long" => Some(Kind::Long),
        "float" => Some(Kind::Float),
        "double" => Some(Kind::Double),
        "bytes" => Some(Kind::Bytes),
        "string" => Some(Kind::String),
        _ => None,
    }
}

fn logical(object: &Map<String, Json>, kind: &Kind) -> Logical {
    let Some(word) = text(object, "logicalType") else { return Logical::None };
    match (word, kind) {
        ("decimal", Kind::Bytes | Kind::Fixed(_)) => decimal(object),
        ("big-decimal", Kind::Bytes) | ("time-millis", Kind::Int) | ("time-micros", Kind::Long) => Logical::Useless,
        ("uuid", Kind::String) => Logical::Uuid,
        ("uuid", Kind::Fixed(fixed)) if fixed.size == 16 => Logical::Uuid,
        ("duration", Kind::Fixed(fixed)) if fixed.size == 12 => Logical::Useless,
        ("date", Kind::Int) => Logical::Date,
        ("timestamp-millis", Kind::Long) => Logical::Timestamp(Unit::Millis),
        ("timestamp-micros", Kind::Long) => Logical::Timestamp(Unit::Micros),
        ("timestamp-nanos", Kind::Long) => Logical::Timestamp(Unit::Nanos),
        ("local-timestamp-millis", Kind::Long) => Logical::Local(Unit::Millis),
        ("local-timestamp-micros", Kind::Long) => Logical::Local(Unit::Micros),
        ("local-timestamp-nanos", Kind::Long) => Logical::Local(Unit::Nanos),
        _ => Logical::None,
    }
}

fn decimal(object: &Map<String, Json>) -> Logical {
    let precision = object.get("precision").and_then(Json::as_u64);
    let scale = object.get("scale").map_or(Some(0), Json::as_u64);
    match (precision, scale) {
        (Some(precision), Some(scale)) if 1 <= precision && scale <= precision => match u32::try_from(scale) {
            Ok(places) if scale <= MAX_SCALE => Logical::Decimal { scale: places },
            Ok(_) | Err(_) => Logical::Useless,
        },
        _ => Logical::None,
    }
}

fn full_name(name: &str, namespace: Option<&str>) -> Result<Box<str>, SchemaFault> {
    let full: Box<str> = match namespace {
        Some(namespace) if !namespace.is_empty() && !name.contains('.') => format!("{namespace}.{name}").into(),
        _ => name.trim_start_matches('.').into(),
    };
    if full.split('.').all(is_name) { Ok(full) } else { Err(fault("a type's name is not a name".into())) }
}

fn namespace_of(full: &str) -> Option<&str> {
    full.rsplit_once('.').map(|(namespace, _)| namespace)
}

fn is_name(word: &str) -> bool {
    let starts = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn text<'j>(object: &'j Map<String, Json>, key: &str) -> Option<&'j str> {
    object.get(key).and_then(Json::as_str)
}

fn words<'j>(object: &'j Map<String, Json>, key: &str) -> impl Iterator<Item = &'j str> {
    object.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

fn part<'j>(object: &'j Map<String, Json>, key: &str) -> Result<&'j Json, SchemaFault> {
    object.get(key).ok_or_else(|| fault(format!("an array or map has no `{key}`")))
}

fn fault(text: String) -> SchemaFault {
    SchemaFault(text.into())
}

#[cfg(test)]
mod tests;

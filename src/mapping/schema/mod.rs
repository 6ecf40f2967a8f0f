//! An Avro schema as a graph of types: what the plan walks and what the decoder steps over.
//!
//! One arena of types that refer to each other by number, so that recursion and references across files cost nothing.
//! Attributes that Avro does not define are dropped, but for [`ANNOTATION`]. It does not resolve one schema against
//! another: `decoder::compile` does.

mod parse;

pub(crate) use parse::parse;

use serde_json::Value as Json;

/// The attribute of fields and records that holds the mapping.
pub(crate) const ANNOTATION: &str = "pinterest";

/// Position of a type in its [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(usize);

/// A schema with everything that it refers to.
#[derive(Debug)]
pub(crate) struct Schema {
    types: Vec<Type>,
    root: TypeId,
}

#[derive(Clone, Debug)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    pub(crate) logical: Logical,
    /// The fewest bytes that a value takes; bounds how many items a block can really hold.
    pub(crate) min_bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(Fixed),
    Enum(Enum),
    Array(TypeId),
    Map(TypeId),
    Union(Box<[TypeId]>),
    Record(Record),
}

/// Full name and full aliases of a named type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) full: Box<str>,
    pub(crate) aliases: Box<[Box<str>]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) names: Names,
    pub(crate) size: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Enum {
    pub(crate) names: Names,
    pub(crate) symbols: Box<[Box<str>]>,
    /// The symbol that stands for those which a reader does not know.
    pub(crate) default: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) names: Names,
    pub(crate) fields: Box<[Field]>,
    pub(crate) annotation: Option<Json>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) aliases: Box<[Box<str>]>,
    pub(crate) default: Option<Json>,
    pub(crate) annotation: Option<Json>,
    pub(crate) ty: TypeId,
}

/// What a logical type says about the plain one below it. Unknown and invalid ones are [`Logical::None`], as Avro
/// demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logical {
    None,
    Decimal {
        scale: u32,
    },
    Uuid,
    Date,
    Timestamp(Unit),
    /// A date-time of a clock whose zone the schema does not say: UTC's, unless the annotation names another.
    Local(Unit),
    /// Time of day, duration, decimals that carry their own scale or have more than 28 places: nothing of Pinterest's
    /// takes them.
    Useless,
}

/// Unit of a count since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
        }
    }

    /// `None` for a word that names no unit.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "seconds" => Some(Self::Seconds),
            "millis" => Some(Self::Millis),
            "micros" => Some(Self::Micros),
            "nanos" => Some(Self::Nanos),
            _ => None,
        }
    }
}

impl Schema {
    pub(crate) const fn root(&self) -> TypeId {
        self.root
    }

    pub(crate) fn get(&self, id: TypeId) -> &Type {
        self.types.get(id.0).expect("a type id is made by the schema that holds the type")
    }
}

impl Kind {
    /// The word for it in messages.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed(_) => "fixed",
            Self::Enum(_) => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
        }
    }

    pub(crate) const fn names(&self) -> Option<&Names> {
        match self {
            Self::Fixed(Fixed { names, .. }) | Self::Enum(Enum { names, .. }) | Self::Record(Record { names, .. }) => {
                Some(names)
            }
            Self::Null
            | Self::Boolean
            | Self::Int
            | Self::Long
            | Self::Float
            | Self::Double
            | Self::Bytes
            | Self::String
            | Self::Array(_)
            | Self::Map(_)
            | Self::Union(_) => None,
        }
    }
}

impl Names {
    /// The name without its namespace.
    pub(crate) fn short(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or(&self.full)
    }
}

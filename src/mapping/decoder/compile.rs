//! Resolves a writer schema against a plan into a program.

use std::sync::Arc;

use super::Unresolvable;
use crate::mapping::plan::{Compiled, Constant, Node, Part, Role, Source, Step, Wanted};
use crate::mapping::schema::{Enum, Field, Kind, Names, Record, Schema, TypeId};

/// Most steps of a program, counting attempts at branches of unions.
const MAX_OPS: usize = 100_000;

/// One step of a program. Types are those of the writer schema, or of the reader schema below [`Op::Default`].
pub(super) enum Op {
    Skip(TypeId),
    Leaf(Read, Box<[Feed]>),
    Record(Box<[Self]>),
    /// A record that is an element of `custom_data.contents`.
    Content(Box<[Self]>),
    Items {
        keys: Keys,
        min_bytes: usize,
        item: Box<Self>,
    },
    /// One step for each branch of the writer's union.
    Union(Box<[Self]>),
    /// A field that the writer lacks.
    Default {
        bytes: Arc<[u8]>,
        op: Box<Self>,
    },
    /// A branch of the writer's that the reader does not know.
    Unresolvable(Box<str>),
}

/// What an item of a block begins with.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    /// An array's item with nothing.
    None,
    /// A map's value with its key.
    Text,
}

/// How a leaf stands in the bytes, promotions included.
pub(super) enum Read {
    Null,
    Boolean,
    Int,
    Long,
    IntAsFloat,
    LongAsFloat,
    IntAsDouble,
    LongAsDouble,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// Position among the reader's symbols, for each of the writer's.
    Enum(Box<[Option<usize>]>),
}

/// A source, and how the value at hand becomes what it takes.
pub(super) struct Feed {
    pub(super) source: Arc<Source>,
    /// `None` for null.
    pub(super) step: Option<Step>,
    /// For enums: what each symbol of the reader's yields.
    pub(super) symbols: Box<[Option<Constant>]>,
    pub(super) takes_text_as_it_is: bool,
}

impl Feed {
    fn new(source: &Arc<Source>, step: Option<Step>, symbols: Box<[Option<Constant>]>) -> Self {
        let reading = &source.reading;
        let is_dressed = reading.table.is_some() || reading.prefix.is_some() || reading.hashed;
        let takes_text_as_it_is = step == Some(Step::Text) && !is_dressed;
        Self { source: Arc::clone(source), step, symbols, takes_text_as_it_is }
    }
}

pub(super) fn compile(writer: &Schema, plan: &Compiled) -> Result<Op, Unresolvable> {
    let mut compiler = Compiler { writer, plan, n_ops: 0 };
    let op = compiler.resolve(writer.root(), &plan.root)?;
    // A union may have swallowed the refusal of one of its branches.
    if MAX_OPS < compiler.n_ops { Err(too_large()) } else { Ok(op) }
}

struct Compiler<'s> {
    writer: &'s Schema,
    plan: &'s Compiled,
    n_ops: usize,
}

impl Compiler<'_> {
    fn resolve(&mut self, from: TypeId, to: &Node) -> Result<Op, Unresolvable> {
        self.count(1)?;
        let (writer, reader) = (self.writer, &self.plan.schema);
        match (&writer.get(from).kind, &reader.get(to.ty).kind) {
            (Kind::Union(branches), _) => self.union(branches, to),
            (_, Kind::Union(branches)) => self.branch(from, branches, to),
            (written, read) => self.plain(from, written, read, to),
        }
    }

    fn count(&mut self, n_ops: usize) -> Result<(), Unresolvable> {
        self.n_ops = self.n_ops.saturating_add(n_ops);
        if MAX_OPS < self.n_ops { Err(too_large()) } else { Ok(()) }
    }

    fn union(&mut self, branches: &[TypeId], to: &Node) -> Result<Op, Unresolvable> {
        let mut last_fault = None;
        let mut resolved = 0;
        let mut ops = Vec::with_capacity(branches.len());
        for branch in branches {
            match self.resolve(*branch, to) {
                Ok(op) => {
                    resolved += 1;
                    ops.push(op);
                }
                Err(fault) => {
                    ops.push(Op::Unresolvable(fault.0.clone()));
                    last_fault = Some(fault);
                }
            }
        }
        match last_fault {
            Some(fault) if resolved == 0 => Err(fault),
            Some(_) | None => Ok(Op::Union(ops.into())),
        }
    }

    /// Of the reader's branches the first that is the writer's type, by name where it has one; else the first to which
    /// it can be promoted.
    fn branch(&mut self, from: TypeId, branches: &[TypeId], to: &Node) -> Result<Op, Unresolvable> {
        let (writer, plan) = (self.writer, self.plan);
        let written = &writer.get(from).kind;
        for likeness in [Likeness::Same, Likeness::SameShortName, Likeness::Promotion] {
            for (n, branch) in branches.iter().enumerate() {
                if likeness_of(written, &plan.schema.get(*branch).kind) != Some(likeness) {
                    continue;
                }
                let Part::Branches(nodes) = &to.part else { return Ok(Op::Skip(from)) };
                let Some(node) = nodes.get(n) else { continue };
                if let Ok(op) = self.resolve(from, node) {
                    return Ok(op);
                }
            }
        }
        let name = written.names().map(|names| format!(" {}", names.full)).unwrap_or_default();
        let words: Vec<_> = branches.iter().map(|branch| described(&plan.schema.get(*branch).kind)).collect();
        Err(refuse(format!("the writer's {}{name} is none of {}", written.word(), words.join(", "))))
    }

    fn plain(&mut self, from: TypeId, written: &Kind, read: &Kind, to: &Node) -> Result<Op, Unresolvable> {
        if !to.is_wanted() {
            return if are_of_a_kind(written, read) { Ok(Op::Skip(from)) } else { Err(cannot(written, read)) };
        }
        let read_op = match (written, read) {
            (Kind::Record(written), Kind::Record(read)) => return self.record(written, read, to),
            (Kind::Array(from), Kind::Array(_)) => return self.items(*from, Keys::None, to),
            (Kind::Map(from), Kind::Map(_)) => return self.items(*from, Keys::Text, to),
            (Kind::Null, Kind::Null) => Read::Null,
            (Kind::Boolean, Kind::Boolean) => Read::Boolean,
            (Kind::Int, Kind::Int | Kind::Long) => Read::Int,
            (Kind::Long, Kind::Long) => Read::Long,
            (Kind::Int, Kind::Float) => Read::IntAsFloat,
            (Kind::Long, Kind::Float) => Read::LongAsFloat,
            (Kind::Int, Kind::Double) => Read::IntAsDouble,
            (Kind::Long, Kind::Double) => Read::LongAsDouble,
            (Kind::Float, Kind::Float | Kind::Double) => Read::Float,
            (Kind::Double, Kind::Double) => Read::Double,
            (Kind::Bytes | Kind::String, Kind::Bytes) => Read::Bytes,
            (Kind::Bytes | Kind::String, Kind::String) => Read::Text,
            (Kind::Fixed(written), Kind::Fixed(read)) if written.size == read.size => Read::Fixed(read.size),
            (Kind::Enum(written), Kind::Enum(read)) => Read::Enum(symbols(written, read)?),
            _ => return Err(cannot(written, read)),
        };
        let Part::Leaf(sources) = &to.part else { return Err(cannot(written, read)) };
        let feeds = sources.iter().map(|source| self.feed(*source, from, to.ty));
        let feeds: Box<[Feed]> = feeds.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(if feeds.is_empty() { Op::Skip(from) } else { Op::Leaf(read_op, feeds) })
    }

    /// `None` where the source gets nothing from this type: null, unless something stands for it.
    fn feed(&self, source: usize, from: TypeId, to: TypeId) -> Result<Option<Feed>, Unresolvable> {
        let Some(source) = self.plan.sources.get(source) else { return Ok(None) };
        let ty = self.plan.schema.get(to);
        let meant = Step::of(&ty.kind, ty.logical, &source.reading).expect("the plan was checked for every leaf");
        let Some(meant) = meant else {
            let stands_in = source.reading.default.is_some();
            return Ok(stands_in.then(|| Feed::new(source, None, Box::default())));
        };
        let Some(step) = meant.as_written(self.writer.get(from).logical) else {
            return Err(refuse("the writer's logical type means something else than the reader's".into()));
        };
        let mut symbols = Box::default();
        if let Kind::Enum(of) = &ty.kind {
            symbols = of.symbols.iter().map(|symbol| yielded(symbol, source)).collect();
        }
        Ok(Some(Feed::new(source, Some(step), symbols)))
    }

    fn items(&mut self, from: TypeId, keys: Keys, to: &Node) -> Result<Op, Unresolvable> {
        let Part::Items(node) = &to.part else { return Err(refuse("items that are not wanted".into())) };
        let key_bytes = match keys {
            Keys::None => 0,
            Keys::Text => 1,
        };
        let min_bytes = self.writer.get(from).min_bytes.saturating_add(key_bytes);
        Ok(Op::Items { keys, min_bytes, item: Box::new(self.resolve(from, node)?) })
    }

    fn record(&mut self, written: &Record, read: &Record, to: &Node) -> Result<Op, Unresolvable> {
        let Part::Fields { fields: wanted, role } = &to.part else {
            return Err(refuse("a record that is not wanted".into()));
        };
        self.count(written.fields.len())?;
        let sought = matches(written, read);
        let mut ops = Vec::with_capacity(written.fields.len());
        for (n, field) in written.fields.iter().enumerate() {
            let to =
                sought.iter().zip(wanted).find(|(position, _)| **position == Some(n)).map(|(_, wanted)| &wanted.node);
            ops.push(match to.filter(|node| node.is_wanted()) {
                Some(node) => self.resolve(field.ty, node).map_err(|fault| within(&field.name, &fault))?,
                None => Op::Skip(field.ty),
            });
        }
        for ((position, field), wanted) in sought.iter().zip(&read.fields).zip(wanted) {
            if position.is_none() && wanted.node.is_wanted() {
                ops.push(self.default(field, wanted)?);
            }
        }
        Ok(match role {
            Role::Plain => Op::Record(ops.into()),
            Role::Content => Op::Content(ops.into()),
        })
    }

    fn default(&mut self, field: &Field, wanted: &Wanted) -> Result<Op, Unresolvable> {
        let Some(bytes) = &wanted.default else {
            return Err(refuse(format!("{}: the writer lacks the field, and it has no default", field.name)));
        };
        let mut own = Compiler { writer: &self.plan.schema, plan: self.plan, n_ops: self.n_ops };
        let op = Box::new(own.resolve(wanted.node.ty, &wanted.node)?);
        self.n_ops = own.n_ops;
        Ok(Op::Default { bytes: Arc::clone(bytes), op })
    }
}

/// For each field of the reader's the position of the writer's: by name, else by an alias among those that no name took.
fn matches(written: &Record, read: &Record) -> Vec<Option<usize>> {
    let position = |name: &str| written.fields.iter().position(|field| *field.name == *name);
    let mut found: Vec<Option<usize>> = read.fields.iter().map(|field| position(&field.name)).collect();
    for (n, field) in read.fields.iter().enumerate() {
        if found.get(n).is_some_and(Option::is_none) {
            let alias = field.aliases.iter().find_map(|alias| position(alias).filter(|at| !found.contains(&Some(*at))));
            if let Some(slot) = found.get_mut(n) {
                *slot = alias;
            }
        }
    }
    found
}

fn symbols(written: &Enum, read: &Enum) -> Result<Box<[Option<usize>]>, Unresolvable> {
    let position = |symbol: &str| read.symbols.iter().position(|known| **known == *symbol);
    let default = read.default.as_deref().and_then(position);
    let map: Box<[_]> = written.symbols.iter().map(|symbol| position(symbol).or(default)).collect();
    if map.iter().all(Option::is_none) {
        return Err(refuse(format!("no symbol of the writer's enum {} is known", written.names.full)));
    }
    Ok(map)
}

fn yielded(symbol: &str, source: &Source) -> Option<Constant> {
    match &source.reading.table {
        None => Some(Constant::Text(symbol.into())),
        Some(table) => match table.get(symbol) {
            Some(entry) => entry.clone(),
            None => source.reading.default.clone(),
        },
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    SameShortName,
    Promotion,
}

/// How a type of the writer's, no union, is like a branch of the reader's union.
fn likeness_of(written: &Kind, read: &Kind) -> Option<Likeness> {
    match (written.names(), read.names()) {
        _ if !are_of_a_kind(written, read) => None,
        (Some(written), Some(read)) => named_likeness(written, read),
        _ if written.word() == read.word() => Some(Likeness::Same),
        _ => Some(Likeness::Promotion),
    }
}

/// Whether one is the other or can be promoted to it, whatever their names are.
fn are_of_a_kind(written: &Kind, read: &Kind) -> bool {
    match (written, read) {
        (Kind::Int, Kind::Long | Kind::Float | Kind::Double)
        | (Kind::Long, Kind::Float | Kind::Double)
        | (Kind::Float, Kind::Double)
        | (Kind::String, Kind::Bytes)
        | (Kind::Bytes, Kind::String) => true,
        _ => written.word() == read.word(),
    }
}

fn named_likeness(written: &Names, read: &Names) -> Option<Likeness> {
    if written.full == read.full || read.aliases.contains(&written.full) {
        return Some(Likeness::Same);
    }
    let short = |full: &str| full.rsplit('.').next() == Some(written.short());
    (short(&read.full) || read.aliases.iter().any(|alias| short(alias))).then_some(Likeness::SameShortName)
}

fn described(kind: &Kind) -> String {
    match kind.names() {
        Some(names) => format!("{} {}", kind.word(), names.full),
        None => kind.word().into(),
    }
}

fn cannot(written: &Kind, read: &Kind) -> Unresolvable {
    refuse(format!("the writer's {} cannot be read as {}", described(written), described(read)))
}

fn within(field: &str, fault: &Unresolvable) -> Unresolvable {
    let joint = if fault.0.contains(": ") { "." } else { ": " };
    refuse(format!("{field}{joint}{}", fault.0))
}

fn too_large() -> Unresolvable {
    refuse("the schema is too large to resolve".into())
}

fn refuse(why: String) -> Unresolvable {
    Unresolvable(why.into())
}

//! Runs a program over a payload.

use std::fmt::Write as _;

use super::compile::{Feed, Keys, Op, Read};
use super::convert::{Raw, as_it_is, convert, long_as_double, long_as_float, widen};
use super::cursor::{Cursor, malformed};
use super::{Decoder, Fault, Sink};
use crate::domain::Reason;
use crate::mapping::plan::{Joint, Outlet, Source};
use crate::mapping::schema::Schema;
use crate::mapping::value::Value;

/// `schema`: of the types that `op` names.
pub(super) fn run<'a, S: Sink<'a>>(
    op: &'a Op,
    decoder: &'a Decoder,
    schema: &'a Schema,
    cursor: &mut Cursor<'a>,
    sink: &mut S,
) -> Result<(), Fault> {
    match op {
        Op::Skip(ty) => cursor.skip(schema, *ty),
        Op::Leaf(read, feeds) => leaf(read, feeds, cursor, sink),
        Op::Record(ops) => ops.iter().try_for_each(|op| run(op, decoder, schema, cursor, sink)),
        Op::Content(ops) => {
            sink.begin_content();
            ops.iter().try_for_each(|op| run(op, decoder, schema, cursor, sink))
        }
        Op::Items { keys, min_bytes, item } => loop {
            let count = cursor.wanted_block(*min_bytes)?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                match keys {
                    Keys::None => {}
                    Keys::Text => sink.at_key(cursor.bytes()?),
                }
                run(item, decoder, schema, cursor, sink)?;
            }
        },
        Op::Union(ops) => {
            let op = ops.get(cursor.index()?).ok_or_else(|| malformed("a union index without a branch"))?;
            run(op, decoder, schema, cursor, sink)
        }
        Op::Default { bytes, op } => run(op, decoder, &decoder.plan.schema, &mut Cursor::new(bytes), sink),
        Op::Unresolvable(why) => Err(Fault::with_detail(Reason::UnresolvableSchema, why)),
    }
}

#[inline]
fn leaf<'a, S: Sink<'a>>(read: &Read, feeds: &'a [Feed], cursor: &mut Cursor<'a>, sink: &mut S) -> Result<(), Fault> {
    let raw = match read {
        Read::Null => Raw::Null,
        Read::Boolean => Raw::Boolean(cursor.boolean()?),
        Read::Int => Raw::Integer(cursor.int()?.into()),
        Read::Long => Raw::Integer(cursor.long()?),
        Read::IntAsFloat => Raw::Float(widen(long_as_float(cursor.int()?.into()))),
        Read::LongAsFloat => Raw::Float(widen(long_as_float(cursor.long()?))),
        Read::IntAsDouble => Raw::Float(cursor.int()?.into()),
        Read::LongAsDouble => Raw::Float(long_as_double(cursor.long()?)),
        Read::Float => Raw::Float(widen(cursor.float()?)),
        Read::Double => Raw::Float(cursor.double()?),
        Read::Bytes => Raw::Bytes(cursor.bytes()?),
        Read::Text => Raw::Text(cursor.text()?),
        Read::Fixed(size) => Raw::Bytes(cursor.take(*size)?),
        Read::Enum(symbols) => match symbols.get(cursor.index()?) {
            Some(Some(symbol)) => Raw::Symbol(*symbol),
            Some(None) => {
                let path = feeds.first().map_or("", |feed| &feed.source.path);
                let why = format!("{path}: a symbol that the reader's enum lacks, and it has no default");
                return Err(Fault::with_detail(Reason::UnresolvableSchema, &why));
            }
            None => return Err(malformed("an enum index without a symbol")),
        },
    };
    for feed in feeds {
        if let Some(value) = as_it_is(feed, raw) {
            sink.put(&feed.source, value);
        } else if let Some(value) = convert(feed, raw)? {
            sink.put(&feed.source, value);
        }
    }
    Ok(())
}

/// Holds back the values of targets with several sources until all of them are known, and passes over map values whose
/// key is not the one that is asked for.
pub(super) struct Ranked<'a, 's, S> {
    sink: &'s mut S,
    slots: Vec<Option<(&'a Source, Value<'a>)>>,
    /// Of the map that is being read.
    key: &'a [u8],
}

impl<'a, 's, S: Sink<'a>> Ranked<'a, 's, S> {
    pub(super) fn new(sink: &'s mut S, n_slots: usize) -> Self {
        Self { sink, slots: vec![None; n_slots], key: &[] }
    }

    /// Hands the values on, the best source first.
    pub(super) fn flush(mut self, outlets: &'a [Outlet]) {
        for outlet in outlets {
            match outlet {
                Outlet::Slot(slot) => {
                    if let Some((source, value)) = self.slots.get_mut(*slot).and_then(Option::take) {
                        self.sink.put(source, value);
                    }
                }
                Outlet::Joined { source, parts } => {
                    if let Some(text) = self.join(parts) {
                        self.sink.put(source, Value::Text(text.into()));
                    }
                }
            }
        }
    }

    /// `None` unless every part has a value: half an id would name another thing.
    fn join(&self, parts: &[Joint]) -> Option<String> {
        let mut text = String::new();
        for (n, part) in parts.iter().enumerate() {
            let (_, value) = self.slots.get(part.slot)?.as_ref()?;
            if 0 < n {
                text.push_str(&part.join);
            }
            push_part(value, &mut text)?;
        }
        Some(text)
    }
}

/// A value as a part of a text: days as in `2026-11-24`, moments in milliseconds since 1970.
fn push_part(value: &Value<'_>, out: &mut String) -> Option<()> {
    match value {
        _ if value.is_blank() => return None,
        Value::Text(text) => out.push_str(text.trim()),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Decimal(number) => out.push_str(&number.to_string()),
        Value::Instant(moment) => out.push_str(&moment.0.to_string()),
        Value::Date { year, month, day } => write!(out, "{year:04}-{month:02}-{day:02}").ok()?,
        Value::Float(_) | Value::Hash(_) => return None,
    }
    Some(())
}

impl<'a, S: Sink<'a>> Sink<'a> for Ranked<'a, '_, S> {
    #[inline]
    fn put(&mut self, source: &'a Source, value: Value<'a>) {
        if source.reading.key.as_ref().is_some_and(|key| key.as_bytes() != self.key) {
            return;
        }
        match source.slot.and_then(|slot| self.slots.get_mut(slot)) {
            None => self.sink.put(source, value),
            Some(slot) => {
                if slot.as_ref().is_none_or(|(_, earlier)| earlier.is_blank()) {
                    *slot = Some((source, value));
                }
            }
        }
    }

    fn begin_content(&mut self) {
        self.sink.begin_content();
    }

    fn at_key(&mut self, key: &'a [u8]) {
        self.key = key;
    }
}

//! The annotation of a field: its short form, its object form, or a list of both.
//!
//! ```json
//! "pinterest": "user_data.em"
//! "pinterest": {"to": "custom_data.value", "scale": 2}
//! "pinterest": ["custom_data.order_id", {"to": "event_id", "prefix": "order-"}]
//! ```
//!
//! | key | on | meaning |
//! |---|---|---|
//! | `to` | every type that yields a value | the target; within `custom_data.contents` one of its fields |
//! | `values` | enum, string, int, long, boolean | what each value yields; null for nothing |
//! | `default` | all | what null yields, and a value that `values` lacks |
//! | `scale` | int, long | decimal places of minor units |
//! | `unit` | plain int, long | seconds, millis, micros or nanos since 1970 |
//! | `hashed` | what yields text | that it is a SHA-256 hash already |
//! | `prefix` | what yields text, plain int, long | text put before the value |
//! | `order` | outside of contents | which of several sources counts first |
//!
//! An annotation reaches through unions, arrays and maps down to the values; through records only that of
//! `custom_data.contents` does, whose records are the elements. The outermost record's own annotation holds constants.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::constant::{Constant, nearest};
use super::fault::Faults;
use super::{Place, Reading};
use crate::mapping::schema::Unit;
use crate::mapping::target::{ContentField, Target, TargetKind};

/// Longest prefix, in bytes: it is repeated for every item of an array.
const MAX_PREFIX_BYTES: usize = 64;
/// `rust_decimal` holds 28 digits.
const MAX_SCALE: u64 = 28;

/// Where a field stands, and therefore which names its annotation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    Event,
    /// Within an element of `custom_data.contents`.
    Content,
}

pub(super) enum Annotation {
    /// The records below are elements of `custom_data.contents`.
    Contents,
    Value {
        place: Place,
        reading: Box<Reading>,
        order: Option<i64>,
    },
}

impl Place {
    /// The name in annotations.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Target(target) => target.path(),
            Self::Content(field) => field.path(),
        }
    }

    pub(super) const fn kind(self) -> TargetKind {
        match self {
            Self::Target(target) => target.kind(),
            Self::Content(field) => field.kind(),
        }
    }
}

/// Reads the annotation of the field at `path`; what is wrong with it goes to `faults`.
pub(super) fn read(json: &Json, context: Context, path: &str, faults: &mut Faults) -> Vec<Annotation> {
    match json {
        Json::Array(list) => list.iter().filter_map(|json| one(json, context, path, faults)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            one(json, context, path, faults).into_iter().collect()
        }
    }
}

fn one(json: &Json, context: Context, path: &str, faults: &mut Faults) -> Option<Annotation> {
    let (to, object) = match json {
        Json::String(to) => (to.as_str(), None),
        Json::Object(object) => {
            let Some(to) = object.get("to").and_then(Json::as_str) else {
                faults.add(path, "the annotation names no target", "add `\"to\": \"…\"`");
                return None;
            };
            (to, Some(object))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
            faults.add(
                path,
                "the annotation is neither text nor an object",
                "write the target's name, or an object with `to`",
            );
            return None;
        }
    };
    let place = place(to, context, path, faults)?;
    let Some(object) = object else {
        return Some(match place {
            Place::Target(Target::CustomContents) => Annotation::Contents,
            Place::Target(_) | Place::Content(_) => Annotation::Value { place, reading: Box::default(), order: None },
        });
    };
    if place == Place::Target(Target::CustomContents) {
        if 1 < object.len() {
            faults.add(path, "custom_data.contents is read by its fields alone", "keep only `to`");
        }
        return Some(Annotation::Contents);
    }
    Some(Keys { object, place, path, faults }.read())
}

fn place(to: &str, context: Context, path: &str, faults: &mut Faults) -> Option<Place> {
    let (place, mend) = match context {
        Context::Event => {
            (Target::from_path(to).map(Place::Target), nearest(to, Target::ALL.iter().map(|target| target.path())))
        }
        Context::Content => {
            let names: Vec<_> = ContentField::ALL.iter().map(|field| field.path()).collect();
            let mend = format!("within contents the targets are {}", names.join(", "));
            (ContentField::from_path(to).map(Place::Content), mend)
        }
    };
    if place.is_none() {
        faults.add(path, format!("`{to}` is no target"), mend);
    }
    place
}

struct Keys<'j, 'f> {
    object: &'j Map<String, Json>,
    place: Place,
    path: &'j str,
    faults: &'f mut Faults,
}

impl Keys<'_, '_> {
    fn read(mut self) -> Annotation {
        let mut reading = Reading::default();
        let mut order = None;
        for (key, json) in self.object {
            match key.as_str() {
                "to" => {}
                "values" => reading.table = self.table(json),
                "default" => reading.default = self.constant(json, "`default`"),
                "scale" => match json.as_u64().filter(|scale| *scale <= MAX_SCALE) {
                    Some(scale) => reading.scale = u32::try_from(scale).ok(),
                    None => {
                        self.fault(format!("`scale` is no whole number from 0 to {MAX_SCALE}"), "write 2 for cents");
                    }
                },
                "unit" => match json.as_str().and_then(Unit::from_word) {
                    Some(unit) => reading.unit = Some(unit),
                    None => self.fault("`unit` names no unit".into(), "write seconds, millis, micros or nanos"),
                },
                "hashed" => match json.as_bool() {
                    Some(hashed) => reading.hashed = hashed,
                    None => self.fault("`hashed` is no boolean".into(), "write true"),
                },
                "prefix" => match json.as_str().filter(|prefix| prefix.len() <= MAX_PREFIX_BYTES) {
                    Some(prefix) => reading.prefix = Some(prefix.into()),
                    None => {
                        self.fault(format!("`prefix` is no text of at most {MAX_PREFIX_BYTES} bytes"), "shorten it");
                    }
                },
                "order" => match json.as_i64() {
                    Some(rank) => order = Some(rank),
                    None => self.fault("`order` is no whole number".into(), "write 1 for the source that counts first"),
                },
                _ => self.fault(
                    format!("`{key}` is no part of an annotation"),
                    "it knows to, values, default, scale, unit, hashed, prefix, order",
                ),
            }
        }
        if reading.table.is_some()
            && (reading.scale.is_some() || reading.unit.is_some() || reading.hashed || reading.prefix.is_some())
        {
            self.fault(
                "`values` goes with none of scale, unit, hashed and prefix".into(),
                "let the table yield what is to be sent",
            );
        }
        if order.is_some() && matches!(self.place, Place::Content(_)) {
            self.fault("`order` within contents".into(), "feed each of their fields from one field");
        }
        Annotation::Value { place: self.place, reading: Box::new(reading), order }
    }

    fn table(&mut self, json: &Json) -> Option<HashMap<Box<str>, Option<Constant>>> {
        let Some(object) = json.as_object() else {
            self.fault("`values` is no object".into(), "write `{\"WEB\": \"web\"}`");
            return None;
        };
        let mut table = HashMap::with_capacity(object.len());
        for (key, json) in object {
            let entry = if json.is_null() { None } else { self.constant(json, "`values`") };
            table.insert(key.as_str().into(), entry);
        }
        Some(table)
    }

    fn constant(&mut self, json: &Json, place: &str) -> Option<Constant> {
        let Some(constant) = Constant::from_json(json) else {
            self.fault(format!("{place} holds neither text nor a number nor a boolean"), "write the value itself");
            return None;
        };
        if let Some((what, mend)) = constant.objection(self.place.path(), self.place.kind()) {
            self.faults.add(self.path, format!("{place}: {what}"), mend);
            return None;
        }
        Some(constant)
    }

    fn fault(&mut self, what: String, mend: &str) {
        self.faults.add(self.path, what, mend);
    }
}

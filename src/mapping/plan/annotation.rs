//! The annotation of a field: its short form, its object form, or a list of both.
//!
//! ```json
//! "pinterest": "user_data.em"
//! "pinterest": {"to": "custom_data.value", "scale": 2}
//! "pinterest": ["custom_data.order_id", {"to": "event_id", "prefix": "order-"}]
//! ```
//!
//! [`KEYS`] has every key.
//!
//! An annotation reaches through unions, arrays and maps down to the values; through records only that of
//! `custom_data.contents` does, whose records are the elements. The outermost record's own annotation holds constants.

use std::collections::HashMap;

use jiff::tz::TimeZoneDatabase;
use serde_json::{Map, Value as Json};

use super::constant::{Constant, nearest};
use super::fault::Faults;
use super::{Place, Reading};
use crate::mapping::event_rules::PhoneRegion;
use crate::mapping::schema::Unit;
use crate::mapping::target::{ContentField, Target, TargetKind};

/// Every key of the object form: its name, the types that it goes with, what it means.
pub const KEYS: [(&str, &str, &str); 14] = [
    ("to", "every type that yields a value", "the target; within `custom_data.contents` one of its fields"),
    ("values", "enum, string, int, long, boolean", "what each value yields; `null` for nothing"),
    ("default", "all", "what null yields, and a value that `values` lacks"),
    ("scale", "int, long", "decimal places of minor units: 2 makes 1999 a value of 19.99"),
    (
        "unit",
        "plain int, long, float, double, string",
        "what a count since 1970 counts: `seconds`, `millis`, `micros` or `nanos`",
    ),
    ("zone", "string, local timestamps", "time zone of times that name no offset: `Europe/Vienna`, `UTC`"),
    ("hashed", "what yields text", "`true`: it is a SHA-256 hash already, as 64 hex digits or 32 bytes"),
    (
        "region",
        "`user_data.ph`",
        "country whose national phone numbers are understood, where the record's own country does not tell: `DE`",
    ),
    ("prefix", "what yields text, plain int, long", "text put before the value"),
    ("key", "map", "the one key whose value counts"),
    (
        "part",
        "what yields text, whole numbers, days, moments",
        "which part of a text composed of several fields, from 1",
    ),
    ("join", "a `part` behind the first", "what stands before the part; `-` if not said"),
    ("order", "outside of contents", "which of several sources counts first: 1 before 2"),
    ("doc", "all", "a remark for readers"),
];

/// Longest `prefix` and `join`, in bytes: they are repeated for every item of an array.
const MAX_PREFIX_BYTES: usize = 64;
/// Between the parts of a text that say nothing else.
const JOIN: &str = "-";
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
        rank: Rank,
    },
}

/// How a source stands to the others of its target.
#[derive(Default)]
pub(super) struct Rank {
    pub(super) order: Option<i64>,
    pub(super) part: Option<PartOf>,
}

impl Rank {
    pub(super) fn words(&self) -> String {
        let part = |part: &PartOf| match &*part.join {
            JOIN => format!("part {}", part.number),
            join => format!("part {} behind {join}", part.number),
        };
        let words = [self.order.map(|order| format!("order {order}")), self.part.as_ref().map(part)];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// One of several fields of which a text is composed.
pub(super) struct PartOf {
    pub(super) number: i64,
    pub(super) join: Box<str>,
}

impl Place {
    /// The name in annotations.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Target(target) => target.path(),
            Self::Content(field) => field.path(),
        }
    }

    /// The rule in words.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::Target(target) => target.rule(),
            Self::Content(field) => field.rule(),
        }
    }

    pub(crate) const fn kind(self) -> TargetKind {
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
            Place::Target(_) | Place::Content(_) => {
                Annotation::Value { place, reading: Box::default(), rank: Rank::default() }
            }
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
        let (mut order, mut part, mut join) = (None, None, None);
        for (key, json) in self.object {
            match key.as_str() {
                "to" | "doc" => {}
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
                "zone" => match json.as_str().and_then(|name| TimeZoneDatabase::bundled().get(name).ok()) {
                    Some(zone) => reading.zone = Some(zone),
                    None => self.fault("`zone` names no time zone".into(), "write one as in `Europe/Vienna`, or `UTC`"),
                },
                "region" => match json.as_str().and_then(PhoneRegion::try_new) {
                    Some(region) => reading.region = Some(region),
                    None => self.fault(
                        "`region` names no country that has phone numbers".into(),
                        "write the two letters of ISO 3166, as in DE or US",
                    ),
                },
                "key" => match json.as_str() {
                    Some(key) => reading.key = Some(key.into()),
                    None => self.fault("`key` is no text".into(), "write one key of the map"),
                },
                "prefix" => reading.prefix = self.short_text(json, "prefix"),
                "join" => join = self.short_text(json, "join"),
                "part" => match json.as_i64().filter(|number| 1 <= *number) {
                    Some(number) => part = Some(number),
                    None => self.fault("`part` is no whole number from 1".into(), "write 1 for what stands first"),
                },
                "order" => match json.as_i64() {
                    Some(rank) => order = Some(rank),
                    None => self.fault("`order` is no whole number".into(), "write 1 for the source that counts first"),
                },
                _ => self.fault(
                    format!("`{key}` is no part of an annotation"),
                    &format!("it knows {}", KEYS.map(|(name, ..)| name).join(", ")),
                ),
            }
        }
        let is_plain = reading.scale.is_none()
            && reading.unit.is_none()
            && reading.zone.is_none()
            && !reading.hashed
            && reading.prefix.is_none();
        if reading.table.is_some() && !is_plain {
            self.fault(
                "`values` goes with none of scale, unit, zone, hashed and prefix".into(),
                "let the table yield what is to be sent",
            );
        }
        if reading.zone.is_some() && self.place.kind() == TargetKind::Birthdays {
            let what = format!("`zone` on {}, whose day is the one that the clock showed", self.place.path());
            self.fault(what, "remove it; dates, local timestamps and text are read as they stand");
        }
        if reading.key.is_some() && reading.default.is_some() && reading.table.is_none() {
            self.fault(
                "`default` beside `key`: a map that lacks the key yields nothing".into(),
                "remove it; what a missing consent means is the feed's `missing_consent`",
            );
        }
        if reading.region.is_some() && (reading.hashed || self.place != Place::Target(Target::UserPh)) {
            let what = format!("`region` on {}, where no phone number is read", self.place.path());
            self.fault(what, "remove it; it is for user_data.ph, in the clear");
        }
        if (order.is_some() || part.is_some()) && matches!(self.place, Place::Content(_)) {
            self.fault("`order` or `part` within contents".into(), "feed each of their fields from one field");
        }
        if join.is_some() && part.is_none_or(|number| number == 1) {
            self.fault("`join` without a part before it".into(), "write it at the parts behind the first");
        }
        if part.is_some()
            && (reading.hashed || !matches!(self.place.kind(), TargetKind::Text { .. } | TargetKind::Hashes))
        {
            let what = format!("{} is not composed of parts", self.place.path());
            self.fault(what, "only texts, and what is hashed, are");
        }
        let part = part.map(|number| PartOf { number, join: join.unwrap_or_else(|| JOIN.into()) });
        Annotation::Value { place: self.place, reading: Box::new(reading), rank: Rank { order, part } }
    }

    fn short_text(&mut self, json: &Json, key: &str) -> Option<Box<str>> {
        let text = json.as_str().filter(|text| text.len() <= MAX_PREFIX_BYTES);
        if text.is_none() {
            self.fault(format!("`{key}` is no text of at most {MAX_PREFIX_BYTES} bytes"), "shorten it");
        }
        text.map(Into::into)
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

//! Values that stand in the schema or the configuration: constants, defaults, what value tables yield.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::Overrides;
use super::fault::Faults;
use super::literal::CONFIGURATION;
use crate::mapping::schema::{Kind, Schema};
use crate::mapping::target::{Target, TargetKind};
use crate::mapping::value::{Value, ValueKind};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Text(Box<str>),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
}

impl Constant {
    /// `None` unless it is a string, a number that fits, or a boolean.
    pub(super) fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::String(text) => Some(Self::Text(text.as_str().into())),
            Json::Bool(flag) => Some(Self::Boolean(*flag)),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Some(Self::Integer(integer)),
                None => number.to_string().parse().ok().map(Self::Decimal),
            },
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    pub(crate) const fn kind(&self) -> ValueKind {
        match self {
            Self::Text(_) => ValueKind::Text,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Integer(_) => ValueKind::Integer,
            Self::Decimal(_) => ValueKind::Decimal,
        }
    }

    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text((&**text).into()),
            Self::Boolean(flag) => Value::Boolean(*flag),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Decimal(decimal) => Value::Decimal(*decimal),
        }
    }

    /// What is wrong with its kind as a value of a target; nothing if it fits.
    pub(super) fn objection(&self, path: &str, kind: TargetKind) -> Option<(String, String)> {
        let what = || format!("{path} does not take the {} that stands here", self.kind().as_str());
        (!kind.takes(self.kind())).then(|| (what(), format!("it takes {}", kinds(kind))))
    }
}

/// The kinds that a target takes, as words of a list.
pub(super) fn kinds(kind: TargetKind) -> String {
    let words: Vec<_> = ValueKind::ALL.into_iter().filter(|of| kind.takes(*of)).map(ValueKind::as_str).collect();
    words.join(", ")
}

/// The constants at the outermost record, as the configuration overrides them, in the order of their paths.
pub(super) fn constants(schema: &Schema, overrides: &Overrides, faults: &mut Faults) -> Box<[(Target, Constant)]> {
    let mut constants = BTreeMap::new();
    if let Kind::Record(record) = &schema.get(schema.root()).kind
        && let Some(annotation) = &record.annotation
    {
        match annotation {
            Json::Object(object) => {
                for (path, json) in object {
                    match Constant::from_json(json) {
                        Some(constant) => add(path, constant, "", &mut constants, faults),
                        None => faults.add(
                            "",
                            format!("the constant for {path} is neither text nor a number nor a boolean"),
                            "write the value itself",
                        ),
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => faults.add(
                "",
                "the annotation of a record is not an object",
                "write constants as `{\"event_name\": \"checkout\"}`",
            ),
        }
    }
    for (path, text) in overrides {
        add(path, Constant::Text(text.as_str().into()), CONFIGURATION, &mut constants, faults);
    }
    constants.into_values().collect()
}

fn add(
    path: &str,
    constant: Constant,
    place: &str,
    constants: &mut BTreeMap<Box<str>, (Target, Constant)>,
    faults: &mut Faults,
) {
    let Some(target) = Target::from_path(path) else {
        return faults.add(
            place,
            format!("`{path}` is no target"),
            nearest(path, Target::ALL.iter().map(|t| t.path())),
        );
    };
    if let Some((what, mend)) = constant.objection(path, target.kind()) {
        faults.add(place, what, mend);
    }
    // A faulty one too, lest the target be reported as fed by nothing.
    constants.insert(path.into(), (target, constant));
}

/// The mend for a name that is not in a list: the likest one that is.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> String {
    let close =
        |candidate: &&str| distance(word, candidate).min(distance(word, candidate.rsplit('.').next().unwrap_or("")));
    match words.min_by_key(close) {
        Some(candidate) if close(&candidate) <= 3 => format!("did you mean `{candidate}`?"),
        _ => "the reference lists all targets".into(),
    }
}

/// Insertions, deletions and replacements that lead from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (n, a) in from.bytes().enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(to.bytes()) {
            let above = *cell;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(a != b));
            diagonal = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_target_is_answered_with_the_likest_one() {
        for (word, mend) in [
            ("event_nme", "did you mean `event_name`?"),
            ("user_data.emm", "did you mean `user_data.em`?"),
            ("currency", "did you mean `custom_data.currency`?"),
            ("colour_of_the_sky", "the reference lists all targets"),
        ] {
            assert_eq!(nearest(word, Target::ALL.iter().map(|target| target.path())), mend, "{word}");
        }
    }
}

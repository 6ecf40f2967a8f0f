//! What a schema or a configuration says itself, asked whether the rule of its target takes it: a value that no record
//! can have sent is a fault when the plan is compiled, not a silent gap in every event.

use super::constant::Constant;
use super::fault::Faults;
use super::tree::{Draft, Leaf};
use super::{Overrides, Place, Plan, PlanFault, Reading};
use crate::mapping::event_rules::{EventRules, Kept, MissingConsent};
use crate::mapping::normalise::refusal;
use crate::mapping::reference::form;
use crate::mapping::rules::texts;
use crate::mapping::schema::{Kind, Logical, Schema};
use crate::mapping::target::{Target, TargetKind};

/// Where a fault lies that is the configuration's.
pub(super) const CONFIGURATION: &str = "feed configuration";
/// Longest value that a fault repeats, in characters.
const MAX_SHOWN: usize = 40;

/// A value that no record brings.
pub(crate) struct Literal {
    /// The field's path; [`CONFIGURATION`], or empty for a constant of the schema.
    path: Box<str>,
    place: Place,
    origin: Origin,
    value: Constant,
}

enum Origin {
    Constant,
    Default,
    /// What the value table yields for this value.
    Entry(Box<str>),
    /// Of an enum that no value table translates.
    Symbol(Box<str>),
    /// The schema's own default of the field, for writers that lack it.
    FieldDefault,
}

/// What is left out of some events, while others have the target.
pub(crate) struct LeftOut {
    pub(crate) path: Box<str>,
    pub(crate) what: String,
    pub(crate) mend: &'static str,
}

const SYMBOLS_MEND: &str = "say with `values` what each yields, null for nothing";
const FIELD_DEFAULT_MEND: &str = "mend it; null and blank text count as no value";

/// By which choices of a feed a value is judged.
#[derive(Clone, Copy)]
enum Judged<'r> {
    /// Those under which most is sent.
    Mildly,
    By(&'r EventRules),
}

pub(super) fn literals(
    schema: &Schema,
    leaves: &[Leaf<'_>],
    drafts: &[Draft],
    constants: &[(Target, Constant)],
    overrides: &Overrides,
) -> Box<[Literal]> {
    let mut all = Vec::new();
    for (target, constant) in constants {
        let path = if overrides.contains_key(target.path()) { CONFIGURATION } else { "" };
        let place = Place::Target(*target);
        all.push(Literal { path: path.into(), place, origin: Origin::Constant, value: constant.clone() });
    }
    for (n, draft) in drafts.iter().enumerate() {
        let of_draft =
            |(origin, value)| Literal { path: draft.source.path.clone(), place: draft.source.place, origin, value };
        let reading = &draft.source.reading;
        let is_part = draft.rank.part.is_some();
        let said = said(reading).into_iter().map(of_draft);
        // The rule is for the whole text; a part of nothing is none in any.
        all.extend(said.filter(|literal| !is_part || literal.value.value().is_blank()));
        if reading.table.is_some() || reading.hashed || is_part {
            continue;
        }
        for leaf in leaves.iter().filter(|leaf| leaf.sources.contains(&n)) {
            let ty = schema.get(leaf.ty);
            if let Kind::Enum(of) = &ty.kind {
                all.extend(of.symbols.iter().map(|symbol| of_draft(as_symbol(symbol, reading))));
            } else if ty.logical == Logical::None
                && let Some(default) = field_default(&ty.kind, draft)
            {
                all.push(of_draft((Origin::FieldDefault, default)));
            }
        }
    }
    // What is of the wrong kind has its fault already.
    all.retain(|literal| literal.place.kind().takes(literal.value.kind()));
    all.into()
}

/// What the annotation says, in the order of its table's left side.
fn said(reading: &Reading) -> Vec<(Origin, Constant)> {
    let mut entries: Vec<_> = reading.table.iter().flatten().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let yielded =
        entries.into_iter().filter_map(|(key, constant)| Some((Origin::Entry(key.clone()), constant.clone()?)));
    let default = reading.default.iter().map(|default| (Origin::Default, default.clone()));
    yielded.chain(default).collect()
}

fn as_symbol(symbol: &str, reading: &Reading) -> (Origin, Constant) {
    (Origin::Symbol(symbol.into()), Constant::Text(prefixed(reading, symbol)))
}

/// The schema's default of a field of this type, where it goes on as it is and is not blank, which would be none.
fn field_default(kind: &Kind, draft: &Draft) -> Option<Constant> {
    let reading = &draft.source.reading;
    let is_plain = reading.scale.is_none() && reading.unit.is_none() && reading.zone.is_none();
    let default = draft.field_default.as_ref().filter(|default| is_plain && !default.value().is_blank())?;
    match (kind, default) {
        (Kind::String, Constant::Text(text)) => Some(Constant::Text(prefixed(reading, text))),
        (Kind::Boolean, Constant::Boolean(_)) | (Kind::Int | Kind::Long, Constant::Integer(_)) => Some(default.clone()),
        _ => None,
    }
}

fn prefixed(reading: &Reading, text: &str) -> Box<str> {
    format!("{}{text}", reading.prefix.as_deref().unwrap_or_default()).into()
}

/// Finds what no record can have sent.
pub(super) fn check(literals: &[Literal], faults: &mut Faults) {
    judge(literals, Judged::Mildly, faults);
}

/// Adds the faults, and gives what is refused without being one.
fn judge(literals: &[Literal], judged: Judged<'_>, faults: &mut Faults) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    for of_field in literals.chunk_by(Literal::are_symbols_of_one_field) {
        match of_field {
            [first, ..] if matches!(first.origin, Origin::Symbol(_)) => {
                left_out.extend(judge_symbols(first, of_field, judged, faults));
            }
            alone => {
                for literal in alone {
                    if let Some(why) = literal.refusal(judged) {
                        let what = format!("{} does not take {}: {why}", literal.subject(), literal.shown());
                        if matches!(literal.origin, Origin::FieldDefault) && !literal.ends_its_record() {
                            left_out.push(LeftOut { path: literal.path.clone(), what, mend: FIELD_DEFAULT_MEND });
                        } else {
                            faults.add(&literal.path, what, literal.mend(judged));
                        }
                    }
                }
            }
        }
    }
    left_out
}

/// A fault where none of the symbols is taken, and where one that is not ends its record; else it is left out of the
/// event, as any text is that the rule refuses.
fn judge_symbols(first: &Literal, symbols: &[Literal], judged: Judged<'_>, faults: &mut Faults) -> Option<LeftOut> {
    let refused: Vec<(&str, String)> = symbols
        .iter()
        .filter_map(|literal| match &literal.origin {
            Origin::Symbol(symbol) => Some((&**symbol, literal.refusal(judged)?)),
            Origin::Constant | Origin::Default | Origin::Entry(_) | Origin::FieldDefault => None,
        })
        .collect();
    let (_, why) = refused.first()?;
    let names: Vec<&str> = refused.iter().map(|(symbol, _)| *symbol).collect();
    let what = format!("{} does not take the symbols {}: {why}", first.place.path(), names.join(", "));
    if first.ends_its_record() || refused.len() == symbols.len() {
        faults.add(&first.path, what, format!("{SYMBOLS_MEND}; {}", first.mend(judged)));
        return None;
    }
    Some(LeftOut { path: first.path.clone(), what, mend: SYMBOLS_MEND })
}

impl Literal {
    fn are_symbols_of_one_field(&self, other: &Self) -> bool {
        let both = matches!((&self.origin, &other.origin), (Origin::Symbol(_), Origin::Symbol(_)));
        both && self.path == other.path && self.place == other.place
    }

    /// Whether a record with a value that is refused here is not sent at all.
    fn ends_its_record(&self) -> bool {
        matches!(self.place, Place::Target(target) if target.is_decisive())
    }

    /// Why it is not sent, in words.
    fn refusal(&self, judged: Judged<'_>) -> Option<String> {
        let value = self.value.value();
        if value.is_blank() {
            return Some("blank text counts as no value".to_owned());
        }
        let kept = match judged {
            Judged::Mildly => Kept::ALL,
            Judged::By(rules) => rules.kept(),
        };
        if let Some(why) = refusal(self.place, &value, kept) {
            return Some(why.meaning().to_owned());
        }
        match judged {
            Judged::By(rules) if self.place == Place::Target(Target::Lane) => {
                let asked = texts::raw(&value).ok()?;
                rules.lane(&asked).is_none().then(|| "no lane has this name or this ad account".to_owned())
            }
            Judged::Mildly | Judged::By(_) => None,
        }
    }

    /// What does not take the value, and for what.
    fn subject(&self) -> String {
        let path = self.place.path();
        match &self.origin {
            Origin::Constant | Origin::Symbol(_) => path.to_owned(),
            Origin::Default => format!("`default`: {path}"),
            Origin::FieldDefault => format!("the field's default: {path}"),
            Origin::Entry(key) => format!("`values` for `{key}`: {path}"),
        }
    }

    /// The value, unless it may be a person's or is too long to be read.
    fn shown(&self) -> String {
        let text = self.value.value().reveal();
        if self.place.path().starts_with("user_data.") || MAX_SHOWN < text.chars().count() {
            return "what stands here".to_owned();
        }
        format!("`{text}`")
    }

    fn mend(&self, judged: Judged<'_>) -> String {
        if self.value.value().is_blank() {
            let nothing = if matches!(self.origin, Origin::Entry(_)) { "write null" } else { "remove it" };
            return nothing.to_owned();
        }
        match (self.place.kind(), judged) {
            (_, Judged::By(rules)) if self.place == Place::Target(Target::Lane) => {
                let names: Vec<&str> = rules.lanes.iter().map(|lane| &*lane.name).collect();
                format!("the lanes are {}", names.join(", "))
            }
            (TargetKind::Choice(words), _) => format!("it takes {}", words.join(", ")),
            (TargetKind::Flag, _) => "it takes true or false".to_owned(),
            (kind @ TargetKind::Integer { .. }, _) => format!("it takes a {}", form(kind)),
            _ => format!("its rule: {}", self.place.rule()),
        }
    }
}

impl Plan {
    /// What of the plan can never be right under the choices of its feed.
    #[must_use]
    pub fn faults_under(&self, rules: &EventRules) -> Vec<PlanFault> {
        let mut faults = Faults::new(self.name());
        judge(&self.compiled().literals, Judged::By(rules), &mut faults);
        if rules.missing_consent == MissingConsent::Skip && !self.feeds(Target::Consent) {
            faults.add(
                CONFIGURATION,
                "missing_consent: skip, and nothing feeds consent: every record would be skipped",
                "annotate the field that holds it, or remove the key",
            );
        }
        faults.into_inner()
    }

    /// Symbols, and defaults of fields, that are left out of events.
    pub(crate) fn left_out(&self) -> Vec<LeftOut> {
        judge(&self.compiled().literals, Judged::Mildly, &mut Faults::new(self.name()))
    }
}

#[cfg(test)]
mod tests;

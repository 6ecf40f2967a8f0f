//! What a record yielded, source by source: for people who want to know where a value came from.

use super::{DecodeFault, Decoder, Sink};
use crate::mapping::draft::Draft;
use crate::mapping::plan::{Place, Source};
use crate::mapping::target::{ContentField, Target};
use crate::mapping::value::Value;

/// A value on its way to a target.
// No `Debug`: it holds personal data.
#[derive(Clone)]
pub struct Fed<'a> {
    pub place: FedPlace,
    /// The field's path; `None` for a constant.
    pub path: Option<&'a str>,
    pub value: Value<'a>,
    pub fate: Fate,
}

/// What a value feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FedPlace {
    Target(Target),
    /// A field of the element of `custom_data.contents` with this position.
    Content(ContentField, usize),
}

/// What became of a value before Pinterest's rules were applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Used,
    /// Text of nothing but white space counts as no value.
    Blank,
    /// The target takes one value and had one already.
    Late,
}

impl Decoder {
    /// As [`Decoder::decode`], and tells what each source yielded, in the order in which the draft got it.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn trace<'a>(&'a self, payload: &'a [u8], draft: &mut Draft<'a>) -> Result<Vec<Fed<'a>>, DecodeFault> {
        let mut tracer = Tracer { draft, fed: Vec::new(), n_contents: 0 };
        self.decode_into(payload, &mut tracer)?;
        for (target, constant) in &self.plan.constants {
            tracer.note(FedPlace::Target(*target), None, constant.value());
            tracer.draft.put(*target, constant.value());
        }
        Ok(tracer.fed)
    }
}

struct Tracer<'a, 'd> {
    draft: &'d mut Draft<'a>,
    fed: Vec<Fed<'a>>,
    n_contents: usize,
}

impl<'a> Tracer<'a, '_> {
    fn note(&mut self, place: FedPlace, path: Option<&'a str>, value: Value<'a>) {
        let is_list = matches!(place, FedPlace::Target(target) if target.is_list());
        let taken = || self.fed.iter().any(|fed| fed.place == place && fed.fate == Fate::Used);
        let fate = match () {
            () if value.is_blank() => Fate::Blank,
            () if !is_list && taken() => Fate::Late,
            () => Fate::Used,
        };
        self.fed.push(Fed { place, path, value, fate });
    }
}

impl<'a> Sink<'a> for Tracer<'a, '_> {
    fn put(&mut self, source: &'a Source, value: Value<'a>) {
        let place = match source.place {
            Place::Target(target) => FedPlace::Target(target),
            Place::Content(field) => FedPlace::Content(field, self.n_contents.saturating_sub(1)),
        };
        self.note(place, Some(&source.path), value.clone());
        Sink::put(self.draft, source, value);
    }

    fn begin_content(&mut self) {
        self.n_contents += 1;
        Draft::begin_content(self.draft);
    }
}

impl FedPlace {
    /// Its name in annotations; of a product's field with the product's position.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Target(target) => target.path().to_owned(),
            Self::Content(field, n) => format!("{}[{n}].{}", Target::CustomContents.path(), field.path()),
        }
    }

    /// The rule that its values go through.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Target(target) => target.rule(),
            Self::Content(field, _) => field.rule(),
        }
    }
}

//! The reader: from YAML with positions to typed values, collecting faults instead of stopping at the first.
//!
//! It knows forms (text, duration, list), not meanings; those are in the file of each section.

use std::path::Path;
use std::time::Duration;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

use super::fault::{Fault, FaultKind, Place, Placed};
use super::key::{Form, Presence, Spec};
use super::rules::Crossed;
use super::units;

/// Looks an environment variable up.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Whether secrets, and names that only a running process has, must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Needed,
    /// What is missing is left empty: nobody connects to anything.
    Unneeded,
}

/// What is carried through one reading of one file.
pub(super) struct Reading<'e> {
    pub(super) faults: Vec<Fault>,
    /// Relative paths start here: the folder of the file.
    pub(super) folder: &'e Path,
    pub(super) environment: Environment<'e>,
    pub(super) secrets: Secrets,
    /// What the rules between sections look at.
    pub(super) crossed: Crossed,
}

impl Reading<'_> {
    pub(super) fn fault(
        &mut self,
        kind: FaultKind,
        place: &Place,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (problem, remedy) = (problem.into(), remedy.into());
        self.faults.push(Fault { kind, place: place.clone(), problem, remedy });
    }

    fn wrong_type(&mut self, node: &Node<'_>, expected: &str) {
        let hint = if matches!(node.value.data, YamlData::Value(Scalar::Integer(_) | Scalar::FloatingPoint(_)))
            && !expected.contains("number")
        {
            "; a number that is meant as text stands in quotes"
        } else {
            ""
        };
        let problem = format!("expected {expected}, found {}", describe(node));
        self.fault(FaultKind::WrongType, &node.place, problem, format!("write {expected}{hint}"));
    }
}

/// A node of the document and where it stands.
pub(super) type Node<'y> = Placed<&'y MarkedYaml<'y>>;

/// Parses the text of a file; on failure says where and why.
pub(super) fn parse(text: &str) -> Result<Vec<MarkedYaml<'_>>, (usize, String)> {
    MarkedYaml::load_from_str(text).map_err(|error| (error.marker().line(), error.info().to_owned()))
}

/// The node of a whole document.
pub(super) fn root<'y>(document: &'y MarkedYaml<'y>) -> Node<'y> {
    Placed { value: document, place: Place { key: String::new(), line: Some(document.span.start.line()) } }
}

/// What a person would call the node's form. Never its value: it may be a secret in the wrong place.
fn describe(node: &Node<'_>) -> &'static str {
    match &node.value.data {
        YamlData::Value(Scalar::Null) => "nothing",
        YamlData::Value(Scalar::Boolean(_)) => "true or false",
        YamlData::Value(Scalar::Integer(_)) => "a whole number",
        YamlData::Value(Scalar::FloatingPoint(_)) => "a decimal number",
        YamlData::Value(Scalar::String(text)) if text.trim().is_empty() => "empty text",
        YamlData::Value(Scalar::String(_)) | YamlData::Representation(..) => "text",
        YamlData::Sequence(items) if items.is_empty() => "an empty list",
        YamlData::Sequence(_) => "a list",
        YamlData::Mapping(_) => "a mapping",
        YamlData::Tagged(..) => "a tagged value",
        YamlData::Alias(_) | YamlData::BadValue => "something unreadable",
    }
}

impl<'y> Node<'y> {
    pub(super) fn as_text(&self) -> Option<&'y str> {
        let YamlData::Value(Scalar::String(text)) = &self.value.data else { return None };
        Some(text)
    }

    pub(super) const fn as_integer(&self) -> Option<i64> {
        let YamlData::Value(Scalar::Integer(number)) = self.value.data else { return None };
        Some(number)
    }

    pub(super) const fn as_flag(&self) -> Option<bool> {
        let YamlData::Value(Scalar::Boolean(flag)) = self.value.data else { return None };
        Some(flag)
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(self.value.data, YamlData::Value(Scalar::Null))
    }

    /// Text, or a fault that names `expected`.
    pub(super) fn text(self, expected: &str, reading: &mut Reading<'_>) -> Option<Placed<&'y str>> {
        let text = self.as_text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            reading.wrong_type(&self, expected);
        }
        text.map(|value| Placed { value, place: self.place })
    }

    /// The items of a list with at least one item.
    pub(super) fn list(self, expected: &str, reading: &mut Reading<'_>) -> Option<Vec<Self>> {
        let items = self.value.data.as_sequence().filter(|items| !items.is_empty());
        let Some(items) = items else {
            reading.wrong_type(&self, expected);
            return None;
        };
        let placed = |(n, item): (usize, &'y MarkedYaml<'y>)| {
            let place = Place { key: format!("{}[{n}]", self.place.key), line: Some(item.span.start.line()) };
            Placed { value: item, place }
        };
        Some(items.iter().enumerate().map(placed).collect())
    }

    /// The entries of a mapping, whatever their keys.
    pub(super) fn entries(self, expected: &str, reading: &mut Reading<'_>) -> Option<Vec<(&'y str, Self)>> {
        let YamlData::Mapping(mapping) = &self.value.data else {
            reading.wrong_type(&self, expected);
            return None;
        };
        let mut entries = Vec::with_capacity(mapping.len());
        for (key, value) in mapping {
            let line = Some(key.span.start.line());
            let YamlData::Value(Scalar::String(name)) = &key.data else {
                let place = Place { key: self.place.key.clone(), line };
                let key = Placed { value: key, place };
                let problem = format!("expected a name as key, found {}", describe(&key));
                reading.fault(FaultKind::WrongType, &key.place, problem, "put the key in quotes, or remove it");
                continue;
            };
            let dot = if self.place.key.is_empty() { "" } else { "." };
            let place = Place { key: format!("{}{dot}{name}", self.place.key), line };
            entries.push((name.as_ref(), Placed { value, place }));
        }
        Some(entries)
    }

    /// A mapping with the keys of `spec`; every other key is a fault.
    pub(super) fn section(self, spec: &'static Spec, reading: &mut Reading<'_>) -> Option<Section<'y>> {
        let place = self.place.clone();
        let mut entries = self.entries("a mapping of keys to values", reading)?;
        entries.retain(|(name, node)| {
            let known = spec.key(name).is_some();
            if !known {
                let names = spec.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
                let keys = format!("the keys of {} are: {names}", spec.title);
                let remedy = spec.nearest(name).map_or_else(
                    || format!("remove it; {keys}"),
                    |nearest| format!("did you mean `{nearest}`? If not, remove it; {keys}"),
                );
                reading.fault(FaultKind::UnknownKey, &node.place, "unknown key", remedy);
            }
            known
        });
        Some(Section { spec, place, entries })
    }
}

/// A mapping whose keys are known.
pub(super) struct Section<'y> {
    spec: &'static Spec,
    pub(super) place: Place,
    entries: Vec<(&'y str, Node<'y>)>,
}

impl<'y> Section<'y> {
    /// A section that the file leaves out: every key has its default.
    pub(super) fn absent(spec: &'static Spec, name: &str) -> Self {
        Self { spec, place: Place { key: name.to_owned(), line: None }, entries: Vec::new() }
    }

    /// The node of a key; a required one that is absent is a fault. A value of null counts as absent.
    pub(super) fn node(&self, name: &str, reading: &mut Reading<'_>) -> Option<Node<'y>> {
        let key = self.spec.key(name).expect("a key that is read is declared");
        let found = self.entries.iter().find(|(entry, node)| *entry == name && !node.is_null());
        if found.is_none() && matches!(key.presence, Presence::Required) {
            let remedy = format!("add it: {} ({})", key.about, key.form.describe());
            reading.fault(FaultKind::MissingKey, &self.place_of(name), "required key is missing", remedy);
        }
        found.map(|(_, node)| node.clone())
    }

    /// Where the key stands, or would stand.
    fn place_of(&self, name: &str) -> Place {
        if let Some((_, node)) = self.entries.iter().find(|(entry, _)| *entry == name) {
            return node.place.clone();
        }
        let dot = if self.place.key.is_empty() { "" } else { "." };
        Place { key: format!("{}{dot}{name}", self.place.key), line: self.place.line }
    }

    pub(super) fn text(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<&'y str>> {
        let expected = self.form(name).describe();
        match self.node(name, reading) {
            Some(node) => node.text(&expected, reading),
            None => self.default(name),
        }
    }

    pub(super) fn duration(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<Duration>> {
        let Form::Duration(least, most) = *self.form(name) else { unreachable!("declared as a duration") };
        let written = self.unit(name, "500ms, 45s, 5m, 48h or 7d", reading)?;
        let value = written.parse(units::duration, "a whole number with ms, s, m, h or d, such as 45s", reading)?;
        within(value, least, most, units::show_duration, reading)
    }

    pub(super) fn size(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<u64>> {
        let Form::Size(least, most) = *self.form(name) else { unreachable!("declared as a size") };
        let written = self.unit(name, "512B, 64KiB or 2MiB", reading)?;
        let value = written.parse(units::size, "a whole number with B, KiB, MiB or GiB, such as 64KiB", reading)?;
        within(value, least, most, units::show_size, reading)
    }

    pub(super) fn count(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<u64>> {
        let form = self.form(name);
        let Form::Count(least, most) = *form else { unreachable!("declared as a count") };
        let value = if let Some(node) = self.node(name, reading) {
            let Some(value) = node.as_integer() else {
                reading.wrong_type(&node, &form.describe());
                return None;
            };
            Placed { value, place: node.place }
        } else {
            self.default(name)?.map(|text| text.parse().expect("a default count is a number"))
        };
        let limit = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let value = within(value, limit(least), limit(most), |n| n.to_string(), reading)?;
        Some(value.map(|n| u64::try_from(n).expect("the least count is not negative")))
    }

    pub(super) fn word(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<&'y str>> {
        let Form::Word(words) = *self.form(name) else { unreachable!("declared as a word") };
        let written = self.text(name, reading)?;
        if !words.contains(&written.value) {
            let expected = self.form(name).describe();
            let problem = format!("expected {expected}, found {:?}", written.value);
            reading.fault(FaultKind::UnknownWord, &written.place, problem, format!("write {expected}"));
            return None;
        }
        Some(written)
    }

    pub(super) fn flag(&self, name: &str, reading: &mut Reading<'_>) -> Option<Placed<bool>> {
        let Some(node) = self.node(name, reading) else {
            return self.default(name).map(|default| default.map(|text| text == "true"));
        };
        let value = node.as_flag();
        if value.is_none() {
            reading.wrong_type(&node, "true or false");
        }
        value.map(|value| Placed { value, place: node.place })
    }

    /// Whether the key has a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(entry, node)| *entry == name && !node.is_null())
    }

    fn form(&self, name: &str) -> &'static Form {
        &self.spec.key(name).expect("a key that is read is declared").form
    }

    fn default(&self, name: &str) -> Option<Placed<&'static str>> {
        match self.spec.key(name).expect("a key that is read is declared").presence {
            Presence::Default(value) => {
                Some(Placed { value, place: Place { key: self.place_of(name).key, line: None } })
            }
            Presence::Required | Presence::Optional => None,
        }
    }

    /// Text with a unit; a bare number is a fault of its own kind.
    fn unit(&self, name: &str, examples: &str, reading: &mut Reading<'_>) -> Option<Placed<&'y str>> {
        let Some(node) = self.node(name, reading) else { return self.default(name) };
        if let Some(number) = node.as_integer() {
            let remedy = format!("write it with its unit, as in {examples}");
            reading.fault(FaultKind::BadUnit, &node.place, format!("the number {number} has no unit"), remedy);
            return None;
        }
        node.text(&self.form(name).describe(), reading)
    }
}

impl Placed<&str> {
    /// Text with a unit as a number.
    fn parse<T>(
        self,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
        reading: &mut Reading<'_>,
    ) -> Option<Placed<T>> {
        let value = read(self.value);
        if value.is_none() {
            let problem = format!("expected {expected}, found {:?}", self.value);
            reading.fault(FaultKind::BadUnit, &self.place, problem, format!("write {expected}"));
        }
        value.map(|value| Placed { value, place: self.place })
    }
}

fn within<T: PartialOrd + Copy>(
    found: Placed<T>,
    least: T,
    most: T,
    show: impl Fn(T) -> String,
    reading: &mut Reading<'_>,
) -> Option<Placed<T>> {
    if least <= found.value && found.value <= most {
        return Some(found);
    }
    let limits = format!("{} to {}", show(least), show(most));
    let problem = format!("expected {limits}, found {}", show(found.value));
    reading.fault(FaultKind::OutOfRange, &found.place, problem, format!("choose a value from {limits}"));
    None
}

//! What one record yielded, before any rule of Pinterest's is applied.

use super::target::{ContentField, Target};
use super::value::Value;

/// The values of one record by target, as the decoder puts them.
///
/// It keeps the law of precedence: of a target that takes one value the first that is not blank wins; of a list every
/// one is kept, in order.
/// No `Debug`: it holds personal data.
// Tests print what they invented.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone)]
pub struct Draft<'a> {
    /// Position in `singles` plus one, or `LISTED`; zero where the target has no value.
    slots: [u8; Target::ALL.len()],
    singles: Vec<Value<'a>>,
    listed: Vec<(Target, Value<'a>)>,
    contents: Vec<Content<'a>>,
}

/// What stands in the slot of a list that has values: no position in `singles`, for there are fewer than 254 targets.
const LISTED: u8 = u8::MAX;

/// One element of `custom_data.contents`, by [`ContentField`].
pub(super) type Content<'a> = [Option<Value<'a>>; ContentField::ALL.len()];

impl<'a> Draft<'a> {
    #[must_use]
    pub fn new() -> Self {
        // An order with a customer fills about 24 single targets and 8 listed ones.
        Self {
            slots: [0; Target::ALL.len()],
            singles: Vec::with_capacity(24),
            listed: Vec::with_capacity(8),
            contents: Vec::new(),
        }
    }

    /// Gives `target` a value. Blank text counts as null and is ignored.
    pub fn put(&mut self, target: Target, value: Value<'a>) {
        if value.is_blank() {
            return;
        }
        let Some(slot) = self.slots.get_mut(target.index()) else { return };
        if target.is_list() {
            self.listed.push((target, value));
            *slot = LISTED;
        } else if *slot == 0 {
            self.singles.push(value);
            // One push for each of the targets at most.
            *slot = u8::try_from(self.singles.len()).unwrap_or(0);
        }
    }

    /// Begins the next element of `custom_data.contents`; what [`Draft::put_content`] puts belongs to it.
    pub fn begin_content(&mut self) {
        self.contents.push(Content::default());
    }

    /// Gives a field of the current element a value: the first that is not blank wins.
    pub fn put_content(&mut self, field: ContentField, value: Value<'a>) {
        if value.is_blank() {
            return;
        }
        if let Some(slot) = self.contents.last_mut().and_then(|content| content.get_mut(field.index()))
            && slot.is_none()
        {
            *slot = Some(value);
        }
    }

    /// Whether the target has any value, of one or of several.
    pub(super) fn has(&self, target: Target) -> bool {
        self.slots.get(target.index()).is_some_and(|slot| *slot != 0)
    }

    /// The value of a target that takes one.
    pub(super) fn get(&self, target: Target) -> Option<&Value<'a>> {
        let slot = *self.slots.get(target.index())?;
        self.singles.get(usize::from(slot.checked_sub(1)?))
    }

    /// The values of a target that takes several, in the order in which they were put.
    pub(super) fn list(&self, target: Target) -> impl Iterator<Item = &Value<'a>> {
        let listed = if self.has(target) { self.listed.as_slice() } else { &[] };
        listed.iter().filter(move |(of, _)| *of == target).map(|(_, value)| value)
    }

    pub(super) fn contents(&self) -> &[Content<'a>] {
        &self.contents
    }
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_position_is_taken_for_a_list() {
        assert!(Target::ALL.len() < usize::from(LISTED) - 1);
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn the_first_value_that_is_not_blank_wins_a_single_target() {
        let mut draft = Draft::new();
        for value in ["", " \t", "first", "second"] {
            draft.put(Target::CustomOrderId, text(value));
        }
        assert!(draft.get(Target::CustomOrderId) == Some(&text("first")));
        assert!(draft.get(Target::EventId).is_none());
        assert!(draft.has(Target::CustomOrderId) && !draft.has(Target::EventId));
    }

    #[test]
    fn a_list_keeps_every_value_that_is_not_blank_in_order() {
        let mut draft = Draft::new();
        for (target, value) in
            [(Target::UserEm, "a"), (Target::UserPh, "1"), (Target::UserEm, " "), (Target::UserEm, "b")]
        {
            draft.put(target, text(value));
        }
        assert!(draft.list(Target::UserEm).eq([&text("a"), &text("b")]));
        assert!(draft.list(Target::UserFn).next().is_none());
        assert!(draft.has(Target::UserEm) && !draft.has(Target::UserFn));
        assert!(draft.get(Target::UserEm).is_none());
    }

    #[test]
    fn contents_keep_their_fields_apart_and_a_field_outside_of_one_is_ignored() {
        let mut draft = Draft::new();
        draft.put_content(ContentField::Id, text("lost"));
        for id in ["a", "b"] {
            draft.begin_content();
            draft.put_content(ContentField::Id, text(id));
            draft.put_content(ContentField::Id, text("late"));
        }
        let ids: Vec<_> = draft.contents().iter().map(|content| content[ContentField::Id.index()].clone()).collect();
        assert!(ids == [Some(text("a")), Some(text("b"))]);
    }
}

//! The key of an event that is named without a record: by the same rules as those that records go by.

use super::finish::max_chars;
use super::rules::{DropReason, events};
use super::target::Target;
use super::value::Value;
use crate::domain::{AdAccountId, EventKey};

/// The key under which an event with this name and id would be sent.
///
/// # Errors
/// If no event with such a name or id would be sent: which of the two, and why.
pub fn identify(ad_account: &AdAccountId, event_name: &str, event_id: &str) -> Result<EventKey, (Target, DropReason)> {
    let (name, id) = (Value::Text(event_name.into()), Value::Text(event_id.into()));
    let name = events::event_name(&name, max_chars(Target::EventName)).map_err(|why| (Target::EventName, why))?;
    let id = events::event_id(&id, max_chars(Target::EventId)).map_err(|why| (Target::EventId, why))?;
    Ok(EventKey::new(ad_account, &name, &id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_id_are_read_as_those_of_a_record() {
        let account = AdAccountId::try_new("549755885175").unwrap();
        let key = EventKey::new(&account, "checkout", "order-1");
        for (name, id) in [("checkout", "order-1"), ("Checkout", " order-1 ")] {
            assert_eq!(identify(&account, name, id), Ok(key), "{name} {id}");
        }
        for (name, id, target) in [
            ("check out", "order-1", Target::EventName),
            ("", "order-1", Target::EventName),
            ("checkout", "order\u{7}", Target::EventId),
        ] {
            assert_eq!(identify(&account, name, id).map_err(|(target, _)| target), Err(target), "{name} {id}");
        }
    }
}

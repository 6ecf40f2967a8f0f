//! The table of targets in words: for `schema check --targets` and for the reference in the documentation.

use super::plan::{Plan, Told};
use super::target::{ContentField, Target, TargetKind};
use super::value::ValueKind;

/// A target in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRow {
    /// The name in annotations; within `custom_data.contents` with `contents[].` before it.
    pub name: String,
    /// What is sent.
    pub form: String,
    /// The kinds of value that can feed it.
    pub takes: String,
    pub rule: &'static str,
    pub source: &'static str,
}

/// Every target, in the order of the body; the fields of a product behind `custom_data.contents`.
#[must_use]
pub fn target_rows() -> Vec<TargetRow> {
    let mut rows = Vec::new();
    for target in Target::ALL {
        rows.push(row(target.path().to_owned(), target.kind(), target.rule(), target.source()));
        if *target == Target::CustomContents {
            rows.extend(
                ContentField::ALL.iter().map(|field| {
                    row(format!("contents[].{}", field.path()), field.kind(), field.rule(), field.source())
                }),
            );
        }
    }
    rows
}

fn row(name: String, kind: TargetKind, rule: &'static str, source: &'static str) -> TargetRow {
    let kinds: Vec<_> = ValueKind::ALL.into_iter().filter(|value| kind.takes(*value)).map(ValueKind::as_str).collect();
    let takes = if kinds.is_empty() { "a list of records".to_owned() } else { kinds.join(", ") };
    TargetRow { name, form: form(kind), takes, rule, source }
}

pub(super) fn form(kind: TargetKind) -> String {
    match kind {
        TargetKind::Text { max_chars } | TargetKind::Locale { max_chars } => {
            format!("text, at most {max_chars} characters")
        }
        TargetKind::Texts { max_chars, max_items } => {
            format!("list of at most {max_items} texts, each at most {max_chars} characters")
        }
        TargetKind::Choice(words) => format!("one of {}", words.join(", ")),
        TargetKind::Hashes | TargetKind::Birthdays => "list of hashes".to_owned(),
        TargetKind::Amount => "decimal text".to_owned(),
        TargetKind::Integer { min: i64::MIN, .. } => "whole number".to_owned(),
        TargetKind::Integer { min, max: i64::MAX } => format!("whole number from {min}"),
        TargetKind::Integer { min, max } => format!("whole number from {min} to {max}"),
        TargetKind::Moment => "Unix seconds".to_owned(),
        TargetKind::Flag => "true or false".to_owned(),
        TargetKind::Url { max_chars } => format!("URL, at most {max_chars} characters"),
        TargetKind::IpAddress => "IP address".to_owned(),
        TargetKind::UserAgent { max_chars } => format!("user agent, at most {max_chars} characters"),
        TargetKind::Language => "two letters".to_owned(),
        TargetKind::Languages { max_items } => format!("list of at most {max_items} languages of two letters"),
        TargetKind::Currency => "three letters".to_owned(),
        TargetKind::OptOutType => "words joined by commas".to_owned(),
        TargetKind::Contents => "list of products".to_owned(),
    }
}

/// Something about a plan that works, but that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}; {mend}")]
pub struct Caution {
    pub path: String,
    pub what: String,
    pub mend: &'static str,
}

/// The targets that leave in the clear and name something.
const IDS: [Target; 6] = [
    Target::EventId,
    Target::CustomOrderId,
    Target::CustomContentIds,
    Target::UserClickId,
    Target::UserPartnerId,
    Target::CustomExternalMeasurementId,
];
/// What the names of fields with addresses and phone numbers contain, and words that are too short to be looked for
/// within others: the last one of a name.
const PERSONAL: [&str; 4] = ["email", "phone", "msisdn", "mobilenumber"];
const LAST_WORDS: [&str; 2] = ["tel", "mobile"];

/// Whether a field of this name holds an e-mail address or a phone number, as far as a name tells. `mobile` before
/// another word is where an order comes from.
fn is_personal(name: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    let last = words.last().map_or("", String::as_str);
    PERSONAL.iter().any(|part| joined.contains(part))
        || LAST_WORDS.contains(&last)
        || words.iter().any(|word| word == "mail")
}

/// The words of `customer_mail`, `customerMail` and `customer-mail`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_inside = false;
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || (is_inside && c.is_uppercase());
        if begins {
            words.push(String::new());
        }
        is_inside = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

impl Plan {
    /// What its author should know.
    #[must_use]
    pub fn cautions(&self) -> Vec<Caution> {
        let sources = self.sources();
        let feeds = |path: &str, targets: &[Target]| {
            sources.iter().any(|told| told.path == path && told.target.is_some_and(|target| targets.contains(&target)))
        };
        let mut cautions = Vec::new();
        // Of a product the id, which stands in `content_ids` too.
        let is_id = |told: &&Told| match told.target {
            Some(target) => IDS.contains(&target),
            None => told.name == ContentField::Id.path(),
        };
        for told in sources.iter().filter(is_id) {
            let name = told.path.rsplit('.').next().unwrap_or_default();
            if feeds(&told.path, &[Target::UserEm, Target::UserPh]) || is_personal(name) {
                cautions.push(Caution {
                    path: told.path.clone(),
                    what: format!("{} is fed by what looks like an e-mail address or a phone number", told.name),
                    mend: "ids leave in the clear and stand in audit rows: take one that names no person",
                });
            }
        }
        let placed = self.feeds(Target::UserSt) && self.feeds(Target::UserCountry);
        if self.feeds(Target::CustomOptOutType) && !placed {
            cautions.push(Caution {
                path: Target::CustomOptOutType.path().to_owned(),
                what: "it is fed, but not both user_data.st and user_data.country".to_owned(),
                mend: "Pinterest heeds LDP only beside both: map them too",
            });
        }
        let left_out = self.left_out().into_iter();
        cautions.extend(left_out.map(|out| Caution { path: out.path.into(), what: out.what, mend: out.mend }));
        cautions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::{EVENT, Kind, Object};
    use crate::mapping::Overrides;

    #[test]
    fn every_target_has_a_row_that_says_all() {
        let rows = target_rows();
        assert_eq!(rows.len(), Target::ALL.len() + ContentField::ALL.len());
        for row in rows {
            assert!(![&*row.form, &*row.takes, row.rule, row.source].contains(&""), "{}", row.name);
        }
    }

    /// The paths of the fields of an object that are no objects themselves.
    fn leaves(object: &Object, prefix: &str, out: &mut Vec<String>) {
        for field in object.fields {
            let path = format!("{prefix}{}", field.name);
            match field.kind {
                Kind::Object(inner) => leaves(inner, &format!("{path}."), out),
                Kind::Objects { each, .. } => {
                    out.push(path);
                    leaves(each, "contents[].", out);
                }
                Kind::Text(_) | Kind::Texts { .. } | Kind::Whole { .. } | Kind::Flag => out.push(path),
            }
        }
    }

    #[test]
    fn every_field_of_an_event_is_a_target_and_every_target_a_field_or_a_decision() {
        let mut fields = Vec::new();
        leaves(&EVENT, "", &mut fields);
        let decides = |name: &str| Target::from_path(name).is_some_and(Target::is_decision);
        let mut targets: Vec<_> = target_rows().into_iter().map(|row| row.name).filter(|name| !decides(name)).collect();
        fields.sort();
        targets.sort();
        assert_eq!(targets, fields);
    }

    #[test]
    fn the_names_of_fields_with_addresses_and_numbers_are_known() {
        for name in [
            "email",
            "eMail",
            "e_mail",
            "customerMail",
            "MAIL",
            "mail_address",
            "emails[]",
            "workEmailAddress",
            "phone",
            "phoneNumber",
            "telephone_no",
            "tel",
            "customer_tel",
            "msisdn",
            "mobile",
            "mobile_number",
            "billingMobile",
        ] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["order_no", "mailing_id", "mobile_order_id", "telemetry_id", "hotel", "intel", "receiptSeq", ""] {
            assert!(!is_personal(name), "{name}");
        }
    }

    #[test]
    fn an_id_that_names_a_person_and_half_of_ldp_are_warned_of() {
        let fields = r#"
            {"name": "login", "type": "string", "pinterest": ["event_id", "user_data.em"]},
            {"name": "contact_phone", "type": "string", "pinterest": "custom_data.order_id"},
            {"name": "number", "type": "string", "pinterest": "custom_data.np"},
            {"name": "seats", "type": {"type": "array", "items": {"type": "record", "name": "S", "fields": [
                {"name": "guest_email", "type": "string", "pinterest": "id"},
                {"name": "phone_model", "type": "string", "pinterest": "item_name"}]}}, "pinterest": "custom_data.contents"},
            {"name": "ldp", "type": "boolean", "pinterest": "custom_data.opt_out_type"}"#;
        let constants = r#"{"event_name": "lead", "action_source": "web", "event_time": "2026-11-24T00:00:00Z"}"#;
        let schema = format!(r#"{{"type": "record", "name": "R", "pinterest": {constants}, "fields": [{fields}]}}"#);
        let plan = Plan::compile("r", &schema, &[], &Overrides::new()).unwrap_or_else(|faults| panic!("{faults:?}"));
        let cautions: Vec<_> = plan.cautions().iter().map(ToString::to_string).collect();
        assert_eq!(
            cautions,
            [
                "login: event_id is fed by what looks like an e-mail address or a phone number; ids leave in the clear and stand in audit rows: take one that names no person",
                "contact_phone: custom_data.order_id is fed by what looks like an e-mail address or a phone number; ids leave in the clear and stand in audit rows: take one that names no person",
                "seats[].guest_email: id is fed by what looks like an e-mail address or a phone number; ids leave in the clear and stand in audit rows: take one that names no person",
                "custom_data.opt_out_type: it is fed, but not both user_data.st and user_data.country; Pinterest heeds LDP only beside both: map them too",
            ]
        );
    }
}

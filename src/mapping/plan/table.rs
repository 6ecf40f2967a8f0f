//! The left side of a value table: what a field can hold, and what of it the table lacks.

use super::fault::Faults;
use super::tree::{Draft, Leaf};
use crate::mapping::schema::{Kind, Schema};

/// Finds symbols that a table lacks, and entries that no value of the field has.
pub(super) fn check(schema: &Schema, leaves: &[Leaf<'_>], drafts: &[Draft], faults: &mut Faults) {
    for (n, draft) in drafts.iter().enumerate() {
        let reading = &draft.source.reading;
        let Some(table) = &reading.table else { continue };
        let of_source = leaves.iter().filter(|leaf| leaf.sources.contains(&n)).map(|leaf| &schema.get(leaf.ty).kind);
        let kinds: Vec<&Kind> = of_source.filter(|kind| !matches!(kind, Kind::Null)).collect();
        for kind in &kinds {
            let Kind::Enum(of) = kind else { continue };
            let missing: Vec<_> =
                of.symbols.iter().filter(|symbol| !table.contains_key(*symbol)).map(|s| &**s).collect();
            if !missing.is_empty() && reading.default.is_none() {
                let what = format!("`values` lacks the symbols {}", missing.join(", "));
                faults.add(&draft.source.path, what, "add them (null for those that yield nothing), or a `default`");
            }
        }
        let holds = |key: &str| kinds.is_empty() || kinds.iter().any(|kind| may_be(kind, key));
        let mut unknown: Vec<&str> = table.keys().map(|key| &**key).filter(|key| !holds(key)).collect();
        unknown.sort_unstable();
        if unknown.is_empty() {
            continue;
        }
        let (which, mend) = if kinds.iter().all(|kind| matches!(kind, Kind::Enum(_))) {
            ("the enum lacks", "mend the spelling")
        } else {
            ("the field never holds", "write numbers in plain digits, and booleans as `true` and `false`")
        };
        faults.add(&draft.source.path, format!("`values` names {}, which {which}", unknown.join(", ")), mend);
    }
}

/// Whether a value of the type can stand on the left side as `key`.
fn may_be(kind: &Kind, key: &str) -> bool {
    match kind {
        Kind::Enum(of) => of.symbols.iter().any(|symbol| **symbol == *key),
        Kind::Boolean => matches!(key, "true" | "false"),
        Kind::Int => key.parse::<i32>().is_ok_and(|number| number.to_string() == key),
        Kind::Long => key.parse::<i64>().is_ok_and(|number| number.to_string() == key),
        // Text may be anything; of the others the step says that they take no table.
        Kind::Null
        | Kind::String
        | Kind::Float
        | Kind::Double
        | Kind::Bytes
        | Kind::Fixed(_)
        | Kind::Array(_)
        | Kind::Map(_)
        | Kind::Union(_)
        | Kind::Record(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{COMPLETE, ID, faults, schema};

    #[test]
    fn a_table_has_what_its_field_can_hold_and_nothing_else() {
        for (field, fault) in [
            (
                r#"{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y", "Z"]}, "pinterest": {"to": "skip", "values": {"X": true}}}"#,
                "r.avsc: a: `values` lacks the symbols Y, Z; add them (null for those that yield nothing), or a `default`",
            ),
            (
                r#"{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["X"]}, "pinterest": {"to": "skip", "values": {"X": true, "x": false}}}"#,
                "r.avsc: a: `values` names x, which the enum lacks; mend the spelling",
            ),
            (
                r#"{"name": "a", "type": "boolean", "pinterest": {"to": "skip", "values": {"true": true, "yes": true}}}"#,
                "r.avsc: a: `values` names yes, which the field never holds; write numbers in plain digits, and booleans as `true` and `false`",
            ),
            (
                r#"{"name": "a", "type": ["null", "int"], "pinterest": {"to": "skip", "values": {"1": true, "01": true, "1.0": true, "3000000000": true}}}"#,
                "r.avsc: a: `values` names 01, 1.0, 3000000000, which the field never holds; write numbers in plain digits, and booleans as `true` and `false`",
            ),
            (
                r#"{"name": "a", "type": ["null", "long", {"type": "enum", "name": "E", "symbols": ["X"]}], "pinterest": {"to": "skip", "values": {"X": true, "3000000000": true, "Y": true}}}"#,
                "r.avsc: a: `values` names Y, which the field never holds; write numbers in plain digits, and booleans as `true` and `false`",
            ),
        ] {
            assert_eq!(faults(&schema(COMPLETE, &format!("{field}, {ID}"))), [fault], "{field}");
        }
    }

    #[test]
    fn what_a_field_may_hold_may_stand_on_the_left() {
        for field in [
            r#"{"name": "a", "type": "string", "pinterest": {"to": "skip", "values": {"": true, " 1": true}}}"#,
            r#"{"name": "a", "type": ["null", "boolean", "string"], "pinterest": {"to": "skip", "values": {"yes": true}}}"#,
            r#"{"name": "a", "type": "long", "pinterest": {"to": "skip", "values": {"-3000000000": true, "0": false}}}"#,
        ] {
            assert_eq!(faults(&schema(COMPLETE, &format!("{field}, {ID}"))), Vec::<String>::new(), "{field}");
        }
    }
}

//! Receipts of tills, field by field as `schemas/in_store_purchase.avsc` has them.

use super::super::avro::Datum;
use super::super::people::{self, Person};
use super::{Consent, Draw, Presence, Purpose};
use crate::domain::Hashed;

/// Branches of the enum `Kind`.
const SALE: i64 = 0;
const RETURN: i64 = 1;
const TRAINING: i64 = 2;

pub(super) fn write(draw: Draw, mut out: Datum) -> Vec<u8> {
    let Draw { mut dice, id, at, identity, consent, purpose } = draw;
    let lines = people::lines(&mut dice);
    let person = Person::invent(&mut dice);

    out.text(&id);
    out.long(i64::try_from(dice.from(1, 999_999)).unwrap_or(1));
    out.long(at.0 / 1000);
    out.long(i64::try_from(dice.from(1, 80)).unwrap_or(1));
    out.text(if person.place.country == "CA" { "CAD" } else { "USD" });
    out.long(match purpose {
        Purpose::Conversion => SALE,
        Purpose::Other => *dice.pick(&[RETURN, TRAINING]),
    });
    out.boolean(consent == Consent::Given);
    match identity {
        Presence::Missing => {
            out.branch(0);
        }
        Presence::Given => loyalty(&person, dice.percent(20), &mut out),
    }
    decimal(people::total_minor(&lines), &mut out);
    out.long(i64::try_from(lines.len()).unwrap_or(0));
    for line in &lines {
        out.text(line.product.sku);
        out.optional_text(Some(line.product.name));
        out.long(i64::from(line.quantity));
        decimal(i64::from(line.product.price_minor), &mut out);
    }
    out.long(0);
    out.into_bytes()
}

fn loyalty(person: &Person, hashed: bool, out: &mut Datum) {
    out.branch(1).text(&format!("L-{:07}", person.number));
    if hashed {
        out.optional_text(None);
        out.optional_text(Some(&Hashed::of(&person.email.to_lowercase()).to_hex()));
    } else {
        out.optional_text(Some(&person.email));
        out.optional_text(None);
    }
    out.optional_text(Some(&person.phone));
    out.optional_text(Some(person.place.postal_code));
    out.optional_text(Some(person.place.country));
}

/// Hundredths as a decimal: big-endian two's complement, as short as it goes.
fn decimal(hundredths: i64, out: &mut Datum) {
    let bytes = hundredths.to_be_bytes();
    let redundant = |pair: &&[u8]| matches!(pair, [0, next] if *next < 0x80);
    let zeros = bytes.windows(2).take_while(redundant).count();
    out.bytes(bytes.get(zeros..).unwrap_or(&bytes));
}

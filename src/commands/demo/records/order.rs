//! Orders of a web shop, field by field as `schemas/order.avsc` has them.

use super::super::avro::Datum;
use super::super::people::{self, Person};
use super::{Consent, Draw, Presence, Purpose};

/// Branches of the enum `Channel`.
const CHANNELS: [i64; 4] = [WEB, 1, 2, PHONE];
const WEB: i64 = 0;
const PHONE: i64 = 3;

pub(super) fn write(draw: Draw, mut out: Datum) -> Vec<u8> {
    let Draw { mut dice, id, at, identity, consent, purpose } = draw;
    let channel = if dice.percent(60) { WEB } else { *dice.pick(&CHANNELS) };
    // Refused orders are known by the order's own number, so they have no other.
    let tag_event_id =
        (channel == WEB && !id.starts_with("refuse-") && dice.percent(50)).then(|| format!("checkout-{id}"));
    let lines = people::lines(&mut dice);
    let person = Person::invent(&mut dice);
    let guest = dice.percent(10);

    out.text(&id);
    out.optional_text(tag_event_id.as_deref());
    out.long(at.0);
    out.long(channel);
    out.boolean(purpose == Purpose::Other);
    match consent {
        Consent::Refused => out.branch(1).boolean(false),
        Consent::Given if dice.percent(80) => out.branch(1).boolean(true),
        Consent::Given => out.branch(0),
    };
    out.branch(1).boolean(dice.percent(5));
    out.text(if person.place.country == "CA" { "CAD" } else { "USD" });
    out.long(people::total_minor(&lines));
    out.long(i64::try_from(lines.len()).unwrap_or(0));
    for line in &lines {
        out.text(line.product.sku);
        out.optional_text(Some(line.product.name));
        out.optional_text(Some(line.product.category));
        out.optional_text(Some(line.product.brand));
        out.long(i64::from(line.quantity));
        out.long(i64::from(line.product.price_minor));
    }
    out.long(0);
    if identity == Presence::Missing || guest {
        out.branch(0);
    } else {
        customer(&person, &mut out);
    }
    let network = (identity == Presence::Given && (guest || channel != PHONE))
        .then(|| (people::ip_address(&mut dice), people::user_agent(&mut dice)));
    let click_id = (channel == WEB && dice.percent(30)).then(|| format!("dj0yJnU9{:016x}", dice.next()));
    out.optional_text(click_id.as_deref());
    out.optional_text(network.as_ref().map(|(address, _)| address.as_str()));
    out.optional_text(network.as_ref().map(|(_, agent)| *agent));
    out.optional_text(Some("en_US"));
    out.optional_text((channel == WEB).then_some("https://shop.example.com/checkout/thanks"));
    out.into_bytes()
}

fn customer(person: &Person, out: &mut Datum) {
    out.branch(1).text(&format!("C-{:07}", person.number));
    out.optional_text(Some(&person.email));
    out.optional_text(Some(&person.phone));
    out.optional_text(Some(person.first_name));
    out.optional_text(Some(person.last_name));
    out.branch(1).long(person.birthday);
    out.branch(1);
    out.optional_text(Some(person.place.city));
    out.optional_text(person.place.state);
    out.optional_text(Some(person.place.postal_code));
    out.optional_text(Some(person.place.country));
}

//! First starts of an app, field by field as `schemas/install.avsc` has them.

use super::super::avro::Datum;
use super::super::people::{self, Person};
use super::{Draw, Presence};

struct Phone {
    /// Branch of the enum `Platform`.
    platform: i64,
    store_id: &'static str,
    brand: &'static str,
    model: &'static str,
    kind: &'static str,
    os_version: &'static str,
}

const PHONES: [Phone; 4] = [
    Phone {
        platform: 0,
        store_id: "429047995",
        brand: "Apple",
        model: "iPhone17,3",
        kind: "iPhone",
        os_version: "18.6",
    },
    Phone { platform: 0, store_id: "429047995", brand: "Apple", model: "iPad14,10", kind: "iPad", os_version: "18.5" },
    Phone {
        platform: 1,
        store_id: "com.example.shop",
        brand: "Google",
        model: "Pixel 9",
        kind: "phone",
        os_version: "16",
    },
    Phone {
        platform: 1,
        store_id: "com.example.shop",
        brand: "Samsung",
        model: "SM-S931B",
        kind: "phone",
        os_version: "15",
    },
];

pub(super) fn write(draw: Draw, mut out: Datum) -> Vec<u8> {
    let Draw { mut dice, id, at, identity, .. } = draw;
    let phone = dice.pick(&PHONES);
    let person = Person::invent(&mut dice);
    let tracked = identity == Presence::Given && dice.percent(70);
    let advertising_id = tracked.then(|| advertising_id(dice.next(), dice.next()));
    // Without an advertising id the account or the network has to tell who it is.
    let account = identity == Presence::Given && (!tracked || dice.percent(40));

    out.text(&id);
    out.long(at.0.saturating_mul(1000));
    out.long(phone.platform);
    out.boolean(!tracked);
    out.text(phone.store_id);
    out.optional_text(Some("Example Shop"));
    out.optional_text(Some("8.14.0"));
    out.optional_text(advertising_id.as_deref());
    out.optional_text(Some(phone.brand));
    out.optional_text(Some(phone.model));
    out.optional_text(Some(phone.kind));
    out.optional_text(None);
    out.optional_text(Some(phone.os_version));
    out.branch(1).boolean(dice.percent(60));
    out.optional_text(Some("en_US"));
    if account {
        out.branch(1).long(i64::try_from(person.number).unwrap_or(0));
        out.optional_text(Some(&person.email));
    } else {
        out.branch(0);
    }
    out.optional_text(None);
    let address = (identity == Presence::Given).then(|| people::ip_address(&mut dice));
    out.optional_text(address.as_deref());
    out.optional_text(address.as_ref().map(|_| people::user_agent(&mut dice)));
    out.into_bytes()
}

/// In the form of a UUID, with capitals as phones show it.
fn advertising_id(high: u64, low: u64) -> String {
    let digits = format!("{high:016X}{low:016X}");
    let groups = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    groups.map(|(from, to)| digits.get(from..to).unwrap_or_default()).join("-")
}

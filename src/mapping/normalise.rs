//! Which rule a value goes through, by its target: applied to what is sent, and asked about what a schema says itself.

use std::borrow::Cow;

use super::encode::{Json, Key};
use super::event_rules::{Kept, PhoneRegion};
use super::plan::Place;
use super::rules::{DropReason, amounts, email, events, ids, network, person, phone, places, texts, times};
use super::target::{Target, TargetKind};
use super::value::Value;
use crate::domain::{Hashed, Identity, UnixMillis};

/// Why no record that says `value` for `place` has it sent, in whatever country and at whatever time; `None` if there is
/// a record that has.
pub(super) fn refusal(place: Place, value: &Value<'_>, kept: Kept) -> Option<DropReason> {
    let target = match place {
        Place::Target(target) => Some(target),
        Place::Content(_) => None,
    };
    let asked = match place.kind() {
        TargetKind::Hashes | TargetKind::Birthdays => return target.and_then(|target| refusal_to_hash(target, value)),
        TargetKind::Text { max_chars } if target == Some(Target::EventName) => {
            events::event_name(value, max_chars).map(drop)
        }
        TargetKind::Text { max_chars } if target == Some(Target::EventId) => {
            events::event_id(value, max_chars).map(drop)
        }
        TargetKind::Texts { max_chars, .. } => texts::plain(value, max_chars).map(drop),
        TargetKind::Languages { .. } => texts::words(value).and_then(texts::language).map(drop),
        TargetKind::OptOutType => events::opt_out_type(value).map(drop),
        kind @ (TargetKind::Text { .. }
        | TargetKind::Choice(_)
        | TargetKind::Amount
        | TargetKind::Integer { .. }
        | TargetKind::Moment
        | TargetKind::Flag
        | TargetKind::Url { .. }
        | TargetKind::IpAddress
        | TargetKind::UserAgent { .. }
        | TargetKind::Language
        | TargetKind::Locale { .. }
        | TargetKind::Currency
        | TargetKind::Contents) => write_plain(&mut Json::new(), kept, Target::EventName.key(), kind, value),
    };
    asked.err()
}

/// The reason that holds where the record says no country, if one holds in every country.
fn refusal_to_hash(target: Target, value: &Value<'_>) -> Option<DropReason> {
    if let Some(hashed) = already_hashed(value) {
        return hashed.err();
    }
    let (.., rule) = HASHED.into_iter().find(|(of, ..)| *of == target)?;
    // Birthdays that are still to come are for the day on which a record has them.
    let in_country = |country| rule(value, &Around { country, phone_region: None, now: UnixMillis(i64::MAX) }).err();
    let anywhere = in_country(None)?;
    places::countries().all(|country| in_country(Some(country)).is_some()).then_some(anywhere)
}

/// What a rule may need beside the value.
pub(super) struct Around<'b> {
    /// The record's country, as far as it is known.
    pub(super) country: Option<&'b str>,
    pub(super) phone_region: Option<PhoneRegion>,
    pub(super) now: UnixMillis,
}

pub(super) type HashRule = fn(&Value<'_>, &Around<'_>) -> Result<Hashed, DropReason>;

/// The parameters that are hashed, with the rule for values that are not hashes yet.
pub(super) const HASHED: [(Target, Identity, HashRule); 12] = [
    (Target::UserEm, Identity::Em, |value, _| hash_of(email::email(&texts::raw(value)?))),
    (Target::UserPh, Identity::Ph, |value, around| {
        let regions = std::iter::once(around.country).flatten().filter_map(PhoneRegion::try_new);
        hash_of(phone::phone(&texts::raw(value)?, regions.chain(around.phone_region)))
    }),
    (Target::UserGe, Identity::Ge, |value, _| person::gender(&texts::raw(value)?).map(Hashed::of)),
    (Target::UserDb, Identity::Db, |value, around| hash_of(person::birthday(value, around.now))),
    (Target::UserLn, Identity::Ln, |value, _| hash_of(places::name(&texts::raw(value)?))),
    (Target::UserFn, Identity::Fn, |value, _| hash_of(places::name(&texts::raw(value)?))),
    (Target::UserCt, Identity::Ct, |value, _| hash_of(places::city(&texts::raw(value)?))),
    (Target::UserSt, Identity::St, |value, _| hash_of(places::state(&texts::raw(value)?))),
    (Target::UserZp, Identity::Zp, |value, around| hash_of(places::postal_code(&texts::raw(value)?, around.country))),
    (Target::UserCountry, Identity::Country, |value, _| hash_of(places::country(&texts::raw(value)?))),
    (Target::UserExternalId, Identity::ExternalId, |value, _| hash_of(ids::external_id(&texts::raw(value)?))),
    (Target::UserHashedMaids, Identity::HashedMaids, |value, _| hash_of(ids::advertising_id(&texts::raw(value)?))),
];

fn hash_of(normal: Result<Cow<'_, str>, DropReason>) -> Result<Hashed, DropReason> {
    normal.map(|normal| Hashed::of(&normal))
}

/// A hash made elsewhere, declared as one or recognised; `None` for a value that is still to be normalised.
pub(super) fn already_hashed(value: &Value<'_>) -> Option<Result<Hashed, DropReason>> {
    match value {
        Value::Hash(text) => Some(ids::hash(text).unwrap_or(Err(DropReason::NotAHash))),
        Value::Text(text) => ids::hash(text),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Decimal(_)
        | Value::Instant(_)
        | Value::Date { .. } => None,
    }
}

/// Writes a value of a target that takes one, as its rule makes it.
pub(super) fn write_plain(
    json: &mut Json,
    kept: Kept,
    key: &Key,
    kind: TargetKind,
    value: &Value<'_>,
) -> Result<(), DropReason> {
    match kind {
        TargetKind::Text { max_chars } => json.text(key, &texts::plain(value, max_chars)?),
        TargetKind::Choice(words) => json.text(key, texts::choice(texts::words(value)?, words)?),
        TargetKind::Amount => json.text(key, &amounts::amount(value)?),
        TargetKind::Integer { min, max } => json.integer(key, amounts::integer(value, min, max)?),
        TargetKind::Moment => {
            let seconds = times::moment(value)?.0;
            if seconds < 0 {
                return Err(DropReason::OutOfRange);
            }
            json.integer(key, seconds);
        }
        TargetKind::Flag => json.boolean(key, texts::flag(value)?),
        TargetKind::Url { max_chars } => json.text(key, &network::url(texts::words(value)?, max_chars)?),
        TargetKind::IpAddress => {
            json.text(key, &network::ip_address(texts::words(value)?, kept.private_addresses)?);
        }
        TargetKind::UserAgent { max_chars } => {
            json.text(key, &network::user_agent(texts::words(value)?, max_chars, kept.odd_user_agents)?);
        }
        TargetKind::Language => json.text(key, texts::language(texts::words(value)?)?),
        TargetKind::Locale { max_chars } => json.text(key, &texts::locale(texts::words(value)?, max_chars)?),
        TargetKind::Currency => json.text(key, amounts::currency(texts::words(value)?)?),
        // Lists and what guards privacy are written where they stand.
        TargetKind::Texts { .. }
        | TargetKind::Languages { .. }
        | TargetKind::Hashes
        | TargetKind::Birthdays
        | TargetKind::OptOutType
        | TargetKind::Contents => return Err(DropReason::WrongKind),
    }
    Ok(())
}

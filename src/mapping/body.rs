//! The body of an event: which keys it has, in which order, and what is derived.
//!
//! The order is that of the table of targets, whatever the order of the record: the same draft gives the same bytes.

use std::borrow::Cow;

use super::draft::{Content, Draft};
use super::encode::{Json, Key};
use super::event_rules::{CustomerType, Derive, EventRules, LaneRule};
use super::finish::{Notes, Privacy, Required, Warning};
use super::normalise::{Around, HASHED, HashRule, already_hashed, write_plain};
use super::rules::{DropReason, amounts, places, texts};
use super::seen::Seen;
use super::target::{ContentField, Target, TargetKind};
use super::value::Value;
use crate::domain::{Hashed, Identity, IdentitySet, UnixMillis};

/// Most hashes of one parameter. Pinterest names no limit; nobody has so many addresses.
const MAX_HASHES: usize = 100;

const USER_DATA: Key = Key::new("user_data");
const CUSTOM_DATA: Key = Key::new("custom_data");
const APP_INFO: Key = Key::new("app_info");
const DEVICE_INFO: Key = Key::new("device_info");

/// What is sent, by which rules, where to and when.
pub(super) struct Sending<'d> {
    pub(super) draft: &'d Draft<'d>,
    pub(super) rules: &'d EventRules,
    pub(super) lane: &'d LaneRule,
    pub(super) now: UnixMillis,
}

pub(super) struct Money<'d> {
    pub(super) value: Option<Cow<'d, str>>,
    pub(super) currency: Option<&'static str>,
}

/// The JSON of a body, and the identity parameters in it.
pub(super) type Written = (Vec<u8>, IdentitySet);

/// Writes the event as one JSON object, and says which identity parameters are in it.
pub(super) fn write(
    sending: &Sending<'_>,
    required: &Required<'_>,
    privacy: &Privacy<'_>,
    money: &Money<'_>,
    notes: &mut Notes,
) -> Written {
    let Sending { draft, rules, lane, now } = *sending;
    let mut body = Body { draft, rules, now, json: Json::new(), identity: IdentitySet::default(), notes };
    body.json.text(Target::EventName.key(), &required.name);
    body.json.text(Target::ActionSource.key(), required.source.as_str());
    body.json.integer(Target::EventTime.key(), required.time.0);
    body.json.text(Target::EventId.key(), &required.id);
    body.plain(Target::EventSourceUrl);
    if let Some(opt_out) = privacy.opt_out {
        body.json.boolean(Target::OptOut.key(), opt_out);
    }
    if let (None, Some(name)) = (draft.get(Target::PartnerName), &lane.partner_name) {
        body.json.text(Target::PartnerName.key(), name);
    }
    body.plain_span(Target::PartnerName, Target::Wifi);
    body.user_data();
    body.custom_data(privacy, money);
    body.plain_object(&APP_INFO, Target::AppInfoAppId, Target::AppInfoWindowWidth);
    body.plain_object(&DEVICE_INFO, Target::DeviceInfoBatteryLevel, Target::DeviceInfoType);
    (body.json.finish(), body.identity)
}

struct Body<'b> {
    draft: &'b Draft<'b>,
    rules: &'b EventRules,
    now: UnixMillis,
    json: Json,
    identity: IdentitySet,
    notes: &'b mut Notes,
}

/// The parameters that go in the clear.
const CLEAR: [(Target, Identity); 4] = [
    (Target::UserClickId, Identity::ClickId),
    (Target::UserPartnerId, Identity::PartnerId),
    (Target::UserClientIpAddress, Identity::ClientIpAddress),
    (Target::UserClientUserAgent, Identity::ClientUserAgent),
];

impl Body<'_> {
    /// Always there, even empty: Pinterest requires it.
    fn user_data(&mut self) {
        self.json.open_object(&USER_DATA);
        let country = self.country();
        let around = Around { country: country.as_deref(), phone_region: self.rules.phone_region, now: self.now };
        let mut seen = Vec::new();
        for (target, identity, rule) in HASHED {
            self.hashes(target, identity, rule, &around, &mut seen);
        }
        self.customer_type();
        for (target, identity) in CLEAR {
            if self.plain(target) {
                self.identity.insert(identity);
            }
        }
        self.json.close_object();
    }

    fn customer_type(&mut self) {
        let target = Target::UserCustomerType;
        match self.rules.customer_type {
            CustomerType::Send => {
                self.plain(target);
            }
            CustomerType::Drop if self.draft.get(target).is_some() => {
                self.notes.dropped.push((target, DropReason::SwitchedOff));
            }
            CustomerType::Drop => {}
        }
    }

    /// The first country of the record that can be read in the clear.
    fn country(&self) -> Option<String> {
        self.draft
            .list(Target::UserCountry)
            .find_map(|value| places::country(&texts::raw(value).ok()?).ok().map(Cow::into_owned))
    }

    fn hashes(
        &mut self,
        target: Target,
        identity: Identity,
        rule: HashRule,
        around: &Around<'_>,
        seen: &mut Vec<Hashed>,
    ) {
        if !self.draft.has(target) {
            return;
        }
        seen.clear();
        let list = self.json.open_list(target.key());
        for value in self.draft.list(target) {
            let hashed = already_hashed(value).unwrap_or_else(|| rule(value, around));
            let Some(hash) = self.notes.keep(target, hashed) else { continue };
            if seen.contains(&hash) {
                continue;
            }
            if MAX_HASHES <= seen.len() {
                self.notes.dropped.push((target, DropReason::TooMany));
                break;
            }
            self.json.hash_element(&hash);
            seen.push(hash);
        }
        if self.json.close_list_unless_empty(list) {
            self.identity.insert(identity);
        }
    }

    fn custom_data(&mut self, privacy: &Privacy<'_>, money: &Money<'_>) {
        let object = self.json.open_object(&CUSTOM_DATA);
        if let Some(currency) = money.currency {
            self.json.text(Target::CustomCurrency.key(), currency);
        }
        if let Some(value) = &money.value {
            self.json.text(Target::CustomValue.key(), value);
        }
        self.content_ids();
        self.contents();
        if !self.plain(Target::CustomNumItems)
            && self.rules.derive == Derive::Missing
            && let Some(sum) = sum_of_quantities(self.draft.contents())
        {
            self.json.integer(Target::CustomNumItems.key(), sum);
        }
        self.plain_span(Target::CustomOrderId, Target::CustomSearchString);
        if let Some(words) = &privacy.opt_out_type {
            self.json.text(Target::CustomOptOutType.key(), words);
            let placed = self.identity.contains(Identity::St) && self.identity.contains(Identity::Country);
            if !placed && words.split(',').any(|word| word == "LDP") {
                self.notes.warnings.push(Warning::LdpWithoutPlace);
            }
        }
        self.plain_span(Target::CustomContentName, Target::CustomExternalMeasurementVendorId);
        self.json.close_object_unless_empty(object);
    }

    /// Those that are mapped, else those of the contents; each once.
    fn content_ids(&mut self) {
        let target = Target::CustomContentIds;
        let TargetKind::Texts { max_chars, max_items } = target.kind() else { return };
        let mut mapped = self.draft.list(target).peekable();
        let list = self.json.open_list(target.key());
        if mapped.peek().is_some() {
            self.distinct(target, mapped, max_chars, max_items);
        } else if self.rules.derive == Derive::Missing {
            let contents = self.draft.contents().iter().filter_map(|content| field(content, ContentField::Id));
            self.distinct(target, contents, max_chars, max_items);
        }
        self.json.close_list_unless_empty(list);
    }

    fn distinct<'v>(
        &mut self,
        target: Target,
        values: impl Iterator<Item = &'v Value<'v>>,
        max_chars: usize,
        max_items: usize,
    ) {
        let mut seen = Seen::new();
        for value in values {
            let Some(text) = self.notes.keep(target, texts::plain(value, max_chars)) else { continue };
            if seen.contains(&text) {
                continue;
            }
            if max_items <= seen.len() {
                self.notes.dropped.push((target, DropReason::TooMany));
                break;
            }
            self.json.text_element(&text);
            seen.insert(text);
        }
    }

    fn contents(&mut self) {
        let list = self.json.open_list(Target::CustomContents.key());
        for content in self.draft.contents() {
            let element = self.json.open_element();
            for part in ContentField::ALL {
                if let Some(value) = field(content, *part) {
                    let written = write_plain(&mut self.json, self.rules.kept(), part.key(), part.kind(), value);
                    self.notes.keep(Target::CustomContents, written);
                }
            }
            self.json.close_object_unless_empty(element);
        }
        self.json.close_list_unless_empty(list);
    }

    fn plain_object(&mut self, key: &Key, first: Target, last: Target) {
        let object = self.json.open_object(key);
        self.plain_span(first, last);
        self.json.close_object_unless_empty(object);
    }

    fn plain_span(&mut self, first: Target, last: Target) {
        for target in Target::span(first, last) {
            if !self.draft.has(*target) {
                continue;
            }
            if let TargetKind::Languages { max_items } = target.kind() {
                self.languages(*target, max_items);
            } else {
                self.plain(*target);
            }
        }
    }

    /// Writes a target that takes one value, and says whether there was one to write.
    fn plain(&mut self, target: Target) -> bool {
        let Some(value) = self.draft.get(target) else { return false };
        let written = write_plain(&mut self.json, self.rules.kept(), target.key(), target.kind(), value);
        self.notes.keep(target, written).is_some()
    }

    fn languages(&mut self, target: Target, max_items: usize) {
        let mut seen = Vec::new();
        let list = self.json.open_list(target.key());
        for value in self.draft.list(target) {
            let read = texts::words(value).and_then(texts::language);
            let Some(language) = self.notes.keep(target, read) else { continue };
            if seen.contains(&language) {
                continue;
            }
            if max_items <= seen.len() {
                self.notes.dropped.push((target, DropReason::TooMany));
                break;
            }
            self.json.text_element(language);
            seen.push(language);
        }
        self.json.close_list_unless_empty(list);
    }
}

fn field<'c, 'v>(content: &'c Content<'v>, field: ContentField) -> Option<&'c Value<'v>> {
    content.get(field.index())?.as_ref()
}

/// `None` unless every element that has anything has a quantity: half a sum would be a wrong number.
fn sum_of_quantities(contents: &[Content<'_>]) -> Option<i64> {
    let mut filled = contents.iter().filter(|content| content.iter().any(Option::is_some)).peekable();
    filled.peek()?;
    filled.try_fold(0_i64, |sum, content| {
        let quantity = amounts::integer(field(content, ContentField::Quantity)?, 0, i64::MAX).ok()?;
        sum.checked_add(quantity)
    })
}

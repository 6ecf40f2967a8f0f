//! Test vectors of the rules whose values are no text when they are sent, or one of a few words.

use super::tests::{NOW, body, rules, text, with};
use super::*;
use crate::mapping::event_rules::CustomerType;

/// Words of Pinterest's description of its API, 5.23.0.
const TIME: &str = "OpenAPI: \"The time when the event happened. Unix timestamp in seconds\"";
const SOURCE: &str = "OpenAPI: \"app_android\", \"app_ios\", \"web\", \"offline\"";
const NAME: &str = "the guide: own names are taken, and shown as \"Unknown\"";
const ID: &str = "OpenAPI: \"A unique id string that identifies this event\"";
const OPT_OUT: &str = "OpenAPI: \"the user has opted out of tracking\", a boolean";
const BOOLEAN: &str = "OpenAPI: type boolean";
const INTEGER: &str = "OpenAPI: type integer, with its least and most";
const WORDS: &str = "OpenAPI: enum";
const BCP_47: &str = "OpenAPI: a locale; RFC 5646 joins subtags by hyphens";
/// Pinterest's page on limited data processing.
const LDP: &str = "the page on LDP: \"LDP\" in custom_data";
/// Its reference of the call, where that calls itself 5.31.
const CUSTOMER: &str = "reference 5.31: \"new\" or \"returning\"";

/// What comes of a value, as JSON.
type Sent = Result<&'static str, DropReason>;

const BAD: Sent = Err(DropReason::Malformed);
const NOT_LISTED: Sent = Err(DropReason::NotListed);
const OUT: Sent = Err(DropReason::OutOfRange);

/// Target, value, what is sent, who says so. A required value that does not fit ends its record: that is elsewhere.
pub(super) const TYPED: &[(Target, &str, Sent, &str)] = &[
    (Target::EventName, "Add_To_Cart", Ok(r#""add_to_cart""#), WORDS),
    (Target::EventName, "Quiz-7", Ok(r#""Quiz-7""#), NAME),
    (Target::ActionSource, "WEB", Ok(r#""web""#), SOURCE),
    (Target::ActionSource, "App_iOS", Ok(r#""app_ios""#), SOURCE),
    (Target::EventId, " order-4711 ", Ok(r#""order-4711""#), ID),
    (Target::OptOut, "true", Ok("true"), OPT_OUT),
    (Target::OptOut, "FALSE", Ok("false"), OPT_OUT),
    (Target::Wifi, "True", Ok("true"), BOOLEAN),
    (Target::Wifi, "yes", NOT_LISTED, BOOLEAN),
    (Target::UserCustomerType, "Returning", Ok(r#""returning""#), CUSTOMER),
    (Target::UserCustomerType, "vip", NOT_LISTED, CUSTOMER),
    (Target::CustomOptOutType, "LDP", Ok(r#""LDP""#), LDP),
    (Target::CustomOptOutType, "ldp", Ok(r#""LDP""#), LDP),
    (Target::CustomOptOutType, "true", Ok(r#""LDP""#), LDP),
    (Target::CustomNumItems, "3", Ok("3"), INTEGER),
    (Target::CustomNumItems, "-1", OUT, INTEGER),
    (Target::DeviceInfoBatteryLevel, "101", OUT, INTEGER),
    (Target::DeviceInfoBatteryLevel, "half", BAD, INTEGER),
    (Target::AppInfoInstallTime, "2026-09-01T08:00:00+02:00", Ok("1788242400"), TIME),
    (Target::AppInfoInstallTime, "last week", BAD, TIME),
    (Target::DeviceInfoFormFactor, "Tablet", Ok(r#""tablet""#), WORDS),
    (Target::DeviceInfoFormFactor, "phablet", NOT_LISTED, WORDS),
    (Target::DeviceInfoNetworkType, "WIFI", Ok(r#""wifi""#), WORDS),
    (Target::DeviceInfoOsFamily, "iOS", Ok(r#""ios""#), WORDS),
    (Target::DeviceInfoLocale, "pt_BR", Ok(r#""pt-BR""#), BCP_47),
    (Target::DeviceInfoLocale, "klingon tongue", BAD, BCP_47),
];

#[test]
fn every_typed_vector_is_sent_as_its_source_says() {
    let rules = EventRules { customer_type: CustomerType::Send, ..rules() };
    for (target, value, expected, source) in TYPED {
        let finished = finish(&with(&[(*target, Some(text(value)))]), &rules, NOW);
        assert_eq!(finished.dropped.first().copied(), expected.err().map(|why| (*target, why)), "{value:?}: {source}");
        let body = body(finished);
        let found = body.pointer(&format!("/{}", target.path().replace('.', "/"))).map(ToString::to_string);
        assert_eq!(found.as_deref(), expected.ok(), "{} {value:?}: {source}", target.path());
    }
    let moment = finish(
        &with(&[(Target::EventTime, Some(text("2026-09-01T08:00:00.999Z")))]),
        &rules,
        UnixMillis(1_788_249_700_000),
    );
    assert_eq!(body(moment)["event_time"], 1_788_249_600, "{TIME}");
}

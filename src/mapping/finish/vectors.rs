//! Test vectors for every rule: what a record has, what is sent of it, and who says so.
//!
//! They go the whole way, from the value to the body. The tables beside the rules have the borders; here is what
//! somebody who writes another sender would compare with.

use super::tests::{NOW, body, rules, text, with};
use super::typed_vectors::TYPED;
use super::*;
use crate::domain::Hashed;
use crate::mapping::PhoneRegion;

/// Words of Pinterest's description of its API, 5.23.0.
const EM: &str = "OpenAPI: \"lowercase version of user's email addresses\"";
const PH: &str = "OpenAPI: \"only digits with country code, area code, and number. Remove any symbols, letters, spaces and leading zeros\"";
const GE: &str = "OpenAPI: \"in lowercase. Either \"f\" or \"m\" or \"n\" for non-binary gender\"";
const DB: &str = "OpenAPI: \"given as year, month, and day\"; the guide: YYYYMMDD";
const NAMES: &str = "OpenAPI, fn and ln: \"in lowercase\", \"in the UTF-8 format\"";
const CT: &str = "OpenAPI: \"in lowercase, and without spaces or punctuation\"";
const ST: &str = "OpenAPI: \"given as a two-letter code in lowercase\"";
const ZP: &str = "OpenAPI: \"only digits\"";
const COUNTRY: &str = "OpenAPI: \"two-character ISO-3166 country code …, in lowercase\"";
const EXTERNAL_ID: &str = "OpenAPI: \"the unique id from the advertiser\"; no rule of case";
const MAIDS: &str = "OpenAPI: \"GAIDs\" or \"IDFAs\"; no rule of case";
/// Pinterest's help on enhanced match.
const SPACES: &str = "help, enhanced-match: \"lowercase and have all spaces removed\"";
/// Pinterest's guide to the API.
const IP: &str = "guide: valid IPv4 or IPv6, not 0.0.0.0";
const AGENT: &str = "guide: recognisable, not \"Other\" or null, no bots";
const CLICK: &str = "OpenAPI: \"stored in _epik cookie\"; the guide: not hashed";
const LANGUAGE: &str = "OpenAPI: \"Two-character ISO-639-1 language code\"";
const CURRENCY: &str = "OpenAPI: \"The ISO-4217 currency code\"";
const VALUE: &str = "OpenAPI: \"Accepted as a string in the request; it will be parsed into a double\"";
const URL: &str = "OpenAPI: \"URL of the web conversion event\"; the guide: the full URL with its path";
/// pinrelay's own, where Pinterest says nothing; docs/decisions.md has the reasons.
const UNICODE: &str = "Unicode Standard Annex 15: canonically equivalent texts have one NFC";
const LETTERED: &str = "decision: postal codes keep letters where the country has them";
const AS_WRITTEN: &str = "decision: advertising ids keep the case that the device gives them";
const ONE_COUNTRY_TWO_CODES: &str = "decision: UK and EL are gb and gr";
const NOT_GUESSED: &str = "decision: what cannot be told is dropped, not guessed";
const PUBLIC: &str = "decision: addresses of no public network match nobody";
const NUMBERING: &str = "ITU-T E.164, and libphonenumber's metadata";

/// What comes of a value.
type Sent = Result<&'static str, DropReason>;

const BAD: Sent = Err(DropReason::Malformed);
const NOT_LISTED: Sent = Err(DropReason::NotListed);

/// Target, value, what is sent or hashed, who says so.
const VECTORS: &[(Target, &str, Sent, &str)] = &[
    (Target::UserEm, "Ana.Lopez@Example.COM", Ok("ana.lopez@example.com"), EM),
    (Target::UserEm, " ana @ example.com\n", Ok("ana@example.com"), SPACES),
    (Target::UserEm, "ana+shop@example.com", Ok("ana+shop@example.com"), EM),
    (Target::UserEm, "JÖRG@example.com", Ok("jörg@example.com"), EM),
    (Target::UserEm, "JO\u{308}RG@example.com", Ok("jörg@example.com"), UNICODE),
    (Target::UserEm, "ana.example.com", BAD, EM),
    (Target::UserPh, "+1 (650) 253-0000", Ok("16502530000"), PH),
    (Target::UserPh, "0049 (0)170 1234567", Ok("491701234567"), PH),
    (Target::UserPh, "+44 20 7946 0018", Ok("442079460018"), PH),
    (Target::UserPh, "(650) 253-0000", Ok("16502530000"), NUMBERING),
    (Target::UserPh, "+39 06 698 12345", Ok("390669812345"), NUMBERING),
    (Target::UserPh, "call me", BAD, PH),
    (Target::UserGe, "F", Ok("f"), GE),
    (Target::UserGe, "Male", Ok("m"), GE),
    (Target::UserGe, "Non-Binary", Ok("n"), GE),
    (Target::UserGe, "2", NOT_LISTED, NOT_GUESSED),
    (Target::UserDb, "1990-03-14", Ok("19900314"), DB),
    (Target::UserDb, "19900314", Ok("19900314"), DB),
    (Target::UserDb, "14.03.1990", Ok("19900314"), DB),
    (Target::UserDb, "03/04/1990", BAD, NOT_GUESSED),
    (Target::UserFn, " Ana  María ", Ok("ana maría"), NAMES),
    (Target::UserFn, "ANA MARI\u{301}A", Ok("ana maría"), UNICODE),
    (Target::UserFn, "Анна", Ok("анна"), NAMES),
    (Target::UserFn, "太郎", Ok("太郎"), NAMES),
    (Target::UserLn, "O'Neill-Smith", Ok("o'neill-smith"), NAMES),
    (Target::UserLn, "ÜNAL", Ok("ünal"), NAMES),
    (Target::UserLn, "U\u{308}NAL", Ok("ünal"), UNICODE),
    (Target::UserLn, "Παπαδόπουλος", Ok("παπαδόπουλος"), NAMES),
    (Target::UserCt, "St. John's", Ok("stjohns"), CT),
    (Target::UserCt, "New York", Ok("newyork"), CT),
    (Target::UserCt, "São Paulo", Ok("sãopaulo"), CT),
    (Target::UserCt, "Sa\u{303}o Paulo", Ok("sãopaulo"), UNICODE),
    (Target::UserCt, "東京都・港区", Ok("東京都港区"), CT),
    (Target::UserCt, "---", BAD, CT),
    (Target::UserSt, "CA", Ok("ca"), ST),
    (Target::UserSt, "US-NY", Ok("ny"), ST),
    (Target::UserSt, "California", BAD, ST),
    (Target::UserZp, "99999", Ok("99999"), ZP),
    (Target::UserZp, "94107-1234", Ok("941071234"), ZP),
    (Target::UserZp, "sw1a 1aa", Ok("sw1a1aa"), LETTERED),
    (Target::UserZp, "none", BAD, ZP),
    (Target::UserCountry, "US", Ok("us"), COUNTRY),
    (Target::UserCountry, " At ", Ok("at"), COUNTRY),
    (Target::UserCountry, "UK", Ok("gb"), ONE_COUNTRY_TWO_CODES),
    (Target::UserCountry, "USA", BAD, COUNTRY),
    (Target::UserCountry, "ZZ", NOT_LISTED, COUNTRY),
    (Target::UserExternalId, " Cust-0042 ", Ok("Cust-0042"), EXTERNAL_ID),
    (Target::UserExternalId, "42", Ok("42"), EXTERNAL_ID),
    (
        Target::UserHashedMaids,
        "AECE52E7-03EE-455A-B3C4-E57283966239",
        Ok("AECE52E7-03EE-455A-B3C4-E57283966239"),
        AS_WRITTEN,
    ),
    (
        Target::UserHashedMaids,
        "cdda802e-fb9c-47ad-9866-0794d394c912",
        Ok("cdda802e-fb9c-47ad-9866-0794d394c912"),
        AS_WRITTEN,
    ),
    (Target::UserHashedMaids, "00000000-0000-0000-0000-000000000000", Err(DropReason::Placeholder), MAIDS),
    (Target::UserHashedMaids, "none", BAD, MAIDS),
    (Target::UserClickId, " dj0yJnU9b2JDcFFHekV4 ", Ok("dj0yJnU9b2JDcFFHekV4"), CLICK),
    (Target::UserClientIpAddress, "216.3.128.12", Ok("216.3.128.12"), IP),
    (Target::UserClientIpAddress, "2001:DB8:0:0::1", Ok("2001:db8::1"), IP),
    (Target::UserClientIpAddress, "0.0.0.0", Err(DropReason::Placeholder), IP),
    (Target::UserClientIpAddress, "192.168.0.7", Err(DropReason::PrivateAddress), PUBLIC),
    (Target::UserClientIpAddress, "216.3.128.256", BAD, IP),
    (Target::UserClientUserAgent, " Mozilla/5.0 (iPhone) ", Ok("Mozilla/5.0 (iPhone)"), AGENT),
    (Target::UserClientUserAgent, "Other", Err(DropReason::Placeholder), AGENT),
    (Target::UserClientUserAgent, "null", Err(DropReason::Placeholder), AGENT),
    (Target::UserClientUserAgent, "Googlebot/2.1", Err(DropReason::Bot), AGENT),
    (Target::Language, "EN", Ok("en"), LANGUAGE),
    (Target::Language, "de-CH", Ok("de"), LANGUAGE),
    (Target::Language, "english", BAD, LANGUAGE),
    (Target::DeviceInfoLanguages, "pt_BR", Ok("pt"), LANGUAGE),
    (Target::CustomCurrency, "usd", Ok("USD"), CURRENCY),
    (Target::CustomCurrency, "$", BAD, CURRENCY),
    (Target::CustomCurrency, "ZZZ", NOT_LISTED, CURRENCY),
    (Target::CustomValue, "72.39", Ok("72.39"), VALUE),
    (Target::CustomValue, "0072.390", Ok("72.390"), VALUE),
    (Target::CustomValue, "1.5e3", Ok("1500"), VALUE),
    (Target::CustomValue, "72,39", BAD, NOT_GUESSED),
    (Target::CustomPredictedLtv, "2794.82", Ok("2794.82"), VALUE),
    (Target::EventSourceUrl, "https://www.my-clothing-shop.org/", Ok("https://www.my-clothing-shop.org/"), URL),
    (Target::EventSourceUrl, "https://shop.example/a?epik=dj0", Ok("https://shop.example/a?epik=dj0"), URL),
    (Target::EventSourceUrl, "/thanks", BAD, URL),
];

/// What stands in the body for the target: the one value of a list, or the value.
fn sent(body: &serde_json::Value, target: Target) -> Option<String> {
    let value = body.pointer(&format!("/{}", target.path().replace('.', "/")))?;
    let value = value.as_array().map_or(value, |list| &list[0]);
    value.as_str().map(str::to_owned)
}

fn is_hashed(target: Target) -> bool {
    matches!(target.kind(), TargetKind::Hashes | TargetKind::Birthdays)
}

#[test]
fn every_vector_is_sent_as_its_source_says() {
    let rules = EventRules { phone_region: PhoneRegion::try_new("US"), ..rules() };
    for (target, value, expected, source) in VECTORS {
        // An event needs an identity whatever becomes of the value.
        let identity = if *target == Target::UserEm { Target::UserHashedMaids } else { Target::UserEm };
        let id = if identity == Target::UserEm { "z@example.com" } else { "cdda802e-fb9c-47ad-9866-0794d394c912" };
        let finished = finish(&with(&[(identity, Some(text(id))), (*target, Some(text(value)))]), &rules, NOW);
        assert_eq!(finished.dropped.first().copied(), expected.err().map(|why| (*target, why)), "{value:?}: {source}");
        let body = body(finished);
        let expected = expected
            .ok()
            .map(|normal| if is_hashed(*target) { Hashed::of(normal).to_hex() } else { normal.to_owned() });
        assert_eq!(sent(&body, *target), expected, "{} {value:?}: {source}", target.path());
    }
}

#[test]
fn every_rule_that_changes_a_value_has_vectors() {
    for target in Target::ALL {
        let is_plain =
            matches!(target.kind(), TargetKind::Text { .. } | TargetKind::Texts { .. } | TargetKind::Contents);
        let same = |of: &Target| match (of.kind(), target.kind()) {
            (TargetKind::Integer { .. }, TargetKind::Integer { .. }) => true,
            (of_kind, kind) => of_kind == kind && (!is_hashed(*target) || of == target),
        };
        let has = VECTORS.iter().chain(TYPED).any(|(of, ..)| same(of));
        assert!(is_plain || has, "{}", target.path());
    }
}

/// The hashes that Pinterest's description of its API shows as examples, and what they are hashes of.
#[test]
fn pinterests_own_examples_agree_where_they_follow_its_words() {
    for (target, value, example, agrees) in [
        (Target::UserZp, "99999", "fd5f56b40a79a385708428e7b32ab996a681080a166a2206e750eb4819186145", true),
        (Target::UserGe, "male", "0d248e82c62c9386878327d491c762a002152d42ab2c391a31c44d9f62675ddf", false),
        (Target::UserDb, "1900-01-01", "d4426a0086d10f12ad265539ae8d54221dc67786053d511407204b76e99d7739", false),
        (Target::UserCountry, "US", "9b202ecbc6d45c6d8901d989a918878397a3eb9d00e8f48022fc051b19d21a1d", false),
    ] {
        let body = body(finish(&with(&[(target, Some(text(value)))]), &rules(), NOW));
        assert_eq!(sent(&body, target).as_deref() == Some(example), agrees, "{}", target.path());
        // A schema that must send Pinterest's example sends it: as a hash.
        let body = self::body(finish(&with(&[(target, Some(text(example)))]), &rules(), NOW));
        assert_eq!(sent(&body, target).as_deref(), Some(example), "{}", target.path());
    }
    let contradictions = ["male", "01/01/1900", "US"].map(|text| Hashed::of(text).to_hex());
    assert!(
        contradictions[0].starts_with("0d24")
            && contradictions[1].starts_with("d442")
            && contradictions[2].starts_with("9b20")
    );
}

#[test]
fn a_postal_code_follows_the_country_of_its_record() {
    for (country, code, normal) in [
        ("GB", "SW1A 1AA", "sw1a1aa"),
        ("CA", "K1A 0B1", "k1a0b1"),
        ("NL", "1012 AB", "1012ab"),
        ("DE", "D-10115", "10115"),
        ("US", "94107-1234", "941071234"),
    ] {
        let changes = [(Target::UserCountry, Some(text(country))), (Target::UserZp, Some(text(code)))];
        let body = body(finish(&with(&changes), &rules(), NOW));
        assert_eq!(sent(&body, Target::UserZp), Some(Hashed::of(normal).to_hex()), "{country} {code}");
    }
}

/// The names and sources that Pinterest's guide lists (read 2026-09).
#[test]
fn every_documented_name_goes_from_every_source_without_a_word() {
    let names = "add_payment_info add_to_cart add_to_wishlist app_install app_open checkout contact custom \
                 customize_product find_location initiate_checkout lead page_visit schedule search signup start_trial \
                 submit_application subscribe view_category view_content watch_video";
    let names: Vec<&str> = names.split_whitespace().collect();
    assert_eq!(names.len(), 22);
    for name in names {
        for source in ["app_android", "app_ios", "web", "offline"] {
            let changes = [(Target::EventName, Some(text(name))), (Target::ActionSource, Some(text(source)))];
            let finished = finish(&with(&changes), &rules(), NOW);
            assert!(finished.warnings.is_empty() && finished.dropped.is_empty(), "{name} from {source}: {finished:?}");
            let body = body(finished);
            assert_eq!((&body["event_name"], &body["action_source"]), (&name.into(), &source.into()));
        }
    }
}

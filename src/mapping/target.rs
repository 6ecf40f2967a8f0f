//! The one table of targets: everything that an annotation may feed, with the rule that its values go through.
//!
//! It says which kinds of value a target takes, what Pinterest demands of it in words, and where Pinterest says so.
//! The rules themselves are functions in [`rules`](super::rules).

use crate::domain::Identity;

use super::encode::Key;
use super::value::ValueKind;

/// Pinterest's own description of the API, version 5.23.0 of 2025-12-11.
const OPENAPI: &str = "https://github.com/pinterest/api-description, v5/openapi.json 5.23.0";
/// Pinterest's guide to the API, read 2026-09.
const GUIDE: &str = "https://developers.pinterest.com/docs/track-conversions/track-conversions-in-the-api/";
/// Pinterest's help on hashing e-mail addresses, read 2026-09.
const ENHANCED_MATCH: &str = "https://help.pinterest.com/en/business/article/enhanced-match";
/// Pinterest's page on limited data processing, read 2026-09.
const LDP: &str = "https://developers.pinterest.com/docs/track-conversions/use-limited-data-processing-flag/";
/// Pinterest's reference of the call, read 2026-09, when it called itself 5.31; of its schemas the field is in that one first.
const REFERENCE: &str = "https://developers.pinterest.com/docs/api/v5/events-create/, 5.31";
/// The targets that Pinterest never sees.
const OWN: &str = "pinrelay";

/// Longest free text of a field for which Pinterest names no limit, in characters. Such texts are product names and
/// search words; the limit keeps one record from filling a request.
const FREE: usize = 4_096;
/// Longest URL, in characters: what common servers accept as a request line (RFC 9110, 4.1, demands 8,000 octets).
const URL: usize = 8_192;
/// Longest user agent, in characters: that of `app_info.user_agent` (OpenAPI).
const USER_AGENT: usize = 16_384;
/// Longest event id, in characters. Pinterest names no limit; the id is repeated in every audit row.
const EVENT_ID: usize = 256;

const FORM_FACTORS: &[&str] =
    &["desktop", "laptop", "cellphone", "tablet", "smartwatch", "tv", "vr", "console", "other"];
const NETWORK_TYPES: &[&str] =
    &["wifi", "cellular_2g", "cellular_3g", "cellular_4g", "cellular_5g", "cellular_6g", "ethernet", "unknown"];
const OS_FAMILIES: &[&str] = &["ios", "android", "macos", "windows", "linux", "bsd", "other"];
const CUSTOMER_TYPES: &[&str] = &["new", "returning"];
const ACTION_SOURCES: &[&str] = &["app_android", "app_ios", "web", "offline"];

/// What a target takes, and what its values are bounded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// One text, without white space around it, or an integer as its digits. Too long a one is dropped, not cut.
    Text {
        max_chars: usize,
    },
    /// Several texts.
    Texts {
        max_chars: usize,
        max_items: usize,
    },
    /// One of the listed words, in any case.
    Choice(&'static [&'static str]),
    /// Personal values that are normalised and hashed, or hashes.
    Hashes,
    /// A birthday, hashed.
    Birthdays,
    /// An amount, sent as decimal text.
    Amount,
    /// A whole number.
    Integer {
        min: i64,
        max: i64,
    },
    /// A moment, sent as Unix seconds.
    Moment,
    Flag,
    Url {
        max_chars: usize,
    },
    IpAddress,
    UserAgent {
        max_chars: usize,
    },
    /// ISO 639-1.
    Language,
    /// Several of ISO 639-1.
    Languages {
        max_items: usize,
    },
    /// BCP 47.
    Locale {
        max_chars: usize,
    },
    /// ISO 4217.
    Currency,
    /// Kinds of opt-out, or a flag that means `LDP`.
    OptOutType,
    /// A list of records whose fields feed [`ContentField`]s; it takes no value itself.
    Contents,
}

impl TargetKind {
    #[must_use]
    pub const fn takes(self, value: ValueKind) -> bool {
        use ValueKind::{Boolean, Date, Decimal, Float, Hash, Instant, Integer, Text};
        match self {
            Self::Text { .. } | Self::Texts { .. } => matches!(value, Text | Integer),
            Self::Choice(_)
            | Self::Url { .. }
            | Self::IpAddress
            | Self::UserAgent { .. }
            | Self::Language
            | Self::Languages { .. }
            | Self::Locale { .. }
            | Self::Currency => matches!(value, Text),
            Self::Hashes => matches!(value, Text | Integer | Hash),
            Self::Birthdays => matches!(value, Text | Integer | Date | Instant | Hash),
            Self::Amount | Self::Integer { .. } => matches!(value, Text | Integer | Float | Decimal),
            // An integer has no unit; the annotation's unit makes an instant of it.
            Self::Moment => matches!(value, Text | Instant),
            Self::Flag => matches!(value, Boolean | Text | Integer),
            Self::OptOutType => matches!(value, Boolean | Text),
            Self::Contents => false,
        }
    }
}

macro_rules! targets {
    ($(#[$doc:meta])* pub enum $enum:ident; $($name:ident, $path:literal, $kind:expr, $rule:literal, $source:expr;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $(#[doc = $rule] $name,)* }

        impl $enum {
            /// Every one, in the order in which the body names them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in annotations: the path within Pinterest's event, except for what Pinterest never sees.
            #[must_use]
            pub const fn path(self) -> &'static str { match self { $(Self::$name => $path,)* } }

            /// The key within its object.
            pub(super) const fn key(self) -> &'static Key {
                match self { $(Self::$name => const { &Key::new(last_segment($path)) },)* }
            }

            /// What it takes.
            #[must_use]
            pub const fn kind(self) -> TargetKind { match self { $(Self::$name => $kind,)* } }

            /// The rule in words.
            #[must_use]
            pub const fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }

            /// Where Pinterest says so.
            #[must_use]
            pub const fn source(self) -> &'static str { match self { $(Self::$name => $source,)* } }

            /// `None` for any path that is not in the table.
            #[must_use]
            pub fn from_path(path: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|target| target.path() == path)
            }

            /// Whether a value of this kind can feed it.
            #[must_use]
            pub const fn takes(self, value: ValueKind) -> bool { self.kind().takes(value) }

            #[expect(clippy::as_conversions, reason = "the discriminants of a fieldless enum count from 0")]
            pub(super) const fn index(self) -> usize { self as usize }
        }
    };
}

const fn text(max_chars: usize) -> TargetKind {
    TargetKind::Text { max_chars }
}

const fn integer(min: i64, max: i64) -> TargetKind {
    TargetKind::Integer { min, max }
}

targets! {
    /// Something that an annotation may feed: a field of Pinterest's event, or a decision about the record.
    pub enum Target;

    EventName, "event_name", text(100),
        "one of the 22 documented names in any case, or an own name of letters, digits, `_` and `-`; required", GUIDE;
    ActionSource, "action_source", TargetKind::Choice(ACTION_SOURCES),
        "`app_android`, `app_ios`, `web` or `offline`; required", OPENAPI;
    EventTime, "event_time", TargetKind::Moment,
        "a moment, sent as Unix seconds; not ahead of the clock, not older than the limit; required", OPENAPI;
    EventId, "event_id", text(EVENT_ID),
        "text that names the conversion, the same in every source that reports it; white space around it is removed; required", GUIDE;
    EventSourceUrl, "event_source_url", TargetKind::Url { max_chars: URL }, "an http or https URL with its host, as it is", GUIDE;
    OptOut, "opt_out", TargetKind::Flag, "whether the person opted out of tracking; never assumed", OPENAPI;
    PartnerName, "partner_name", text(FREE), "text as it is; only where Pinterest asked for it", OPENAPI;
    Language, "language", TargetKind::Language, "two letters of ISO 639-1, lower case; a region behind them is removed", OPENAPI;
    AppId, "app_id", text(FREE), "text as it is", OPENAPI;
    AppName, "app_name", text(FREE), "text as it is", OPENAPI;
    AppVersion, "app_version", text(FREE), "text as it is", OPENAPI;
    DeviceBrand, "device_brand", text(FREE), "text as it is", OPENAPI;
    DeviceCarrier, "device_carrier", text(FREE), "text as it is", OPENAPI;
    DeviceModel, "device_model", text(FREE), "text as it is", OPENAPI;
    DeviceType, "device_type", text(FREE), "text as it is", OPENAPI;
    OsVersion, "os_version", text(FREE), "text as it is", OPENAPI;
    Wifi, "wifi", TargetKind::Flag, "whether the device was connected to wifi", OPENAPI;

    UserEm, "user_data.em", TargetKind::Hashes, "lower case, all white space removed; must look like an address; hashed", ENHANCED_MATCH;
    UserPh, "user_data.ph", TargetKind::Hashes,
        "digits of country code, area code and number, without leading zeros; a national number is read as one of the record's country, then of the feed's or the schema's `region`; hashed", OPENAPI;
    UserGe, "user_data.ge", TargetKind::Hashes, "`f`, `m` or `n` (non-binary); hashed", OPENAPI;
    UserDb, "user_data.db", TargetKind::Birthdays, "year, month and day as YYYYMMDD; hashed", GUIDE;
    UserLn, "user_data.ln", TargetKind::Hashes, "lower case, Unicode NFC; hashed", OPENAPI;
    UserFn, "user_data.fn", TargetKind::Hashes, "lower case, Unicode NFC; hashed", OPENAPI;
    UserCt, "user_data.ct", TargetKind::Hashes,
        "lower case, Unicode NFC, letters and digits of every script, no white space, no punctuation; hashed", OPENAPI;
    UserSt, "user_data.st", TargetKind::Hashes, "two letters, lower case; a country before them (`US-CA`) is removed; hashed", OPENAPI;
    UserZp, "user_data.zp", TargetKind::Hashes,
        "digits only; lower-case letters too where the country's codes have them, or where the country is not known; hashed", OPENAPI;
    UserCountry, "user_data.country", TargetKind::Hashes, "ISO 3166 alpha-2, lower case; hashed", OPENAPI;
    UserExternalId, "user_data.external_id", TargetKind::Hashes, "as it is, white space around it removed; hashed", OPENAPI;
    UserHashedMaids, "user_data.hashed_maids", TargetKind::Hashes,
        "an advertising id in the case in which the device gives it; all zeros is absent; hashed", OPENAPI;
    UserCustomerType, "user_data.customer_type", TargetKind::Choice(CUSTOMER_TYPES),
        "`new` or `returning`; not hashed; sent only where the feed sets `customer_type: send`, because Pinterest's published schema lacks it", REFERENCE;
    UserClickId, "user_data.click_id", text(FREE), "the value of the `_epik` cookie, white space around it removed; not hashed", GUIDE;
    UserPartnerId, "user_data.partner_id", text(FREE), "text as it is; not hashed; only where Pinterest asked for it", GUIDE;
    UserClientIpAddress, "user_data.client_ip_address", TargetKind::IpAddress,
        "IPv4 or IPv6, not unspecified, not private unless the feed keeps those; not hashed", GUIDE;
    UserClientUserAgent, "user_data.client_user_agent", TargetKind::UserAgent { max_chars: USER_AGENT },
        "white space around it removed; `null` and the like are absent, and so are `Other` and bots unless the feed keeps those; not hashed", GUIDE;

    CustomCurrency, "custom_data.currency", TargetKind::Currency, "ISO 4217 code, upper case", OPENAPI;
    CustomValue, "custom_data.value", TargetKind::Amount, "decimal text without exponent; zero and below draw a warning", GUIDE;
    CustomContentIds, "custom_data.content_ids", TargetKind::Texts { max_chars: FREE, max_items: 10_000 },
        "product ids, each once; if not mapped, those of the contents", OPENAPI;
    CustomContents, "custom_data.contents", TargetKind::Contents, "the products; elements without any field are left out", OPENAPI;
    CustomNumItems, "custom_data.num_items", integer(0, i64::MAX),
        "whole number; if not mapped, the sum of the contents' quantities, where all have one", OPENAPI;
    CustomOrderId, "custom_data.order_id", text(FREE), "text as it is", OPENAPI;
    CustomSearchString, "custom_data.search_string", text(FREE), "text as it is", OPENAPI;
    CustomOptOutType, "custom_data.opt_out_type", TargetKind::OptOutType,
        "`LDP`, or several words joined by commas; Pinterest heeds it only beside `st` and `country`", LDP;
    CustomContentName, "custom_data.content_name", text(FREE), "text as it is", OPENAPI;
    CustomContentCategory, "custom_data.content_category", text(FREE), "text as it is", OPENAPI;
    CustomContentBrand, "custom_data.content_brand", text(FREE), "text as it is", OPENAPI;
    CustomPredictedLtv, "custom_data.predicted_ltv", TargetKind::Amount, "decimal text without exponent", OPENAPI;
    CustomNp, "custom_data.np", text(FREE), "text as it is; only where Pinterest asked for it", OPENAPI;
    CustomExternalMeasurementId, "custom_data.external_measurement_id", text(FREE), "text as it is; only where Pinterest asked for it", OPENAPI;
    CustomExternalMeasurementVendorId, "custom_data.external_measurement_vendor_id", integer(i64::MIN, i64::MAX),
        "whole number; only where Pinterest asked for it", OPENAPI;

    AppInfoAppId, "app_info.app_id", text(200), "text as it is", OPENAPI;
    AppInfoAppName, "app_info.app_name", text(200), "text as it is", OPENAPI;
    AppInfoAppPackageName, "app_info.app_package_name", text(200), "text as it is", OPENAPI;
    AppInfoAppStore, "app_info.app_store", text(100), "text as it is", OPENAPI;
    AppInfoAppVersion, "app_info.app_version", text(100), "text as it is", OPENAPI;
    AppInfoInstallTime, "app_info.install_time", TargetKind::Moment, "a moment since 1970, sent as Unix seconds", OPENAPI;
    AppInfoUserAgent, "app_info.user_agent", TargetKind::UserAgent { max_chars: USER_AGENT }, "white space around it removed; `null` and the like are absent, and so are `Other` and bots unless the feed keeps those", OPENAPI;
    AppInfoWindowHeight, "app_info.window_height", integer(0, 30_720), "whole number", OPENAPI;
    AppInfoWindowWidth, "app_info.window_width", integer(0, 30_720), "whole number", OPENAPI;

    DeviceInfoBatteryLevel, "device_info.battery_level", integer(0, 100), "per cent", OPENAPI;
    DeviceInfoBrand, "device_info.brand", text(100), "text as it is", OPENAPI;
    DeviceInfoCarrier, "device_info.carrier", text(100), "text as it is", OPENAPI;
    DeviceInfoCpuCores, "device_info.cpu_cores", integer(0, 1_152), "whole number", OPENAPI;
    DeviceInfoExternalStorageFreeSpace, "device_info.external_storage_free_space", integer(0, 1_048_576), "gigabytes", OPENAPI;
    DeviceInfoExternalStorageSize, "device_info.external_storage_size", integer(0, 1_048_576), "gigabytes", OPENAPI;
    DeviceInfoFormFactor, "device_info.form_factor", TargetKind::Choice(FORM_FACTORS), "one of the listed words", OPENAPI;
    DeviceInfoKernelVersion, "device_info.kernel_version", text(100), "text as it is", OPENAPI;
    DeviceInfoLanguages, "device_info.languages", TargetKind::Languages { max_items: 100 },
        "two letters of ISO 639-1 each, lower case; regions are removed", OPENAPI;
    DeviceInfoLocale, "device_info.locale", TargetKind::Locale { max_chars: 35 }, "BCP 47; underscores become hyphens", OPENAPI;
    DeviceInfoModel, "device_info.model", text(100), "text as it is", OPENAPI;
    DeviceInfoNetworkType, "device_info.network_type", TargetKind::Choice(NETWORK_TYPES), "one of the listed words", OPENAPI;
    DeviceInfoOsFamily, "device_info.os_family", TargetKind::Choice(OS_FAMILIES), "one of the listed words", OPENAPI;
    DeviceInfoOsName, "device_info.os_name", text(100), "text as it is", OPENAPI;
    DeviceInfoOsReleaseName, "device_info.os_release_name", text(100), "text as it is", OPENAPI;
    DeviceInfoOsVersion, "device_info.os_version", text(100), "text as it is", OPENAPI;
    DeviceInfoScreenDensity, "device_info.screen_density", integer(0, 100_000), "pixels per inch", OPENAPI;
    DeviceInfoScreenHeight, "device_info.screen_height", integer(0, 30_720), "pixels", OPENAPI;
    DeviceInfoScreenWidth, "device_info.screen_width", integer(0, 30_720), "pixels", OPENAPI;
    DeviceInfoStorageFreeSpace, "device_info.storage_free_space", integer(0, 1_048_576), "gigabytes", OPENAPI;
    DeviceInfoStorageSize, "device_info.storage_size", integer(0, 1_048_576), "gigabytes", OPENAPI;
    DeviceInfoTimezone, "device_info.timezone", text(40), "text as it is", OPENAPI;
    DeviceInfoTimezoneAbbr, "device_info.timezone_abbr", text(5), "text as it is", OPENAPI;
    DeviceInfoType, "device_info.type", text(100), "text as it is", OPENAPI;

    Consent, "consent", TargetKind::Flag, "whether the person consented: false, or not readable, settles the record as `no_consent`", OWN;
    Skip, "skip", TargetKind::Flag, "true settles the record as `filtered`", OWN;
    Lane, "lane", text(FREE), "the name of a lane or its ad account; if not mapped, the feed's", OWN;
}

targets! {
    /// A field of an element of `custom_data.contents`.
    pub enum ContentField;

    Id, "id", text(FREE), "text as it is", OPENAPI;
    ItemPrice, "item_price", TargetKind::Amount, "decimal text without exponent; the price of one before any discount", OPENAPI;
    Quantity, "quantity", integer(0, i64::MAX), "whole number", OPENAPI;
    ItemName, "item_name", text(FREE), "text as it is", OPENAPI;
    ItemCategory, "item_category", text(FREE), "text as it is", OPENAPI;
    ItemBrand, "item_brand", text(FREE), "text as it is", OPENAPI;
}

impl Target {
    /// Whether it takes several values; of the others the first wins.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(
            self.kind(),
            TargetKind::Hashes | TargetKind::Birthdays | TargetKind::Texts { .. } | TargetKind::Languages { .. }
        )
    }

    /// Whether Pinterest's schema demands it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::EventName | Self::ActionSource | Self::EventTime | Self::EventId)
    }

    /// Whether Pinterest never sees it: it decides what becomes of the record.
    #[must_use]
    pub const fn is_decision(self) -> bool {
        matches!(self, Self::Consent | Self::Skip | Self::Lane)
    }

    /// Whether its value says which event it is, or what becomes of the record: never the first of several, whose order
    /// may be chance.
    #[must_use]
    pub const fn is_decisive(self) -> bool {
        self.is_required() || self.is_decision() || matches!(self, Self::OptOut | Self::CustomOptOutType)
    }

    /// The identity parameter that it is, for the targets in `user_data`.
    #[must_use]
    pub fn identity(self) -> Option<Identity> {
        let name = self.path().strip_prefix("user_data.")?;
        Identity::ALL.into_iter().find(|identity| identity.as_str() == name)
    }

    /// The targets from `first` to `last` in the order of the table.
    pub(super) fn span(first: Self, last: Self) -> &'static [Self] {
        Self::ALL.get(first.index()..=last.index()).unwrap_or_default()
    }
}

/// The part behind the dot; all of it where there is none.
const fn last_segment(path: &'static str) -> &'static str {
    let mut rest = path.as_bytes();
    let mut passed = 0;
    while let [byte, behind @ ..] = rest {
        passed += 1;
        if *byte == b'.' {
            return path.split_at(passed).1;
        }
        rest = behind;
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::{ActionSource, Identity};

    #[test]
    fn every_path_is_unique_and_leads_back_to_its_target() {
        for target in Target::ALL {
            assert_eq!(Target::from_path(target.path()), Some(*target));
            assert!(!target.rule().is_empty() && !target.rule().ends_with('.'), "{}", target.path());
        }
        for field in ContentField::ALL {
            assert_eq!(ContentField::from_path(field.path()), Some(*field));
        }
        assert_eq!(Target::ALL.iter().map(|target| target.path()).collect::<HashSet<_>>().len(), Target::ALL.len());
        assert_eq!(Target::from_path("user_data.email"), None);
    }

    #[test]
    fn every_identity_parameter_has_a_target() {
        for identity in Identity::ALL {
            let path = format!("user_data.{}", identity.as_str());
            assert!(Target::from_path(&path).is_some(), "{path}");
        }
    }

    #[test]
    fn the_action_sources_are_those_of_the_domain() {
        assert!(ActionSource::ALL.iter().map(|source| source.as_str()).eq(ACTION_SOURCES.iter().copied()));
    }

    #[test]
    fn a_target_takes_the_kinds_that_its_rule_can_read() {
        for (target, kind, takes) in [
            (Target::UserEm, ValueKind::Text, true),
            (Target::UserEm, ValueKind::Hash, true),
            (Target::UserDb, ValueKind::Date, true),
            (Target::UserPh, ValueKind::Date, false),
            (Target::EventTime, ValueKind::Instant, true),
            (Target::EventTime, ValueKind::Integer, false),
            (Target::CustomValue, ValueKind::Decimal, true),
            (Target::CustomCurrency, ValueKind::Integer, false),
            (Target::Consent, ValueKind::Boolean, true),
            (Target::UserClickId, ValueKind::Hash, false),
        ] {
            assert_eq!(target.takes(kind), takes, "{} of {}", kind.as_str(), target.path());
        }
        assert!(ValueKind::ALL.into_iter().all(|kind| !Target::CustomContents.takes(kind)));
    }
}

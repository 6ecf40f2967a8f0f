//! The table of fields, in the order in which the mapping writes them: so the checker finds each key at once.
//!
//! Source: Pinterest's OpenAPI 5.23.0, operation `events/create`; event names and `customer_type` from the developer
//! documentation as of September 2026.

use std::fmt;

use crate::domain::Identity;

/// One JSON object and the only keys that it may have.
#[derive(Debug)]
pub struct Object {
    pub fields: &'static [Field],
    pub also: Also,
}

/// What a whole object must satisfy beyond its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    Nothing,
    /// An e-mail, a device id, or IP address with user agent: `IdentitySet::suffices`.
    Identity,
}

/// One key of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub presence: Presence,
    pub kind: Kind,
    /// The identity that the field gives where it is not null.
    pub identity: Option<Identity>,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    /// It may be absent, but not null.
    Optional,
    /// It may be absent or null.
    Nullable,
}

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text(TextRule),
    /// A list of texts; `min..=max` of them.
    Texts {
        each: TextRule,
        min: usize,
        max: usize,
    },
    /// A whole number, `min..=max`.
    Whole {
        min: i64,
        max: i64,
    },
    Flag,
    Object(&'static Object),
    /// A list of objects; `min..=max` of them.
    Objects {
        each: &'static Object,
        min: usize,
        max: usize,
    },
}

/// What a text must be.
#[derive(Clone, Copy, Debug)]
pub enum TextRule {
    Any,
    NonEmpty,
    /// At most so many characters.
    AtMost(usize),
    OneOf(&'static [&'static str]),
    /// SHA-256 as 64 lower-case hex digits.
    Hash,
    /// A plain decimal number, such as `-12.50`.
    Decimal,
    /// Three upper-case ASCII letters.
    Currency,
    /// Two lower-case ASCII letters.
    Language,
    /// IPv4 or IPv6, not the unspecified address.
    IpAddress,
}

/// The event names that Pinterest documents (developer documentation, "track conversions in the API").
pub const EVENT_NAMES: [&str; 22] = [
    "add_payment_info",
    "add_to_cart",
    "add_to_wishlist",
    "app_install",
    "app_open",
    "checkout",
    "contact",
    "custom",
    "customize_product",
    "find_location",
    "initiate_checkout",
    "lead",
    "page_visit",
    "schedule",
    "search",
    "signup",
    "start_trial",
    "submit_application",
    "subscribe",
    "view_category",
    "view_content",
    "watch_video",
];

/// The whole body.
pub static REQUEST: Object = Object {
    fields: &[required("data", Kind::Objects { each: &EVENT, min: 1, max: super::MAX_EVENTS })],
    also: Also::Nothing,
};

/// One element of `data`.
pub static EVENT: Object = Object {
    fields: &[
        required("event_name", Kind::Text(TextRule::NonEmpty)),
        required("action_source", Kind::Text(TextRule::OneOf(&["app_android", "app_ios", "web", "offline"]))),
        required("event_time", Kind::Whole { min: 0, max: i64::MAX }),
        required("event_id", Kind::Text(TextRule::NonEmpty)),
        nullable("event_source_url", TextRule::Any),
        optional("opt_out", Kind::Flag),
        nullable("partner_name", TextRule::Any),
        nullable("language", TextRule::Language),
        nullable("app_id", TextRule::Any),
        nullable("app_name", TextRule::Any),
        nullable("app_version", TextRule::Any),
        nullable("device_brand", TextRule::Any),
        nullable("device_carrier", TextRule::Any),
        nullable("device_model", TextRule::Any),
        nullable("device_type", TextRule::Any),
        nullable("os_version", TextRule::Any),
        optional("wifi", Kind::Flag),
        required("user_data", Kind::Object(&USER_DATA)),
        optional("custom_data", Kind::Object(&CUSTOM_DATA)),
        optional("app_info", Kind::Object(&APP_INFO)),
        optional("device_info", Kind::Object(&DEVICE_INFO)),
    ],
    also: Also::Nothing,
};

static USER_DATA: Object = Object {
    fields: &[
        hashes(Identity::Em),
        hashes(Identity::Ph),
        hashes(Identity::Ge),
        hashes(Identity::Db),
        hashes(Identity::Ln),
        hashes(Identity::Fn),
        hashes(Identity::Ct),
        hashes(Identity::St),
        hashes(Identity::Zp),
        hashes(Identity::Country),
        hashes(Identity::ExternalId),
        hashes(Identity::HashedMaids),
        identity(Identity::ClickId, Presence::Nullable, TextRule::Any),
        identity(Identity::PartnerId, Presence::Nullable, TextRule::Any),
        identity(Identity::ClientIpAddress, Presence::Optional, TextRule::IpAddress),
        identity(Identity::ClientUserAgent, Presence::Optional, TextRule::Any),
        optional("customer_type", Kind::Text(TextRule::OneOf(&["new", "returning"]))),
    ],
    also: Also::Identity,
};

static CUSTOM_DATA: Object = Object {
    fields: &[
        nullable("currency", TextRule::Currency),
        nullable("value", TextRule::Decimal),
        optional("content_ids", texts(TextRule::Any, usize::MAX)),
        optional("contents", Kind::Objects { each: &CONTENT, min: 0, max: usize::MAX }),
        optional("num_items", whole(i64::MIN, i64::MAX)),
        nullable("order_id", TextRule::Any),
        nullable("search_string", TextRule::Any),
        nullable("opt_out_type", TextRule::Any),
        nullable("content_name", TextRule::Any),
        nullable("content_category", TextRule::Any),
        nullable("content_brand", TextRule::Any),
        nullable("predicted_ltv", TextRule::Decimal),
        nullable("np", TextRule::Any),
        nullable("external_measurement_id", TextRule::Any),
        field_of("external_measurement_vendor_id", Presence::Nullable, whole(i64::MIN, i64::MAX)),
    ],
    also: Also::Nothing,
};

static CONTENT: Object = Object {
    fields: &[
        optional("id", Kind::Text(TextRule::Any)),
        optional("item_price", Kind::Text(TextRule::Decimal)),
        optional("quantity", whole(i64::MIN, i64::MAX)),
        optional("item_name", Kind::Text(TextRule::Any)),
        optional("item_category", Kind::Text(TextRule::Any)),
        optional("item_brand", Kind::Text(TextRule::Any)),
    ],
    also: Also::Nothing,
};

static APP_INFO: Object = Object {
    fields: &[
        at_most("app_id", 200),
        at_most("app_name", 200),
        at_most("app_package_name", 200),
        at_most("app_store", 100),
        at_most("app_version", 100),
        optional("install_time", whole(0, i64::MAX)),
        at_most("user_agent", 16_384),
        optional("window_height", whole(0, 30_720)),
        optional("window_width", whole(0, 30_720)),
    ],
    also: Also::Nothing,
};

static DEVICE_INFO: Object = Object {
    fields: &[
        optional("battery_level", whole(0, 100)),
        at_most("brand", 100),
        at_most("carrier", 100),
        optional("cpu_cores", whole(0, 1152)),
        optional("external_storage_free_space", whole(0, 1_048_576)),
        optional("external_storage_size", whole(0, 1_048_576)),
        one_of(
            "form_factor",
            &["desktop", "laptop", "cellphone", "tablet", "smartwatch", "tv", "vr", "console", "other"],
        ),
        at_most("kernel_version", 100),
        optional("languages", texts(TextRule::Any, 100)),
        at_most("locale", 35),
        at_most("model", 100),
        one_of(
            "network_type",
            &["wifi", "cellular_2g", "cellular_3g", "cellular_4g", "cellular_5g", "cellular_6g", "ethernet", "unknown"],
        ),
        one_of("os_family", &["ios", "android", "macos", "windows", "linux", "bsd", "other"]),
        at_most("os_name", 100),
        at_most("os_release_name", 100),
        at_most("os_version", 100),
        optional("screen_density", whole(0, 100_000)),
        optional("screen_height", whole(0, 30_720)),
        optional("screen_width", whole(0, 30_720)),
        optional("storage_free_space", whole(0, 1_048_576)),
        optional("storage_size", whole(0, 1_048_576)),
        at_most("timezone", 40),
        at_most("timezone_abbr", 5),
        at_most("type", 100),
    ],
    also: Also::Nothing,
};

/// The field at a path within an event, such as `custom_data.contents.id`; lists are passed through.
#[must_use]
pub fn field(path: &str) -> Option<&'static Field> {
    let mut object = &EVENT;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let field = object.field(name)?;
        if names.peek().is_none() {
            return Some(field);
        }
        object = match field.kind {
            Kind::Object(inner) | Kind::Objects { each: inner, .. } => inner,
            Kind::Text(_) | Kind::Texts { .. } | Kind::Whole { .. } | Kind::Flag => return None,
        };
    }
    None
}

impl Object {
    /// The field of that name, if there is one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl fmt::Display for Kind {
    /// As the object of "expected".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text(rule) => rule.fmt(f),
            Self::Texts { each, min, max } => {
                f.write_str("a list of ")?;
                range(f, min, max)?;
                write!(f, " texts, each {each}")
            }
            Self::Whole { min: i64::MIN, max: i64::MAX } => f.write_str("a whole number"),
            Self::Whole { min, max: i64::MAX } => write!(f, "a whole number from {min}"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Flag => f.write_str("true or false"),
            Self::Object(_) => f.write_str("an object"),
            Self::Objects { min, max, .. } => {
                f.write_str("a list of ")?;
                range(f, min, max)?;
                f.write_str(" objects")
            }
        }
    }
}

impl fmt::Display for TextRule {
    /// As the object of "expected".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Any => f.write_str("text"),
            Self::NonEmpty => f.write_str("text that is not empty"),
            Self::AtMost(chars) => write!(f, "text of at most {chars} characters"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Hash => f.write_str("64 lower-case hex digits"),
            Self::Decimal => f.write_str("text with a plain decimal number"),
            Self::Currency => f.write_str("three upper-case letters"),
            Self::Language => f.write_str("two lower-case letters"),
            Self::IpAddress => f.write_str("an IPv4 or IPv6 address"),
        }
    }
}

fn range(f: &mut fmt::Formatter<'_>, min: usize, max: usize) -> fmt::Result {
    match (min, max) {
        (0, usize::MAX) => f.write_str("any number of"),
        (min, usize::MAX) => write!(f, "at least {min}"),
        (min, max) => write!(f, "{min} to {max}"),
    }
}

const fn field_of(name: &'static str, presence: Presence, kind: Kind) -> Field {
    Field { name, presence, kind, identity: None }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    field_of(name, Presence::Required, kind)
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    field_of(name, Presence::Optional, kind)
}

const fn nullable(name: &'static str, rule: TextRule) -> Field {
    field_of(name, Presence::Nullable, Kind::Text(rule))
}

const fn at_most(name: &'static str, chars: usize) -> Field {
    optional(name, Kind::Text(TextRule::AtMost(chars)))
}

const fn one_of(name: &'static str, words: &'static [&'static str]) -> Field {
    optional(name, Kind::Text(TextRule::OneOf(words)))
}

const fn hashes(identity: Identity) -> Field {
    let kind = Kind::Texts { each: TextRule::Hash, min: 1, max: usize::MAX };
    Field { identity: Some(identity), ..optional(identity.as_str(), kind) }
}

const fn identity(identity: Identity, presence: Presence, rule: TextRule) -> Field {
    Field { identity: Some(identity), ..field_of(identity.as_str(), presence, Kind::Text(rule)) }
}

const fn texts(each: TextRule, max: usize) -> Kind {
    Kind::Texts { each, min: 0, max }
}

const fn whole(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

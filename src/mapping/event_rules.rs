//! What a feed chooses about its events, beside its schema.

use std::time::Duration;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use crate::domain::{AdAccountId, InDoubtPolicy, LaneId, LaneMode};

/// How the records of one feed become events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRules {
    /// Every lane that a record may name.
    pub lanes: Vec<LaneRule>,
    /// The lane of records that name none.
    pub default_lane: LaneRule,
    /// The feed's choice; else the action source decides.
    pub in_doubt: Option<InDoubtPolicy>,
    /// How far ahead of the clock an event time may lie.
    pub clock_tolerance: Duration,
    /// How old an event may be.
    pub max_age: Duration,
    /// What becomes of an event that is older than an hour already.
    pub late: Late,
    /// What becomes of a record without a value for `consent`. `Skip` is a fault where the plan maps none.
    pub missing_consent: MissingConsent,
    /// ISO 3166 alpha-2 code of the country whose national phone numbers are understood, where the record's own
    /// country does not tell.
    pub phone_region: Option<PhoneRegion>,
    pub private_addresses: PrivateAddresses,
    pub odd_user_agents: OddUserAgents,
    pub customer_type: CustomerType,
    /// Whether `content_ids` and `num_items` follow from the contents where they are not mapped.
    pub derive: Derive,
}

/// A lane by the names under which a record may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRule {
    pub id: LaneId,
    pub name: Box<str>,
    pub ad_account: AdAccountId,
    pub mode: LaneMode,
    /// Of events that have none of their own.
    pub partner_name: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    #[default]
    Send,
    Skip,
    /// It is sent, but never again if its answer is lost: Pinterest could not tell the second from the first.
    Hold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingConsent {
    #[default]
    Send,
    Skip,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrivateAddresses {
    #[default]
    Drop,
    Keep,
}

/// User agents of bots, and `Other`, which says that a parser recognised nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OddUserAgents {
    #[default]
    Drop,
    Keep,
}

/// What a feed sends that is left out unless it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) private_addresses: PrivateAddresses,
    pub(super) odd_user_agents: OddUserAgents,
}

impl Kept {
    /// The choice under which most is sent.
    pub(super) const ALL: Self =
        Self { private_addresses: PrivateAddresses::Keep, odd_user_agents: OddUserAgents::Keep };
}

/// Whether `customer_type`, which Pinterest documents but does not publish in its schema, is sent where it is mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CustomerType {
    #[default]
    Drop,
    Send,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Derive {
    #[default]
    Missing,
    Nothing,
}

/// A country whose national phone numbers can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneRegion(Region);

impl PhoneRegion {
    /// `None` unless `alpha2` is the ISO 3166 code of a country that has phone numbers, in any case.
    #[must_use]
    pub fn try_new(alpha2: &str) -> Option<Self> {
        let alpha2 = alpha2.trim();
        // The parser takes any two letters, and `001` for numbers of no country.
        let region: Region = (alpha2.len() == 2).then(|| alpha2.to_ascii_uppercase().parse().ok())??;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| Self(region))
    }

    /// The code, in capitals.
    pub(super) fn code(self) -> String {
        self.0.to_string()
    }

    pub(super) const fn region(self) -> Region {
        self.0
    }
}

impl EventRules {
    /// The rules of a feed that chooses nothing but its lane: 5 minutes of tolerance, 7 days of age.
    #[must_use]
    pub fn new(default_lane: LaneRule) -> Self {
        Self {
            lanes: vec![default_lane.clone()],
            default_lane,
            in_doubt: None,
            clock_tolerance: Duration::from_mins(5),
            max_age: Duration::from_hours(7 * 24),
            late: Late::default(),
            missing_consent: MissingConsent::default(),
            phone_region: None,
            private_addresses: PrivateAddresses::default(),
            odd_user_agents: OddUserAgents::default(),
            customer_type: CustomerType::default(),
            derive: Derive::default(),
        }
    }

    pub(super) const fn kept(&self) -> Kept {
        Kept { private_addresses: self.private_addresses, odd_user_agents: self.odd_user_agents }
    }

    /// The lane that is called so, or whose ad account is.
    pub(super) fn lane(&self, asked: &str) -> Option<&LaneRule> {
        self.lanes.iter().find(|lane| *lane.name == *asked || *lane.ad_account.as_str() == *asked)
    }
}

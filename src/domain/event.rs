//! A conversion as it will be sent, and what may be said about it afterwards.

use std::fmt;

use super::body::EventBody;
use super::changelog::InDoubtPolicy;
use super::ids::LaneId;
use super::key::EventKey;
use super::reason::Reason;
use super::time::{UnixMillis, UnixSeconds};

/// One element of Pinterest's `data` array, normalised, hashed, validated and encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct ConversionEvent {
    pub key: EventKey,
    /// The ad account that it goes to.
    pub lane: LaneId,
    /// What becomes of it if an answer is lost: the feed's choice, else by action source.
    pub policy: InDoubtPolicy,
    pub event_time: UnixSeconds,
    pub post_by: PostBy,
    pub body: EventBody,
    pub facts: Box<EventFacts>,
}

/// Until when an event may be posted for the first time (R10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostBy {
    /// The last moment.
    pub at: UnixMillis,
    /// How it ends if it was not posted by then.
    pub otherwise: Reason,
}

impl fmt::Debug for ConversionEvent {
    /// Without the body, which holds an IP address and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversionEvent")
            .field("key", &self.key)
            .field("lane", &self.lane)
            .field("policy", &self.policy)
            .field("event_time", &self.event_time)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What an audit row may say about an event: nothing personal. Absent where the record did not yield it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    pub event_id: Option<Box<str>>,
    pub event_name: Option<Box<str>>,
    pub action_source: Option<ActionSource>,
    pub event_time: Option<UnixSeconds>,
    /// `custom_data.value` as sent: a decimal number.
    pub value: Option<Box<str>>,
    /// ISO 4217 code as sent.
    pub currency: Option<Box<str>>,
    pub identity: IdentitySet,
    /// Names of the other parameters, of a lane in shadow mode only: what its rows say instead of an answer.
    pub parameters: Option<Box<str>>,
}

/// Where a conversion happened: the four values that Pinterest documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionSource {
    AppAndroid,
    AppIos,
    Web,
    Offline,
}

impl ActionSource {
    pub const ALL: [Self; 4] = [Self::AppAndroid, Self::AppIos, Self::Web, Self::Offline];

    /// Pinterest's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppAndroid => "app_android",
            Self::AppIos => "app_ios",
            Self::Web => "web",
            Self::Offline => "offline",
        }
    }

    /// The source that the word names in any case; `None` for any that Pinterest does not document.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str().eq_ignore_ascii_case(word))
    }

    /// The policy where the feed chooses none: Pinterest cannot deduplicate offline events.
    #[must_use]
    pub const fn default_policy(self) -> InDoubtPolicy {
        match self {
            Self::Offline => InDoubtPolicy::Hold,
            Self::AppAndroid | Self::AppIos | Self::Web => InDoubtPolicy::Resend,
        }
    }
}

/// A parameter of `user_data` by which Pinterest can recognise a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    Em,
    Ph,
    Ge,
    Db,
    Fn,
    Ln,
    Ct,
    St,
    Zp,
    Country,
    ExternalId,
    HashedMaids,
    ClickId,
    PartnerId,
    ClientIpAddress,
    ClientUserAgent,
}

impl Identity {
    pub const ALL: [Self; 16] = [
        Self::Em,
        Self::Ph,
        Self::Ge,
        Self::Db,
        Self::Fn,
        Self::Ln,
        Self::Ct,
        Self::St,
        Self::Zp,
        Self::Country,
        Self::ExternalId,
        Self::HashedMaids,
        Self::ClickId,
        Self::PartnerId,
        Self::ClientIpAddress,
        Self::ClientUserAgent,
    ];

    /// Pinterest's name of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Em => "em",
            Self::Ph => "ph",
            Self::Ge => "ge",
            Self::Db => "db",
            Self::Fn => "fn",
            Self::Ln => "ln",
            Self::Ct => "ct",
            Self::St => "st",
            Self::Zp => "zp",
            Self::Country => "country",
            Self::ExternalId => "external_id",
            Self::HashedMaids => "hashed_maids",
            Self::ClickId => "click_id",
            Self::PartnerId => "partner_id",
            Self::ClientIpAddress => "client_ip_address",
            Self::ClientUserAgent => "client_user_agent",
        }
    }

    fn bit(self) -> u16 {
        let position = Self::ALL.iter().position(|parameter| *parameter == self).expect("all parameters are listed");
        1 << position
    }
}

/// A set of identity parameters: names, never values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentitySet(u16);

impl IdentitySet {
    pub fn insert(&mut self, parameter: Identity) {
        self.0 |= parameter.bit();
    }

    #[must_use]
    pub fn contains(self, parameter: Identity) -> bool {
        self.0 & parameter.bit() != 0
    }

    /// In the order of [`Identity::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Identity> {
        Identity::ALL.into_iter().filter(move |parameter| self.contains(*parameter))
    }

    /// Whether Pinterest accepts an event with these: an e-mail, a device id, or IP address with user agent
    /// (OpenAPI 5.23.0, `ConversionEventsUserData`).
    #[must_use]
    pub fn suffices(self) -> bool {
        self.contains(Identity::Em)
            || self.contains(Identity::HashedMaids)
            || (self.contains(Identity::ClientIpAddress) && self.contains(Identity::ClientUserAgent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parameters: &[Identity]) -> IdentitySet {
        let mut set = IdentitySet::default();
        for parameter in parameters {
            set.insert(*parameter);
        }
        set
    }

    #[test]
    fn an_identity_suffices_as_pinterests_schema_says() {
        use Identity::*;
        for (parameters, suffices) in [
            (&[Em][..], true),
            (&[HashedMaids], true),
            (&[ClientIpAddress, ClientUserAgent], true),
            (&[ClientIpAddress], false),
            (&[ClientUserAgent], false),
            (&[Ph, ExternalId, ClickId], false),
            (&[], false),
        ] {
            assert_eq!(set(parameters).suffices(), suffices, "{parameters:?}");
        }
    }

    #[test]
    fn a_set_gives_back_what_was_put_in() {
        assert!(set(&Identity::ALL).iter().eq(Identity::ALL));
        assert!(set(&[Identity::Zp]).iter().eq([Identity::Zp]));
    }

    #[test]
    fn offline_events_are_held_and_the_others_are_sent_again() {
        for source in ActionSource::ALL {
            let hold = source == ActionSource::Offline;
            assert_eq!(source.default_policy() == InDoubtPolicy::Hold, hold, "{source:?}");
            assert_eq!(ActionSource::from_word(source.as_str()), Some(source));
        }
        assert_eq!(ActionSource::from_word("Web"), Some(ActionSource::Web));
        assert_eq!(ActionSource::from_word("website"), None);
    }

    #[test]
    fn parameters_have_the_names_of_pinterests_schema() {
        let names: Vec<_> = Identity::ALL.into_iter().map(Identity::as_str).collect();
        assert_eq!(
            names.join(" "),
            "em ph ge db fn ln ct st zp country external_id hashed_maids click_id partner_id client_ip_address \
             client_user_agent"
        );
    }

    #[test]
    fn an_event_is_shown_without_its_body() {
        let event = ConversionEvent {
            key: EventKey([1; 16]),
            lane: LaneId(0),
            policy: InDoubtPolicy::Hold,
            event_time: UnixSeconds(7),
            post_by: PostBy { at: UnixMillis(0), otherwise: Reason::TooOld },
            body: EventBody::unchecked(&b"192.0.2.1"[..]),
            facts: Box::default(),
        };
        let shown = format!("{event:?}");
        assert!(shown.contains("body_bytes: 9") && !shown.contains("192"), "{shown}");
    }
}

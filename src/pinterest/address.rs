//! Where the API is.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::domain::AdAccountId;

use super::client::Mode;

/// Address under which `ad_accounts/…` lies, such as `https://api.pinterest.com/v5`.
///
/// It is `https`, unless its host is this machine: tokens and personal data do not travel in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlFault {
    #[error("expected a URL such as https://api.pinterest.com/v5, found a text that is none: {0}")]
    NotAUrl(String),
    #[error("expected https (http is for loopback addresses only), found {0}")]
    NotEncrypted(String),
    #[error("expected neither user, password, query nor fragment in the URL")]
    TooMuch,
}

impl BaseUrl {
    /// Pinterest's own (OpenAPI 5.23.0, `servers`).
    pub const PRODUCTION: &str = "https://api.pinterest.com/v5";

    /// # Errors
    ///
    /// If `text` is no URL, not encrypted, or has parts that a base URL cannot have.
    pub fn try_new(text: &str) -> Result<Self, BaseUrlFault> {
        let url = Url::parse(text).map_err(|fault| BaseUrlFault::NotAUrl(fault.to_string()))?;
        if url.cannot_be_a_base() || !url.has_host() {
            return Err(BaseUrlFault::NotAUrl("it has no host".into()));
        }
        if !(url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none())
        {
            return Err(BaseUrlFault::TooMuch);
        }
        let base = Self(url);
        match base.0.scheme() {
            "https" => Ok(base),
            "http" if base.is_loopback() => Ok(base),
            other => Err(BaseUrlFault::NotEncrypted(other.into())),
        }
    }

    /// Whether the host is this machine, by its address or as `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where the events of an ad account go.
    pub(super) fn events(&self, ad_account: &AdAccountId, mode: Mode) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("`try_new` refuses URLs that have no path").pop_if_empty().extend([
            "ad_accounts",
            ad_account.as_str(),
            "events",
        ]);
        match mode {
            Mode::Live => {}
            Mode::Test => url.set_query(Some("test=true")),
        }
        url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_encrypted_or_on_this_machine() {
        let account = AdAccountId::try_new("549755885175").expect("digits");
        for (text, events) in [
            (BaseUrl::PRODUCTION, Ok("https://api.pinterest.com/v5/ad_accounts/549755885175/events")),
            (
                "https://proxy.example:8443/pin/v5/",
                Ok("https://proxy.example:8443/pin/v5/ad_accounts/549755885175/events"),
            ),
            ("http://127.0.0.1:9000/v5", Ok("http://127.0.0.1:9000/v5/ad_accounts/549755885175/events")),
            ("http://127.8.8.8", Ok("http://127.8.8.8/ad_accounts/549755885175/events")),
            ("http://[::1]:9000/v5", Ok("http://[::1]:9000/v5/ad_accounts/549755885175/events")),
            ("http://localhost/v5", Ok("http://localhost/v5/ad_accounts/549755885175/events")),
            ("http://api.pinterest.com/v5", Err(BaseUrlFault::NotEncrypted("http".into()))),
            ("http://localhost.example/v5", Err(BaseUrlFault::NotEncrypted("http".into()))),
            ("http://10.0.0.1/v5", Err(BaseUrlFault::NotEncrypted("http".into()))),
            ("ftp://localhost/v5", Err(BaseUrlFault::NotEncrypted("ftp".into()))),
            ("https://user:word@api.pinterest.com/v5", Err(BaseUrlFault::TooMuch)),
            ("https://api.pinterest.com/v5?test=true", Err(BaseUrlFault::TooMuch)),
            ("https://api.pinterest.com/v5#x", Err(BaseUrlFault::TooMuch)),
            ("mailto:x", Err(BaseUrlFault::NotAUrl("it has no host".into()))),
            ("/v5", Err(BaseUrlFault::NotAUrl("relative URL without a base".into()))),
        ] {
            let url = BaseUrl::try_new(text).map(|base| base.events(&account, Mode::Live).to_string());
            assert_eq!(url, events.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn test_mode_is_a_query_parameter() {
        let account = AdAccountId::try_new("1").expect("digits");
        let base = BaseUrl::try_new(BaseUrl::PRODUCTION).expect("a URL");
        let url = base.events(&account, Mode::Test);
        assert_eq!(url.as_str(), "https://api.pinterest.com/v5/ad_accounts/1/events?test=true");
    }
}

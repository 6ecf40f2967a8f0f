//! Addresses, browsers, pages, click ids.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::texts::{is_longer, trimmed};
use super::{DropReason, Normal};
use crate::mapping::event_rules::{OddUserAgents, PrivateAddresses};

/// `client_ip_address`: IPv4 or IPv6 in its usual form; an IPv4 address inside an IPv6 one comes out.
///
/// Private, loopback and link-local addresses are dropped unless the feed keeps them: they are a proxy's or a till's,
/// match nobody, and would let an event pass that has no identity else.
pub(crate) fn ip_address(text: &str, private: PrivateAddresses) -> Normal<'_> {
    let text = trimmed(text);
    let address: IpAddr = text.parse().map_err(|_| DropReason::Malformed)?;
    let address = address.to_canonical();
    if address.is_unspecified() {
        return Err(DropReason::Placeholder);
    }
    if private == PrivateAddresses::Drop && is_private(address) {
        return Err(DropReason::PrivateAddress);
    }
    let usual = address.to_string();
    Ok(if usual == text { Cow::Borrowed(text) } else { Cow::Owned(usual) })
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10 is what carriers use between themselves and their customers (RFC 6598).
            let shared = matches!(v4.octets(), [100, 64..=127, _, _]);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || shared
        }
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

/// `client_user_agent`: as it is. What trackers write when they know no browser is no user agent.
///
/// `Other`, and programs that nobody sits at, are dropped unless the feed keeps them: Pinterest documents both as not
/// valid, and they would let an event pass that has no identity else.
pub(crate) fn user_agent(text: &str, max_chars: usize, odd: OddUserAgents) -> Normal<'_> {
    const NONE: [&str; 5] = ["null", "none", "undefined", "unknown", "-"];
    let text = trimmed(text);
    if text.is_empty() || NONE.iter().any(|none| none.eq_ignore_ascii_case(text)) {
        return Err(DropReason::Placeholder);
    }
    if is_longer(text, max_chars) {
        return Err(DropReason::TooLong);
    }
    match odd {
        OddUserAgents::Drop if text.eq_ignore_ascii_case("other") => Err(DropReason::Placeholder),
        OddUserAgents::Drop if is_bot(text) => Err(DropReason::Bot),
        OddUserAgents::Drop | OddUserAgents::Keep => Ok(Cow::Borrowed(text)),
    }
}

/// Whether a word of the user agent is one by which crawlers, monitors and libraries name themselves.
fn is_bot(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "crawler",
        "curl",
        "facebookexternalhit",
        "go-http-client",
        "headlesschrome",
        "lighthouse",
        "pingdom",
        "python-requests",
        "slurp",
        "spider",
        "wget",
    ];
    let ends_in_bot = |part: &[u8]| part.last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"bot"));
    text.as_bytes().split(|b| !b.is_ascii_alphanumeric() && *b != b'-').any(|word| {
        // Cubot makes phones.
        let is_named_so = word.split(|b| *b == b'-').any(ends_in_bot) && !word.eq_ignore_ascii_case(b"cubot");
        is_named_so || WORDS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    })
}

/// `event_source_url`: an http or https URL with a host, as it is.
pub(crate) fn url(text: &str, max_chars: usize) -> Normal<'_> {
    let text = trimmed(text);
    let (scheme, rest) = text.split_once("://").ok_or(DropReason::Malformed)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if !known || host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(DropReason::Malformed);
    }
    if is_longer(text, max_chars) { Err(DropReason::TooLong) } else { Ok(Cow::Borrowed(text)) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, owned};
    use super::*;

    #[test]
    fn an_address_is_one_that_can_match_somebody() {
        let private = Err(DropReason::PrivateAddress);
        let bad = Err(DropReason::Malformed);
        check(
            |text| owned(ip_address(text, PrivateAddresses::Drop)),
            &[
                ("216.3.128.12", Ok("216.3.128.12")),
                (" 2001:DB8::0:1 ", Ok("2001:db8::1")),
                ("::ffff:216.3.128.12", Ok("216.3.128.12")),
                ("0.0.0.0", Err(DropReason::Placeholder)),
                ("::", Err(DropReason::Placeholder)),
                ("10.1.2.3", private),
                ("172.31.0.1", private),
                ("172.32.0.1", Ok("172.32.0.1")),
                ("192.168.0.1", private),
                ("100.64.0.1", private),
                ("127.0.0.1", private),
                ("169.254.1.1", private),
                ("::1", private),
                ("fe80::1", private),
                ("fd00::1", private),
                ("::ffff:10.1.2.3", private),
                ("216.3.128.256", bad),
                ("216.3.128.12:443", bad),
                ("216.3.128.12, 10.0.0.1", bad),
                ("example.com", bad),
            ],
        );
        assert_eq!(ip_address("10.1.2.3", PrivateAddresses::Keep).as_deref(), Ok("10.1.2.3"));
        assert_eq!(ip_address("0.0.0.0", PrivateAddresses::Keep), Err(DropReason::Placeholder));
    }

    #[test]
    fn a_user_agent_is_not_a_word_for_none() {
        check(
            |text| owned(user_agent(text, 30, OddUserAgents::Drop)),
            &[
                (" Mozilla/5.0 (iPhone) ", Ok("Mozilla/5.0 (iPhone)")),
                ("Mozilla/5.0 (CUBOT X18)", Ok("Mozilla/5.0 (CUBOT X18)")),
                ("Shop/8 (bottle)", Ok("Shop/8 (bottle)")),
                ("Other", Err(DropReason::Placeholder)),
                ("Mozilla/5.0 (Googlebot/2.1)", Err(DropReason::Bot)),
                ("AdsBot-Google (+http://x)", Err(DropReason::Bot)),
                ("Pinterestbot/1.0", Err(DropReason::Bot)),
                ("Chrome (HeadlessChrome/1)", Err(DropReason::Bot)),
                ("curl/8.5.0", Err(DropReason::Bot)),
                ("python-requests/2.31", Err(DropReason::Bot)),
                ("NULL", Err(DropReason::Placeholder)),
                ("-", Err(DropReason::Placeholder)),
                (&"x".repeat(31), Err(DropReason::TooLong)),
            ],
        );
        for (text, kept) in [("Other", Ok("Other")), ("curl/8", Ok("curl/8")), ("null", Err(DropReason::Placeholder))] {
            assert_eq!(user_agent(text, 30, OddUserAgents::Keep).as_deref().map_err(|why| *why), kept, "{text}");
        }
    }

    #[test]
    fn a_url_is_a_page_of_a_host() {
        let bad = Err(DropReason::Malformed);
        check(
            |text| owned(url(text, 40)),
            &[
                ("https://shop.example/thanks?epik=dj0", Ok("https://shop.example/thanks?epik=dj0")),
                (" HTTP://shop.example", Ok("HTTP://shop.example")),
                ("/thanks", bad),
                ("https:///thanks", bad),
                ("ftp://shop.example", bad),
                ("https://shop.example/a b", bad),
                (&format!("https://shop.example/{}", "x".repeat(40)), Err(DropReason::TooLong)),
            ],
        );
    }
}

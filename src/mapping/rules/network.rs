//! Addresses, browsers, pages, click ids.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::texts::{is_ascii_graphic, is_longer, trimmed};
use super::{DropReason, Normal};
use crate::mapping::event_rules::{OddUserAgents, PrivateAddresses};

/// `client_ip_address`: IPv4 or IPv6 in its usual form; an IPv4 address inside an IPv6 one comes out.
///
/// Private, loopback and link-local addresses are dropped unless the feed keeps them: they are a proxy's or a till's,
/// match nobody, and would let an event pass that has no identity else.
pub(crate) fn ip_address(text: &str, private: PrivateAddresses) -> Normal<'_> {
    let text = trimmed(text);
    let written: IpAddr = text.parse().map_err(|_| DropReason::Malformed)?;
    let address = written.to_canonical();
    if address.is_unspecified() {
        return Err(DropReason::Placeholder);
    }
    if private == PrivateAddresses::Drop && is_private(address) {
        return Err(DropReason::PrivateAddress);
    }
    if written.is_ipv4() {
        // The parser takes no form but the usual one.
        return Ok(Cow::Borrowed(text));
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
    // By length: most words of a user agent are compared with none.
    let known = |length: usize| -> &[&[u8]] {
        match length {
            4 => &[b"curl", b"wget"],
            5 => &[b"slurp"],
            6 => &[b"spider"],
            7 => &[b"crawler", b"pingdom"],
            10 => &[b"lighthouse"],
            14 => &[b"go-http-client", b"headlesschrome"],
            15 => &[b"python-requests"],
            19 => &[b"facebookexternalhit"],
            _ => &[],
        }
    };
    let ends_in_bot = |part: &[u8]| part.last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"bot"));
    let words = text.as_bytes().split(|b| !b.is_ascii_alphanumeric() && *b != b'-');
    // Half of what stands in a user agent are numbers and marks, too short to name anybody.
    words.filter(|word| "bot".len() <= word.len()).any(|word| {
        // Cubot makes phones.
        let is_named_so = word.split(|b| *b == b'-').any(ends_in_bot) && !word.eq_ignore_ascii_case(b"cubot");
        is_named_so || known(word.len()).iter().any(|known| known.eq_ignore_ascii_case(word))
    })
}

/// `event_source_url`: an http or https URL with a host, as it is.
pub(crate) fn url(text: &str, max_chars: usize) -> Normal<'_> {
    let text = trimmed(text);
    let (scheme, behind) = text.split_once(':').ok_or(DropReason::Malformed)?;
    let rest = behind.strip_prefix("//").ok_or(DropReason::Malformed)?;
    let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let has_host = !rest.is_empty() && !rest.starts_with(['/', '?', '#']);
    let is_damaged = !is_ascii_graphic(text) && text.contains(|c: char| c.is_whitespace() || c.is_control());
    if !known || !has_host || is_damaged {
        return Err(DropReason::Malformed);
    }
    if is_longer(text, max_chars) { Err(DropReason::TooLong) } else { Ok(Cow::Borrowed(text)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn what_is_read_as_ipv4_is_in_its_usual_form(text in "[0-9]{1,3}(\\.[0-9]{1,3}){2,4}|[0-9a-fx.]{7,15}") {
            if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }

        #[test]
        fn what_is_read_as_an_address_is_read_as_itself_again(address: IpAddr) {
            if let Ok(once) = owned(ip_address(&address.to_string(), PrivateAddresses::Keep)) {
                prop_assert_eq!(&once, &address.to_canonical().to_string());
                prop_assert_eq!(owned(ip_address(&once, PrivateAddresses::Keep)), Ok(once.clone()));
            }
        }
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
                ("My-Bot-8", Err(DropReason::Bot)),
                ("NULL", Err(DropReason::Placeholder)),
                ("-", Err(DropReason::Placeholder)),
                (&"x".repeat(31), Err(DropReason::TooLong)),
            ],
        );
        for program in [
            "curl/8.5.0",
            "Wget/1.21",
            "Yahoo! Slurp",
            "Baiduspider Spider",
            "a (Crawler)",
            "Pingdom.com",
            "Chrome-Lighthouse Lighthouse",
            "Go-http-client/1.1",
            "python-requests/2.31",
            "facebookexternalhit/1.1",
        ] {
            assert_eq!(user_agent(program, 30, OddUserAgents::Drop), Err(DropReason::Bot), "{program}");
        }
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
                ("https://", bad),
                ("https://?a=b", bad),
                ("https:/shop.example", bad),
                ("shop.example:https://a", bad),
                ("https://shop.example/ü", Ok("https://shop.example/ü")),
                ("https://shop.example/\u{3000}a", bad),
                ("https://shop.example/\u{85}a", bad),
                ("ftp://shop.example", bad),
                ("https://shop.example/a b", bad),
                (&format!("https://shop.example/{}", "x".repeat(40)), Err(DropReason::TooLong)),
            ],
        );
    }
}

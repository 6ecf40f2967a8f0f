//! Addresses, browsers, pages, click ids.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::texts::{is_ascii_graphic, is_longer, trimmed};
use super::{DropReason, Normal};
use crate::mapping::event_rules::{OddUserAgents, PrivateAddresses};

/// `client_ip_address`: IPv4 or IPv6 in its usual form; an IPv4 address inside an IPv6 one comes out.
///
/// Addresses of no public network (private, loopback, link-local, multicast, reserved, those of benchmarks) are dropped
/// unless the feed keeps them: they are a proxy's or a till's, match nobody, and would let an event pass that has no
/// identity else.
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

/// What IANA's registries of special-purpose addresses do not call globally reachable
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>,
/// read 2026-11), and multicast. Addresses for documentation pass: they are nobody's, and stand in examples and tests.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // "This network"; multicast, reserved and broadcast from 224 on; 100.64.0.0/10, which carriers use between
            // themselves and their customers (RFC 6598); benchmarks (RFC 2544).
            let reserved = matches!(v4.octets(), [0 | 224..=255, ..] | [100, 64..=127, _, _] | [198, 18 | 19, _, _]);
            reserved || v4.is_private() || v4.is_loopback() || v4.is_link_local()
        }
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    // ::/96 held IPv4 addresses once (RFC 4291, 2.5.5.1), and has the loopback; fec0::/10 was that of sites (RFC 3879).
    let was_in_use = matches!(address.segments(), [0, 0, 0, 0, 0, 0, ..] | [0xfec0..=0xfeff, ..]);
    was_in_use || address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast()
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
        OddUserAgents::Drop if text.split('/').all(|part| part.trim().eq_ignore_ascii_case("other")) => {
            Err(DropReason::Placeholder)
        }
        OddUserAgents::Drop if is_bot(text) => Err(DropReason::Bot),
        OddUserAgents::Drop | OddUserAgents::Keep => Ok(Cow::Borrowed(text)),
    }
}

/// Whether a word of the user agent is one by which crawlers, monitors and libraries name themselves.
///
/// Each name is the one that the program sends unless its user sets another. Android's own `Dalvik` and the `CFNetwork`
/// of iOS are not among them: apps send those for people.
fn is_bot(text: &str) -> bool {
    // By length: most words of a user agent are compared with none.
    let known = |length: usize| -> &[&[u8]] {
        match length {
            4 => &[b"curl", b"wget"],
            5 => &[b"axios", b"slurp"],
            6 => &[b"okhttp", b"scrapy"],
            7 => &[b"pingdom"],
            9 => &[b"phantomjs"],
            10 => &[b"lighthouse"],
            11 => &[b"ia_archiver", b"libwww-perl"],
            13 => &[b"python-urllib"],
            14 => &[b"go-http-client", b"headlesschrome", b"postmanruntime", b"python-urllib3"],
            15 => &[b"python-requests"],
            19 => &[b"facebookexternalhit"],
            20 => &[b"mediapartners-google"],
            _ => &[],
        }
    };
    let words = text.as_bytes().split(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'_'));
    // Half of what stands in a user agent are numbers and marks, too short to name anybody.
    let is_named = words.filter(|word| "bot".len() <= word.len()).any(|word| {
        let mut parts = word.split(|b| matches!(b, b'-' | b'_'));
        // Cubot makes phones.
        let is_kind = parts.any(is_kind_of_bot) && !word.eq_ignore_ascii_case(b"cubot");
        is_kind || known(word.len()).iter().any(|known| known.eq_ignore_ascii_case(word))
    });
    // Java's own client; elsewhere in a user agent the word means what a phone can run.
    is_named || text.starts_with("Java/")
}

/// Whether the word ends as crawlers call themselves: `Googlebot`, `Baiduspider`, `SiteCrawler`.
fn is_kind_of_bot(word: &[u8]) -> bool {
    let ends_in = |end: &[u8]| {
        word.len()
            .checked_sub(end.len())
            .and_then(|begin| word.get(begin..))
            .is_some_and(|of| of.eq_ignore_ascii_case(end))
    };
    // The last letter tells nearly all words from these.
    match word.last().map(u8::to_ascii_lowercase) {
        Some(b't') => ends_in(b"bot"),
        Some(b'r') => ends_in(b"spider") || ends_in(b"crawler"),
        _ => false,
    }
}

/// `event_source_url`: an http or https URL with a host, as it is.
pub(crate) fn url(text: &str, max_chars: usize) -> Normal<'_> {
    let text = trimmed(text);
    let (scheme, behind) = text.split_once(':').ok_or(DropReason::Malformed)?;
    let rest = behind.strip_prefix("//").ok_or(DropReason::Malformed)?;
    let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let has_host = !rest.is_empty() && !rest.starts_with(['/', '?', '#']);
    // Brackets are for IPv6 addresses (RFC 3986, 3.2.2).
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_closed = host
        .strip_prefix('[')
        .is_none_or(|inner| inner.split_once(']').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok()));
    let is_damaged = !is_ascii_graphic(text) && text.contains(|c: char| c.is_whitespace() || c.is_control());
    if !known || !has_host || !is_closed || is_damaged {
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
                ("0.0.0.1", private),
                ("224.0.0.1", private),
                ("240.0.0.1", private),
                ("255.255.255.255", private),
                ("198.18.0.1", private),
                ("198.19.255.255", private),
                ("198.20.0.1", Ok("198.20.0.1")),
                ("223.255.255.255", Ok("223.255.255.255")),
                ("::216.3.128.12", private),
                ("::1:0:0", Ok("::1:0:0")),
                ("ff02::1", private),
                ("fec0::1", private),
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
                ("Other / Other", Err(DropReason::Placeholder)),
                ("Other/8.1", Ok("Other/8.1")),
                ("Nokia (Java; MIDP)", Ok("Nokia (Java; MIDP)")),
                ("Dalvik/2.1.0 (Android 14)", Ok("Dalvik/2.1.0 (Android 14)")),
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
            "Baiduspider/2.0",
            "MJ_Spider-2",
            "SiteCrawler/1.0",
            "okhttp/4.12.0",
            "axios/1.7.2",
            "Java/17.0.2",
            "Python-urllib/3.11",
            "python-urllib3/2.2.1",
            "libwww-perl/6.05",
            "Scrapy/2.11",
            "PhantomJS/2.1.1",
            "PostmanRuntime/7.32.3",
            "ia_archiver",
            "Mediapartners-Google",
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
                ("https://[::1", bad),
                ("https://[shop]/", bad),
                ("https://[2001:db8::1]:8443/a", Ok("https://[2001:db8::1]:8443/a")),
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

//! Texts with rules of their own that several sections take: names, topics, addresses, URLs.

use super::fault::{FaultKind, Placed};
use super::yaml::Reading;

/// Longest topic name (Kafka 4.3, `org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH`).
pub(super) const TOPIC_MAX: usize = 249;

/// Longest name of a feed or a lane: it becomes a metric label and a part of a topic name.
const NAME_MAX: usize = 64;

/// Why Kafka would refuse `name` for a topic (`Topic.validate`); the same rule holds for `group.instance.id`.
pub(super) fn kafka_objection(name: &str) -> Option<String> {
    if name.is_empty() || name == "." || name == ".." {
        return Some("it is empty, `.` or `..`".to_owned());
    }
    if TOPIC_MAX < name.len() {
        return Some(format!("it has {} characters, and Kafka allows {TOPIC_MAX}", name.chars().count()));
    }
    let foreign = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    foreign.map(|c| format!("it holds {c:?}, and Kafka allows letters, digits, `.`, `_` and `-`"))
}

/// The name of a topic.
pub(super) fn topic(name: Placed<&str>, reading: &mut Reading<'_>) -> Option<Placed<String>> {
    if let Some(objection) = kafka_objection(name.value) {
        let problem = format!("{:?} is no topic name: {objection}", name.value);
        reading.fault(FaultKind::BadTopic, &name.place, problem, "write the topic's name as Kafka shows it");
        return None;
    }
    Some(name.map(str::to_owned))
}

/// A name that people give: of a feed, a lane, a group, an instance.
pub(super) fn name(name: Placed<&str>, reading: &mut Reading<'_>) -> Option<Placed<String>> {
    let objection = kafka_objection(name.value)
        .or_else(|| (NAME_MAX < name.value.len()).then(|| format!("it has more than {NAME_MAX} characters")));
    if let Some(objection) = objection {
        let problem = format!("{:?} is no valid name: {objection}", name.value);
        let remedy = format!("use letters, digits, `.`, `_` and `-`, at most {NAME_MAX}");
        reading.fault(FaultKind::BadName, &name.place, problem, remedy);
        return None;
    }
    Some(name.map(str::to_owned))
}

/// Whether `address` is `host:port`, with the host as a name, an IPv4 address or an IPv6 address in brackets.
pub(super) fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let host_fits = !host.is_empty() && !host.contains(['/', '@', ' ', ',']) && (bracketed || !host.contains(':'));
    host_fits && port.parse::<u16>().is_ok_and(|port| 0 < port)
}

/// Whether a secret is sent to the URL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Secret,
    Nothing,
}

/// An absolute URL without credentials, query and fragment, and without `/` at its end.
pub(super) fn url(text: &Placed<&str>, carries: Carries, reading: &mut Reading<'_>) -> Option<String> {
    // The URL itself is not shown: it may hold a password.
    let mut bad = |problem: &str| {
        let remedy = "write an absolute URL such as https://host/path; secrets belong under keys of their own";
        reading.fault(FaultKind::BadUrl, &text.place, problem, remedy);
    };
    let Ok(url) = reqwest::Url::parse(text.value) else {
        bad("this is no absolute URL");
        return None;
    };
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
        bad("expected an http or https URL with a host");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        bad("the URL holds a user name or a password");
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        bad("the URL holds a query or a fragment");
        return None;
    }
    if url.scheme() == "http" && carries == Carries::Secret && !is_loopback(host) {
        let problem = format!("a secret would travel to {host} in the clear");
        reading.fault(FaultKind::PlainHttp, &text.place, problem, "write https://; http is for this machine alone");
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_name_is_what_kafka_allows() {
        for (name, valid) in [
            ("shop.orders", true),
            ("Shop_Orders-2", true),
            (&"x".repeat(249), true),
            (&"x".repeat(250), false),
            ("shop orders", false),
            ("shop/orders", false),
            ("büro", false),
            (".", false),
            ("..", false),
            ("...", true),
            ("", false),
        ] {
            assert_eq!(kafka_objection(name).is_none(), valid, "{name:?}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, valid) in [
            ("localhost:9092", true),
            ("10.0.0.1:9092", true),
            ("[::1]:9092", true),
            ("::1:9092", false),
            ("localhost", false),
            ("localhost:", false),
            ("localhost:0", false),
            ("localhost:70000", false),
            (":9092", false),
            ("SSL://kafka:9092", false),
            ("a:1,b:2", false),
        ] {
            assert_eq!(is_address(address), valid, "{address:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, loopback) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("10.0.0.1", false),
            ("localhost.example", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}

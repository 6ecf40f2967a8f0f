//! The limit of calls that an answer names: `X-RateLimit-Limit`.
//!
//! Observed: `120000, 120000;w=60;name="ads_conversions_ad_account_id"`. That is the form of the IETF's draft of such
//! headers (draft-ietf-httpapi-ratelimit-headers-03): the limit in force, then each policy with its window in seconds.

use std::time::Duration;

use crate::domain::CallLimit;

/// The limit with the longest interval between calls. A number without window is one of calls a minute, the unit of
/// all of Pinterest's documented limits for conversions.
#[must_use]
pub fn read(header: &str) -> Option<CallLimit> {
    let policies: Vec<_> = header.split(',').filter_map(policy).collect();
    let windowed = policies.iter().filter_map(|(calls, window)| CallLimit::try_new(*calls, (*window)?));
    let bare = || CallLimit::try_new(policies.first()?.0, Duration::from_mins(1));
    windowed.max_by_key(|limit| limit.per / limit.calls.get()).or_else(bare)
}

/// Calls, and their window where one is named.
fn policy(text: &str) -> Option<(u32, Option<Duration>)> {
    let mut parts = text.split(';').map(str::trim);
    let calls = parts.next()?.parse().ok()?;
    let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok());
    Some((calls, window.map(Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_that_is_named_counts() {
        for (header, calls_and_seconds) in [
            ("120000, 120000;w=60;name=\"ads_conversions_ad_account_id\"", Some((120_000, 60))),
            ("5000", Some((5000, 60))),
            (" 5000 ", Some((5000, 60))),
            ("10, 10;w=1, 5000;w=60", Some((10, 1))),
            ("1000, 120000;w=60, 1000;w=86400;comment=\"trial\"", Some((1000, 86_400))),
            ("10;w=1", Some((10, 1))),
            ("5000;name=\"a\";w=60", Some((5000, 60))),
            ("0", None),
            ("5000;w=0", Some((5000, 60))),
            ("-1", None),
            ("", None),
            ("many", None),
            ("99999999999", None),
        ] {
            let limit = read(header).map(|limit| (limit.calls.get(), limit.per.as_secs()));
            assert_eq!(limit, calls_and_seconds, "{header:?}");
        }
    }
}

//! What can be wrong with a configuration, and how it is told.
//!
//! A fault says where (key and line), what was found, and how to mend it. It never shows a secret.

use std::fmt;
use std::path::PathBuf;

macro_rules! fault_kinds {
    ($($name:ident, $code:literal, $rule:literal;)*) => {
        /// A rule that a configuration can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $(#[doc = $rule] $name,)* }

        impl FaultKind {
            /// Every rule, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Stable code: lower-case words joined by underscores.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }

            /// The rule, as a sentence without full stop.
            #[must_use]
            pub const fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }
        }
    };
}

fault_kinds! {
    Unreadable, "unreadable", "the configuration is a file that can be read, in UTF-8";
    NotYaml, "not_yaml", "the file is one YAML document, and no key stands twice in one mapping";
    UnknownKey, "unknown_key", "every key is one that pinrelay knows";
    MissingKey, "missing_key", "every required key has a value";
    WrongType, "wrong_type", "a value has the form that its key takes";
    BadUnit, "bad_unit", "durations and sizes are whole numbers with a unit";
    OutOfRange, "out_of_range", "a number lies within the limits of its key";
    UnknownWord, "unknown_word", "a value that is chosen from a list is one of the list";
    BadName, "bad_name", "names are made of letters, digits, `.`, `_` and `-`";
    BadTopic, "bad_topic", "topic names, and the changelog names made of group and feed, are valid for Kafka";
    BadAddress, "bad_address", "an address is `host:port`";
    BadUrl, "bad_url", "a URL is absolute, http or https, without credentials, query and fragment";
    PlainHttp, "plain_http", "a secret travels over https, except to this machine";
    BadAdAccount, "bad_ad_account", "an ad account id has 1 to 18 digits";
    BadTime, "bad_time", "a start is `earliest`, `latest` or a time as in RFC 3339";
    BadRegion, "bad_region", "a phone region is the code of a country that has phone numbers";
    PlainSecret, "plain_secret", "a secret is a reference to a file or an environment variable";
    SecretUnavailable, "secret_unavailable", "the file or variable of a secret can be read and is not empty";
    VariableUnset, "variable_unset", "an environment variable that is referred to is set and not empty";
    FileMissing, "file_missing", "a schema file that is named exists";
    BadAuthorities, "bad_authorities", "a file of certificate authorities can be read and holds certificates in PEM";
    OwnedProperty, "owned_property", "`kafka.properties` holds nothing that pinrelay sets itself";
    OauthToken, "oauth_token", "`kafka.oauth_token` and `sasl.mechanism: OAUTHBEARER` stand together";
    ExclusiveKeys, "exclusive_keys", "keys that exclude each other do not stand together";
    NoRegistry, "no_registry", "a feed in Confluent framing has a schema registry";
    DuplicateName, "duplicate_name", "names of feeds and names of lanes are unique";
    DuplicateAccount, "duplicate_account", "an ad account has one lane";
    DuplicateTopic, "duplicate_topic", "a topic has one use: one feed, the audit or one changelog";
    UnknownLane, "unknown_lane", "a feed's lane exists";
    ConnectOverAnswer, "connect_over_answer", "`pipeline.connect_timeout` < `pipeline.answer_timeout`";
    AnswerOverDrain, "answer_over_drain", "`pipeline.answer_timeout` < `kafka.drain_deadline`";
    TransactionOverSession, "transaction_over_session", "`kafka.transaction_timeout` < `kafka.session_timeout`";
    DrainOverPoll, "drain_over_poll",
        "`kafka.drain_deadline` + `kafka.transaction_timeout` < a third of `kafka.max_poll_interval`";
    GraceTooShort, "grace_too_short",
        "`kafka.drain_deadline` + `kafka.transaction_timeout` < `kafka.termination_grace`";
    SessionOverPoll, "session_over_poll", "`kafka.session_timeout` <= `kafka.max_poll_interval`";
    TickOrder, "tick_order", "`pipeline.tick_min` <= `pipeline.tick_max`";
    BackoffOrder, "backoff_order", "`backoff_min` <= `backoff_max` in each lane";
    TestBatch, "test_batch", "a lane in test mode posts at most 20 events in a call: Pinterest looks at no more";
}

/// Where a value stands, or should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path of the key, such as `feeds[1].topic`; empty for the file as a whole.
    pub key: String,
    /// From 1; absent where the value is a default.
    pub line: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub(super) const fn file() -> Self {
        Self { key: String::new(), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), self.line) {
            ("", None) => f.write_str("the file"),
            ("", Some(line)) => write!(f, "line {line}"),
            (key, None) => f.write_str(key),
            (key, Some(line)) => write!(f, "{key}, line {line}"),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> Placed<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: change(self.value), place: self.place }
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub place: Place,
    /// What is wrong: what was expected and what was found.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]\n    {}", self.place, self.problem, self.kind.code(), self.remedy)
    }
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Debug, thiserror::Error)]
pub struct Faults {
    pub file: PathBuf,
    pub list: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.list.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} has {} {noun}", self.file.display(), self.list.len())?;
        for fault in &self.list {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_rules_have_no_full_stop() {
        let mut seen = HashSet::new();
        for kind in FaultKind::ALL {
            assert!(seen.insert(kind.code()), "{} stands twice", kind.code());
            assert!(kind.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", kind.code());
            assert!(!kind.rule().is_empty() && !kind.rule().ends_with('.'), "{}", kind.rule());
        }
    }
}

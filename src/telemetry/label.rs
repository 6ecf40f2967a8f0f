//! The dimensions of the metrics and their values: closed sets, or names from the configuration; never what a record
//! says.

use crate::domain::{Answer, NotTaken, Verdict};

/// A dimension of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    Cause,
    Change,
    Fate,
    Feed,
    Lane,
    Outcome,
    Parameter,
    Partition,
    Peer,
    Reason,
    State,
    Status,
    Target,
    Version,
    Warning,
}

impl Label {
    pub const ALL: [Self; 15] = [
        Self::Cause,
        Self::Change,
        Self::Fate,
        Self::Feed,
        Self::Lane,
        Self::Outcome,
        Self::Parameter,
        Self::Partition,
        Self::Peer,
        Self::Reason,
        Self::State,
        Self::Status,
        Self::Target,
        Self::Version,
        Self::Warning,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Change => "change",
            Self::Fate => "fate",
            Self::Feed => "feed",
            Self::Lane => "lane",
            Self::Outcome => "outcome",
            Self::Parameter => "parameter",
            Self::Partition => "partition",
            Self::Peer => "peer",
            Self::Reason => "reason",
            Self::State => "state",
            Self::Status => "status",
            Self::Target => "target",
            Self::Version => "version",
            Self::Warning => "warning",
        }
    }

    /// Where its values come from, for the documentation.
    #[must_use]
    pub fn values(self) -> String {
        match self {
            Self::Cause => format!(
                "of lanes {}; of values the codes that `pinrelay explain` shows",
                list(&Cause::ALL.map(Cause::as_str))
            ),
            Self::Change => list(&Change::ALL.map(Change::as_str)),
            Self::Fate => list(&CommitEnd::ALL.map(CommitEnd::as_str)),
            Self::Feed => "`name` of the feed in the configuration".to_owned(),
            Self::Lane => "`name` of the lane in the configuration".to_owned(),
            Self::Outcome | Self::Reason => "as in the [audit contract](audit.md)".to_owned(),
            Self::Parameter => "parameters of Pinterest's `user_data`, by Pinterest's names".to_owned(),
            Self::Partition => "number of an input partition that this process has".to_owned(),
            Self::Peer => list(&Peer::ALL.map(Peer::as_str)),
            Self::State => list(&PartitionState::ALL.map(PartitionState::as_str)),
            Self::Status => format!(
                "of requests {}; of events {}",
                list(&RequestStatus::ALL.map(RequestStatus::as_str)),
                list(&EventStatus::ALL.map(EventStatus::as_str))
            ),
            Self::Target => "targets of the [mapping](mapping.md)".to_owned(),
            Self::Version => "of pinrelay".to_owned(),
            Self::Warning => "the codes that `pinrelay explain` shows".to_owned(),
        }
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $count:literal, $($variant:ident $word:literal),*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($variant,)* }

        impl $name {
            pub const ALL: [Self; $count] = [$(Self::$variant,)*];

            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $word,)* } }
        }
    };
}

words! {
    /// Why a lane sends one event at a time.
    Cause, 6,
    Ambiguous "ambiguous", Throttled "throttled", Unauthorized "unauthorized", Forbidden "forbidden",
    WrongAddress "wrong_address", Unreachable "unreachable"
}

words! {
    /// What a rebalance did to a partition.
    Change, 3, Assigned "assigned", Revoked "revoked", Lost "lost"
}

words! {
    /// How a transaction ended; `unknown` where the commit did not say it, and the end that was found out counts as well.
    CommitEnd, 3, Committed "committed", Aborted "aborted", Unknown "unknown"
}

words! {
    /// To whom this process shows who it is.
    Peer, 3, Kafka "kafka", Registry "registry", Pinterest "pinterest"
}

words! {
    /// Where a partition stands.
    PartitionState, 2, Restoring "restoring", Reading "reading"
}

words! {
    /// What an answer says of the call.
    RequestStatus, 8,
    Verdicts "verdicts", Refused "refused", Throttled "throttled", Unauthorized "unauthorized", Forbidden "forbidden",
    WrongAddress "wrong_address", Unreachable "unreachable", Ambiguous "ambiguous"
}

words! {
    /// What an answer says of an event.
    EventStatus, 5,
    Processed "processed", Failed "failed", Refused "refused", NotTaken "not_taken", Ambiguous "ambiguous"
}

impl From<NotTaken> for Cause {
    fn from(cause: NotTaken) -> Self {
        match cause {
            NotTaken::Throttled => Self::Throttled,
            NotTaken::Unauthorized => Self::Unauthorized,
            NotTaken::Forbidden => Self::Forbidden,
            NotTaken::WrongAddress => Self::WrongAddress,
            NotTaken::Unreachable => Self::Unreachable,
        }
    }
}

impl RequestStatus {
    #[must_use]
    pub const fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Verdicts(_) => Self::Verdicts,
            Answer::WholeRefused { .. } => Self::Refused,
            Answer::NotTaken { cause, .. } => match cause {
                NotTaken::Throttled => Self::Throttled,
                NotTaken::Unauthorized => Self::Unauthorized,
                NotTaken::Forbidden => Self::Forbidden,
                NotTaken::WrongAddress => Self::WrongAddress,
                NotTaken::Unreachable => Self::Unreachable,
            },
            Answer::Ambiguous { .. } => Self::Ambiguous,
        }
    }
}

impl EventStatus {
    /// Of each of `posted` events, with how many there are of the same.
    pub fn of(answer: &Answer, posted: u64) -> impl Iterator<Item = (Self, u64)> {
        let (all, verdicts) = match answer {
            Answer::Verdicts(verdicts) => (None, verdicts.as_slice()),
            Answer::WholeRefused { .. } => (Some(Self::Refused), &[][..]),
            Answer::NotTaken { .. } => (Some(Self::NotTaken), &[][..]),
            Answer::Ambiguous { .. } => (Some(Self::Ambiguous), &[][..]),
        };
        let one = |verdict: &Verdict| match verdict {
            Verdict::Processed { .. } => (Self::Processed, 1),
            Verdict::Failed { .. } => (Self::Failed, 1),
        };
        all.map(|status| (status, posted)).into_iter().chain(verdicts.iter().map(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ForeignText, WholeRefusal};

    #[test]
    fn an_answer_counts_once_as_a_request_and_once_for_each_event() {
        let failed = || Verdict::Failed { message: ForeignText::new("") };
        let not_taken = |cause| Answer::NotTaken { cause, retry_after: None };
        for (answer, request, events) in [
            (
                Answer::Verdicts(vec![Verdict::Processed { warning: None }, failed()]),
                "verdicts",
                &[("processed", 1), ("failed", 1)][..],
            ),
            (
                Answer::WholeRefused { why: WholeRefusal::Invalid, message: ForeignText::new("") },
                "refused",
                &[("refused", 2)],
            ),
            (not_taken(NotTaken::Throttled), "throttled", &[("not_taken", 2)]),
            (not_taken(NotTaken::Unreachable), "unreachable", &[("not_taken", 2)]),
            (Answer::Ambiguous { retry_after: None }, "ambiguous", &[("ambiguous", 2)]),
        ] {
            assert_eq!(RequestStatus::of(&answer).as_str(), request);
            let found: Vec<_> = EventStatus::of(&answer, 2).map(|(status, count)| (status.as_str(), count)).collect();
            assert_eq!(found, events, "{request}");
        }
    }
}

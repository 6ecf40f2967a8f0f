//! What came back for one post.
//!
//! `pinterest::answer` makes these from HTTP; `pipeline` decides by them.

use std::time::Duration;

use super::call_limit::CallLimit;
use super::text::ForeignText;
use super::time::UnixMillis;

/// One post and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub answer: Answer,
    pub attempt: Attempt,
    /// The limit of calls that the answer named.
    pub limit: Option<CallLimit>,
}

/// What an answer means for the batch that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One verdict for each event, in the order of the request.
    Verdicts(Vec<Verdict>),
    /// Nothing was taken, because of the body (R4).
    WholeRefused { why: WholeRefusal, message: ForeignText },
    /// Nothing was taken, for a reason outside the events (R4): the batch may go again as it is.
    NotTaken { cause: NotTaken, retry_after: Option<Duration> },
    /// It cannot be known what was taken. `retry_after`: how long Pinterest asks to be left alone.
    Ambiguous { retry_after: Option<Duration> },
}

/// Pinterest's answer for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Processed { warning: Option<ForeignText> },
    Failed { message: ForeignText },
}

/// Why a whole body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WholeRefusal {
    /// 400: at least one event breaks the schema; the others can go without it.
    Invalid,
    /// 413: fewer events may pass.
    TooLarge,
}

/// Why certainly nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotTaken {
    /// 429.
    Throttled,
    /// 401: the token is wrong, revoked or expired.
    Unauthorized,
    /// 403: the token's user has no access to the ad account.
    Forbidden,
    /// 3xx, 404, 405, 415: this is not the address of the API or of the account.
    WrongAddress,
    /// No connection: no byte left.
    Unreachable,
}

/// One attempt to deliver, for the audit row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When the answer, or its absence, was noticed.
    pub at: UnixMillis,
    /// HTTP status; absent if no answer came.
    pub status: Option<u16>,
    /// Pinterest's error code from the body.
    pub code: Option<i64>,
    /// What went wrong on the way, or Pinterest's message.
    pub message: Option<ForeignText>,
}

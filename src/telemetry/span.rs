//! Spans: what is told of a record and of a post whose trace somebody watches.

use crate::domain::{SpanId, TraceContext, UnixMillis};

/// Something that began and ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub name: &'static str,
    pub kind: SpanKind,
    pub context: TraceContext,
    pub parent: Option<SpanId>,
    pub start: UnixMillis,
    pub end: UnixMillis,
    /// Names by OpenTelemetry's conventions, or beginning with `pinrelay.`.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// What happened in between.
    pub events: Vec<(&'static str, UnixMillis)>,
    /// Spans that it belongs together with.
    pub links: Vec<TraceContext>,
    pub state: SpanState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A record is taken from a topic and accounted for.
    Consumer,
    /// Another system is called.
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanState {
    Unset,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

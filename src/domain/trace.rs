//! W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context>, read 2026-09): which trace a record belongs to.

use std::fmt;

/// A span within its trace: what a `traceparent` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    pub trace: TraceId,
    pub span: SpanId,
    flags: u8,
}

/// 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// The trace of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nobody watches: the context goes on to the audit row as it came.
    Passed(TraceContext),
    /// `own` is the span that accounts for the record, and what its audit row says.
    Watched { own: TraceContext, parent: Option<SpanId> },
}

/// The bit of the flags that says that the caller records the trace.
const SAMPLED: u8 = 1;

impl TraceContext {
    /// A span of a trace that is recorded.
    #[must_use]
    pub const fn sampled(trace: TraceId, span: SpanId) -> Self {
        Self { trace, span, flags: SAMPLED }
    }

    /// Reads a `traceparent`. Nothing comes of what is not one, whatever else the text may be.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let mut fields = header.split(|byte| *byte == b'-');
        let [version]: [u8; 1] = bytes(fields.next()?)?;
        let context = Self {
            trace: TraceId::try_new(bytes(fields.next()?)?)?,
            span: SpanId::try_new(bytes(fields.next()?)?)?,
            flags: bytes::<1>(fields.next()?)?[0],
        };
        // A later version may add fields; the first one has none.
        let is_known = version != 0xff && (version != 0 || fields.next().is_none());
        is_known.then_some(context)
    }

    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent` of version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags & SAMPLED)
    }
}

impl Trace {
    /// What the audit row says.
    #[must_use]
    pub const fn context(&self) -> TraceContext {
        match self {
            Self::Passed(context) => *context,
            Self::Watched { own, .. } => *own,
        }
    }

    /// The record's own span, if somebody watches.
    #[must_use]
    pub const fn watched(&self) -> Option<TraceContext> {
        match self {
            Self::Passed(_) => None,
            Self::Watched { own, .. } => Some(*own),
        }
    }
}

macro_rules! id {
    ($name:ident, $length:literal) => {
        impl $name {
            /// `None` if all bytes are zero.
            #[must_use]
            pub fn try_new(bytes: [u8; $length]) -> Option<Self> {
                bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
            }

            #[must_use]
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

/// Lower-case hexadecimal digits, exactly as many as the bytes need.
fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_traceparent_is_read_as_the_recommendation_says_and_anything_else_is_none() {
        for (header, shown) in [
            (format!("00-{TRACE}-{SPAN}-01"), Some(format!("00-{TRACE}-{SPAN}-01"))),
            (format!("00-{TRACE}-{SPAN}-00"), Some(format!("00-{TRACE}-{SPAN}-00"))),
            // Flags that level 1 does not know are not set in what goes out.
            (format!("00-{TRACE}-{SPAN}-ff"), Some(format!("00-{TRACE}-{SPAN}-01"))),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes"), Some(format!("00-{TRACE}-{SPAN}-01"))),
            (format!("00-{TRACE}-{SPAN}-01-more"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            (format!("00-{TRACE}0-{SPAN}-01"), None),
            ("someone@example.com".to_owned(), None),
            (String::new(), None),
        ] {
            let context = TraceContext::parse(header.as_bytes());
            assert_eq!(context.map(|context| context.to_string()), shown, "{header}");
            let sampled = shown.as_deref().is_some_and(|shown| shown.ends_with("01"));
            assert_eq!(context.is_some_and(TraceContext::is_sampled), sampled, "{header}");
        }
    }
}

//! An event's bytes, checked.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::check::check_event;
use super::fault::BodyFault;

/// One element of `data` as one JSON object, UTF-8, without white space around it, which satisfies [`check_event`].
///
/// Only the check makes one: no event is claimed or posted without it.
#[derive(Clone, PartialEq, Eq)]
pub struct EventBody(Bytes);

impl EventBody {
    /// # Errors
    ///
    /// As [`check_event`].
    pub fn try_new(json: impl Into<Bytes>) -> Result<Self, Vec<BodyFault>> {
        let json = json.into();
        check_event(&json).map(|()| Self(json))
    }

    /// Bytes that nobody checks, for tests of what never looks into them.
    #[cfg(any(test, feature = "broken-rules"))]
    #[must_use]
    pub fn unchecked(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The same bytes, not copied.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl Deref for EventBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EventBody {
    /// Without the bytes, which hold an IP address and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").field("bytes", &self.0.len()).finish()
    }
}

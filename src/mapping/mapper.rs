//! Decoding and finishing in one call.

use super::decoder::Decoder;
use super::draft::Draft;
use super::event_rules::EventRules;
use super::finish::{Finished, finish};
use crate::domain::{Mapped, UnixMillis};

/// Maps the records of one feed. Stateless: any number of threads may share it.
#[derive(Clone, Debug)]
pub struct Mapper {
    rules: EventRules,
}

impl Mapper {
    #[must_use]
    pub const fn new(rules: EventRules) -> Self {
        Self { rules }
    }

    pub(super) const fn rules(&self) -> &EventRules {
        &self.rules
    }

    /// What becomes of one payload, without its framing, that was written with the decoder's writer schema.
    #[must_use]
    pub fn map(&self, decoder: &Decoder, payload: &[u8], now: UnixMillis) -> Mapped {
        self.explain(decoder, payload, now).mapped
    }

    /// As [`Mapper::map`], with what was left out of the event.
    #[must_use]
    pub fn explain(&self, decoder: &Decoder, payload: &[u8], now: UnixMillis) -> Finished {
        let mut draft = Draft::new();
        match decoder.decode(payload, &mut draft) {
            Ok(()) => finish(&draft, &self.rules, now),
            Err(fault) => {
                let mapped = Mapped::Settled { outcome: fault.outcome(), facts: None };
                Finished::bare(mapped)
            }
        }
    }
}

#[cfg(test)]
mod tests;

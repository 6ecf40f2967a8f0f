//! The catalogue of reasons: code, kind of outcome, meaning, remedy.
//!
//! The one place that rows, metrics, the documentation and error messages take them from. A code is a promise to the
//! readers of the audit topic: it never changes its meaning and is never used again for another.

use super::outcome::OutcomeKind;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $kind:ident, $meaning:literal, $remedy:literal;)*) => {
        /// Why a record ended as it did.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $meaning] $name,)* }

        impl Reason {
            /// Every reason, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Stable code: lower-case words joined by underscores.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }

            /// The outcome that it belongs to.
            #[must_use]
            pub const fn kind(self) -> OutcomeKind { match self { $(Self::$name => OutcomeKind::$kind,)* } }

            /// What happened, as a sentence without full stop.
            #[must_use]
            pub const fn meaning(self) -> &'static str { match self { $(Self::$name => $meaning,)* } }

            /// What a person does about it, as a sentence without full stop.
            #[must_use]
            pub const fn remedy(self) -> &'static str { match self { $(Self::$name => $remedy,)* } }
        }
    };
}

reasons! {
    Processed, "processed", Delivered,
        "Pinterest answered that it processed the event", "nothing to do";

    DuplicateOfDelivered, "duplicate_of_delivered", Duplicate,
        "a record with the same event key was delivered within the window", "nothing to do; `duplicate_of` names that record";
    DuplicateOfInDoubt, "duplicate_of_in_doubt", Duplicate,
        "a record with the same event key is in doubt, and a policy of the two forbids to send again",
        "decide about the record that `duplicate_of` names; this one follows it";

    DuplicateOfImported, "duplicate_of_imported", Duplicate,
        "an earlier sender has sent an event with the same event key, as `pinrelay window import` was told",
        "nothing to do; the earlier sender accounts for it";

    Tombstone, "tombstone", Skipped,
        "the record has no value", "nothing to do; a compacted topic deletes keys this way";
    Filtered, "filtered", Skipped,
        "the mapping says that records with this value are not sent", "change the `skip` of the mapping if that is wrong";
    NoConsent, "no_consent", Skipped,
        "the person has not consented, as the mapping reads it", "nothing to do; never send it by hand";
    TooOld, "too_old", Skipped,
        "the event is older than the feed's limit", "raise `max_age` if Pinterest should still get it";
    Late, "late", Skipped,
        "the event is older than an hour and the feed skips late events", "catch up faster, or set `late: send`";
    Shadow, "shadow", Skipped,
        "the lane is in shadow mode: everything was done but the post", "leave shadow mode when the comparison is done";

    UnknownSchema, "unknown_schema", Undecodable,
        "the registry or the feed's files do not know the writer schema that the record names",
        "register the schema or add its file to the feed; then have the record produced again";
    BadFraming, "bad_framing", Undecodable,
        "the value does not begin as the feed's framing demands", "check the producer's serializer and the feed's `framing`";
    UnresolvableSchema, "unresolvable_schema", Undecodable,
        "the writer schema cannot be read as the feed's reader schema", "evolve one of the two compatibly; then have the record produced again";
    Truncated, "truncated", Undecodable,
        "the bytes end before the record does", "ask the producing team; the record is damaged";
    TrailingBytes, "trailing_bytes", Undecodable,
        "bytes are left over after the record", "ask the producing team; the record is damaged or names the wrong schema";
    Malformed, "malformed", Undecodable,
        "the bytes are not a value of the writer schema", "ask the producing team; the record is damaged or names the wrong schema";
    TooLarge, "too_large", Undecodable,
        "the record exceeds a limit of the decoder", "ask the producing team; the limits are in the documentation";

    MissingRequired, "missing_required", Unmappable,
        "a field that Pinterest requires has no value", "map another field, or a constant, to the target that `detail` names";
    InvalidValue, "invalid_value", Unmappable,
        "a required value is not what its target demands", "mend the data, or the mapping of the target that `detail` names";
    NoIdentity, "no_identity", Unmappable,
        "no e-mail, no device id, and not both IP address and user agent", "map more identity fields; Pinterest refuses such events";
    InFuture, "in_future", Unmappable,
        "the event time lies ahead of the clock by more than the tolerance", "check the unit and the time zone of the event time";
    InvalidEvent, "invalid_event", Unmappable,
        "pinrelay made an event that its own check of what Pinterest takes refuses; it was not sent",
        "report it as a fault of pinrelay, with `detail`; once that is mended, have the record produced again";
    UnknownLane, "unknown_lane", Unmappable,
        "the record names an ad account that no lane serves", "add the lane, or mend the mapping";

    RefusedByPinterest, "refused_by_pinterest", Refused,
        "Pinterest answered that it failed to process the event", "read `detail`; mend the data or the mapping; then have the record produced again";
    InvalidRequest, "invalid_request", Refused,
        "Pinterest refused the request with this event alone in it", "read `detail`; mend the mapping; then have the record produced again";
    BodyTooLarge, "body_too_large", Refused,
        "Pinterest refused the request with this event alone in it as too large", "send fewer contents; then have the record produced again";

    AnswerLost, "answer_lost", InDoubt,
        "the event was posted, no verdict came, and the policy forbids to send again",
        "look for its event id in Pinterest's reports; if it is missing there, send the event itself by hand: a record produced again is a duplicate";
    OwnerLost, "owner_lost", InDoubt,
        "a former owner of the partition may have posted the event, and the policy forbids to send again",
        "look for its event id in Pinterest's reports; if it is missing there, send the event itself by hand: a record produced again is a duplicate";
    KeyChanged, "key_changed", InDoubt,
        "a former owner may have posted the record under another event key", "look for both event ids in Pinterest's reports";
    RecordGone, "record_gone", InDoubt,
        "a former owner may have posted the record, and it is no longer in the topic",
        "look for the event in Pinterest's reports; lengthen the topic's retention";
    RefusedAfterDoubt, "refused_after_doubt", InDoubt,
        "Pinterest refused a repetition; whether it took the first attempt is not known",
        "look for its event id in Pinterest's reports";
    TooLateToRepeat, "too_late_to_repeat", InDoubt,
        "no verdict came, and the event is older than an hour: Pinterest counts it as offline and cannot deduplicate it",
        "look for its event id in Pinterest's reports";

    NoVerdict, "no_verdict", InDoubt,
        "Pinterest gave no verdict on the event alone, again and again, while it gave verdicts on others",
        "read `attempts`; mend the data or the mapping; look for its event id in Pinterest's reports";

    DeletedBeforeRead, "deleted_before_read", Lost,
        "Kafka deleted the records from this offset up to `source_offset_end` before they were read",
        "lengthen the topic's retention; restore the range from another source";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_lower_case_words_and_texts_have_no_full_stop() {
        let mut seen = HashSet::new();
        for reason in Reason::ALL {
            let code = reason.code();
            assert!(seen.insert(code), "{code} stands twice");
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            for text in [reason.meaning(), reason.remedy()] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
            }
        }
    }

    #[test]
    fn every_kind_of_outcome_has_a_reason() {
        for kind in OutcomeKind::ALL {
            assert!(Reason::ALL.iter().any(|reason| reason.kind() == kind), "{kind:?}");
        }
    }
}

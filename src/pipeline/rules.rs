//! The rules of the accounting protocol that the core keeps, by name.
//!
//! Each is applied at exactly one or two places, as `rules.holds(Rule::…)`. In a release that is the constant `true`;
//! with the feature `broken-rules` a simulation can switch one off and must then see its checker complain. That is how
//! it is known that neither the rule nor the checker is there for show.

/// A rule of the core; the letters are those of `docs/protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// T6. An aborted transaction's outcomes go into the next one.
    AbortKeepsOutcomes,
    /// G1. The committed offset passes only settled records.
    CommitPrefix,
    /// P1. What belongs to a dead epoch is discarded.
    DeadEpochsDiscarded,
    /// P2. A revoked partition is released only when its answers are in, or at the deadline.
    ReleaseWaitsForAnswers,
    /// P4. What is needed from the changelog is said exactly; nothing needed is said as nothing.
    NothingNeeded,
    /// P4. The ledger's position counts open intents.
    LedgerCountsIntents,
    /// P4. The ledger's position counts outcomes above the committed offset.
    LedgerCountsOutcomes,
    /// P4. The window's position is that of the intents, which hold the keys.
    WindowCountsIntents,
    /// P4. A new owner carries on the positions that it restored.
    RestoredPositionsCarried,
    /// P6. What is passed without a row moves the committed offset, too.
    ProgressCommitted,
    /// P7. What a restore needs is written again before retention takes it.
    LedgerWrittenAgain,
    /// R1. The restored ledger is believed: a record that has its row is passed over.
    SettledPassedOver,
    /// R2. A batch is posted only after its intents are committed.
    IntentBeforePost,
    /// R2. A post starts within the deadline of its intents, else they are renewed.
    StaleIntentRenewed,
    /// R4. Without a verdict or certainty that nothing was taken, it may have been taken.
    NoVerdictIsDoubt,
    /// R5. After an ambiguous attempt a refusal leaves the record in doubt.
    DoubtIsSticky,
    /// R6. Intents of events that were never ambiguous are withdrawn when a partition leaves.
    CleanWithdrawn,
    /// R6. Intents of ambiguous events are not.
    DoubtNotWithdrawn,
    /// R7. A restored intent means that its record may have been posted.
    InheritedIsDoubt,
    /// R7. A restored intent holds the claim of its key.
    InheritedHoldsClaim,
    /// R7. It is looked at before what decoding and mapping say.
    InheritedBeforeMapping,
    /// R7. A restored intent whose record is gone is settled from the intent alone.
    GoneSettledFromIntent,
    /// R7. A restored `hold` intent is never posted again.
    InheritedPolicyKept,
    /// R7. The highest restored intent is read whatever the span.
    InheritedWithinReach,
    /// R8. Keys in doubt are in the window.
    DoubtInWindow,
    /// R8. Of two policies on one key the stricter decides.
    StricterPolicy,
    /// R8. A key enters the window when it is delivered, not when it is claimed.
    WindowAfterDelivery,
    /// R8. A delivered key enters the window.
    DeliveredInWindow,
    /// R8. A post whose answer was lost may be taken for a while longer.
    LateSlackCounted,
    /// R9. Duplicates of a claimed key wait.
    DuplicatesWait,
    /// G3. A repetition is marked.
    RepetitionMarked,
    /// G3. Under `hold` a doubtful event is not posted again.
    HoldNotRepeated,
    /// R10. A doubtful event older than an hour is not posted again.
    OldNotRepeated,
    /// R10. An event whose time is past is not posted for the first time.
    PastNotPosted,
    /// R11. A lane without verdicts sends one probe at a time.
    ProbeAlone,
    /// R12. A call goes when the budget of calls has come to it.
    CallsSpaced,
    /// R13. An event that gets no verdict alone goes behind another, and is given up while others get theirs.
    SilentSetAside,
}

impl Rule {
    /// Every rule, in the order above.
    pub const ALL: &[Self] = &[
        Self::AbortKeepsOutcomes,
        Self::CommitPrefix,
        Self::DeadEpochsDiscarded,
        Self::ReleaseWaitsForAnswers,
        Self::NothingNeeded,
        Self::LedgerCountsIntents,
        Self::LedgerCountsOutcomes,
        Self::WindowCountsIntents,
        Self::RestoredPositionsCarried,
        Self::ProgressCommitted,
        Self::LedgerWrittenAgain,
        Self::SettledPassedOver,
        Self::IntentBeforePost,
        Self::StaleIntentRenewed,
        Self::NoVerdictIsDoubt,
        Self::DoubtIsSticky,
        Self::CleanWithdrawn,
        Self::DoubtNotWithdrawn,
        Self::InheritedIsDoubt,
        Self::InheritedHoldsClaim,
        Self::InheritedBeforeMapping,
        Self::GoneSettledFromIntent,
        Self::InheritedPolicyKept,
        Self::InheritedWithinReach,
        Self::DoubtInWindow,
        Self::StricterPolicy,
        Self::WindowAfterDelivery,
        Self::DeliveredInWindow,
        Self::LateSlackCounted,
        Self::DuplicatesWait,
        Self::RepetitionMarked,
        Self::HoldNotRepeated,
        Self::OldNotRepeated,
        Self::PastNotPosted,
        Self::ProbeAlone,
        Self::CallsSpaced,
        Self::SilentSetAside,
    ];
}

/// Which rules hold: all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    #[cfg(feature = "broken-rules")]
    broken: Option<Rule>,
}

impl Rules {
    /// All but one.
    #[cfg(feature = "broken-rules")]
    #[must_use]
    pub const fn without(rule: Rule) -> Self {
        Self { broken: Some(rule) }
    }

    #[cfg(feature = "broken-rules")]
    #[inline]
    pub(crate) fn holds(self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    #[cfg(not(feature = "broken-rules"))]
    #[inline]
    #[expect(clippy::unused_self, reason = "with the feature `broken-rules` it is used")]
    pub(crate) const fn holds(self, rule: Rule) -> bool {
        let _ = rule;
        true
    }
}

//! Negative controls: one rule of the protocol changed, in the shell or in the core. The checker must catch each.

use std::time::Duration;

#[cfg(feature = "broken-rules")]
use pinrelay::pipeline::{Rule, Rules};

use crate::scenario::{Kind, RETENTION, Scenario};

macro_rules! variants {
    ($($(#[doc = $doc:literal])* $name:ident: $rule:literal, $kinds:expr;)*) => {
        /// One changed rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Variant { $($(#[doc = $doc])* $name,)* }

        impl Variant {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The rule of the protocol that it breaks.
            pub(crate) const fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }

            /// The kinds of worlds in which it shows soonest.
            pub(crate) const fn kinds(self) -> &'static [Kind] { match self { $(Self::$name => $kinds,)* } }
        }
    };
}

const FM: &[Kind] = &[Kind::Faults, Kind::Mixed];
const C: &[Kind] = &[Kind::Calm];

variants! {
    /// Offsets only for partitions whose offset moves.
    OnlyMovedOffsets: "T1", FM;
    /// Offsets are sent for partitions that were lost meanwhile.
    NoOwnershipCheck: "T3", FM;
    /// Lost partitions are left out of the offsets, and the rest commits.
    FiltersLostParts: "T3", FM;
    /// The member id noted at the assignment is not compared.
    NoMemberCheck: "T4", FM;
    /// Neither member nor generation are looked at.
    MinusOne: "T4", FM;
    UnknownIsAborted: "T5", FM;
    UnknownIsCommitted: "T5", FM;
    /// A commit that timed out is answered by an abort.
    TimeOutIsAborted: "T5", FM;
    /// The producer lives on after a commit that timed out.
    NoNewProducer: "T5", FM;
    /// The revocation callback does not wait.
    ReleasesAtOnce: "P2", C;
    UnstableOffset: "P3", FM;
    WatermarkFirstWithoutFlush: "P3, T3", FM;
    UnstableOffsetWithoutFlush: "P3, T3", FM;
    /// Records are read from the offset that was committed when the assignment came.
    ReadsFromEarlyOffset: "P3", FM;
    /// The restore begins at `end`, whatever the other positions say.
    ReadsFromEnd: "P4", FM;
    LedgerFromNothing: "P4", FM;
    WindowFromNothing: "P4", FM;
    LedgerFromEarlierOnly: "P4", FM;
    WindowFromEarlierOnly: "P4", FM;
    /// A new owner does not carry the old minima on.
    PositionsFromOwnOnly: "P4", FM;
    EndBeforeOwn: "P4", FM;
    /// Intents first, and outcomes in the opposite order.
    EntriesReversed: "R3", FM;
    /// Records are read whether there is room or not.
    IgnoresRoom: "P6", FM;
    /// The HTTP client repeats on its own.
    ClientRepeats: "R2", FM;
    /// What retention took of the changelog is not missed.
    ClampsToLogStart: "P4", &[Kind::Idle, Kind::Halted];
    /// The changelog is kept for a shorter time than the window is long, and nobody asks.
    ShortRetention: "P4", &[Kind::Idle, Kind::Halted];
    /// One position stands for ledger and window, and must be there.
    OnePosition: "P4", &[Kind::Idle];
    /// The policy is the feed's, whatever the event says.
    PolicyByFeed: "R1", &[Kind::Mixed];
    /// An offset that was deleted meanwhile is taken for that of before the transaction.
    MissingIsAborted: "T5", &[Kind::Positions];
    /// What was deleted before it was read is passed without a word.
    LostUnsaid: "P5", &[Kind::Positions];
    /// A missing offset is taken for that of a partition that was never read.
    MissingIsFirst: "P5", &[Kind::Positions];
    /// Beside an offset that was set by hand nothing is believed of the changelog.
    ForeignFromEnd: "P4", &[Kind::Positions];
    /// That the changelog ends before our last entry is not missed.
    IgnoresCut: "P4", &[Kind::Positions];
    /// A topic that was created again is taken for the old one.
    IgnoresTopic: "P5", &[Kind::Positions];
    /// Partitions that are added while processes run are read from their end.
    AddedFromEnd: "P5", &[Kind::Growth];
    /// What was found at several moments halts a restore although the offset has moved between them.
    HaltsAtOnce: "P5", &[Kind::Growth];
    /// T3's flush guards the entries; what is left is a false halt after a sleep between the two.
    WatermarkFirst: "P3", FM;
}

/// A negative control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    Shell(Variant),
    #[cfg(feature = "broken-rules")]
    Core(Rule),
}

impl Broken {
    /// Every control that this build can run.
    pub(crate) fn all() -> Vec<Self> {
        let shell = Variant::ALL.iter().map(|variant| Self::Shell(*variant));
        #[cfg(feature = "broken-rules")]
        let shell = shell.chain(Rule::ALL.iter().map(|rule| Self::Core(*rule)));
        shell.collect()
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Shell(variant) => format!("{} {variant:?}", variant.rule()),
            #[cfg(feature = "broken-rules")]
            Self::Core(rule) => format!("core {rule:?}"),
        }
    }

    pub(crate) const fn variant(self) -> Option<Variant> {
        match self {
            Self::Shell(variant) => Some(variant),
            Self::Nothing => None,
            #[cfg(feature = "broken-rules")]
            Self::Core(_) => None,
        }
    }

    /// Whether it is known to do no harm by itself, and why.
    pub(crate) const fn harmless(self) -> Option<&'static str> {
        match self {
            Self::Shell(Variant::EndBeforeOwn) => Some("an earlier `end` makes a restore read more"),
            Self::Shell(Variant::WindowFromEarlierOnly) => Some("an outcome's intent is in an earlier transaction"),
            Self::Shell(Variant::EntriesReversed) => Some("no transaction holds two entries of one record"),
            Self::Shell(_) | Self::Nothing => None,
            #[cfg(feature = "broken-rules")]
            Self::Core(_) => None,
        }
    }

    /// The kinds of worlds in which it shows soonest.
    pub(crate) const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Nothing => &Kind::ALL,
            Self::Shell(variant) => variant.kinds(),
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::CleanWithdrawn | Rule::ReleaseWaitsForAnswers) => C,
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::NothingNeeded) => &[Kind::Idle],
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::LedgerWrittenAgain | Rule::PastNotPosted) => &[Kind::Halted],
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::StaleIntentRenewed | Rule::LateSlackCounted) => &[Kind::Window],
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::GoneSettledFromIntent | Rule::RestoredPositionsCarried) => &[Kind::Compaction],
            #[cfg(feature = "broken-rules")]
            Self::Core(Rule::InheritedHoldsClaim | Rule::InheritedWithinReach | Rule::StricterPolicy) => &[Kind::Mixed],
            #[cfg(feature = "broken-rules")]
            Self::Core(_) => FM,
        }
    }

    pub(crate) fn apply(self, scenario: &mut Scenario) {
        match self {
            Self::Shell(Variant::ShortRetention) => {
                scenario.settings.window = Duration::from_millis(4 * RETENTION);
            }
            Self::Nothing | Self::Shell(_) => {}
            #[cfg(feature = "broken-rules")]
            Self::Core(rule) => scenario.settings.rules = Rules::without(rule),
        }
    }
}

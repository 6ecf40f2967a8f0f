//! Negative controls: one rule of the protocol changed, in the shell or in the core. The checker must catch each.

use pinrelay::pipeline::Settings;

use crate::scenario::Kind;
use crate::world::World;

macro_rules! variants {
    ($($(#[doc = $doc:literal])* $name:ident: $rule:literal, $kinds:expr;)*) => {
        /// One changed rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Variant { $($(#[doc = $doc])* $name,)* }

        impl Variant {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The rule of the protocol that it breaks.
            pub(crate) const fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }

            /// The kinds of worlds that it is run in.
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
    IntentsBeforeOutcomes: "R3", FM;
    /// The HTTP client repeats on its own.
    ClientRepeats: "R2", FM;
    /// Redundant to T3's flush: alone it does no harm.
    WatermarkFirst: "P3", FM;
}

impl World {
    pub(crate) fn settings(&self) -> Settings {
        self.scenario.settings.clone()
    }
}

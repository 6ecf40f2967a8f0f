//! The changelog of a process that delivers all the time, as entries.

use std::ops::Range;
use std::time::Duration;

use pinrelay::domain::{ChangelogEntry, EventKey, InDoubtPolicy, Offset, Redelivery, SettledKind, UnixMillis};

/// Events of a call, and so outcomes and intents of a changelog record.
const BATCH: u64 = 1000;

/// An hour less than the window: nothing expires before it is restored.
const SPAN: Duration = Duration::from_hours(47);

/// Of keys that were delivered evenly over the last 47 hours before `until`, the entries of one changelog record after
/// the other: each holds the outcomes of a batch and the intents of the next.
pub(crate) fn records(
    keys: Range<u64>,
    until: UnixMillis,
    offset: fn(i64) -> Offset,
) -> impl Iterator<Item = Vec<ChangelogEntry>> {
    let (first, end) = (keys.start, keys.end);
    let offset = move |n: u64| offset(i64::try_from(n - first).expect("fits"));
    let batch = move |start: u64| start..end.min(start + BATCH);
    let at = move |start: u64| until.before(Duration::from_secs(SPAN.as_secs() * (end - start) / (end - first)));
    // One more than batches: the last one holds outcomes alone.
    (first..end + BATCH).step_by(usize::try_from(BATCH).expect("small")).map(move |start| {
        let before = start.saturating_sub(BATCH).max(first)..start.min(end);
        let outcomes = before.clone().map(move |n| ChangelogEntry::Outcome {
            offset: offset(n),
            kind: SettledKind::Delivered,
            redelivery: Redelivery::Impossible,
            at: at(before.start),
        });
        let intents = batch(start).map(|n| ChangelogEntry::Intent {
            offset: offset(n),
            key: key(n),
            policy: InDoubtPolicy::Resend,
        });
        outcomes.chain(intents).collect()
    })
}

/// As evenly spread as a digest.
pub(crate) fn key(n: u64) -> EventKey {
    let mut key = [0; 16];
    let mut state = n.wrapping_mul(0x2545_F491_4F6C_DD1D);
    for half in key.chunks_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        half.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    }
    EventKey(key)
}

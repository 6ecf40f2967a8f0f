//! The numbers that the decisions are made by.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::{CallLimit, LaneMode};

use super::rules::Rules;

/// Limits and time spans of the core.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a delivered key suppresses its duplicates; 48 h is Pinterest's own window.
    pub window: Duration,
    /// Most keys in the window of one partition.
    pub window_keys: usize,
    /// Most records of one partition between the committed offset and the reader.
    pub span: usize,
    /// Most memory for records that are read and not settled, or settled and not written; partitions have the same part
    /// of it each.
    pub waiting_bytes: usize,
    /// From the revocation to the release of a partition.
    pub drain_deadline: Duration,
    /// From before the transaction of its intents to the start of a post (R2).
    pub post_deadline: Duration,
    /// From the start of a post until its answer is given up.
    pub answer_timeout: Duration,
    /// How much later than that Pinterest may still take an event whose answer was given up (R8).
    pub late_slack: Duration,
    /// Between the starts of two ticks under load.
    pub tick_min: Duration,
    /// From the first thing that waits to the start of a tick when little waits.
    pub tick_max: Duration,
    /// Processes that spend the limits of calls together, each the same part.
    pub processes: NonZeroU32,
    /// Limits that several lanes spend together, beside their own.
    pub shared_limits: Vec<CallLimit>,
    /// A third of the changelog's retention or less: how old what a restore needs may become (P7).
    pub rewrite_after: Duration,
    /// One for each ad account.
    pub lanes: Vec<LaneSettings>,
    /// All of them, outside of simulations.
    pub rules: Rules,
}

/// Those of a configuration that says nothing, without lanes.
impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Duration::from_hours(48),
            window_keys: 5_000_000,
            span: 100_000,
            waiting_bytes: 512 << 20,
            drain_deadline: Duration::from_secs(15),
            post_deadline: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
            late_slack: Duration::from_mins(1),
            tick_min: Duration::from_millis(20),
            tick_max: Duration::from_millis(100),
            processes: NonZeroU32::MIN,
            shared_limits: Vec::new(),
            rewrite_after: Duration::from_hours(16),
            lanes: Vec::new(),
            rules: Rules::default(),
        }
    }
}

/// Limits of one lane.
#[derive(Clone, Debug)]
pub struct LaneSettings {
    /// Most events in a call: 1,000 (Pinterest's OpenAPI 5.23.0, `ConversionEvents.data.maxItems`), 20 in test mode.
    pub batch_events: usize,
    /// Most bytes of events in a call.
    pub batch_bytes: usize,
    /// Most calls under way.
    pub concurrency: usize,
    /// How far that may fall where Pinterest is slow; the same as `concurrency` makes a fixed number of it.
    pub least_concurrency: usize,
    /// The limit of calls to the ad account, of all processes together; answers can only lower it.
    pub calls: CallLimit,
    /// Position of the limit in [`Settings::shared_limits`] that the lane's calls count against, too.
    pub shares: Option<usize>,
    /// Whether it posts at all.
    pub mode: LaneMode,
    /// How long the first event of a batch waits for others.
    pub linger: Duration,
    /// Least time before a repetition; grows with the length of the trouble up to `backoff_max`.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
}

/// Those of a configuration that names the lane and no limits.
impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            batch_events: 1000,
            batch_bytes: 2 << 20,
            concurrency: 64,
            least_concurrency: 1,
            calls: CallLimit::per_minute(NonZeroU32::new(5000).expect("not zero")),
            shares: None,
            mode: LaneMode::Live,
            linger: Duration::from_millis(50),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
        }
    }
}

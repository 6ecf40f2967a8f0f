//! How well the core spends a budget of calls, finds its concurrency and keeps lanes apart: in simulated time, with
//! printed figures. `cargo test --test pace -- --nocapture` shows them.
//!
//! A batch has few events here: it is the calls that are counted.

#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod server;
#[cfg(test)]
mod world;

#[cfg(test)]
mod settings {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use pinrelay::domain::CallLimit;
    use pinrelay::pipeline::{LaneSettings, Rules, Settings};

    /// The defaults of the configuration, but for small batches and a small window.
    pub(crate) fn defaults(processes: u32, lanes: &[LaneSettings]) -> Settings {
        Settings {
            window: Duration::from_hours(48),
            window_keys: 1000,
            span: 2000,
            waiting_bytes: 512 << 20,
            drain_deadline: Duration::from_secs(15),
            post_deadline: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
            late_slack: Duration::from_mins(1),
            tick_min: Duration::from_millis(20),
            tick_max: Duration::from_millis(100),
            rewrite_after: Duration::from_hours(16),
            processes: NonZeroU32::new(processes).expect("some"),
            shared_limits: Vec::new(),
            lanes: lanes.to_vec(),
            rules: Rules::default(),
        }
    }

    pub(crate) fn lane(calls_per_minute: u32) -> LaneSettings {
        LaneSettings {
            batch_events: 2,
            batch_bytes: 2 << 20,
            concurrency: 64,
            least_concurrency: 1,
            calls: CallLimit::per_minute(NonZeroU32::new(calls_per_minute).expect("some")),
            shares: None,
            mode: pinrelay::domain::LaneMode::Live,
            linger: Duration::from_millis(50),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
        }
    }
}

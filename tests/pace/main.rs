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

    use pinrelay::domain::CallLimit;
    use pinrelay::pipeline::{LaneSettings, Settings};

    /// The defaults of the configuration, but for small batches and a small window.
    pub(crate) fn defaults(processes: u32, lanes: &[LaneSettings]) -> Settings {
        let processes = NonZeroU32::new(processes).expect("some");
        Settings { window_keys: 1000, span: 2000, processes, lanes: lanes.to_vec(), ..Settings::default() }
    }

    pub(crate) fn lane(calls_per_minute: u32) -> LaneSettings {
        let calls = CallLimit::per_minute(NonZeroU32::new(calls_per_minute).expect("some"));
        LaneSettings { batch_events: 2, calls, ..LaneSettings::default() }
    }
}

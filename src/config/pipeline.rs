//! `pipeline`: the numbers that the decisions are made by.

use std::time::Duration;

use super::fault::FaultKind;
use super::key::{Form, Key, Presence, Spec};
use super::rules;
use super::yaml::{Reading, Section};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

pub(super) const SPEC: Spec = Spec {
    title: "pipeline",
    keys: &[
        Key {
            name: "window",
            form: Form::Duration(MINUTE, Duration::from_hours(30 * 24)),
            presence: Presence::Default("48h"),
            about: "How long a delivered event suppresses its duplicates; 48 h is Pinterest's own window",
        },
        Key {
            name: "window_keys",
            form: Form::Count(1000, 1_000_000_000),
            presence: Presence::Default("5000000"),
            about: "Most keys in the window of one partition; the oldest goes first",
        },
        Key {
            name: "span",
            form: Form::Count(1000, 10_000_000),
            presence: Presence::Default("100000"),
            about: "Most records of one partition that may be read beyond the committed offset",
        },
        Key {
            name: "waiting_bytes",
            form: Form::Size(16 << 20, 64 << 30),
            presence: Presence::Default("512MiB"),
            about: "Most memory for records that wait, for their lane or for a transaction; each partition of the process has the same part",
        },
        Key {
            name: "processes",
            form: Form::Count(1, 1000),
            presence: Presence::Default("1"),
            about: "Processes of the group, which spend limits of calls together, each the same part",
        },
        Key {
            name: "post_deadline",
            form: Form::Duration(SECOND, Duration::from_mins(10)),
            presence: Presence::Default("30s"),
            about: "Age at which a written intent is renewed before its event is posted",
        },
        Key {
            name: "answer_timeout",
            form: Form::Duration(Duration::from_millis(100), Duration::from_mins(5)),
            presence: Presence::Default("10s"),
            about: "How long an answer of Pinterest is waited for",
        },
        Key {
            name: "connect_timeout",
            form: Form::Duration(Duration::from_millis(10), MINUTE),
            presence: Presence::Default("3s"),
            about: "How long a connection to Pinterest may take; a part of `answer_timeout`",
        },
        Key {
            name: "late_slack",
            form: Form::Duration(Duration::ZERO, Duration::from_hours(1)),
            presence: Presence::Default("60s"),
            about: "How much later Pinterest may still take an event whose answer was given up",
        },
        Key {
            name: "tick_min",
            form: Form::Duration(Duration::from_millis(1), Duration::from_secs(10)),
            presence: Presence::Default("20ms"),
            about: "Least time between the starts of two transactions",
        },
        Key {
            name: "tick_max",
            form: Form::Duration(Duration::from_millis(1), Duration::from_secs(10)),
            presence: Presence::Default("100ms"),
            about: "How long the first thing that waits for a transaction waits when little does",
        },
    ],
};

const CONNECT: &str =
    "else an address that nobody answers at leaves in doubt what was certainly not posted: shorten the first";

/// Window, bounds, deadlines and ticks.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub window: Duration,
    pub window_keys: u64,
    pub span: u64,
    pub waiting_bytes: u64,
    pub processes: u32,
    pub post_deadline: Duration,
    pub answer_timeout: Duration,
    pub connect_timeout: Duration,
    pub late_slack: Duration,
    pub tick_min: Duration,
    pub tick_max: Duration,
}

pub(super) fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Pipeline> {
    let window = section.duration("window", reading);
    let window_keys = section.count("window_keys", reading);
    let span = section.count("span", reading);
    let waiting_bytes = section.size("waiting_bytes", reading);
    let processes = section.count("processes", reading);
    let post_deadline = section.duration("post_deadline", reading);
    let answer_timeout = section.duration("answer_timeout", reading);
    let connect_timeout = section.duration("connect_timeout", reading);
    let late_slack = section.duration("late_slack", reading);
    let tick_min = section.duration("tick_min", reading);
    let tick_max = section.duration("tick_max", reading);

    if let (Some(least), Some(most)) = (&tick_min, &tick_max) {
        rules::at_most(FaultKind::TickOrder, least, most, reading);
    }
    if let (Some(connect), Some(answer)) = (&connect_timeout, &answer_timeout) {
        rules::below(FaultKind::ConnectOverAnswer, connect, answer, CONNECT, reading);
    }
    reading.crossed.answer_timeout.clone_from(&answer_timeout);

    Some(Pipeline {
        window: window?.value,
        window_keys: window_keys?.value,
        span: span?.value,
        waiting_bytes: waiting_bytes?.value,
        processes: u32::try_from(processes?.value).unwrap_or(u32::MAX),
        post_deadline: post_deadline?.value,
        answer_timeout: answer_timeout?.value,
        connect_timeout: connect_timeout?.value,
        late_slack: late_slack?.value,
        tick_min: tick_min?.value,
        tick_max: tick_max?.value,
    })
}

//! `lanes`: one for each Pinterest ad account.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{AdAccountId, LaneMode};
use crate::pinterest::authorities;

use super::fault::FaultKind;
use super::key::{Form, Key, Presence, Spec};
use super::names::{self, Carries};
use super::secret::{self, SecretValue};
use super::yaml::{Node, Reading, Secrets, Section};

/// Most events in a call (Pinterest's OpenAPI 5.23.0, `ConversionEvents.data.maxItems`).
const BATCH_MOST: u64 = 1000;

/// Most events of a test call that Pinterest looks at (its documentation of test events).
pub(super) const TEST_BATCH_MOST: u64 = 20;

pub(super) const SPEC: Spec = Spec {
    title: "lanes[]",
    keys: &[
        Key {
            name: "name",
            form: Form::Text("a name"),
            presence: Presence::Required,
            about: "Name of the lane in feeds, logs and metrics",
        },
        Key {
            name: "ad_account_id",
            form: Form::Text("text of 1 to 18 digits, in quotes"),
            presence: Presence::Required,
            about: "Pinterest ad account",
        },
        Key {
            name: "token",
            form: Form::Other(secret::FORM),
            presence: Presence::Required,
            about: "Conversion access token of the ad account",
        },
        Key {
            name: "base_url",
            form: Form::Text("a URL"),
            presence: Presence::Default("https://api.pinterest.com/v5"),
            about: "Pinterest's API, or a sandbox",
        },
        Key {
            name: "ca_file",
            form: Form::Text("a path"),
            presence: Presence::Optional,
            about: "PEM file of certificate authorities that are trusted beside the system's; read at the start",
        },
        Key {
            name: "partner_name",
            form: Form::Text("text"),
            presence: Presence::Optional,
            about: "`partner_name` of events whose feed gives none; only where Pinterest asked for it",
        },
        Key {
            name: "test",
            form: Form::Flag,
            presence: Presence::Default("false"),
            about: "Whether events are posted as test events, which Pinterest checks and does not record",
        },
        Key {
            name: "shadow",
            form: Form::Flag,
            presence: Presence::Default("false"),
            about: "Whether everything is done but the post: rows say `skipped`, reason `shadow`, and what would have been sent",
        },
        Key {
            name: "batch_events",
            form: Form::Count(1, BATCH_MOST),
            presence: Presence::Optional,
            about: "Most events in a call; 1000 if absent, 20 in test mode",
        },
        Key {
            name: "batch_bytes",
            form: Form::Size(64 << 10, 16 << 20),
            presence: Presence::Default("2MiB"),
            about: "Most bytes of events in a call; Pinterest documents no limit",
        },
        Key {
            name: "concurrency",
            form: Form::Count(1, 256),
            presence: Presence::Default("64"),
            about: "Most calls under way at a time; fewer where answers take long or fail",
        },
        Key {
            name: "calls_per_minute",
            form: Form::Count(1, 1_000_000),
            presence: Presence::Default("5000"),
            about: "Most calls a minute to the ad account, of all processes together; a lower limit in Pinterest's answers counts instead",
        },
        Key {
            name: "linger",
            form: Form::Duration(Duration::ZERO, Duration::from_secs(10)),
            presence: Presence::Default("50ms"),
            about: "How long the first event of a batch waits for others",
        },
        Key {
            name: "backoff_min",
            form: Form::Duration(Duration::from_millis(10), Duration::from_mins(1)),
            presence: Presence::Default("500ms"),
            about: "Least wait before a repetition of a call; it grows to an eighth of the trouble's length",
        },
        Key {
            name: "backoff_max",
            form: Form::Duration(Duration::from_millis(10), Duration::from_mins(10)),
            presence: Presence::Default("30s"),
            about: "Longest wait between repetitions that Pinterest did not ask for",
        },
    ],
};

/// One ad account.
#[derive(Clone, Debug)]
pub struct Lane {
    pub name: String,
    pub ad_account_id: AdAccountId,
    pub token: SecretValue,
    /// Without `/` at its end.
    pub base_url: String,
    pub ca_file: Option<PathBuf>,
    /// Of events whose feed gives none.
    pub partner_name: Option<String>,
    pub mode: LaneMode,
    pub batch_events: u64,
    pub batch_bytes: u64,
    pub concurrency: u64,
    /// Of all processes together.
    pub calls_per_minute: u32,
    pub linger: Duration,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
}

pub(super) fn read(node: Node<'_>, reading: &mut Reading<'_>) -> Option<Lane> {
    let section = node.section(&SPEC, reading)?;
    let name = section.text("name", reading).and_then(|text| names::name(text, reading));
    let ad_account_id = section.text("ad_account_id", reading).and_then(|text| {
        let account = AdAccountId::try_new(text.value);
        if account.is_none() {
            let problem = format!("expected 1 to {} digits, found {:?}", AdAccountId::MAX_DIGITS, text.value);
            let remedy = "copy the id from Pinterest's Ads Manager, and keep the quotes";
            reading.fault(FaultKind::BadAdAccount, &text.place, problem, remedy);
        }
        account.map(|account| text.map(|_| account))
    });
    let token = section.node("token", reading).and_then(|node| secret::read(node, reading));
    let base_url = section.text("base_url", reading).and_then(|text| names::url(&text, Carries::Secret, reading));
    let ca_file = ca_file(&section, reading);
    let partner_name = section.text("partner_name", reading).map(|text| text.value.to_owned());
    let mode = mode(&section, reading);
    let batch_events = section.count("batch_events", reading);
    let batch_bytes = section.size("batch_bytes", reading);
    let concurrency = section.count("concurrency", reading);
    let calls_per_minute = section.count("calls_per_minute", reading);
    let linger = section.duration("linger", reading);
    let backoff_min = section.duration("backoff_min", reading);
    let backoff_max = section.duration("backoff_max", reading);

    if let (Some(LaneMode::Test), Some(batch)) = (mode, &batch_events)
        && TEST_BATCH_MOST < batch.value
    {
        let problem =
            format!("a lane in test mode posts at most {TEST_BATCH_MOST} events in a call, not {}", batch.value);
        reading.fault(FaultKind::TestBatch, &batch.place, problem, "remove the key, or leave test mode");
    }
    if let (Some(least), Some(most)) = (&backoff_min, &backoff_max) {
        super::rules::at_most(FaultKind::BackoffOrder, least, most, reading);
    }
    reading.crossed.lanes.extend(name.clone());
    reading.crossed.ad_accounts.extend(ad_account_id.clone().map(|id| id.map(|id| id.to_string())));

    let mode = mode?;
    let most = if section.has("batch_events") { batch_events?.value } else { most_events(mode) };
    Some(Lane {
        name: name?.value,
        ad_account_id: ad_account_id?.value,
        token: token?,
        base_url: base_url?,
        ca_file,
        partner_name,
        mode,
        batch_events: most,
        batch_bytes: batch_bytes?.value,
        concurrency: concurrency?.value,
        calls_per_minute: u32::try_from(calls_per_minute?.value).unwrap_or(u32::MAX),
        linger: linger?.value,
        backoff_min: backoff_min?.value,
        backoff_max: backoff_max?.value,
    })
}

/// The path, if one is given. Like a secret, the file may be there only where the process runs.
fn ca_file(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let path = section.text("ca_file", reading)?;
    let full = reading.folder.join(path.value);
    if reading.secrets == Secrets::Needed
        && let Err(fault) = authorities::read(&full)
    {
        let problem = format!("the file {} gives no certificate authorities: {fault}", path.value);
        let remedy = "write the path of a PEM file; relative paths start at the configuration's folder";
        reading.fault(FaultKind::BadAuthorities, &path.place, problem, remedy);
    }
    Some(full)
}

fn mode(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<LaneMode> {
    let (test, shadow) = (section.flag("test", reading)?, section.flag("shadow", reading)?);
    Some(match (test.value, shadow.value) {
        (false, false) => LaneMode::Live,
        (true, false) => LaneMode::Test,
        (false, true) => LaneMode::Shadow,
        (true, true) => {
            let problem = "a lane in shadow mode posts nothing, so it does not post test events";
            reading.fault(FaultKind::ExclusiveKeys, &shadow.place, problem, "keep one of `test` and `shadow`");
            return None;
        }
    })
}

/// Most events in a call that make sense.
const fn most_events(mode: LaneMode) -> u64 {
    match mode {
        LaneMode::Live | LaneMode::Shadow => BATCH_MOST,
        LaneMode::Test => TEST_BATCH_MOST,
    }
}

//! A Pinterest that runs on your desk: the same address, checks, limits and answers, and faults on request.
//!
//! Tests, demo and users share it. It takes what [`crate::domain::body`] calls valid, so it is as strict as what
//! pinrelay checks before it sends. It remembers what arrived, in order, and how often each event was posted and
//! taken; of an event it keeps name, id and action source, and nothing personal.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v5/ad_accounts/{id}/events` | as Pinterest's; `?test=true` too |
//! | `GET /sandbox/events?after=0&limit=1000` | what arrived, oldest first |
//! | `GET /sandbox/stats` | totals, requests by status, events posted or taken more than once |
//! | `GET /sandbox/key?account=…&event_name=…&event_id=…` | how often that event was posted and taken |
//! | `GET`, `POST /sandbox/faults` | the script of faults and limits; a new one replaces it |
//! | `POST /sandbox/tokens` | the tokens from now on: `{"only": ["…"], "for_ms": 5000}`; any if `only` is absent, for good if `for_ms` is |
//! | `POST /sandbox/reset` | forgets everything and goes back to the first script |
//!
//! Where Pinterest's documents disagree or are silent, this is how it behaves here: an event name outside the
//! documented list fails, or is warned about ([`UnknownNames`]); an event more than a minute ahead of the clock fails;
//! the events of a test request beyond the twentieth fail; a test request is answered by 429 if ten others came in the
//! second before it, for whatever accounts.

mod api;
mod arrivals;
mod connection;
mod control;
mod faults;
mod judge;
pub mod limiter;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::domain::{AdAccountId, Secret, UnixMillis};

pub use arrivals::{Arrival, Fate, KeyCount, RepeatedKey, Stats};
pub use faults::{EventsToFail, FailureForm, Fault, FaultRule, FaultScript, ScriptFault, Stage, When};
pub use judge::UnknownNames;
pub use limiter::{Counting, Limit};

use arrivals::Arrivals;
use connection::{CuttableListener, Line};
use faults::Faults;
use limiter::Limiter;

/// Test requests of an app, which is here whoever posts: 10 a second (Pinterest's developer documentation of rate
/// limits, September 2026). How they are counted is not documented; a sliding second is the strictest way.
const TEST_CALLS: Limit = Limit { calls: 10, per_ms: 1_000, counted: Counting::Sliding, account: None };

/// What the sandbox accepts and how it begins.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    pub tokens: Tokens,
    pub accounts: Accounts,
    pub unknown_names: UnknownNames,
    /// Larger bodies are answered with 413. Pinterest documents no limit.
    pub max_body_bytes: usize,
    /// Most arrivals that are remembered one by one; the oldest are forgotten first. Counts go on.
    pub keep_arrivals: usize,
    /// In force from the start, and again after a reset.
    pub faults: FaultScript,
    /// Decides every `share` of the script.
    pub seed: u64,
    /// The wall clock.
    pub clock: fn() -> UnixMillis,
}

impl SandboxSettings {
    /// Any account, any token, no faults.
    #[must_use]
    pub fn new(clock: fn() -> UnixMillis) -> Self {
        Self {
            tokens: Tokens::Any,
            accounts: Accounts::Any,
            unknown_names: UnknownNames::Fail,
            // 1,000 events of ten times the usual size.
            max_body_bytes: 8 << 20,
            // About 200 MB.
            keep_arrivals: 1_000_000,
            faults: FaultScript::default(),
            seed: 0,
            clock,
        }
    }
}

/// The bearer tokens that are accepted; others are answered with 401.
#[derive(Clone, Debug, Default)]
pub enum Tokens {
    #[default]
    Any,
    Only(Vec<Secret>),
}

/// The ad accounts that exist; others are answered with 404.
#[derive(Clone, Debug)]
pub enum Accounts {
    Any,
    Only(Vec<AdAccountId>),
}

/// A handle on one sandbox; its clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

struct Shared {
    settings: SandboxSettings,
    state: Mutex<State>,
    /// True once a server of it is to stop: what waits then, waits no longer.
    stopping: watch::Sender<bool>,
}

struct State {
    arrivals: Arrivals,
    tokens: Tokens,
    /// When they expire.
    tokens_until: Option<UnixMillis>,
    faults: Faults,
    test_calls: Limiter,
}

impl Sandbox {
    #[must_use]
    pub fn new(settings: SandboxSettings) -> Self {
        let state = State::new(&settings);
        let shared = Shared { settings, state: Mutex::new(state), stopping: watch::Sender::new(false) };
        Self { shared: Arc::new(shared) }
    }

    /// Serves until `shutdown` is ready and the requests under way are answered.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let stopping = self.clone();
        // It may have been served before.
        self.shared.stopping.send_replace(false);
        let shutdown = async move {
            shutdown.await;
            stopping.shared.stopping.send_replace(true);
        };
        let service = self.router().into_make_service_with_connect_info::<Line>();
        axum::serve(CuttableListener::new(listener), service).with_graceful_shutdown(shutdown).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/v5/ad_accounts/{ad_account_id}/events", post(api::events))
            .route("/sandbox/events", get(control::events))
            .route("/sandbox/stats", get(control::stats))
            .route("/sandbox/key", get(control::key))
            .route("/sandbox/faults", get(control::faults).post(control::set_faults))
            .route("/sandbox/tokens", post(control::set_tokens))
            .route("/sandbox/reset", post(control::reset))
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::method_not_allowed)
            .layer(axum::extract::DefaultBodyLimit::max(self.shared.settings.max_body_bytes))
            .with_state(self)
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state().arrivals.stats()
    }

    /// Up to `limit` events that arrived, oldest first, beginning behind the one with the sequence number `after`.
    /// Numbers begin at 1.
    #[must_use]
    pub fn arrivals(&self, after: u64, limit: usize) -> Vec<Arrival> {
        self.state().arrivals.page(after, limit)
    }

    /// How often an event was posted and taken, test requests apart.
    #[must_use]
    pub fn key_count(&self, account: &AdAccountId, event_name: &str, event_id: &str) -> KeyCount {
        self.state().arrivals.count_of(account, event_name, event_id)
    }

    /// Replaces the script of faults.
    ///
    /// # Errors
    ///
    /// If the script makes no sense; the present one then stays.
    pub fn faults(&self, script: FaultScript) -> Result<(), ScriptFault> {
        script.check()?;
        let now = (self.settings().clock)();
        self.state().faults.replace(script, now);
        Ok(())
    }

    /// From now on these tokens are accepted, for so long or for good.
    pub fn tokens(&self, tokens: Tokens, valid_for: Option<Duration>) {
        let until = valid_for.map(|valid_for| (self.settings().clock)().after(valid_for));
        let mut state = self.state();
        (state.tokens, state.tokens_until) = (tokens, until);
    }

    /// The script in force; the `next` of its rules count down.
    #[must_use]
    pub fn script(&self) -> FaultScript {
        self.state().faults.script().clone()
    }

    /// Forgets everything, and goes back to the first script and the seed.
    pub fn reset(&self) {
        *self.state() = State::new(&self.shared.settings);
    }

    fn settings(&self) -> &SandboxSettings {
        &self.shared.settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but not beyond the end of the server.
    async fn wait(&self, duration: Duration) {
        let mut stopping = self.shared.stopping.subscribe();
        if duration.is_zero() {
            return;
        }
        // Either end of the wait is as good as the other.
        drop(tokio::time::timeout(duration, stopping.wait_for(|stopping| *stopping)).await);
    }
}

impl State {
    fn new(settings: &SandboxSettings) -> Self {
        Self {
            arrivals: Arrivals::new(settings.keep_arrivals),
            tokens: settings.tokens.clone(),
            tokens_until: None,
            faults: Faults::new(settings.faults.clone(), (settings.clock)(), settings.seed),
            test_calls: Limiter::new(&TEST_CALLS),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
#[path = "limit_tests.rs"]
mod limit_tests;

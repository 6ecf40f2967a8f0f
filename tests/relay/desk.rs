//! Pinterest, played by the sandbox in this process, reached over HTTP; it can be away and come back.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pinrelay::commands::demo::records::REFUSED_EVENT_IDS;
use pinrelay::domain::{AdAccountId, Secret};
use pinrelay::pinterest::sandbox::{
    Arrival, Counting, EventsToFail, Fault, FaultScript, KeyCount, Limit, Stats, Tokens, When,
};
use pinrelay::pinterest::{Sandbox, SandboxSettings};
use pinrelay::run::clock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::support::free_port;

pub(crate) const AD_ACCOUNT: &str = "549755885175";
pub(crate) const TOKEN: &str = "token-of-the-tests";

/// One sandbox at one address, for as long as this lives.
pub(crate) struct Desk {
    sandbox: Sandbox,
    address: SocketAddr,
    server: Option<Server>,
}

struct Server {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Desk {
    /// Fails the events that the generator plans to be refused, and nothing else.
    pub(crate) async fn open() -> Self {
        let mut settings = SandboxSettings::new(clock::wall);
        settings.tokens = Tokens::Only(vec![Secret::new(TOKEN.to_owned())]);
        settings.faults = script([]);
        let sandbox = Sandbox::new(settings);
        // On a port that nobody takes while the desk is away.
        let listener = TcpListener::bind(("127.0.0.1", free_port())).await.expect("the port is free");
        let address = listener.local_addr().unwrap();
        let server = Some(serve(&sandbox, listener));
        Self { sandbox, address, server }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v5", self.address)
    }

    /// Answers what is under way; then connections are refused.
    pub(crate) async fn close(&mut self) {
        let server = self.server.take().expect("it is open");
        server.stop.send(()).expect("it serves until it is told to stop");
        server.serving.await.expect("serving does not panic").expect("serving does not fail");
    }

    /// Is back at its address, and remembers everything.
    pub(crate) async fn reopen(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("nobody else takes the port");
        self.server = Some(serve(&self.sandbox, listener));
    }

    /// From now on these faults, besides the planned refusals.
    pub(crate) fn faults(&self, faults: impl IntoIterator<Item = (When, Fault)>) {
        self.sandbox.faults(script(faults)).expect("a script that makes sense");
    }

    /// From now on this limit of calls a minute for an account, counted over each minute just passed.
    pub(crate) fn limit(&self, account: &str, calls: u32) {
        let limit = Limit { account: Some(account.into()), ..Limit::per_minute(calls, Counting::Sliding) };
        let script = FaultScript { limits: vec![limit], ..self.sandbox.script() };
        self.sandbox.faults(script).expect("a script that makes sense");
    }

    /// Every event that arrived, in order.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.sandbox.arrivals(0, usize::MAX)
    }

    /// When events of an account arrived, in milliseconds since 1970, in order.
    pub(crate) fn arrivals_of(&self, account: &str) -> Vec<i64> {
        let all = self.arrivals();
        all.into_iter().filter(|arrival| *arrival.account == *account).map(|arrival| arrival.at_ms).collect()
    }

    /// From now on each request is refused as a whole that one of these events is in.
    pub(crate) fn refuse_requests_with(&self, event_ids: impl IntoIterator<Item = String>) {
        let refuse = |id| (When::Always, Fault::RefuseRequests(EventsToFail::EventIdPrefix(id)));
        self.sandbox.faults(FaultScript::new(event_ids.into_iter().map(refuse))).expect("a script that makes sense");
    }

    /// From now on this is the only token.
    pub(crate) fn accept(&self, token: &str) {
        self.sandbox.tokens(Tokens::Only(vec![Secret::new(token.to_owned())]), None);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.sandbox.stats()
    }

    pub(crate) fn count(&self, event_name: &str, event_id: &str) -> KeyCount {
        let account = AdAccountId::try_new(AD_ACCOUNT).unwrap();
        self.sandbox.key_count(&account, event_name, event_id)
    }

    /// Events that were posted more than once, with the times of their posts in order.
    pub(crate) fn posted_again(&self) -> HashMap<(String, String), Vec<i64>> {
        let mut posts: HashMap<_, Vec<i64>> = HashMap::new();
        for arrival in self.arrivals() {
            posts.entry((arrival.event_name.into(), arrival.event_id.into())).or_default().push(arrival.at_ms);
        }
        posts.retain(|_, times| 1 < times.len());
        posts
    }

    /// Returns when what arrived is `enough`. Panics when that takes longer than `within`.
    pub(crate) async fn until(&self, within: Duration, mut enough: impl FnMut(&Stats) -> bool) {
        let deadline = Instant::now() + within;
        loop {
            let stats = self.stats();
            if enough(&stats) {
                return;
            }
            assert!(Instant::now() < deadline, "not enough arrived in {within:?}: {stats:?}");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

fn script(faults: impl IntoIterator<Item = (When, Fault)>) -> FaultScript {
    let refusals = REFUSED_EVENT_IDS
        .map(|prefix| (When::Always, Fault::FailEvents(EventsToFail::EventIdPrefix(prefix.to_owned()))));
    FaultScript::new(refusals.into_iter().chain(faults))
}

fn serve(sandbox: &Sandbox, listener: TcpListener) -> Server {
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(sandbox.clone().serve(listener, async {
        // Dropping the sender stops it, too.
        stopped.await.ok();
    }));
    Server { stop, serving }
}

//! What the demo plays on: a broker, topics, a sandbox, and a configuration that names them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::records::REFUSED_EVENT_IDS;
use super::scenario::{DemoFeed, PARTITIONS};
use crate::commands::exit::{Exit, Failure};
use crate::commands::run::not_started;
use crate::config::Config;
use crate::domain::Secret;
use crate::kafka::topics::{NewTopics, create_inputs, create_missing};
use crate::pinterest::sandbox::{EventsToFail, Fault, FaultScript, Tokens, When};
use crate::pinterest::{Sandbox, SandboxSettings};
use crate::run::{Parts, clock, kafka_settings};

/// The token that the demo's sandbox accepts.
const TOKEN: &str = "demo-token";

/// The demo's own broker, or one that was named.
pub(super) enum Cluster {
    Mock(Box<MockCluster<'static, DefaultProducerContext>>),
    Real(String),
}

/// Everything that must live while the demo plays.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) sandbox: Sandbox,
    cluster: Cluster,
    stop_sandbox: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    /// Removes its files when dropped.
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn set(bootstrap: Option<&str>, seed: u64) -> Result<Self, Failure> {
        let cluster = match bootstrap {
            Some(bootstrap) => Cluster::Real(bootstrap.to_owned()),
            None => Cluster::Mock(Box::new(MockCluster::new(1).map_err(|error| failed("the mock cluster", error))?)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed("the sandbox", error))?;
        let address = listener.local_addr().map_err(|error| failed("the sandbox", error))?;
        let mut settings = SandboxSettings::new(clock::wall);
        settings.seed = seed;
        settings.tokens = Tokens::Only(vec![Secret::new(TOKEN.to_owned())]);
        settings.faults = FaultScript::new(
            REFUSED_EVENT_IDS
                .map(|prefix| (When::Always, Fault::FailEvents(EventsToFail::EventIdPrefix(prefix.to_owned())))),
        );
        let sandbox = Sandbox::new(settings);
        let (stop_sandbox, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(sandbox.clone().serve(listener, async {
            // Dropping the sender stops it, too.
            stopped.await.ok();
        }));
        let folder = TempDir::new().map_err(|error| failed("a temporary folder", error))?;
        let base_url = format!("http://{address}/v5");
        let config = configure(folder.path(), &cluster.bootstrap(), &base_url)?;
        let stage = Self { config, sandbox, cluster, stop_sandbox, serving, _folder: folder };
        stage.create_topics().await?;
        Ok(stage)
    }

    async fn create_topics(&self) -> Result<(), Failure> {
        let settings = kafka_settings(&self.config);
        let partitions = i32::try_from(PARTITIONS).expect("a handful");
        match &self.cluster {
            Cluster::Mock(mock) => {
                let changelogs = settings.feeds.iter().map(|feed| settings.changelog_topic(feed));
                let inputs = settings.feeds.iter().map(|feed| feed.input.clone());
                for topic in inputs.chain(changelogs).chain([settings.audit_topic.clone()]) {
                    mock.create_topic(&topic, partitions, 1).map_err(|error| failed("the mock cluster", error))?;
                }
                Ok(())
            }
            Cluster::Real(_) => {
                let day = std::time::Duration::from_hours(24);
                let new = NewTopics { replication: 1, audit_partitions: partitions, audit_retention: day };
                create_inputs(&settings, partitions).await.map_err(|fault| failed("the broker", fault))?;
                create_missing(settings, new).await.map_err(|fault| failed("the broker", fault))?;
                Ok(())
            }
        }
    }

    /// The relay's parts, as `pinrelay run` prepares them.
    pub(super) async fn parts(&self) -> Result<Parts, Failure> {
        let parts = match &self.cluster {
            Cluster::Mock(_) => {
                Parts::prepare_for_mock(&self.config, i32::try_from(PARTITIONS).expect("a handful")).await
            }
            Cluster::Real(_) => Parts::prepare(&self.config).await,
        };
        parts.map_err(not_started)
    }

    /// Stops the sandbox; the topics of a real broker stay, for whoever wants to look.
    pub(super) async fn clear(self) -> Result<(), Failure> {
        // It may have stopped by itself; that shows in what it returned.
        self.stop_sandbox.send(()).ok();
        match self.serving.await {
            Ok(served) => served.map_err(|error| failed("the sandbox", error)),
            Err(error) => Err(failed("the sandbox", error)),
        }
    }
}

impl Cluster {
    fn bootstrap(&self) -> String {
        match self {
            Self::Mock(mock) => mock.bootstrap_servers(),
            Self::Real(bootstrap) => bootstrap.clone(),
        }
    }
}

/// Writes the shipped schemas to `folder` and reads a configuration that uses them, as a user's file is read.
fn configure(folder: &Path, bootstrap: &str, base_url: &str) -> Result<Config, Failure> {
    let run = Uuid::new_v4().simple().to_string();
    let run = run.get(..8).unwrap_or_default();
    let mut feeds = String::new();
    for feed in DemoFeed::ALL {
        let name = feed.name();
        fs::write(folder.join(format!("{name}.avsc")), feed.schema())
            .map_err(|error| failed("a schema file", error))?;
        writeln!(
            feeds,
            "  - {{ name: {name}, topic: pinrelay-demo-{run}.{name}, schema: {name}.avsc, framing: single_object, \
             lane: main, start: earliest, phone_region: US }}"
        )
        .expect("a string takes everything");
    }
    let text = format!(
        "kafka:\n  bootstrap: {bootstrap:?}\n  group_id: pinrelay-demo-{run}\n  instance_id: demo\n\
         audit: {{ topic: pinrelay-demo-{run}.delivery-results }}\n\
         lanes:\n  - {{ name: main, ad_account_id: \"549755885175\", token: {{ env: DEMO_TOKEN }}, base_url: {base_url:?} }}\n\
         feeds:\n{feeds}"
    );
    let environment = |name: &str| (name == "DEMO_TOKEN").then(|| TOKEN.to_owned());
    Config::parse(&text, folder, &environment).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        failed("the demo's configuration", faults.join("; "))
    })
}

pub(super) fn failed(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure {
        exit: Exit::StartFailed,
        problem: format!("{what}: {why}"),
        next: "run it again with PINRELAY_LOG=debug to see more".to_owned(),
    }
}

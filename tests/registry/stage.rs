//! One feed on a broker, relayed by a process that asks the registry through a proxy.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinrelay::kafka::audit;
use rdkafka::Message;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tempfile::TempDir;

use super::apicurio::Apicurio;
use super::desk::{AD_ACCOUNT, Desk, TOKEN};
use super::leads;
use super::process::{Relay, binary, run, text};
use super::proxy::Proxy;
use super::support::Broker;

/// Long enough for everything that a test waits for on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Stage {
    pub(crate) apicurio: &'static Apicurio,
    pub(crate) proxy: Proxy,
    pub(crate) desk: Desk,
    broker: &'static Broker,
    name: &'static str,
    framing: &'static str,
    folder: TempDir,
}

/// What an audit row says of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) outcome: &'static str,
    pub(crate) reason: String,
    pub(crate) detail: String,
}

/// Who is asked for by the proxy, as the configuration of the process says it.
pub(crate) const AUTH: &str = "auth: {bearer: {file: registry-token}}";

impl Stage {
    /// With a topic of two partitions.
    pub(crate) async fn open(name: &'static str, framing: &'static str) -> Self {
        let (apicurio, broker) = (Apicurio::shared().await, Broker::shared().await);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("lead.avsc"), leads::reader().to_string()).unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        let proxy = Proxy::open(apicurio).await;
        let stage = Self { apicurio, proxy, desk: Desk::open().await, broker, name, framing, folder };
        broker.create_topic(&stage.topic(), 2, &[]).await;
        stage
    }

    /// With the topics that pinrelay writes.
    pub(crate) async fn with_topics(self) -> Self {
        let (code, out) = self.topics(&["--apply"], "").await;
        assert_eq!(code, Some(0), "{out}");
        self
    }

    pub(crate) fn topic(&self) -> String {
        format!("{}.leads", self.name)
    }

    pub(crate) fn audit_topic(&self) -> String {
        format!("{}.delivery-results", self.name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `registry`: further keys of that section.
    pub(crate) fn config(&self, registry: &str) -> PathBuf {
        let Self { name, framing, .. } = self;
        let text = format!(
            "kafka: {{bootstrap: \"{bootstrap}\", group_id: {name}, instance_id: a, session_timeout: 45s, \
             transaction_timeout: 15s, drain_deadline: 30s, termination_grace: 1m}}\n\
             audit: {{topic: {audit}}}\n\
             registry: {{url: \"{registry_url}\", {registry}}}\n\
             pipeline: {{answer_timeout: 20s, connect_timeout: 10s}}\n\
             lanes:\n  - {{name: main, ad_account_id: \"{AD_ACCOUNT}\", token: {{file: token}}, base_url: \"{url}\"}}\n\
             feeds:\n  - {{name: lead, topic: {topic}, schema: lead.avsc, framing: {framing}, lane: main}}\n",
            bootstrap = self.broker.bootstrap(),
            audit = self.audit_topic(),
            registry_url = self.proxy.url(),
            url = self.desk.base_url(),
            topic = self.topic(),
        );
        let file = self.folder().join("pinrelay.yaml");
        fs::write(&file, text).unwrap();
        file
    }

    pub(crate) fn spawn(&self, registry: &str) -> Relay {
        Relay::spawn(&self.config(registry), self.log(), "info", &[])
    }

    fn log(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("registry-{}.log", self.name))
    }

    /// What the process has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    /// `pinrelay topics`: its exit code, and what it prints.
    pub(crate) async fn topics(&self, arguments: &[&str], registry: &str) -> (Option<i32>, String) {
        let mut command = binary();
        command.args(["topics", "--config"]).arg(self.config(registry));
        command.args(["--replication", "1", "--audit-partitions", "2"]).args(arguments);
        let output = run(command).await;
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Writes records to one partition, each with its header `__value_schema_id` or without.
    pub(crate) async fn write(&self, partition: i32, records: Vec<(Option<Vec<u8>>, Vec<u8>)>) {
        let (client, topic) = (self.broker.client(), self.topic());
        let written = tokio::task::spawn_blocking(move || {
            let producer: ThreadedProducer<DefaultProducerContext> = client.create().unwrap();
            for (header, value) in &records {
                let mut record = BaseRecord::<(), [u8]>::to(&topic).partition(partition).payload(value);
                if let Some(header) = header {
                    let header = Header { key: "__value_schema_id", value: Some(header) };
                    record = record.headers(OwnedHeaders::new().insert(header));
                }
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(PATIENCE)
        });
        written.await.unwrap().expect("the broker takes the records");
    }

    /// Writes records in Confluent's wire format.
    pub(crate) async fn write_framed(&self, partition: i32, records: &[(i32, Vec<u8>)]) {
        let records = records.iter().map(|(id, payload)| (None, leads::framed(*id, payload))).collect();
        self.write(partition, records).await;
    }

    /// The audit rows in the order of their records, when there are so many.
    pub(crate) async fn rows(&self, count: usize) -> Vec<Row> {
        let enough = move |messages: &[_]| count <= messages.len();
        let messages = self.broker.read_until(&self.audit_topic(), PATIENCE, enough).await;
        let mut rows: Vec<Row> = messages
            .iter()
            .map(|message| {
                let row = audit::read(message.payload().unwrap()).unwrap();
                Row {
                    partition: row.source_partition,
                    offset: row.source_offset,
                    outcome: row.outcome.as_str(),
                    reason: row.reason.to_owned(),
                    detail: row.detail.unwrap_or_default().to_owned(),
                }
            })
            .collect();
        rows.sort();
        rows
    }
}

/// Outcomes of the rows of a partition, each with how often it stands in a row.
pub(crate) fn outcomes(rows: &[Row], partition: i32) -> Vec<(&'static str, usize)> {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for row in rows.iter().filter(|row| row.partition == partition) {
        match runs.last_mut() {
            Some((outcome, count)) if *outcome == row.outcome => *count += 1,
            Some(_) | None => runs.push((row.outcome, 1)),
        }
    }
    runs
}

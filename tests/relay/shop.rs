//! A retailer with three feeds: topics, records, and the configuration of what relays them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinrelay::commands::demo::records::{GeneratedRecord, Generator};
use pinrelay::commands::demo::scenario::{DemoFeed, Lot, plan};
use pinrelay::domain::OutcomeKind;
use pinrelay::run::clock;
use rdkafka::Message;
use tempfile::TempDir;

use super::desk::{AD_ACCOUNT, Desk, TOKEN};
use super::process::{Relay, binary, run, text};
use super::support::{Input, Kafka};

/// Long enough for everything that a test waits for on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Records of all feeds that are written feed by feed before the next ones.
const AT_A_TIME: usize = 10_000;

/// Names a record of the input topics.
pub(crate) type Place = (DemoFeed, i32, i64);

/// What a test may want otherwise; the rest of the configuration is the same for all.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Of session, transaction and drain: by default longer than any pause of a busy machine, so that nobody is given up
    /// who lives. Where a test waits for one of them, it says a shorter one.
    pub(crate) times: &'static str,
    pub(crate) pipeline: &'static str,
    pub(crate) lane: &'static str,
    /// Lanes beside `main`, as they stand in the file; made of the desk's address.
    pub(crate) more_lanes: fn(&str) -> String,
    pub(crate) lane_of: fn(DemoFeed) -> &'static str,
    /// More keys of a feed.
    pub(crate) feed: fn(DemoFeed) -> &'static str,
    pub(crate) registry: Option<String>,
    /// More keys of the registry, and more properties of Kafka's clients.
    pub(crate) registry_auth: &'static str,
    pub(crate) properties: &'static str,
    /// The listener for the relay where it is not that of the tests, and the properties that it asks for.
    pub(crate) bootstrap: Option<String>,
    pub(crate) security: String,
    /// Lines of the configuration for admin pages and telemetry.
    pub(crate) watch: String,
    /// What is logged.
    pub(crate) log: &'static str,
    /// Of the lane `main`, if not the desk's own.
    pub(crate) base_url: Option<String>,
    /// More variables of the process's environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            times: "session_timeout: 45s, transaction_timeout: 15s, drain_deadline: 30s, termination_grace: 1m",
            pipeline: "answer_timeout: 20s, connect_timeout: 10s",
            lane: "batch_events: 200, concurrency: 4, backoff_min: 50ms, backoff_max: 1s",
            more_lanes: |_| String::new(),
            lane_of: |_| "main",
            feed: |_| "",
            registry: None,
            registry_auth: "",
            properties: "",
            bootstrap: None,
            security: String::new(),
            watch: String::new(),
            log: "info",
            base_url: None,
            environment: Vec::new(),
        }
    }
}

impl Terms {
    /// A hundred events under way at most: with the sandbox's delay, some seconds of work for a few thousand records.
    pub(crate) fn slow() -> Self {
        Self { lane: "batch_events: 50, concurrency: 2, backoff_min: 50ms, backoff_max: 1s", ..Self::default() }
    }
}

/// Topics of one test on a broker, and everything that was written to them.
pub(crate) struct Shop<'b> {
    pub(crate) broker: &'b Kafka,
    pub(crate) desk: Desk,
    pub(crate) name: String,
    seed: u64,
    /// Of the processes that are spawned from now on.
    pub(crate) terms: Terms,
    folder: TempDir,
    generator: Generator,
    /// Records that the generator has given.
    generated: u64,
    /// What each record must end as where nothing is in doubt.
    pub(crate) planned: HashMap<Place, OutcomeKind>,
    ends: BTreeMap<(DemoFeed, i32), i64>,
    logs: Vec<PathBuf>,
    /// Of the records that are written from now on.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl<'b> Shop<'b> {
    /// With empty topics, made as a user makes them.
    pub(crate) async fn open(broker: &'b Kafka, name: &str, seed: u64, terms: Terms) -> Self {
        let shop = Self::without_topics(broker, name, seed, terms).await;
        shop.create_topics().await;
        shop
    }

    pub(crate) async fn create_topics(&self) {
        self.create_inputs().await;
        let made = run(self.topics_command(&["--apply"])).await;
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    }

    /// With nothing but files.
    pub(crate) async fn without_topics(broker: &'b Kafka, name: &str, seed: u64, terms: Terms) -> Self {
        let folder = TempDir::new().unwrap();
        for feed in DemoFeed::ALL {
            fs::write(folder.path().join(format!("{}.avsc", feed.name())), feed.schema()).unwrap();
        }
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        Self {
            broker,
            desk: Desk::open().await,
            name: name.to_owned(),
            seed,
            terms,
            folder,
            generator: Generator::try_new(seed, clock::wall()).unwrap(),
            generated: 0,
            planned: HashMap::new(),
            ends: BTreeMap::new(),
            logs: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) async fn create_inputs(&self) {
        for feed in DemoFeed::ALL {
            let partitions = i32::try_from(feed.partitions()).unwrap();
            self.broker.create_topic(&self.topic(feed), partitions, &[]).await;
        }
    }

    pub(crate) fn topics_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = binary();
        command.args(["topics", "--config"]).arg(self.config("topics"));
        let replication = self.broker.replication().to_string();
        command.args(["--replication", &replication, "--audit-partitions", "4"]).args(arguments);
        command.envs(self.terms.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn topic(&self, feed: DemoFeed) -> String {
        format!("{}.{}", self.name, feed.name())
    }

    pub(crate) fn audit_topic(&self) -> String {
        format!("{}.delivery-results", self.name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration of a process. It fetches little at a time, so that the feeds alternate.
    pub(crate) fn config(&self, instance: &str) -> PathBuf {
        let Terms { times, pipeline, lane, more_lanes, lane_of, feed: more, registry, watch, .. } = &self.terms;
        let Terms { registry_auth, properties, bootstrap, security, .. } = &self.terms;
        let framing = if registry.is_some() { "confluent" } else { "single_object" };
        let feeds = DemoFeed::ALL.map(|feed| {
            let (name, topic) = (feed.name(), self.topic(feed));
            format!(
                "  - {{name: {name}, topic: {topic}, schema: {name}.avsc, framing: {framing}, lane: {lane}, \
                 phone_region: US, {more}}}\n",
                lane = lane_of(feed),
                more = more(feed),
            )
        });
        let registry =
            registry.as_ref().map_or_else(String::new, |url| format!("registry: {{url: \"{url}\"{registry_auth}}}\n"));
        let text = format!(
            "kafka: {{bootstrap: \"{bootstrap}\", group_id: {name}, instance_id: {instance}, {times}, \
             properties: {{reconnect.backoff.max.ms: 250, max.partition.fetch.bytes: 32768{properties}{security}}}}}\n\
             audit: {{topic: {audit}}}\n\
             {registry}\
             {watch}\
             pipeline: {{{pipeline}}}\n\
             lanes:\n  - {{name: main, ad_account_id: \"{AD_ACCOUNT}\", token: {{file: token}}, \
             base_url: \"{url}\", {lane}}}\n{more_lanes}\
             feeds:\n{feeds}",
            bootstrap = bootstrap.clone().unwrap_or_else(|| self.broker.bootstrap()),
            name = self.name,
            audit = self.audit_topic(),
            url = self.terms.base_url.clone().unwrap_or_else(|| self.desk.base_url()),
            more_lanes = more_lanes(&self.desk.base_url()),
            feeds = feeds.concat(),
        );
        let file = self.folder.path().join(format!("{instance}.yaml"));
        fs::write(&file, text).unwrap();
        file
    }

    pub(crate) fn spawn(&mut self, instance: &str) -> Relay {
        let log = format!("{}-{}-{instance}.log", self.name, self.logs.len() + 1);
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(log);
        self.logs.push(log.clone());
        Relay::spawn(&self.config(instance), log, self.terms.log, &self.terms.environment)
    }

    /// What its processes have logged so far.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect()
    }

    /// The identity that a process has in the group.
    pub(crate) fn identity(&self, instance: &str) -> String {
        format!("{}.{instance}", self.name)
    }

    /// Writes the next records of the generator.
    pub(crate) async fn sell(&mut self, records: usize) {
        self.sell_as(records, |_, value| value).await;
    }

    /// As [`Self::sell`], with other bytes.
    pub(crate) async fn sell_as(&mut self, records: usize, value: impl Fn(DemoFeed, Vec<u8>) -> Vec<u8>) {
        let mut left = records;
        while 0 < left {
            let now = left.min(AT_A_TIME);
            self.sell_some(now, &value).await;
            left -= now;
        }
    }

    async fn sell_some(&mut self, records: usize, value: &impl Fn(DemoFeed, Vec<u8>) -> Vec<u8>) {
        let mut inputs: BTreeMap<DemoFeed, Vec<Input>> = BTreeMap::new();
        for _ in 0..records {
            let record = self.next_record();
            let GeneratedRecord { number, feed, partition, key, value: bytes } = record;
            self.expect(feed, partition, plan(self.seed, number).lot.outcome());
            let value = bytes.map(|bytes| value(feed, bytes));
            inputs.entry(feed).or_default().push(Input {
                partition,
                key: Some(key),
                value,
                headers: self.headers.clone(),
            });
        }
        for (feed, inputs) in inputs {
            self.broker.produce(&self.topic(feed), inputs).await;
        }
    }

    /// Its event is as young as those of the first one were, however long the test takes.
    fn next_record(&mut self) -> GeneratedRecord {
        let record = self.generator.at(clock::wall()).record(self.generated);
        self.generated += 1;
        record
    }

    /// For the processes that start from now on.
    pub(crate) const fn lane_is_now(&mut self, lane: &'static str) {
        self.terms.lane = lane;
    }

    /// Writes every record that was written so far once more.
    pub(crate) async fn sell_again(&mut self) {
        for feed in DemoFeed::ALL {
            let mut records = self.broker.read_all(&self.topic(feed)).await;
            records.sort_by_key(|record| (record.partition(), record.offset()));
            let mut inputs = Vec::new();
            for record in records {
                let partition = record.partition();
                let outcome = self.planned[&(feed, partition, record.offset())];
                self.expect(feed, partition, outcome);
                let [key, value] = [record.key(), record.payload()].map(|bytes| bytes.map(<[u8]>::to_vec));
                inputs.push(Input { partition, key, value, ..Input::default() });
            }
            self.broker.produce(&self.topic(feed), inputs).await;
        }
    }

    /// Writes the next records of one feed; those of the others are passed over.
    pub(crate) async fn sell_of(&mut self, feed: DemoFeed, records: usize) {
        let mut inputs = Vec::new();
        while inputs.len() < records {
            let record = self.next_record();
            if record.feed == feed {
                self.expect(feed, record.partition, plan(self.seed, record.number).lot.outcome());
                let GeneratedRecord { partition, key, value, .. } = record;
                inputs.push(Input { partition, key: Some(key), value, ..Input::default() });
            }
        }
        self.broker.produce(&self.topic(feed), inputs).await;
    }

    /// Writes the next conversions of one feed that nothing is wrong with; gives their places and keys. An install's
    /// key is its event id.
    pub(crate) async fn sell_events(&mut self, feed: DemoFeed, events: usize) -> Vec<(Place, String)> {
        let (mut inputs, mut sold) = (Vec::new(), Vec::new());
        while inputs.len() < events {
            let record = self.next_record();
            let lot = plan(self.seed, record.number).lot;
            if record.feed == feed && lot == Lot::Event {
                let GeneratedRecord { partition, key, value, .. } = record;
                let offset = self.expect(feed, partition, lot.outcome());
                sold.push(((feed, partition, offset), String::from_utf8(key.clone()).unwrap()));
                inputs.push(Input { partition, key: Some(key), value, ..Input::default() });
            }
        }
        self.broker.produce(&self.topic(feed), inputs).await;
        sold
    }

    /// Writes one record that is not the generator's.
    pub(crate) async fn put(&mut self, feed: DemoFeed, partition: i32, value: Vec<u8>, outcome: OutcomeKind) {
        self.put_as(feed, Input { partition, value: Some(value), ..Input::default() }, outcome).await;
    }

    /// As [`Self::put`], with key and headers, or without a value.
    pub(crate) async fn put_as(&mut self, feed: DemoFeed, input: Input, outcome: OutcomeKind) {
        self.expect(feed, input.partition, outcome);
        self.broker.produce(&self.topic(feed), vec![input]).await;
    }

    /// In a new topic that is written without transactions, offsets are 0, 1, 2, …
    fn expect(&mut self, feed: DemoFeed, partition: i32, outcome: OutcomeKind) -> i64 {
        let end = self.ends.entry((feed, partition)).or_insert(0);
        let offset = *end;
        self.planned.insert((feed, partition, offset), outcome);
        *end += 1;
        offset
    }

    /// Where each partition ends.
    pub(crate) const fn ends(&self) -> &BTreeMap<(DemoFeed, i32), i64> {
        &self.ends
    }

    /// Returns when there are as many audit rows as records.
    pub(crate) async fn settled(&self) {
        self.rows_reach(self.planned.len()).await;
    }

    /// Returns when there are so many audit rows.
    pub(crate) async fn rows_reach(&self, rows: usize) {
        self.broker.read_until(&self.audit_topic(), PATIENCE, move |messages| rows <= messages.len()).await;
    }
}

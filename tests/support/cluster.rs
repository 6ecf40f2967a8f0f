//! Three brokers that hold everything three times: one of them may be away, and nothing is lost.

use std::ops::Deref;
use std::process::{Command, Output};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::broker::START_DEADLINE;
use super::image::KafkaImage;
use super::kafka::Kafka;
use super::ports::free_port;
use super::reaper::Reaper;

/// Brokers, each a controller as well.
pub(crate) const BROKERS: usize = 3;

/// Where the coordinators of groups and of transactions are the leaders, and of how many partitions: as [`SETTINGS`] say.
const COORDINATORS: [(&str, i32); 2] = [("__consumer_offsets", 3), ("__transaction_state", 3)];

/// Three Apache Kafkas in containers on this machine's own network. Gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The containers, by name; broker *n* has the id *n* + 1.
    names: Vec<String>,
    _reapers: Vec<Reaper>,
    kafka: Kafka,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let ports: Vec<(u16, u16)> = (0..BROKERS).map(|_| (free_port(), free_port())).collect();
        let voters: Vec<String> =
            ports.iter().zip(1..).map(|((_, controller), id)| format!("{id}@127.0.0.1:{controller}")).collect();
        let voters = voters.join(",");
        let (mut names, mut reapers) = (Vec::new(), Vec::new());
        for ((port, controller), id) in ports.iter().zip(1..) {
            let name = format!("{}-{port}", KafkaImage::NAME);
            reapers.push(Reaper::watch(&name));
            let mut run = Command::new("docker");
            run.args(["run", "--detach", "--network", "host", "--name", &name]);
            let own = [
                ("NODE_ID", format!("{id}")),
                ("CONTROLLER_QUORUM_VOTERS", voters.clone()),
                ("LISTENERS", format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}")),
                ("ADVERTISED_LISTENERS", format!("PLAINTEXT://127.0.0.1:{port}")),
            ];
            for (key, value) in own.iter().map(|(key, value)| (*key, value.as_str())).chain(SETTINGS.iter().copied()) {
                run.arg("--env").arg(format!("KAFKA_{key}={value}"));
            }
            run.arg(format!("{}:{}", KafkaImage::NAME, KafkaImage::TAG));
            docker(run).await;
            names.push(name);
        }
        let ports: Vec<u16> = ports.into_iter().map(|(port, _)| port).collect();
        let cluster = Self { names, _reapers: reapers, kafka: Kafka::new(&ports) };
        cluster.is_whole(START_DEADLINE).await;
        cluster
    }

    /// SIGKILL: connections break and new ones are refused.
    pub(crate) async fn kill(&self, broker: usize) {
        docker(act(&["kill"], self.name(broker))).await;
    }

    /// As an operator restarts a broker: it hands its leaderships over and ends. It comes back with [`Self::restart`].
    pub(crate) async fn stop(&self, broker: usize) {
        docker(act(&["stop", "--time", "30"], self.name(broker))).await;
    }

    pub(crate) async fn restart(&self, broker: usize) {
        docker(act(&["start"], self.name(broker))).await;
    }

    /// Connections stay open and nothing answers.
    pub(crate) async fn freeze(&self, broker: usize) {
        docker(act(&["pause"], self.name(broker))).await;
    }

    pub(crate) async fn thaw(&self, broker: usize) {
        docker(act(&["unpause"], self.name(broker))).await;
    }

    /// Gives the partitions of these topics, and the coordinators, to another preferred leader, and has it elected.
    pub(crate) async fn move_leaders(&self, topics: Vec<(String, i32)>, by: usize) {
        let coordinators = COORDINATORS.map(|(topic, partitions)| (topic.to_owned(), partitions));
        let partitions: Vec<String> = topics
            .iter()
            .chain(&coordinators)
            .flat_map(|(topic, partitions)| (0..*partitions).map(move |partition| (topic, partition)))
            .zip(by..)
            .map(|((topic, partition), first)| {
                let replicas: Vec<String> = (0..BROKERS).map(|n| ((first + n) % BROKERS + 1).to_string()).collect();
                format!(r#"{{"topic":"{topic}","partition":{partition},"replicas":[{}]}}"#, replicas.join(","))
            })
            .collect();
        let plan = format!(r#"{{"version":1,"partitions":[{}]}}"#, partitions.join(","));
        let java = "java -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*'";
        let script = format!(
            "printf %s '{plan}' > /tmp/plan.json && \
             {java} org.apache.kafka.tools.reassign.ReassignPartitionsCommand --bootstrap-server {bootstrap} \
               --reassignment-json-file /tmp/plan.json --execute && \
             {java} org.apache.kafka.tools.LeaderElectionCommand --bootstrap-server {bootstrap} \
               --election-type preferred --all-topic-partitions",
            bootstrap = self.kafka.bootstrap(),
        );
        let deadline = Instant::now() + MOVED;
        loop {
            let path = "PATH=/opt/java/bin:/opt/java/openjdk/bin:/bin:/usr/bin";
            let mut exec = act(&["exec", "--env", path], self.name(by));
            exec.args(["sh", "-c", &script]);
            match attempt(exec).await {
                Ok(()) => return,
                // On a busy machine the controller gives a broker up whose heartbeat is late, until it comes again; a
                // leader waits for a replica that is behind; and the coordinators' topics are there only when they have
                // been asked for.
                Err(said) if Instant::now() < deadline => {
                    println!("leaders are not moved yet: {said}");
                    sleep(Duration::from_secs(1)).await;
                }
                Err(said) => panic!("{said}"),
            }
        }
    }

    /// Returns when every broker is there and every replica of every partition is in step.
    pub(crate) async fn is_whole(&self, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let config = self.kafka.client();
            let lacking = spawn_blocking(move || {
                let client: BaseConsumer = config.create().expect("a valid configuration");
                let Ok(metadata) = client.fetch_metadata(None, Duration::from_secs(5)) else { return None };
                let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
                let behind = partitions.filter(|partition| partition.isr().len() < BROKERS).count();
                Some(BROKERS.abs_diff(metadata.brokers().len()) + behind)
            });
            match lacking.await.expect("asking does not panic") {
                Some(0) => return,
                lacking => assert!(Instant::now() < deadline, "not whole in {within:?}: {lacking:?}"),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn name(&self, broker: usize) -> &str {
        &self.names[broker % BROKERS]
    }
}

impl Deref for Cluster {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        &self.kafka
    }
}

fn act(what: &[&str], container: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(what).arg(container);
    command
}

pub(super) async fn docker(command: Command) {
    attempt(command).await.unwrap_or_else(|said| panic!("{said}"));
}

/// # Errors
/// What was said instead.
async fn attempt(mut command: Command) -> Result<(), String> {
    let Output { status, stdout, stderr } =
        spawn_blocking(move || command.output()).await.expect("waiting does not panic").expect("docker is installed");
    let said = [stdout, stderr].concat();
    if status.success() { Ok(()) } else { Err(format!("docker: {status}: {}", String::from_utf8_lossy(&said))) }
}

/// Until leaders are moved; each try starts two JVMs beside those of the brokers.
const MOVED: Duration = Duration::from_mins(5);

const SETTINGS: &[(&str, &str)] = &[
    ("HEAP_OPTS", "-Xms256m -Xmx320m"),
    // The default buffer of the cleaner alone, 128 MiB, would fill half of this heap.
    ("LOG_CLEANER_DEDUPE_BUFFER_SIZE", "4194304"),
    ("PROCESS_ROLES", "broker,controller"),
    ("CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
    ("LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
    ("LOG_DIRS", "/tmp/kafka-logs"),
    ("AUTO_CREATE_TOPICS_ENABLE", "false"),
    // As the protocol assumes: three replicas, two in step, no unclean election.
    ("DEFAULT_REPLICATION_FACTOR", "3"),
    ("MIN_INSYNC_REPLICAS", "2"),
    ("OFFSETS_TOPIC_REPLICATION_FACTOR", "3"),
    ("OFFSETS_TOPIC_NUM_PARTITIONS", "3"),
    ("TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "3"),
    ("TRANSACTION_STATE_LOG_MIN_ISR", "2"),
    ("TRANSACTION_STATE_LOG_NUM_PARTITIONS", "3"),
    ("GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("GROUP_MIN_SESSION_TIMEOUT_MS", "1000"),
    ("TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS", "500"),
    // A broker that was killed is missed, and let in again, after seconds.
    ("BROKER_SESSION_TIMEOUT_MS", "3000"),
    ("BROKER_HEARTBEAT_INTERVAL_MS", "500"),
    ("REPLICA_LAG_TIME_MAX_MS", "3000"),
];

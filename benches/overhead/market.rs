//! What the process stands between: a broker with a topic of orders, and a Pinterest that takes them all.

use std::env;
use std::fs;
use std::process::Command;

use pinrelay::commands::demo::records::Generator;
use pinrelay::commands::demo::scenario::{DemoFeed, plan};
use pinrelay::domain::OutcomeKind;
use pinrelay::pinterest::{Sandbox, SandboxSettings};
use pinrelay::run::clock;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::relay::{Accounting, Cost};
use super::support::{Broker, Input};

const SEED: u64 = 1;

const TOPIC: &str = "orders";

/// Records that are written in one go.
const AT_A_TIME: usize = 20_000;

pub(crate) struct Market {
    broker: Broker,
    records: u64,
    folder: TempDir,
    sandbox: String,
}

impl Market {
    pub(crate) async fn open(records: u64) -> Self {
        let broker = Broker::start().await;
        let feed = DemoFeed::Order;
        broker.create_topic(TOPIC, i32::try_from(feed.partitions()).unwrap(), &[]).await;
        let generated = Generator::try_new(SEED, clock::wall()).unwrap().generate(u64::MAX);
        let delivered = |number| plan(SEED, number).lot.outcome() == OutcomeKind::Delivered;
        let mut orders = generated.filter(|record| record.feed == feed && delivered(record.number)).map(|record| {
            Input { partition: record.partition, key: Some(record.key), value: record.value, ..Input::default() }
        });
        let mut left = usize::try_from(records).unwrap();
        while 0 < left {
            let some = left.min(AT_A_TIME);
            broker.produce(TOPIC, orders.by_ref().take(some).collect()).await;
            left -= some;
        }
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("order.avsc"), feed.schema()).unwrap();
        fs::write(folder.path().join("token"), "any").unwrap();
        let sandbox = open_sandbox().await;
        Self { broker, records, folder, sandbox }
    }

    /// A group of its own relays all of it.
    pub(crate) async fn relay(&self, accounting: Accounting, round: u32) -> Cost {
        let name = format!("{}-{round}", accounting.name());
        let config = self.folder.path().join(format!("{name}.yaml"));
        fs::write(&config, self.config(&name)).unwrap();
        let mut topics = Command::new(env!("CARGO_BIN_EXE_pinrelay"));
        topics.args(["topics", "--apply", "--replication", "1", "--audit-partitions", "4", "--config"]).arg(&config);
        let mut relay = Command::new(env::current_exe().unwrap());
        relay.args(["relay", accounting.name()]).arg(&config).arg(self.records.to_string());
        let said = tokio::task::spawn_blocking(move || {
            let made = topics.output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            relay.output().unwrap()
        });
        let said = said.await.unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).parse().unwrap()
    }

    fn config(&self, name: &str) -> String {
        format!(
            "kafka: {{bootstrap: \"{bootstrap}\", group_id: {name}, instance_id: one}}\n\
             audit: {{topic: {name}.results}}\n\
             lanes:\n  - {{name: main, ad_account_id: \"549755885175\", token: {{file: token}}, base_url: \"{url}\"}}\n\
             feeds:\n  - {{name: order, topic: {TOPIC}, schema: order.avsc, framing: single_object, lane: main, \
             phone_region: US}}\n",
            bootstrap = self.broker.bootstrap(),
            url = self.sandbox,
        )
    }
}

/// Its address. It takes everything at once.
async fn open_sandbox() -> String {
    let settings = SandboxSettings { keep_arrivals: 0, ..SandboxSettings::new(clock::wall) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v5", listener.local_addr().unwrap());
    tokio::spawn(Sandbox::new(settings).serve(listener, std::future::pending()));
    url
}

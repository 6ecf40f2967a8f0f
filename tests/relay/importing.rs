//! The day of the change-over: what an earlier sender has sent is not sent again.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind;
use pinrelay::kafka::audit;
use pinrelay::run::clock;
use rdkafka::Message;

use super::account::Account;
use super::desk::AD_ACCOUNT;
use super::process::{binary, run, text};
use super::shop::{PATIENCE, Place, Shop, Terms};
use super::support::Broker;

const RECORDS: usize = 600;

/// Both shops have the same records.
const SEED: u64 = 81;

impl Shop<'_> {
    fn import_command(&self, file: &PathBuf, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.args(["window", "import", "--feed", "order", "--config"]).arg(self.config("import"));
        command.arg(file).args(arguments);
        command
    }

    /// A file with every other of these places' ids; gives back those places too.
    fn sent_file(&self, sent: &[(Place, String, String)]) -> (PathBuf, HashSet<Place>) {
        let mut lines = "event_name,event_id,ad_account_id,time\n".to_owned();
        let imported: Vec<_> = sent.iter().step_by(2).collect();
        for (_, name, id) in &imported {
            writeln!(lines, "{name},{id},{AD_ACCOUNT},{}", clock::wall().0).unwrap();
        }
        let file = self.folder().join("sent.csv");
        fs::write(&file, lines).unwrap();
        (file, imported.into_iter().map(|(place, _, _)| *place).collect())
    }
}

/// What an earlier sender has delivered of the orders: here, pinrelay in another group.
async fn sent_before(broker: &Broker) -> Vec<(Place, String, String)> {
    let mut shop = Shop::open(broker, "sent-before", SEED, Terms::default()).await;
    shop.sell(RECORDS).await;
    let relay = shop.spawn("a");
    shop.settled().await;
    relay.leave(PATIENCE).await;
    let messages = broker.read_all(&shop.audit_topic()).await;
    let rows = messages.iter().map(|message| audit::read(message.payload().unwrap()).unwrap());
    let delivered = rows.filter(|row| row.feed == "order" && row.outcome == OutcomeKind::Delivered);
    let mut sent: Vec<_> = delivered
        .map(|row| {
            let place = (DemoFeed::Order, row.source_partition, row.source_offset);
            (place, row.event_name.unwrap().to_owned(), row.event_id.unwrap().to_owned())
        })
        .collect();
    sent.sort();
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_an_earlier_sender_has_sent_are_suppressed_and_the_others_are_sent() {
    let broker = Broker::shared().await;
    let sent = sent_before(broker).await;
    let mut shop = Shop::open(broker, "change-over", SEED, Terms::default()).await;
    shop.sell(RECORDS).await;
    let (file, imported) = shop.sent_file(&sent);
    assert!(20 < imported.len(), "{} ids", imported.len());

    let looked = run(shop.import_command(&file, &["--dry-run", "--json"])).await;
    assert_eq!(looked.status.code(), Some(0), "{}", text(&looked.stderr));
    assert_eq!(shop.committed().await.len(), 0, "a dry run settles nothing");
    // Twice: to import again does no harm.
    for _ in 0..2 {
        let done = run(shop.import_command(&file, &["--json"])).await;
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        let partitions = usize::try_from(DemoFeed::Order.partitions()).unwrap();
        assert_eq!(told["entries"], imported.len() * partitions, "{told}");
        assert_eq!(told["written"], true);
    }

    let relay = shop.spawn("a");
    shop.settled().await;
    let refused = run(shop.import_command(&file, &[])).await;
    assert_eq!(refused.status.code(), Some(1), "nothing is imported while a process runs");
    assert!(text(&refused.stderr).contains("the group change-over is in use"), "{}", text(&refused.stderr));
    relay.leave(PATIENCE).await;

    for place in &imported {
        assert_eq!(shop.planned.insert(*place, OutcomeKind::Duplicate), Some(OutcomeKind::Delivered));
    }
    Account::of(&shop).await.assert_calm();
    let messages = broker.read_all(&shop.audit_topic()).await;
    let rows = messages.iter().map(|message| audit::read(message.payload().unwrap()).unwrap());
    let told: HashSet<Place> = rows
        .filter(|row| row.reason == "duplicate_of_imported" && row.duplicate_of.is_none())
        .map(|row| (DemoFeed::Order, row.source_partition, row.source_offset))
        .collect();
    assert!(imported.is_subset(&told), "{} rows name the import", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_faults_is_refused_as_a_whole_with_their_lines() {
    let shop = Shop::without_topics(Broker::shared().await, "import-faults", 82, Terms::default()).await;
    let file = shop.folder().join("sent.jsonl");
    let lines = [
        r#"{"lane": "main", "event_name": "checkout", "event_id": "order-1", "time": 1790000000}"#,
        r#"{"lane": "other", "event_name": "checkout", "event_id": "order-2", "time": 1790000000}"#,
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let refused = run(shop.import_command(&file, &[])).await;
    assert_eq!(refused.status.code(), Some(64));
    let said = text(&refused.stderr);
    assert!(said.contains("line 2: no lane of the configuration is for this ad account"), "{said}");
}

//! The one checker: whether every record is accounted for, by audit topic, sandbox and committed offsets together.

use std::collections::{BTreeMap, HashMap};

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::domain::OutcomeKind;
use pinrelay::kafka::audit;
use rdkafka::Message;
use rdkafka::message::OwnedMessage;

use super::shop::{Place, Shop};

/// Of a list of faults, so many are shown.
const SHOWN: usize = 5;

/// What an audit row says, as far as it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) outcome: OutcomeKind,
    pub(crate) detail: Option<String>,
    marked: bool,
    key: Option<Key>,
    offline: bool,
}

/// What Pinterest knows an event by, within an ad account.
type Key = (String, String);

/// What was found. The lists must be empty, whatever happened.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) rows: Vec<Row>,
    pub(crate) missing: Vec<Place>,
    pub(crate) doubled: Vec<Place>,
    /// Rows of records that were never written.
    strange: Vec<Place>,
    /// Outcomes that are neither planned nor a doubt that may be.
    wrong: Vec<String>,
    /// Posted more than once under `resend`, and the row does not say so.
    pub(crate) unmarked: Vec<Key>,
    /// Posted more than once under `hold`.
    pub(crate) held: Vec<Key>,
    /// Delivered, says the row, and the sandbox has not taken it.
    untaken: Vec<Key>,
    /// Posted, and no row speaks of it.
    unspoken: u64,
    /// Committed offsets that are not the end of their partition.
    uncommitted: Vec<String>,
    /// Posted more than once, and the row says so.
    pub(crate) marked: u64,
    /// Rows that say that their event may have been taken twice.
    marks: u64,
    pub(crate) in_doubt: u64,
}

impl Account {
    /// Reads everything back. To be taken when the relay is at rest.
    pub(crate) async fn of(shop: &Shop<'_>) -> Self {
        let messages = shop.broker.read_all(&shop.audit_topic()).await;
        let rows = messages.iter().map(|message| row(message.payload().unwrap())).collect();
        Self::by(rows, shop, &shop.committed().await)
    }

    fn by(rows: Vec<Row>, shop: &Shop<'_>, committed: &Committed) -> Self {
        let mut account = Self { rows, ..Self::default() };
        account.check_rows(shop);
        account.check_posts(shop);
        for (partition, end) in shop.ends() {
            if committed.get(partition) != Some(end) {
                account.uncommitted.push(format!("{partition:?} is at {:?} of {end}", committed.get(partition)));
            }
        }
        account
    }

    fn check_rows(&mut self, shop: &Shop<'_>) {
        let mut counts: HashMap<Place, u32> = HashMap::new();
        for row in &self.rows {
            *counts.entry(row.place).or_insert(0) += 1;
            self.marks += u64::from(row.marked);
            self.in_doubt += u64::from(row.outcome == OutcomeKind::InDoubt);
            match shop.planned.get(&row.place) {
                None => self.strange.push(row.place),
                Some(planned) if row.outcome == *planned => {}
                // Under `resend` an event goes again until there is a verdict; a refusal then leaves the doubt.
                Some(OutcomeKind::Refused) if row.outcome == OutcomeKind::InDoubt => {}
                Some(OutcomeKind::Delivered) if row.outcome == OutcomeKind::InDoubt && row.offline => {}
                Some(planned) => self.wrong.push(format!("{row:?} instead of {}", planned.as_str())),
            }
        }
        self.doubled = counts.iter().filter(|(_, count)| 1 < **count).map(|(place, _)| *place).collect();
        self.missing = shop.planned.keys().filter(|place| !counts.contains_key(place)).copied().collect();
    }

    fn check_posts(&mut self, shop: &Shop<'_>) {
        let mut posted = 0;
        for row in &self.rows {
            let posts = matches!(row.outcome, OutcomeKind::Delivered | OutcomeKind::Refused | OutcomeKind::InDoubt);
            let (Some(key), true) = (&row.key, posts) else { continue };
            let count = shop.desk.count(&key.0, &key.1);
            posted += u64::from(0 < count.posted);
            if 1 < count.posted {
                match (row.offline, row.marked) {
                    (true, _) => self.held.push(key.clone()),
                    (false, true) => self.marked += 1,
                    (false, false) => self.unmarked.push(key.clone()),
                }
            }
            if row.outcome == OutcomeKind::Delivered && count.taken == 0 {
                self.untaken.push(key.clone());
            }
        }
        self.unspoken = shop.desk.stats().keys_posted.abs_diff(posted);
    }

    /// Everything that must never be, one line for each kind.
    pub(crate) fn faults(&self) -> Vec<String> {
        fn line(what: &str, list: &[impl std::fmt::Debug]) -> Option<String> {
            let shown = list.get(..SHOWN.min(list.len())).unwrap_or_default();
            (!list.is_empty()).then(|| format!("{} {what}, such as {shown:?}", list.len()))
        }
        let unspoken = (0 < self.unspoken).then(|| format!("{} keys posted do not fit the rows", self.unspoken));
        [
            line("records without a row", &self.missing),
            line("records with several rows", &self.doubled),
            line("rows of no record", &self.strange),
            line("outcomes that were not planned", &self.wrong),
            line("keys posted again without a mark", &self.unmarked),
            line("keys posted again under hold", &self.held),
            line("keys delivered and not taken", &self.untaken),
            line("partitions not committed to their end", &self.uncommitted),
            unspoken,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whatever happened: every record is accounted for.
    pub(crate) fn assert_sound(&self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Panics unless a log like this one with a row taken out, and with a row twice, is found out.
    pub(crate) async fn assert_that_it_could_fail(&self, shop: &Shop<'_>) {
        let committed = shop.committed().await;
        let mut rows = self.rows.clone();
        let row = rows.swap_remove(rows.len() / 2);
        assert_eq!(Self::by(rows.clone(), shop, &committed).missing, [row.place], "a row is taken out");
        rows.extend([row.clone(), row.clone()]);
        assert_eq!(Self::by(rows, shop, &committed).doubled, [row.place], "a row is there twice");
    }

    /// Nothing happened that could leave a doubt, so none is left.
    pub(crate) fn assert_calm(&self) {
        self.assert_sound();
        assert_eq!((self.in_doubt, self.marks, self.marked), (0, 0, 0), "in doubt, marks, keys posted again");
    }

    pub(crate) fn count(&self, feed: DemoFeed, outcome: OutcomeKind) -> usize {
        self.rows.iter().filter(|row| row.place.0 == feed && row.outcome == outcome).count()
    }
}

/// The record that a row speaks of.
pub(crate) fn place(message: &OwnedMessage) -> Place {
    row(message.payload().expect("a row")).place
}

fn row(value: &[u8]) -> Row {
    let row = audit::read(value).expect("the audit topic holds rows only");
    let feed = DemoFeed::ALL.into_iter().find(|feed| feed.name() == row.feed).expect("a feed of the configuration");
    assert_eq!(row.source_offset_end, None, "nothing is lost in these tests");
    Row {
        place: (feed, row.source_partition, row.source_offset),
        outcome: row.outcome,
        detail: row.detail.map(ToString::to_string),
        marked: row.possibly_redelivered,
        key: row.event_name.zip(row.event_id).map(|(name, id)| (name.to_owned(), id.to_owned())),
        offline: row.action_source == Some("offline"),
    }
}

/// Committed offsets by partition.
pub(crate) type Committed = BTreeMap<(DemoFeed, i32), i64>;

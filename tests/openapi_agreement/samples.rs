//! What the mapping makes of the samples that ship.

use pinrelay::domain::{AdAccountId, LaneId, Mapped, UnixMillis};
use pinrelay::mapping::event_rules::CustomerType;
use pinrelay::mapping::{Decoder, EventRules, LaneRule, Mapper, Overrides, Plan};
use serde_json::Value;

/// 2026-11-24T06:01:00Z, a minute after the events of the samples.
const NOW: UnixMillis = UnixMillis(1_795_500_060_000);

/// Each schema that ships with a sample, and the event that comes of it.
pub(crate) fn events() -> Vec<(&'static str, Value)> {
    let feeds = [
        ("order", "samples/order"),
        ("install", "samples/install"),
        ("in_store_purchase", "samples/in_store_purchase"),
        ("examples/debezium_order", "examples/samples/debezium_order"),
        ("examples/mmp_install", "examples/samples/mmp_install"),
        ("examples/pos_receipt", "examples/samples/pos_receipt"),
    ];
    feeds.map(|(schema, sample)| (schema, event(schema, sample))).into()
}

fn event(schema: &str, sample: &str) -> Value {
    let text = read(&format!("{schema}.avsc"));
    let address = read("examples/postal_address.avsc");
    let plan = Plan::compile(schema, &text, &[&address], &Overrides::new()).unwrap_or_else(|f| panic!("{f:?}"));
    let decoder = Decoder::compile(&text, &[&address], &plan).expect("a schema reads itself");
    let record = serde_json::from_str(&read(&format!("{sample}.json"))).expect("a sample is JSON");
    let payload = plan.encode(&record).expect("a sample fits its schema");
    let lane = |id, name: &str| LaneRule {
        id: LaneId(id),
        name: name.into(),
        ad_account: AdAccountId::try_new("549755885175").expect("digits"),
        mode: pinrelay::domain::LaneMode::Live,
    };
    let mut rules = EventRules::new(lane(0, "main"));
    rules.lanes.push(lane(1, "at"));
    rules.customer_type = CustomerType::Send;
    match Mapper::new(rules).map(&decoder, &payload, NOW) {
        Mapped::Event(event) => serde_json::from_slice(&event.body).expect("a body is JSON"),
        Mapped::Settled { outcome, .. } => panic!("{schema}: {outcome:?}"),
    }
}

fn read(path: &str) -> String {
    let path = format!("{}/schemas/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

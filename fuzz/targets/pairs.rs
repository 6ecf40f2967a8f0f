//! Pairs of a writer schema and a plan: the shipped ones that stand in one file, and ones that are as hostile as a schema can be.

use std::sync::LazyLock;

use pinrelay::domain::{AdAccountId, LaneId};
use pinrelay::mapping::{Decoder, EventRules, LaneRule, Mapper, Overrides, PhoneRegion, Plan};

pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
    pub(crate) mapper: Mapper,
    /// Of the writer schema.
    pub(crate) decoder: Decoder,
    /// Of the plan's own schema.
    pub(crate) own: Decoder,
    /// A record in JSON, of the plan's schema.
    pub(crate) sample: &'static str,
    /// One in Avro, of the writer schema.
    pub(crate) payload: Vec<u8>,
}

pub(crate) static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    vec![
        shipped("order", include_str!("../../schemas/order.avsc"), include_str!("../../schemas/samples/order.json")),
        shipped(
            "install",
            include_str!("../../schemas/install.avsc"),
            include_str!("../../schemas/samples/install.json"),
        ),
        shipped(
            "in_store_purchase",
            include_str!("../../schemas/in_store_purchase.avsc"),
            include_str!("../../schemas/samples/in_store_purchase.json"),
        ),
        shipped(
            "debezium_order",
            include_str!("../../schemas/examples/debezium_order.avsc"),
            include_str!("../../schemas/examples/samples/debezium_order.json"),
        ),
        shipped(
            "mmp_install",
            include_str!("../../schemas/examples/mmp_install.avsc"),
            include_str!("../../schemas/examples/samples/mmp_install.json"),
        ),
        pair("every type", [EVERY_TYPE, EVERY_TYPE_EVOLVED], [EVERY_TYPE_SAMPLE, EVERY_TYPE_EVOLVED_SAMPLE]),
        pair("what is stepped over", [SMALL, RECURSIVE_AND_FREE], [SMALL_SAMPLE, RECURSIVE_AND_FREE_SAMPLE]),
        pair("items of no bytes", [FREE_ITEMS, FREE_ITEMS_WRITER], [FREE_ITEMS_SAMPLE, FREE_ITEMS_WRITER_SAMPLE]),
    ]
});

fn shipped(name: &'static str, schema: &'static str, sample: &'static str) -> Pair {
    pair(name, [schema, schema], [sample, sample])
}

/// The reader's schema and the writer's, which must be a plan, too, so that its sample can be written; a sample of each.
fn pair(name: &'static str, [reader, writer]: [&str; 2], samples: [&'static str; 2]) -> Pair {
    let [plan, writers_plan] = [reader, writer].map(|schema| {
        Plan::compile(name, schema, &[], &Overrides::new()).unwrap_or_else(|faults| panic!("{faults:#?}"))
    });
    let [decoder, own] = [writer, reader]
        .map(|schema| Decoder::compile(schema, &[], &plan).unwrap_or_else(|fault| panic!("{name}: {fault}")));
    let [sample, writers_sample] = samples;
    let record = serde_json::from_str(writers_sample).expect("a sample is JSON");
    let payload = writers_plan.encode(&record).unwrap_or_else(|misfit| panic!("{name}: {misfit:?}"));
    Pair { name, plan, mapper: mapper(), decoder, own, sample, payload }
}

pub(crate) fn mapper() -> Mapper {
    // The lanes that the examples name.
    let [main, at] = [("main", "549755885175"), ("at", "549755885176")].map(|(name, ad_account)| {
        let ad_account = AdAccountId::try_new(ad_account).expect("digits");
        LaneRule {
            id: LaneId(0),
            name: name.into(),
            ad_account,
            mode: pinrelay::domain::LaneMode::Live,
            partner_name: None,
        }
    });
    let mut rules = EventRules::new(main.clone());
    rules.lanes = vec![main, LaneRule { id: LaneId(1), ..at }];
    rules.phone_region = PhoneRegion::try_new("DE");
    Mapper::new(rules)
}

/// Each kind of type and annotation in one plan.
const EVERY_TYPE: &str = r#"{"type": "record", "name": "Every", "pinterest": {"action_source": "web"}, "fields": [
    {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}, "pinterest": "event_id"},
    {"name": "name", "type": {"type": "enum", "name": "Name", "symbols": ["BUY", "LOOK", "OTHER"], "default": "OTHER"},
     "pinterest": {"to": "event_name", "values": {"BUY": "checkout", "LOOK": "page_visit"}, "default": "custom"}},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-nanos"}, "string"], "pinterest": "event_time"},
    {"name": "mails", "type": {"type": "array", "items": ["null", "string"]}, "pinterest": "user_data.em"},
    {"name": "phone", "type": ["null", "string"], "pinterest": "user_data.ph"},
    {"name": "born", "type": ["null", {"type": "int", "logicalType": "date"}], "pinterest": "user_data.db"},
    {"name": "gender", "type": "int", "pinterest": {"to": "user_data.ge", "values": {"1": "f", "2": "m"}, "default": "n"}},
    {"name": "device", "type": "bytes", "pinterest": "user_data.hashed_maids"},
    {"name": "town", "type": "string", "pinterest": "user_data.ct"},
    {"name": "zip", "type": ["null", "long", "string"], "pinterest": "user_data.zp"},
    {"name": "address", "type": "string", "pinterest": "user_data.client_ip_address"},
    {"name": "agent", "type": "string", "pinterest": "user_data.client_user_agent"},
    {"name": "clicks", "type": {"type": "map", "values": "string"}, "pinterest": {"to": "user_data.click_id", "key": "epik"}},
    {"name": "part_a", "type": "string", "pinterest": {"to": "custom_data.order_id", "part": 1}},
    {"name": "part_b", "type": "long", "pinterest": {"to": "custom_data.order_id", "part": 2, "join": "-"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}, "pinterest": "custom_data.value"},
    {"name": "currency", "type": "string", "pinterest": "custom_data.currency"},
    {"name": "url", "type": "string", "pinterest": "event_source_url"},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string", "pinterest": "id"},
        {"name": "cents", "type": "long", "pinterest": {"to": "item_price", "scale": 2}},
        {"name": "count", "type": "double", "pinterest": "quantity"}]}}, "pinterest": "custom_data.contents"}
]}"#;

/// The same, as another release of the producer writes it: other order, promotions, unions, new symbols.
const EVERY_TYPE_EVOLVED: &str = r#"{"type": "record", "name": "Every", "pinterest": {"event_name": "lead", "action_source": "web"}, "fields": [
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "note", "type": ["null", "string", {"type": "array", "items": "null"}]},
        {"name": "count", "type": "float"},
        {"name": "cents", "type": "int"},
        {"name": "sku", "type": "bytes"}]}}},
    {"name": "mails", "type": {"type": "array", "items": ["string", "null"]}, "pinterest": "user_data.em"},
    {"name": "at", "type": ["string", {"type": "long", "logicalType": "timestamp-micros"}], "pinterest": "event_time"},
    {"name": "name", "type": {"type": "enum", "name": "Name", "symbols": ["OTHER", "NEW", "BUY"]}},
    {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 16}, "pinterest": "event_id"},
    {"name": "phone", "type": "string"},
    {"name": "born", "type": ["null", {"type": "int", "logicalType": "date"}]},
    {"name": "gender", "type": "int"},
    {"name": "device", "type": "string"},
    {"name": "town", "type": "string"},
    {"name": "zip", "type": ["int", "string", "null"]},
    {"name": "address", "type": "string"},
    {"name": "agent", "type": "string"},
    {"name": "clicks", "type": {"type": "map", "values": "bytes"}},
    {"name": "part_a", "type": "string"},
    {"name": "part_b", "type": "int"},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 28, "scale": 6}},
    {"name": "currency", "type": "string"},
    {"name": "url", "type": "string"}
]}"#;

const EVERY_TYPE_SAMPLE: &str = r#"{"id": "0123456789abcdef", "name": "BUY", "at": "2026-11-24T06:00:00Z",
    "mails": ["ana@example.com", null], "phone": "030 901820", "born": "1990-01-01", "gender": 1, "device": "a-b",
    "town": "Köln", "zip": "50667", "address": "203.0.113.9", "agent": "Mozilla/5.0", "clicks": {"epik": "dj0yJnU9"},
    "part_a": "A", "part_b": 7, "total": 12.30, "currency": "EUR", "url": "https://example.com/",
    "lines": [{"sku": "s", "cents": 199, "count": 2.0}]}"#;

const EVERY_TYPE_EVOLVED_SAMPLE: &str = r#"{"lines": [{"note": "x", "count": 2.5, "cents": 199, "sku": "s"}],
    "mails": ["ana@example.com", null], "at": "2026-11-24T06:00:00Z", "name": "BUY", "id": "0123456789abcdef",
    "phone": "030 901820", "born": null, "gender": 2, "device": "a-b", "town": "Köln", "zip": 50667,
    "address": "203.0.113.9", "agent": "Mozilla/5.0", "clicks": {"epik": "dj0yJnU9", "x": "y"}, "part_a": "A",
    "part_b": 7, "total": 12.3, "currency": "EUR", "url": "https://example.com/"}"#;

/// Little of much.
const SMALL: &str = r#"{"type": "record", "name": "Small", "pinterest": {"event_name": "lead", "action_source": "web"}, "fields": [
    {"name": "id", "type": "string", "pinterest": "event_id"},
    {"name": "at", "type": "long", "pinterest": {"to": "event_time", "unit": "seconds"}},
    {"name": "mail", "type": "string", "pinterest": "user_data.em"}
]}"#;

/// A tree, lists of nothing, unions within records within unions, and a large `fixed`, between the fields that count.
const RECURSIVE_AND_FREE: &str = r#"{"type": "record", "name": "Small", "pinterest": {"event_name": "lead", "action_source": "web"}, "fields": [
    {"name": "tree", "type": ["null", {"type": "record", "name": "Tree", "fields": [
        {"name": "left", "type": ["null", "Tree"]},
        {"name": "kids", "type": {"type": "array", "items": "Tree"}},
        {"name": "named", "type": {"type": "map", "values": ["null", "Tree"]}}]}]},
    {"name": "id", "type": "string", "pinterest": "event_id"},
    {"name": "nothing", "type": {"type": "array", "items": "null"}},
    {"name": "empty", "type": {"type": "map", "values": {"type": "record", "name": "Empty", "fields": []}}},
    {"name": "lists", "type": {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": "Empty"}}}},
    {"name": "at", "type": "int", "pinterest": {"to": "event_time", "unit": "seconds"}},
    {"name": "deep", "type": ["null", {"type": "record", "name": "D1", "fields": [{"name": "v", "type": ["null", "long",
        {"type": "record", "name": "D2", "fields": [{"name": "v", "type": ["null", "string",
            {"type": "record", "name": "D3", "fields": [{"name": "v", "type": ["null", "bytes", "D1",
                {"type": "enum", "name": "E", "symbols": ["A", "B"]}]}]}]}]}]}]}]},
    {"name": "none", "type": {"type": "fixed", "name": "None", "size": 0}},
    {"name": "blob", "type": ["null", {"type": "fixed", "name": "Blob", "size": 65536}]},
    {"name": "mail", "type": "string", "pinterest": "user_data.em"}
]}"#;

const RECURSIVE_AND_FREE_SAMPLE: &str = r#"{"tree": {"left": {"left": null, "kids": [], "named": {}}, "kids":
    [{"left": null, "kids": [], "named": {"n": null}}], "named": {}}, "id": "1", "nothing": [null, null],
    "empty": {"e": {}}, "lists": [[[{}, {}], []], []], "at": 1795500000, "deep": {"v": {"v": {"v": "A"}}}, "none": "",
    "blob": null, "mail": "ana@example.com"}"#;

const SMALL_SAMPLE: &str = r#"{"id": "1", "at": 1795500000, "mail": "ana@example.com"}"#;

/// Where every item of the writer's takes no byte, and each becomes a value by the reader's defaults.
const FREE_ITEMS: &str = r#"{"type": "record", "name": "Free", "pinterest": {"event_name": "lead", "action_source": "web"}, "fields": [
    {"name": "id", "type": "string", "pinterest": "event_id"},
    {"name": "at", "type": "long", "pinterest": {"to": "event_time", "unit": "seconds"}},
    {"name": "mails", "type": {"type": "array", "items": {"type": "record", "name": "Mail", "fields": [
        {"name": "text", "type": "string", "default": "ana@example.com", "pinterest": "user_data.em"}]}}},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string", "default": "sku", "pinterest": "id"},
        {"name": "count", "type": "int", "default": 1, "pinterest": "quantity"}]}}, "pinterest": "custom_data.contents"}
]}"#;

const FREE_ITEMS_WRITER: &str = r#"{"type": "record", "name": "Free", "pinterest": {"event_name": "lead", "action_source": "web"}, "fields": [
    {"name": "id", "type": "string", "pinterest": ["event_id", "user_data.hashed_maids"]},
    {"name": "at", "type": "long", "pinterest": {"to": "event_time", "unit": "seconds"}},
    {"name": "mails", "type": {"type": "array", "items": {"type": "record", "name": "Mail", "fields": []}}},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": []}}}
]}"#;

const FREE_ITEMS_SAMPLE: &str =
    r#"{"id": "1", "at": 1795500000, "mails": [{"text": "ana@example.com"}], "lines": [{"sku": "s", "count": 1}]}"#;

const FREE_ITEMS_WRITER_SAMPLE: &str = r#"{"id": "1", "at": 1795500000, "mails": [{}, {}], "lines": [{}]}"#;

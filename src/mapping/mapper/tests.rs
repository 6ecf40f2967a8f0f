use super::*;
use crate::domain::{AdAccountId, LaneId, Reason};
use crate::mapping::{LaneRule, Overrides, Plan};

/// A minute after the events of the samples.
const NOW: UnixMillis = UnixMillis(1_795_500_060_000);

const ORDER: (&str, &str) =
    (include_str!("../../../schemas/order.avsc"), include_str!("../../../schemas/samples/order.json"));
const INSTALL: (&str, &str) =
    (include_str!("../../../schemas/install.avsc"), include_str!("../../../schemas/samples/install.json"));
const IN_STORE: (&str, &str) = (
    include_str!("../../../schemas/in_store_purchase.avsc"),
    include_str!("../../../schemas/samples/in_store_purchase.json"),
);

fn mapper() -> Mapper {
    let ad_account = AdAccountId::try_new("549755885175").unwrap();
    Mapper::new(EventRules::new(LaneRule {
        id: LaneId(0),
        name: "main".into(),
        ad_account,
        mode: crate::domain::LaneMode::Live,
        partner_name: None,
    }))
}

/// The sample with `change` made to it, mapped.
fn mapped((schema, sample): (&str, &str), change: impl FnOnce(&mut serde_json::Value)) -> Finished {
    let plan = Plan::compile("sample", schema, &[], &Overrides::new()).unwrap();
    let decoder = Decoder::compile(schema, &[], &plan).unwrap();
    let mut record = serde_json::from_str(sample).unwrap();
    change(&mut record);
    mapper().explain(&decoder, &plan.encode(&record).unwrap(), NOW)
}

fn body(feed: (&str, &str)) -> String {
    let finished = mapped(feed, |_| ());
    assert!(finished.dropped.is_empty() && finished.warnings.is_empty(), "{finished:?}");
    let Mapped::Event(event) = finished.mapped else { panic!("{finished:?}") };
    let json: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
    serde_json::to_string_pretty(&json).unwrap()
}

#[test]
fn an_order_becomes_a_checkout() {
    insta::assert_snapshot!(body(ORDER), @r#"
{
  "action_source": "web",
  "custom_data": {
    "content_ids": [
      "LMP-031-BRS",
      "BLB-E27-4W",
      "CUS-LIN-40",
      "MUG-STN-02"
    ],
    "contents": [
      {
        "id": "LMP-031-BRS",
        "item_brand": "Example & Co",
        "item_category": "Lighting",
        "item_name": "Brass desk lamp",
        "item_price": "89.00",
        "quantity": 1
      },
      {
        "id": "BLB-E27-4W",
        "item_category": "Lighting",
        "item_name": "LED bulb E27",
        "item_price": "5.49",
        "quantity": 2
      },
      {
        "id": "CUS-LIN-40",
        "item_brand": "Example & Co",
        "item_category": "Textiles",
        "item_name": "Linen cushion",
        "item_price": "32.99",
        "quantity": 1
      },
      {
        "id": "MUG-STN-02",
        "item_category": "Kitchen",
        "item_name": "Stoneware mug",
        "item_price": "14.99",
        "quantity": 1
      }
    ],
    "currency": "EUR",
    "num_items": 5,
    "order_id": "W-100482",
    "value": "147.96"
  },
  "event_id": "checkout-7f3c9a",
  "event_name": "checkout",
  "event_source_url": "https://shop.example.com/checkout/thanks?epik=dj0yJnU9ZXhhbXBsZQ",
  "event_time": 1795500000,
  "language": "en",
  "opt_out": false,
  "user_data": {
    "click_id": "dj0yJnU9ZXhhbXBsZQ",
    "client_ip_address": "203.0.113.24",
    "client_user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "country": [
      "0b407281768f0e833afef47ed464b6571d01ca4d53c12ce5c51d1462f4ad6677"
    ],
    "ct": [
      "6089854c94ca5454b76be6752c562901a985f64c9a946f62976aeab593b83161"
    ],
    "db": [
      "d6165fc8037886424321260c0f9c2a76f7d8d545a02f95c70da9952a13299f33"
    ],
    "em": [
      "ab7ff2643a928a4ea11a4efc3922fb53c364dff9862af5a43f446049fbe9a78f"
    ],
    "external_id": [
      "b50170a5d25db2eae31cd94f7ea8f824557c0a35eb020db4732195621d6f3f0e"
    ],
    "fn": [
      "ad962cb9ef0233ed7325c2d814b47835e4751b63326a46abfe759de88ffbbd3e"
    ],
    "ln": [
      "2a1f0b59dd6dd62cfe0022f3936f5eddd252e23dcf7be69256116bf07c1d6e6f"
    ],
    "ph": [
      "99a4599795d24445a5be21117f375c1bbe9e795daf7f62666686ce081e1f32dc"
    ],
    "zp": [
      "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"
    ]
  }
}
"#);
}

#[test]
fn an_install_becomes_an_app_install() {
    insta::assert_snapshot!(body(INSTALL), @r#"
{
  "action_source": "app_ios",
  "app_id": "429047995",
  "app_name": "Example Shop",
  "app_version": "8.14.0",
  "device_brand": "Apple",
  "device_model": "iPhone16,1",
  "device_type": "iPhone",
  "event_id": "9b8f2a52-6d0e-4c1b-9a55-2f7f1f0f6a11",
  "event_name": "app_install",
  "event_time": 1795500000,
  "language": "de",
  "opt_out": false,
  "os_version": "19.1",
  "user_data": {
    "client_ip_address": "2001:db8::24",
    "client_user_agent": "ExampleShop/8.14.0 (iPhone; iOS 19.1)",
    "em": [
      "ab7ff2643a928a4ea11a4efc3922fb53c364dff9862af5a43f446049fbe9a78f"
    ],
    "external_id": [
      "dce37476c97b1386c381052c707747bd5e0111b563a3a2e5978b2f4b131b6027"
    ],
    "hashed_maids": [
      "c69d1e0795bd55723992efe1d05f2a18f4bc70d282638b766acdf30a90c23bf9"
    ]
  },
  "wifi": true
}
"#);
}

#[test]
fn a_receipt_becomes_an_offline_checkout() {
    insta::assert_snapshot!(body(IN_STORE), @r#"
{
  "action_source": "offline",
  "custom_data": {
    "content_ids": [
      "MUG-STN-02",
      "CND-SOY-01"
    ],
    "contents": [
      {
        "id": "MUG-STN-02",
        "item_name": "Stoneware mug",
        "item_price": "14.99",
        "quantity": 2
      },
      {
        "id": "CND-SOY-01",
        "item_name": "Soy candle",
        "item_price": "20.02",
        "quantity": 1
      }
    ],
    "currency": "EUR",
    "num_items": 3,
    "order_id": "318",
    "value": "50.00"
  },
  "event_id": "till-0042-7-20261124-000318",
  "event_name": "checkout",
  "event_time": 1795500000,
  "user_data": {
    "country": [
      "b1d6b91b67c2afa5e322988d9462638d354ddf8a1ef79dba987f815c22b4baee"
    ],
    "em": [
      "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    ],
    "external_id": [
      "f23c64e1e4428c8fe36a1f50873e86b0bec611e9e3c18e585b94be473cc945a6"
    ],
    "ph": [
      "e5574fd6553ab69af442a9bf24261a81318eb0efd0839781ad834e7ff1ab1f11"
    ],
    "zp": [
      "7a5df5ffa0dec2228d90b8d0a0f1b0767b748b0a41314c123075b8289e4e053f"
    ]
  }
}
"#);
}

#[test]
fn records_that_are_no_events_say_why() {
    for (feed, field, value, reason) in [
        (ORDER, "test_order", true.into(), Reason::Filtered),
        (ORDER, "marketing_consent", false.into(), Reason::NoConsent),
        (ORDER, "placed_at", 1_790_000_000_000_i64.into(), Reason::TooOld),
        (ORDER, "placed_at", 1_799_000_000_000_i64.into(), Reason::InFuture),
        (INSTALL, "install_id", "".into(), Reason::MissingRequired),
        (IN_STORE, "transaction_id", "".into(), Reason::MissingRequired),
        (IN_STORE, "transaction_id", "  ".into(), Reason::MissingRequired),
        (IN_STORE, "loyalty", serde_json::Value::Null, Reason::NoIdentity),
        (IN_STORE, "kind", "RETURN".into(), Reason::Filtered),
    ] {
        let finished = mapped(feed, |record| record[field] = value);
        let Mapped::Settled { outcome, .. } = finished.mapped else { panic!("{field}: {finished:?}") };
        assert_eq!(outcome.reason, reason, "{field}");
    }
}

#[test]
fn a_composed_id_has_all_of_its_parts_or_gives_way() {
    const SCHEMA: &str = r#"{"type": "record", "name": "R",
        "pinterest": {"event_name": "lead", "action_source": "web", "event_time": "2026-11-24T06:00:00Z", "user_data.em": "a@example.com"},
        "fields": [
            {"name": "till", "type": ["null", "int"], "pinterest": {"to": "event_id", "part": 2, "order": 1}},
            {"name": "store", "type": "string", "pinterest": {"to": "event_id", "part": 1, "prefix": "s"}},
            {"name": "spare", "type": ["null", "string"], "pinterest": {"to": "event_id", "order": 2}},
            {"name": "more", "type": {"type": "map", "values": "string"}, "pinterest": {"to": "custom_data.order_id", "key": "no"}}]}"#;
    for (record, id) in [
        (r#"{"till": 7, "store": "42", "spare": "x", "more": {"yes": "a"}}"#, Some("s42-7")),
        (r#"{"till": null, "store": "42", "spare": "x", "more": {"yes": "a", "no": "b"}}"#, Some("x")),
        (r#"{"till": null, "store": "42", "spare": null, "more": {}}"#, None),
        (r#"{"till": 7, "store": " 42 ", "spare": null, "more": {}}"#, Some("s42-7")),
        // A prefix makes no part of a part that is not there.
        (r#"{"till": 7, "store": " ", "spare": null, "more": {}}"#, None),
        (r#"{"till": 7, "store": "", "spare": "x", "more": {}}"#, Some("x")),
    ] {
        let finished = mapped((SCHEMA, record), |_| ());
        match finished.mapped {
            Mapped::Event(event) => {
                let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
                assert_eq!(body["event_id"].as_str(), id, "{record}");
                let asked = record.contains("no\"").then_some("b");
                assert_eq!(body["custom_data"]["order_id"].as_str(), asked, "{record}");
            }
            Mapped::Settled { outcome, .. } => {
                assert_eq!((outcome.reason, id), (Reason::MissingRequired, None), "{record}");
            }
        }
    }
}

#[test]
fn a_prefix_makes_no_id_of_a_customer_who_has_none() {
    const SCHEMA: &str = r#"{"type": "record", "name": "R",
        "pinterest": {"event_name": "lead", "action_source": "web", "event_time": "2026-11-24T06:00:00Z", "user_data.em": "a@example.com"},
        "fields": [
            {"name": "id", "type": "string", "pinterest": "event_id"},
            {"name": "customer", "type": "string", "pinterest": {"to": "user_data.external_id", "prefix": "u-"}}]}"#;
    for (customer, hashed) in [("7", Some("u-7")), (" 7", Some("u-7")), ("", None), (" ", None)] {
        let finished = mapped((SCHEMA, r#"{"id": "1"}"#), |record| record["customer"] = customer.into());
        let Mapped::Event(event) = finished.mapped else { panic!("{finished:?}") };
        let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
        let expected = hashed.map(|text| serde_json::json!([crate::domain::Hashed::of(text).to_hex()]));
        assert_eq!(body["user_data"].get("external_id"), expected.as_ref(), "{customer:?}");
    }
}

#[test]
fn damaged_bytes_settle_the_record() {
    let plan = Plan::compile("order", ORDER.0, &[], &Overrides::new()).unwrap();
    let decoder = Decoder::compile(ORDER.0, &[], &plan).unwrap();
    let Mapped::Settled { outcome, facts: None } = mapper().map(&decoder, b"\x02", NOW) else { panic!("an event") };
    assert_eq!(outcome.reason, Reason::Truncated);
}

#[test]
fn threads_may_share_what_maps() {
    fn shared<T: Send + Sync>() {}
    shared::<(Mapper, Decoder, Plan)>();
}

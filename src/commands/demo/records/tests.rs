//! The bytes against two independent readers: apache-avro for what they say, the mapping for what becomes of them.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;

use super::*;
use crate::domain::{AdAccountId, LaneId, Mapped, OutcomeKind};
use crate::mapping::{Decoder, EventRules, LaneRule, Late, Mapper, Overrides, Plan};

const NOW: UnixMillis = UnixMillis(1_795_500_000_000);

fn generate(seed: u64, records: u64) -> Vec<GeneratedRecord> {
    Generator::try_new(seed, NOW).expect("the shipped schemas are schemas").generate(records).collect()
}

#[test]
fn whole_values_are_exactly_one_datum_of_the_shipped_schema() {
    let schemas: HashMap<DemoFeed, Schema> =
        DemoFeed::ALL.map(|feed| (feed, Schema::parse_str(feed.schema()).expect("a schema"))).into();
    for record in generate(11, 3000) {
        let planned = scenario::plan(11, record.number);
        let (Some(value), false) = (&record.value, matches!(planned.lot, Lot::Undecodable(_))) else { continue };
        let schema = &schemas[&record.feed];
        assert_eq!(value[..2], [0xc3, 0x01]);
        assert_eq!(value[2..10], fingerprint(record.feed.schema()).expect("a schema"), "{planned:?}");
        let mut payload = Cursor::new(&value[10..]);
        let datum = GenericDatumReader::builder(schema).build().expect("a schema").read_value(&mut payload);
        assert!(datum.is_ok_and(|datum| datum.validate(schema)), "{planned:?}");
        assert_eq!(payload.position(), u64::try_from(value.len() - 10).expect("small"), "{planned:?}");
    }
}

#[test]
fn a_duplicate_has_the_bytes_of_its_original_and_every_other_key_is_new() {
    let records = generate(5, 5000);
    let mut keys = HashSet::new();
    for record in &records {
        if let Lot::Duplicate { of } = scenario::plan(5, record.number).lot {
            let original = &records[usize::try_from(of).expect("small")];
            assert_eq!((&record.key, &record.value), (&original.key, &original.value));
            assert_eq!((record.feed, record.partition), (original.feed, original.partition));
        } else {
            assert!(keys.insert(&record.key), "{:?}", record.number);
        }
    }
}

#[test]
fn the_same_seed_generates_the_same_records_and_another_seed_others() {
    let bytes = |seed| generate(seed, 200).into_iter().map(|record| record.value).collect::<Vec<_>>();
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

/// What reads the records of one feed in this test: header, decoder, mapper.
fn reader(feed: DemoFeed) -> (Vec<u8>, Decoder, Mapper) {
    let plan = Plan::compile(feed.name(), feed.schema(), &[], &Overrides::new()).expect("the shipped schema maps");
    let decoder = Decoder::compile(feed.schema(), &[], &plan).expect("it reads itself");
    let ad_account = AdAccountId::try_new("549755885175").expect("digits");
    let lane = LaneRule {
        id: LaneId(0),
        name: "main".into(),
        ad_account,
        mode: crate::domain::LaneMode::Live,
        partner_name: None,
    };
    let mapper = Mapper::new(EventRules { late: Late::Skip, ..EventRules::new(lane) });
    let header = [&[0xc3, 0x01], &fingerprint(feed.schema()).expect("a schema")[..]].concat();
    (header, decoder, mapper)
}

#[test]
fn the_mapping_makes_of_each_record_what_the_scenario_planned() {
    let readers = DemoFeed::ALL.map(|feed| (feed, reader(feed)));
    let readers: HashMap<_, _> = readers.into();
    for record in generate(7, 20_000) {
        let lot = scenario::plan(7, record.number).lot;
        let (header, decoder, mapper) = &readers[&record.feed];
        let Some(value) = &record.value else {
            assert_eq!(lot, Lot::Skipped(Skip::Tombstone));
            continue;
        };
        let Some(payload) = value.strip_prefix(&header[..]) else {
            assert!(matches!(lot, Lot::Undecodable(Damage::Foreign | Damage::UnknownSchema)), "{lot:?}");
            continue;
        };
        match mapper.map(decoder, payload, NOW) {
            Mapped::Event(event) => {
                assert!(matches!(lot, Lot::Event | Lot::Duplicate { .. } | Lot::Refused), "{lot:?}");
                let event_id = event.facts.event_id.as_deref().expect("it is required");
                let refused = REFUSED_EVENT_IDS.iter().any(|prefix| event_id.starts_with(prefix));
                assert_eq!(refused, lot == Lot::Refused, "{event_id}");
            }
            Mapped::Settled { outcome, .. } => {
                assert_eq!(outcome.kind(), lot.outcome(), "{lot:?} {:?}", outcome.reason);
                assert!(outcome.kind() != OutcomeKind::Delivered);
            }
        }
    }
}

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;

use super::*;

fn schema() -> Schema {
    Schema::parse_str(SCHEMA).expect("the schema parses")
}

fn entry() -> impl Strategy<Value = ChangelogEntry> {
    let offset = prop_oneof![0..2000_i64, 0..=i64::MAX].prop_map(Offset);
    let kind = prop_oneof![Just(SettledKind::Delivered), Just(SettledKind::InDoubt), Just(SettledKind::NotSent)];
    let redelivery = prop_oneof![Just(Redelivery::Impossible), Just(Redelivery::Possible)];
    let policy = prop_oneof![Just(InDoubtPolicy::Resend), Just(InDoubtPolicy::Hold)];
    let time = prop_oneof![1_750_000_000_000..1_750_000_060_000_i64, any::<i64>()].prop_map(UnixMillis);
    prop_oneof![
        (offset.clone(), any::<[u8; 16]>(), policy).prop_map(|(offset, key, policy)| ChangelogEntry::Intent {
            offset,
            key: EventKey(key),
            policy
        }),
        (offset.clone(), kind, redelivery, time).prop_map(|(offset, kind, redelivery, at)| ChangelogEntry::Outcome {
            offset,
            kind,
            redelivery,
            at
        }),
        offset.prop_map(|offset| ChangelogEntry::Withdrawn { offset }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<ChangelogEntry>> {
    proptest::collection::vec(entry(), 0..60)
}

/// What a reader that knows the schema and its field documentation makes of a value: the oracle.
fn read_by_avro(value: &[u8]) -> Vec<ChangelogEntry> {
    let schema = schema();
    let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
    let Value::Record(fields) = reader.read_value(&mut &value[10..]).expect("a value of the schema") else {
        panic!("not a record")
    };
    let field = |fields: &[(String, Value)], name: &str| {
        fields.iter().find(|field| field.0 == name).expect("a field of the schema").1.clone()
    };
    let long = |fields: &[(String, Value)], name: &str| {
        let Value::Long(long) = field(fields, name) else { panic!("{name} is no long") };
        long
    };
    let symbol = |fields: &[(String, Value)], name: &str| {
        let Value::Enum(_, symbol) = field(fields, name) else { panic!("{name} is no enum") };
        symbol
    };
    let items = |name: &str| -> Vec<Vec<(String, Value)>> {
        let Value::Array(items) = field(&fields, name) else { panic!("{name} is no array") };
        let fields = |item| if let Value::Record(fields) = item { fields } else { panic!("{name} holds no records") };
        items.into_iter().map(fields).collect()
    };
    let (mut offset, mut time) = (long(&fields, "base_offset"), long(&fields, "base_time"));
    let mut entries = Vec::new();
    for item in items("settled") {
        offset = offset.wrapping_add(long(&item, "offset_difference"));
        time = time.wrapping_add(long(&item, "time_difference"));
        let what = symbol(&item, "what");
        let kind = match what.trim_end_matches("_marked") {
            "delivered" => SettledKind::Delivered,
            "in_doubt" => SettledKind::InDoubt,
            "not_sent" => SettledKind::NotSent,
            _ => {
                entries.push(ChangelogEntry::Withdrawn { offset: Offset(offset) });
                continue;
            }
        };
        let redelivery = if what.ends_with("_marked") { Redelivery::Possible } else { Redelivery::Impossible };
        entries.push(ChangelogEntry::Outcome { offset: Offset(offset), kind, redelivery, at: UnixMillis(time) });
    }
    for item in items("intents") {
        offset = offset.wrapping_add(long(&item, "offset_difference"));
        let Value::Fixed(16, key) = field(&item, "key") else { panic!("key is not fixed") };
        let policy = if symbol(&item, "policy") == "hold" { InDoubtPolicy::Hold } else { InDoubtPolicy::Resend };
        let key = EventKey(key.as_slice().try_into().unwrap());
        entries.push(ChangelogEntry::Intent { offset: Offset(offset), key, policy });
    }
    entries
}

fn decode_all(values: &[Vec<u8>]) -> Vec<ChangelogEntry> {
    values.iter().flat_map(|value| decode(value).expect("a value of ours")).collect()
}

#[test]
fn an_intent_and_its_outcome_take_21_to_22_bytes_together() {
    let intents = (0..1000).map(|n| ChangelogEntry::Intent {
        offset: Offset(5_000_000 + n),
        key: EventKey([7; 16]),
        policy: InDoubtPolicy::Resend,
    });
    let outcomes = (0..1000).map(|n| ChangelogEntry::Outcome {
        offset: Offset(5_000_000 + n),
        kind: SettledKind::Delivered,
        redelivery: Redelivery::Impossible,
        at: UnixMillis(1_750_000_000_000),
    });
    let values = encode(&outcomes.chain(intents).collect::<Vec<_>>(), 1 << 20);
    assert_eq!(values.len(), 1);
    let bytes = values[0].len();
    assert!((21_000..22_000).contains(&bytes), "{bytes}");
}

#[test]
fn bytes_of_another_schema_are_told_from_damaged_ones() {
    let value = &encode(&[ChangelogEntry::Withdrawn { offset: Offset(3) }], 1000)[0];
    let mut other = value.clone();
    other[2] ^= 1;
    assert!(matches!(decode(&other), Err(ChangelogFault::UnknownSchema { .. })));
    let mut longer = value.clone();
    longer.push(0);
    let mut unmarked = value.clone();
    unmarked[0] = 0;
    for damaged in [&longer[..], &unmarked, &value[..value.len() - 1], &[]] {
        assert!(matches!(decode(damaged), Err(ChangelogFault::Malformed(_))), "{damaged:?}");
    }
}

#[test]
fn unknown_symbols_are_damage() {
    let head = [&SINGLE_OBJECT_MARKER[..], &FINGERPRINT].concat();
    let value = |rest: &[u8]| [&head[..], rest].concat();
    let withdrawn = ChangelogEntry::Withdrawn { offset: Offset(1) };
    assert_eq!(decode(&value(&[2, 0, 2, 0, 12, 0, 0, 0])), Ok(vec![withdrawn]));
    for rest in [
        &[2, 0, 2, 0, 14, 0, 0, 0][..],
        &[2, 0, 2, 0, 13, 0, 0, 0],
        &[2, 0, 2, 0, 12, 2, 0, 0],
        &[2, 0, 0, 2, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 0],
    ] {
        assert!(matches!(decode(&value(rest)), Err(ChangelogFault::Malformed(_))), "{rest:?}");
    }
}

#[test]
fn a_transactions_entries_stay_in_one_value_and_an_outcome_after_an_intent_begins_another() {
    let intent = ChangelogEntry::Intent { offset: Offset(9), key: EventKey([1; 16]), policy: InDoubtPolicy::Hold };
    let withdrawn = ChangelogEntry::Withdrawn { offset: Offset(9) };
    assert_eq!(encode(&[withdrawn, withdrawn, intent, intent], 1000).len(), 1);
    let values = encode(&[intent, withdrawn], 1000);
    assert_eq!(values.len(), 2);
    assert_eq!(decode_all(&values), [intent, withdrawn]);
    assert!(encode(&[], 1000).is_empty());
}

proptest! {
    #[test]
    fn what_is_decoded_is_what_was_encoded_in_its_order(entries in entries(), max_bytes in 0..600_usize) {
        let values = encode(&entries, max_bytes);
        prop_assert_eq!(&decode_all(&values), &entries);
        for value in &values {
            let alone = decode(value).unwrap().len() == 1;
            prop_assert!(alone || value.len() <= max_bytes);
        }
    }

    #[test]
    fn another_avro_reader_understands_what_we_write(entries in entries()) {
        let values = encode(&entries, 1 << 20);
        let read: Vec<_> = values.iter().flat_map(|value| read_by_avro(value)).collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn we_understand_what_another_avro_writer_writes(entries in entries()) {
        let schema = schema();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let writer = GenericDatumWriter::builder(&schema).build().unwrap();
        for value in encode(&entries, 1 << 20) {
            let read = reader.read_value(&mut &value[10..]).unwrap();
            let theirs = [&value[..10], &writer.write_value_to_vec(read).unwrap()].concat();
            prop_assert_eq!(decode(&theirs).unwrap(), decode(&value).unwrap());
        }
    }

    #[test]
    fn bytes_that_another_reader_refuses_are_refused(entries in entries(), at: prop::sample::Index, byte: u8) {
        for mut value in encode(&entries, 1 << 20) {
            let at = 10 + at.index(value.len() - 10);
            value[at] = byte;
            if let Ok(decoded) = decode(&value) {
                prop_assert_eq!(decoded, read_by_avro(&value));
            }
        }
    }
}

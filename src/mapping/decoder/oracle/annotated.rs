//! Random records of annotated fields: each key of annotations and each logical type, with the evolution that may stand
//! between writer and reader, and what the reference says comes of a value.
//!
//! apache-avro writes the bytes. What is expected is computed from the value that was drawn, not read back.

use std::fmt::Write;

use apache_avro::types::Value as Avro;
use apache_avro::{Decimal as AvroDecimal, Uuid};
use serde_json::{Value as Json, json};

use super::choices::{Choices, prefixed};

/// Values of one field: how the writer has it, how the reader does, and what each value yields.
struct Field {
    written: Json,
    read: Json,
    annotation: Json,
    values: Vec<(Avro, Option<String>)>,
}

/// A writer's record, its value, a plan's record, and what must be read: path and value, in the order of the paths.
pub(super) struct Annotated {
    pub(super) writer: Json,
    pub(super) reader: Json,
    pub(super) references: Vec<Json>,
    pub(super) value: Avro,
    pub(super) expected: Vec<(String, String)>,
    has_contents: bool,
}

/// How many kinds of fields there are.
const KINDS: usize = 24;

const HOURS: i64 = 3_600_000;

impl Annotated {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let mut record = Self {
            writer: json!({"type": "record", "name": "R", "fields": []}),
            reader: json!({"type": "record", "name": "R", "fields": []}),
            references: Vec::new(),
            value: Avro::Record(Vec::new()),
            expected: Vec::new(),
            has_contents: false,
        };
        for _ in 0..=choices.below(6) {
            match choices.below(KINDS + 4) {
                0 => record.map_key(choices),
                1 => record.contents(choices),
                2 => record.stepped_over(choices),
                3 => record.referenced(choices),
                kind => {
                    let field = field(kind - 4, choices);
                    record.wrapped(field, choices);
                }
            }
        }
        if choices.below(2) == 1 {
            record.parts(choices);
        }
        if choices.below(2) == 1 {
            record.order(choices);
        }
        record.expected.sort_by(|(a, _), (b, _)| a.cmp(b));
        record
    }

    /// Adds a field on both sides, the writer's type first; under another name on the writer's side in one case of four,
    /// which the reader's aliases.
    fn add(&mut self, choices: &mut Choices<'_>, types: [&Json; 2], annotation: Option<Json>, value: Avro) -> String {
        let [written, read] = types;
        let name = choices.name("f");
        let mut reader_field = json!({"name": name, "type": read});
        let mut writer_name = name.clone();
        if choices.below(4) == 3 {
            writer_name = format!("old_{name}");
            reader_field["aliases"] = json!(["older", writer_name]);
        }
        if let Some(annotation) = annotation {
            reader_field["pinterest"] = annotation;
        }
        let fields = self.reader["fields"].as_array_mut().unwrap();
        fields.insert(choices.below(fields.len() + 1), reader_field);
        self.write(json!({"name": writer_name, "type": written}), value);
        name
    }

    fn write(&mut self, field: Json, value: Avro) {
        let Avro::Record(values) = &mut self.value else { unreachable!("it is made as a record") };
        values.push((field["name"].as_str().unwrap().to_owned(), value));
        self.writer["fields"].as_array_mut().unwrap().push(field);
    }

    fn expect(&mut self, path: String, value: Option<String>) {
        self.expected.extend(value.map(|value| (path, value)));
    }

    /// The field as it is, or within a union, a list, a map or a record.
    fn wrapped(&mut self, field: Field, choices: &mut Choices<'_>) {
        let Field { written, read, annotation, values } = field;
        let [(first, yielded), ..] = values.as_slice() else { unreachable!("a field has values") };
        let default = annotation.get("default").and_then(Json::as_str).map(|text| format!("text {text}"));
        let wrap = if written.is_array() || read.is_array() { 0 } else { choices.below(7) };
        match wrap {
            1 => {
                let name = self.add(choices, [&written, &json!(["null", read])], Some(annotation), first.clone());
                self.expect(name, yielded.clone());
            }
            2 => {
                let (value, yielded) = match choices.below(3) {
                    0 => (Avro::Union(1, Box::new(Avro::Null)), default),
                    _ => (Avro::Union(0, Box::new(first.clone())), yielded.clone()),
                };
                let name =
                    self.add(choices, [&json!([written, "null"]), &json!(["null", read])], Some(annotation), value);
                self.expect(name, yielded);
            }
            3 => {
                let items = values.iter().map(|(value, _)| value.clone()).collect();
                let [from, to] = [written, read].map(|ty| json!({"type": "array", "items": ty}));
                let name = self.add(choices, [&from, &to], Some(annotation), Avro::Array(items));
                for (_, yielded) in values {
                    self.expect(name.clone(), yielded);
                }
            }
            4 => {
                let [from, to] = [written, read].map(|ty| json!({"type": "map", "values": ty}));
                let entries = [("k".to_owned(), first.clone())].into();
                let name = self.add(choices, [&from, &to], Some(annotation), Avro::Map(entries));
                self.expect(name, yielded.clone());
            }
            5 => {
                // The reader calls the record otherwise, and knows it by its alias; in a union names count.
                let record = choices.name("Inner");
                let from = json!({"type": "record", "name": format!("old.{record}"), "fields": [
                    {"name": "x", "type": "long"}, {"name": "v", "type": written}]});
                let to = json!({"type": "record", "name": format!("new.{record}s"), "aliases": [format!("old.{record}")],
                    "fields": [{"name": "v", "type": read, "pinterest": annotation}]});
                let inner = Avro::Record(vec![("x".into(), Avro::Long(-1)), ("v".into(), first.clone())]);
                let value = Avro::Union(1, Box::new(inner));
                let name = self.add(choices, [&json!(["null", from]), &json!([to, "null"])], None, value);
                self.expect(format!("{name}.v"), yielded.clone());
            }
            6 => {
                // Of an earlier version: the writer lacks the field, and the reader's default stands for it.
                let mut field = json!({"name": choices.name("f"), "type": ["null", read], "default": null});
                field["pinterest"] = annotation;
                self.expect(field["name"].as_str().unwrap().to_owned(), default);
                self.reader["fields"].as_array_mut().unwrap().push(field);
            }
            _ => {
                let name = self.add(choices, [&written, &read], Some(annotation), first.clone());
                self.expect(name, yielded.clone());
            }
        }
    }

    fn map_key(&mut self, choices: &mut Choices<'_>) {
        let entries: Vec<(String, String)> =
            (0..choices.below(4)).map(|n| (["a", "b", "c"][n].to_owned(), choices.text())).collect();
        let asked = ["a", "b"][choices.below(2)];
        let value = entries.iter().map(|(key, text)| (key.clone(), Avro::String(text.clone()))).collect();
        let map = json!({"type": "map", "values": "string"});
        let annotation = json!({"to": "user_data.external_id", "key": asked});
        let name = self.add(choices, [&map, &map], Some(annotation), Avro::Map(value));
        let found = entries.into_iter().find(|(key, _)| key == asked);
        self.expect(name, found.map(|(_, text)| format!("text {text}")));
    }

    /// Once in a record: the target has one list.
    fn contents(&mut self, choices: &mut Choices<'_>) {
        if std::mem::replace(&mut self.has_contents, true) {
            return;
        }
        let line = |sku: &str, fields: Json| json!({"type": "array", "items": {"type": "record", "name": sku, "fields": fields}});
        let from = line("Line", json!([{"name": "cents", "type": "int"}, {"name": "sku", "type": "string"}]));
        let to = line(
            "Item",
            json!([
            {"name": "sku", "type": "string", "pinterest": {"to": "id", "prefix": "s"}},
            {"name": "cents", "type": "long", "pinterest": {"to": "item_price", "scale": 2}},
            {"name": "count", "type": "int", "default": 7, "pinterest": "quantity"}]),
        );
        let lines: Vec<(i32, String)> = (0..choices.below(3)).map(|_| (choices.int(), choices.text())).collect();
        let items = lines.iter().map(|(cents, sku)| {
            Avro::Record(vec![("cents".into(), Avro::Int(*cents)), ("sku".into(), Avro::String(sku.clone()))])
        });
        let name = self.add(choices, [&from, &to], Some(json!("custom_data.contents")), Avro::Array(items.collect()));
        for (cents, sku) in lines {
            self.expect("+".into(), Some(String::new()));
            self.expect(format!("{name}[].sku"), Some(prefixed("s", &sku)));
            self.expect(format!("{name}[].cents"), Some(scaled(cents.into(), 2)));
            self.expect(format!("{name}[].count"), Some("integer 7".into()));
        }
    }

    /// What the plan does not want: a tree, a list of nothing, decimals, and a field without annotation on both sides.
    fn stepped_over(&mut self, choices: &mut Choices<'_>) {
        let tree = choices.name("Tree");
        let ty = json!({"type": "record", "name": tree, "fields": [
            {"name": "left", "type": ["null", tree]}, {"name": "nothing", "type": {"type": "array", "items": "null"}},
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}}]});
        let amount = Avro::Decimal(AvroDecimal::from(choices.number().to_be_bytes()));
        let node = |left: Avro| {
            Avro::Record(vec![
                ("left".into(), left),
                ("nothing".into(), Avro::Array(vec![Avro::Null; 3])),
                ("amount".into(), amount.clone()),
            ])
        };
        let depth = choices.below(5);
        let value = (0..depth)
            .fold(node(Avro::Union(0, Box::new(Avro::Null))), |below, _| node(Avro::Union(1, Box::new(below))));
        let name = choices.name("skipped");
        self.write(json!({"name": name, "type": ty}), value);
    }

    /// A type of its own file, which refers to another; the writer has both, too.
    fn referenced(&mut self, choices: &mut Choices<'_>) {
        let [code, person] = ["Code", "Person"].map(|stem| format!("ref.{}", choices.name(stem)));
        let annotated = json!({"type": "record", "name": code, "fields": [
            {"name": "c", "type": "string", "pinterest": {"to": "user_data.external_id", "prefix": "c-"}}]});
        self.references.push(annotated);
        self.references.push(json!({"type": "record", "name": person, "fields": [{"name": "code", "type": code}]}));
        let text = choices.text();
        let inner = Avro::Record(vec![("c".into(), Avro::String(text.clone()))]);
        let value = Avro::Record(vec![("code".into(), inner)]);
        let name = self.add(choices, [&json!(person), &json!(person)], None, value);
        self.expect(format!("{name}.code.c"), Some(prefixed("c-", &text)));
    }

    fn parts(&mut self, choices: &mut Choices<'_>) {
        let (text, number) = (choices.text(), choices.number());
        let to = |part: u8| json!({"to": "custom_data.order_id", "part": part});
        let mut second = to(2);
        let join = if choices.below(2) == 0 {
            "-"
        } else {
            second["join"] = json!("/");
            "/"
        };
        let last = self.add(choices, [&json!("long"), &json!("long")], Some(second), Avro::Long(number));
        let first = self.add(choices, [&json!("string"), &json!("string")], Some(to(1)), Avro::String(text.clone()));
        let whole = (!text.trim().is_empty()).then(|| format!("text {}{join}{number}", text.trim()));
        self.expect(format!("{first} + {last}"), whole);
    }

    fn order(&mut self, choices: &mut Choices<'_>) {
        let [text, other] = [choices.text(), choices.text()];
        let to = |order: u8| json!({"to": "custom_data.search_string", "order": order});
        let second = self.add(choices, [&json!("string"), &json!("string")], Some(to(2)), Avro::String(other.clone()));
        let first = self.add(choices, [&json!("string"), &json!("string")], Some(to(1)), Avro::String(text.clone()));
        // Both are handed on, the better one first; the draft keeps the first that is not blank.
        self.expect(first, Some(format!("text {text}")));
        self.expect(second, Some(format!("text {other}")));
    }
}

fn field(kind: usize, choices: &mut Choices<'_>) -> Field {
    match kind {
        0..=3 => text(kind, choices),
        4..=6 => number(kind, choices),
        7..=12 => named(kind, choices),
        13..=15 => decimal(kind, choices),
        16..=18 => count(kind, choices),
        19..=22 => moment(kind, choices),
        _ => union(choices),
    }
}

fn text(kind: usize, choices: &mut Choices<'_>) -> Field {
    let string = json!("string");
    let texts: Vec<String> = (0..3).map(|_| choices.text()).collect();
    let field = |read: Json, annotation: Json, yields: &dyn Fn(&str) -> Option<String>| {
        let values = texts.iter().map(|text| (Avro::String(text.clone()), yields(text))).collect();
        Field { written: string.clone(), read, annotation, values }
    };
    match kind {
        0 => field(json!("bytes"), id(json!({"prefix": "p-"})), &|text| Some(prefixed("p-", text))),
        1 => {
            field(string.clone(), id(json!({"values": {"": "none", "a": null}, "default": "d"})), &|text| match text {
                "" => Some(text_of("none")),
                "a" => None,
                _ => Some(text_of("d")),
            })
        }
        2 => {
            let annotation = id(json!({"hashed": true, "doc": "made elsewhere"}));
            field(string.clone(), annotation, &|text| Some(format!("hash {text}")))
        }
        _ => field(string.clone(), id(json!({"default": "d"})), &|text| Some(text_of(text))),
    }
}

fn number(kind: usize, choices: &mut Choices<'_>) -> Field {
    let field = |written: &str, read: &str, annotation: Json, values: Vec<(Avro, Option<String>)>| Field {
        written: json!(written),
        read: json!(read),
        annotation,
        values,
    };
    match kind {
        4 => {
            let ints = (0..3).map(|_| choices.int());
            let values = ints.map(|int| (Avro::Int(int), Some(text_of(&format!("no{int}"))))).collect();
            field("int", "long", id(json!({"prefix": "no"})), values)
        }
        5 => {
            let words = [Some("zero"), None, Some("many")];
            let values = (0..3).map(|_| choices.below(3));
            let values = values.map(|n| (Avro::Int(i32::try_from(n).unwrap()), words[n].map(text_of)));
            let annotation = id(json!({"values": {"0": "zero", "1": null}, "default": "many"}));
            field("int", "int", annotation, values.collect())
        }
        _ => {
            let flags = (0..3).map(|_| choices.below(2) == 1);
            let values = flags.map(|flag| (Avro::Boolean(flag), flag.then(|| "text yes".into()))).collect();
            let annotation = id(json!({"values": {"true": "yes", "false": null}}));
            field("boolean", "boolean", annotation, values)
        }
    }
}

/// Enums, fixed types and UUIDs.
fn named(kind: usize, choices: &mut Choices<'_>) -> Field {
    let name = choices.name("Named");
    let same = |ty: Json, annotation: Json, values: Vec<(Avro, Option<String>)>| Field {
        written: ty.clone(),
        read: ty,
        annotation,
        values,
    };
    match kind {
        7 | 8 => {
            // The reader lacks C, which its default stands for.
            let written = json!({"type": "enum", "name": name, "symbols": ["A", "B", "C"]});
            let read = json!({"type": "enum", "name": name, "symbols": ["B", "A", "D"], "default": "D"});
            let plain = (json!({"prefix": "e"}), [Some("eA"), Some("eB"), Some("eD")]);
            let table = json!({"values": {"A": "first", "B": null}, "default": "other"});
            let table = (table, [Some("first"), None, Some("other")]);
            let (annotation, words) = if kind == 7 { plain } else { table };
            let symbol = |n: usize| Avro::Enum(u32::try_from(n).unwrap(), ["A", "B", "C"][n].into());
            let values = (0..3).map(|_| choices.below(3)).map(|n| (symbol(n), words[n].map(text_of))).collect();
            Field { written, read, annotation: id(annotation), values }
        }
        9 => {
            let ty = json!({"type": "fixed", "name": name, "size": 32});
            let values = (0..3).map(|_| bytes(32, choices));
            let values = values.map(|it| (Avro::Fixed(32, it.clone()), Some(format!("hash {}", hex(&it))))).collect();
            same(ty, id(json!({"hashed": true})), values)
        }
        10 => {
            let size = choices.below(5);
            let ty = json!({"type": "fixed", "name": name, "size": size});
            let values = (0..3).map(|_| bytes(size, choices));
            let values = values.map(|it| (Avro::Fixed(size, it.clone()), Some(prefixed("x", &hex(&it))))).collect();
            same(ty, id(json!({"prefix": "x"})), values)
        }
        _ => {
            let ty = match kind {
                11 => json!({"type": "fixed", "name": name, "size": 16, "logicalType": "uuid"}),
                _ => json!({"type": "string", "logicalType": "uuid"}),
            };
            let values = (0..3).map(|_| Uuid::from_bytes(bytes(16, choices).try_into().unwrap()));
            same(ty, id(json!({})), values.map(|it| (Avro::Uuid(it), Some(text_of(&it.to_string())))).collect())
        }
    }
}

/// Decimals, whose places are the writer's, and minor units. The targets take one value: each source has its own rank.
fn decimal(kind: usize, choices: &mut Choices<'_>) -> Field {
    let name = choices.name("D");
    let rank: i64 = name[1..].parse().unwrap();
    let places = choices.below(5);
    let scale = u32::try_from(places).unwrap();
    let of = |scale: usize| match kind {
        13 => json!({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": scale}),
        _ => {
            json!({"type": "fixed", "name": name, "size": 9, "logicalType": "decimal", "precision": 20, "scale": scale})
        }
    };
    if kind == 15 {
        let int = choices.int();
        let annotation = json!({"to": "custom_data.num_items", "scale": places, "order": rank});
        let values = vec![(Avro::Int(int), Some(scaled(int.into(), scale)))];
        return Field { written: json!("int"), read: json!("long"), annotation, values };
    }
    let number = choices.number();
    let values = vec![(Avro::Decimal(AvroDecimal::from(number.to_be_bytes())), Some(scaled(number, scale)))];
    let target = if kind == 13 { "custom_data.value" } else { "custom_data.predicted_ltv" };
    Field { written: of(places), read: of(2), annotation: json!({"to": target, "order": rank}), values }
}

/// Plain numbers and texts that count from 1970.
fn count(kind: usize, choices: &mut Choices<'_>) -> Field {
    // Quarters of seconds, so that a double and a text with a fraction name the same moment.
    let quarters: Vec<i64> = (0..3).map(|_| choices.number() % (1 << 34)).collect();
    let annotation = json!({"to": "user_data.db", "unit": "seconds"});
    let field = |ty: &str, value: &dyn Fn(i64) -> Avro, millis: i64| {
        let values = quarters.iter().map(|it| (value(*it), Some(instant(it * millis)))).collect();
        Field { written: json!(ty), read: json!(ty), annotation: annotation.clone(), values }
    };
    match kind {
        16 => field("long", &Avro::Long, 1000),
        17 => field(
            "string",
            &|it| {
                let (sign, it) = (if it < 0 { "-" } else { "" }, it.unsigned_abs());
                Avro::String(format!(" {sign}{}.{:02}", it / 4, 25 * (it % 4)))
            },
            250,
        ),
        _ => {
            #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
            let double = |it: i64| Avro::Double(it as f64 / 4.0);
            field("double", &double, 250)
        }
    }
}

/// Timestamps, whose units are the writer's, and clocks that hang five hours behind UTC.
fn moment(kind: usize, choices: &mut Choices<'_>) -> Field {
    // A birthday takes no zone, and what does takes one value.
    let n_values = if matches!(kind, 19 | 21) { 3 } else { 1 };
    let counts: Vec<i64> = (0..n_values).map(|_| choices.number() % (1 << 40)).collect();
    let logical = |word: &str| json!({"type": "long", "logicalType": word});
    let rank: i64 = choices.name("Z")[1..].parse().unwrap();
    let behind = json!({"to": "app_info.install_time", "zone": "Etc/GMT+5", "order": rank});
    let field = |written: Json, read: Json, annotation: Json, value: &dyn Fn(i64) -> (Avro, i64)| {
        let values = counts.iter().map(|it| value(*it)).map(|(value, millis)| (value, Some(instant(millis)))).collect();
        Field { written, read, annotation, values }
    };
    match kind {
        19 => field(logical("timestamp-nanos"), logical("timestamp-millis"), json!("user_data.db"), &|it| {
            (Avro::TimestampNanos(it), it.div_euclid(1_000_000))
        }),
        20 => field(logical("local-timestamp-micros"), logical("local-timestamp-millis"), behind, &|it| {
            (Avro::LocalTimestampMicros(it), it.div_euclid(1000) + 5 * HOURS)
        }),
        21 => field(logical("local-timestamp-millis"), logical("timestamp-millis"), json!("user_data.db"), &|it| {
            (Avro::LocalTimestampMillis(it), it)
        }),
        _ => field(json!("string"), json!("string"), behind, &|it| {
            let shown = jiff::Timestamp::from_millisecond(it).unwrap().to_string();
            (Avro::String(shown.trim_end_matches('Z').replace('T', " ")), it + 5 * HOURS)
        }),
    }
}

fn union(choices: &mut Choices<'_>) -> Field {
    let value = match choices.below(3) {
        0 => (Avro::Union(0, Box::new(Avro::Null)), Some(text_of("d"))),
        1 => {
            let int = choices.int();
            (Avro::Union(1, Box::new(Avro::Int(int))), Some(text_of(&format!("u{int}"))))
        }
        _ => {
            let text = choices.text();
            (Avro::Union(2, Box::new(Avro::String(text.clone()))), Some(prefixed("u", &text)))
        }
    };
    let (written, read) = (json!(["null", "int", "string"]), json!(["string", "long", "null"]));
    Field { written, read, annotation: id(json!({"prefix": "u", "default": "d"})), values: vec![value] }
}

/// An annotation with these keys, for a target that is a list and takes any text.
fn id(mut keys: Json) -> Json {
    keys["to"] = json!("user_data.external_id");
    keys
}

fn text_of(text: &str) -> String {
    format!("text {text}")
}

fn instant(millis: i64) -> String {
    format!("instant {millis}")
}

/// A whole number with so many decimal places, as people write it.
fn scaled(number: i64, places: u32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let base = 10_u64.pow(places);
    let (whole, rest) = (number.unsigned_abs() / base, number.unsigned_abs() % base);
    let width = usize::try_from(places).unwrap();
    if places == 0 { format!("decimal {sign}{whole}") } else { format!("decimal {sign}{whole}.{rest:0width$}") }
}

fn bytes(count: usize, choices: &mut Choices<'_>) -> Vec<u8> {
    (0..count).map(|_| u8::try_from(choices.below(256)).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

//! `values.yaml`, its JSON schema, the chart's README and the program's version say the same.
//!
//! `UPDATE_DOCS=1 cargo test --test chart` writes the tables of the README anew.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::helm::{chart, yaml};

/// One value of the chart.
#[derive(Debug)]
struct Row {
    key: String,
    default: String,
    about: String,
}

/// The values of `values.yaml` that a comment `# --` describes, in the order of the file.
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(chart().join("values.yaml")).unwrap();
    let [values] = yaml::documents(&text).try_into().expect("one document");
    let (mut rows, mut path, mut about) = (Vec::new(), Vec::<(usize, String)>::new(), None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(described) = line.strip_prefix("# -- ") {
            about = Some(described.to_owned());
            continue;
        }
        let Some((key, _)) = line.split_once(':').filter(|_| !line.starts_with(['#', '-'])) else { continue };
        path.retain(|(depth, _)| *depth < indent);
        path.push((indent, key.to_owned()));
        if let Some(about) = about.take() {
            let names: Vec<_> = path.iter().map(|(_, name)| name.as_str()).collect();
            let pointer = format!("/{}", names.join("/"));
            let default = values.pointer(&pointer).unwrap_or_else(|| panic!("there is no value {pointer}"));
            rows.push(Row { key: names.join("."), default: default.to_string(), about });
        }
    }
    rows
}

fn table() -> String {
    let rows = rows().into_iter().map(|Row { key, default, about }| format!("| `{key}` | `{default}` | {about} |"));
    let head = ["| value | default | meaning |", "|---|---|---|"].map(str::to_owned);
    head.into_iter().chain(rows).map(|line| line + "\n").collect()
}

#[test]
fn the_readme_describes_every_value() {
    let file = chart().join("README.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("<!-- values -->\n").expect("the table begins");
    let (found, after) = rest.split_once("<!-- end -->").expect("the table ends");
    let expected = table();
    #[expect(clippy::disallowed_methods, reason = "the person who runs the tests asks for it")]
    if std::env::var("UPDATE_DOCS").is_ok() {
        fs::write(&file, format!("{before}<!-- values -->\n{expected}<!-- end -->{after}")).unwrap();
    } else {
        assert_eq!(found, expected, "UPDATE_DOCS=1 cargo test --test chart writes it anew");
    }
}

/// Values that are neither mappings nor described stand below one that is described.
#[test]
fn every_value_is_described() {
    fn undescribed(values: &Value, path: &str, described: &BTreeSet<String>, found: &mut Vec<String>) {
        for (key, value) in values.as_object().unwrap() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if described.contains(&path) {
                continue;
            }
            if value.as_object().is_some_and(|map| !map.is_empty()) {
                undescribed(value, &path, described, found);
            } else {
                found.push(path);
            }
        }
    }
    let [values] = yaml::documents(&fs::read_to_string(chart().join("values.yaml")).unwrap()).try_into().unwrap();
    let described = rows().into_iter().map(|row| row.key).collect();
    let mut found = Vec::new();
    undescribed(&values, "", &described, &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_json_schema_knows_every_value_and_no_other() {
    fn compare(values: &Value, schema: &Value, path: &str) {
        let Some(known) = schema["properties"].as_object().filter(|_| schema["additionalProperties"] == false) else {
            return;
        };
        // `global` is every chart's: a parent chart may hand it down.
        let known: BTreeSet<_> = known.keys().filter(|key| *key != "global").collect();
        let there: BTreeSet<_> = values.as_object().unwrap().keys().collect();
        // An empty mapping takes what the schema lists, and has no defaults of its own.
        if there.is_empty() {
            return;
        }
        assert_eq!(there, known, "{path}");
        for key in there {
            compare(&values[key], &schema["properties"][key], &format!("{path}.{key}"));
        }
    }
    let [values] = yaml::documents(&fs::read_to_string(chart().join("values.yaml")).unwrap()).try_into().unwrap();
    let schema: Value = serde_json::from_slice(&fs::read(chart().join("values.schema.json")).unwrap()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    compare(&values, &schema, "values");
}

#[test]
fn chart_and_program_have_one_version() {
    let [about] = yaml::documents(&fs::read_to_string(chart().join("Chart.yaml")).unwrap()).try_into().unwrap();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
}

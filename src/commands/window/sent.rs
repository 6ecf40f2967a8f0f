//! The lines of an earlier sender: CSV with a header, or a JSON object each.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::{AdAccountId, EventKey, UnixMillis};
use crate::mapping::identify;

/// An event that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) key: EventKey,
    pub(super) event_id: Box<str>,
    pub(super) at: UnixMillis,
}

/// What the lines say.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) sent: Vec<Sent>,
    /// Lines that are not empty, without the header.
    pub(super) lines: usize,
    /// Older than the window.
    pub(super) expired: usize,
    /// The first of the faults, each with its line.
    pub(super) faults: Vec<String>,
    pub(super) faulty: usize,
}

/// Faults that are shown.
const SHOWN: usize = 20;

/// How far a time may lie ahead: as far as clocks differ.
const AHEAD: Duration = Duration::from_mins(5);

/// From here on a number counts milliseconds: as seconds it would be the year 5138.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// What the first line tells of the others.
enum Form {
    Json,
    /// The names of the columns.
    Csv(Vec<String>),
}

/// The fields of a line, by name.
type Fields = HashMap<String, String>;

/// Reads all lines. `lanes`: name and ad account of each.
///
/// # Errors
/// If the input cannot be read.
pub(super) fn read(
    input: impl BufRead,
    lanes: &[(&str, &AdAccountId)],
    window: Duration,
    now: UnixMillis,
) -> io::Result<Reading> {
    let mut reading = Reading::default();
    let mut form: Option<Form> = None;
    for (number, line) in (1..).zip(input.split(b'\n')) {
        let bytes = line?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let form = match &form {
            Some(form) => form,
            None if text.starts_with('{') => &*form.insert(Form::Json),
            None => match columns(text) {
                Ok(columns) => {
                    form = Some(Form::Csv(columns));
                    continue;
                }
                Err(fault) => {
                    reading.fault(number, &fault);
                    return Ok(reading);
                }
            },
        };
        reading.lines += 1;
        let fields = match form {
            Form::Json => json(text),
            Form::Csv(header) => csv(header, text),
        };
        match fields.and_then(|fields| sent(&fields, lanes, now)) {
            Ok(sent) if sent.at.after(window) <= now => reading.expired += 1,
            Ok(sent) => reading.sent.push(sent),
            Err(fault) => reading.fault(number, &fault),
        }
    }
    Ok(reading)
}

impl Reading {
    fn fault(&mut self, line: usize, fault: &str) {
        self.faulty += 1;
        if self.faults.len() < SHOWN {
            self.faults.push(format!("line {line}: {fault}"));
        }
    }
}

fn sent(fields: &Fields, lanes: &[(&str, &AdAccountId)], now: UnixMillis) -> Result<Sent, String> {
    let field = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let needed = |name: &str| field(name).ok_or_else(|| format!("{name} is missing"));
    let account = match (field("ad_account_id"), field("lane")) {
        (Some(id), _) => lanes.iter().find(|(_, account)| account.as_str() == id),
        (None, Some(lane)) => lanes.iter().find(|(name, _)| *name == lane),
        (None, None) => return Err("ad_account_id and lane are missing".to_owned()),
    };
    let (_, account) = account.ok_or("no lane of the configuration is for this ad account")?;
    let event_id = needed("event_id")?;
    let key = identify(account, needed("event_name")?, event_id)
        .map_err(|(target, why)| format!("{} is not one that would be sent: {}", target.path(), why.code()))?;
    let at = moment(needed("time")?).ok_or("time is neither as in 2026-11-24T06:01:00Z nor a number since 1970")?;
    if now.after(AHEAD) < at {
        return Err("time lies ahead".to_owned());
    }
    Ok(Sent { key, event_id: event_id.into(), at })
}

fn moment(text: &str) -> Option<UnixMillis> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(UnixMillis(if number < FIRST_MILLIS { number.checked_mul(1000)? } else { number }));
    }
    text.parse::<Timestamp>().ok().map(|time| UnixMillis(time.as_millisecond()))
}

fn json(text: &str) -> Result<Fields, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: column {}", error.column()))?;
    let Value::Object(object) = value else { return Err("not a JSON object".to_owned()) };
    let text_of = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    Ok(object.into_iter().filter_map(|(name, value)| Some((name, text_of(value)?))).collect())
}

/// The names of the columns.
fn columns(header: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = cells(header)?.iter().map(|name| name.trim().to_owned()).collect();
    let has = |name: &str| names.iter().any(|column| column == name);
    for needed in ["event_name", "event_id", "time"] {
        if !has(needed) {
            return Err(format!("neither a JSON object nor a CSV header: no column {needed}"));
        }
    }
    if has("ad_account_id") || has("lane") { Ok(names) } else { Err("no column ad_account_id or lane".to_owned()) }
}

fn csv(header: &[String], line: &str) -> Result<Fields, String> {
    let cells = cells(line)?;
    if cells.len() != header.len() {
        return Err(format!("{} columns instead of the header's {}", cells.len(), header.len()));
    }
    Ok(header.iter().cloned().zip(cells).collect())
}

/// The cells of a line (RFC 4180, without line breaks in cells).
fn cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_cell(quoted)?
        } else {
            let (cell, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (cell.to_owned(), behind)
        };
        cells.push(cell);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(cells),
            None => return Err("text behind a closing quote".to_owned()),
        }
    }
}

/// A cell up to its closing quote, and what is behind it.
fn quoted_cell(text: &str) -> Result<(String, &str), String> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let Some((part, behind)) = rest.split_once('"') else { return Err("a quote is not closed".to_owned()) };
        cell.push_str(part);
        match behind.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Ok((cell, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn reading(text: &str) -> Reading {
        let account = AdAccountId::try_new("549755885175").unwrap();
        read(text.as_bytes(), &[("main", &account)], Duration::from_hours(48), NOW).unwrap()
    }

    fn key(name: &str, id: &str) -> EventKey {
        EventKey::new(&AdAccountId::try_new("549755885175").unwrap(), name, id)
    }

    #[test]
    fn json_lines_and_csv_say_the_same() {
        let json = r#"
            {"lane": "main", "event_name": "checkout", "event_id": "order-1", "time": "2026-09-21T13:46:40Z", "x": [1]}
            {"ad_account_id": "549755885175", "event_name": "Checkout", "event_id": " a,\"b ", "time": 1789999999}
        "#;
        let csv = "\u{feff}time,\"event_id\",event_name,lane,em\r\n\
            1789998400000,order-1,checkout,main,\r\n\r\n\
            1789999999,\"a,\"\"b\",checkout,main,x\r\n";
        for text in [json, csv] {
            let reading = reading(text);
            assert_eq!((reading.faults.join("\n"), reading.lines), (String::new(), 2));
            let found: Vec<_> = reading.sent.iter().map(|sent| (sent.key, &*sent.event_id, sent.at.0)).collect();
            let expected = [
                (key("checkout", "order-1"), "order-1", 1_789_998_400_000),
                (key("checkout", "a,\"b"), "a,\"b", 1_789_999_999_000),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_without_what_stands_in_it() {
        let lines = [
            r#"{"lane": "main", "event_name": "checkout", "event_id": "secret", "time": 1789999999}"#,
            "{",
            "[]",
            r#"{"event_name": "checkout", "event_id": "secret", "time": 1789999999}"#,
            r#"{"lane": "secret", "event_name": "checkout", "event_id": "secret", "time": 1789999999}"#,
            r#"{"lane": "main", "event_name": "check out", "event_id": "secret", "time": 1789999999}"#,
            r#"{"lane": "main", "event_name": "checkout", "event_id": "", "time": 1789999999}"#,
            r#"{"lane": "main", "event_name": "checkout", "event_id": "secret", "time": "yesterday"}"#,
            r#"{"lane": "main", "event_name": "checkout", "event_id": "secret", "time": 1790000301}"#,
        ];
        let reading = reading(&lines.join("\n"));
        assert_eq!((reading.sent.len(), reading.faulty), (1, 8));
        insta::assert_snapshot!(reading.faults.join("\n"), @r"
        line 2: not a JSON object: column 1
        line 3: not a JSON object
        line 4: ad_account_id and lane are missing
        line 5: no lane of the configuration is for this ad account
        line 6: event_name is not one that would be sent: malformed
        line 7: event_id is missing
        line 8: time is neither as in 2026-11-24T06:01:00Z nor a number since 1970
        line 9: time lies ahead
        ");
    }

    #[test]
    fn a_header_that_lacks_a_column_is_the_only_fault() {
        for (text, fault) in [
            ("a,b\n1,2", "line 1: neither a JSON object nor a CSV header: no column event_name"),
            ("event_name,event_id,time\n1,2,3", "line 1: no column ad_account_id or lane"),
            ("lane,event_name,event_id,time\nmain,checkout", "line 2: 2 columns instead of the header's 4"),
            ("lane,event_name,event_id,time\nmain,\"checkout,x,3", "line 2: a quote is not closed"),
            ("lane,event_name,event_id,time\nmain,\"checkout\"x,3", "line 2: text behind a closing quote"),
        ] {
            assert_eq!(reading(text).faults, [fault], "{text}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_is_passed_over() {
        let line = |time: i64| format!("main,checkout,order-{time},{time}\n");
        let hours = |hours: i64| NOW.0 - hours * 3_600_000;
        let text = format!("lane,event_name,event_id,time\n{}{}{}", line(hours(48)), line(hours(47)), line(hours(100)));
        let reading = reading(&text);
        assert_eq!((reading.sent.len(), reading.expired, reading.faulty), (1, 2, 0));
    }

    #[test]
    fn of_many_faults_the_first_are_told_and_all_are_counted() {
        let reading = reading(&"{}\n".repeat(100));
        assert_eq!((reading.faults.len(), reading.faulty), (20, 100));
    }
}

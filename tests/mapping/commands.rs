//! `pinrelay explain` and `pinrelay schema check`, run as programs.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pinrelay::domain::body::check_event;
use serde_json::Value;

use crate::project;

/// A minute after the events of the samples.
const AT: &str = "2026-11-24T06:01:00Z";

fn run(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pinrelay"))
        .args(arguments)
        .current_dir(project())
        .env_remove("PINRELAY_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built before its tests");
    // A command that ends without reading closes the pipe.
    child.stdin.take().unwrap().write_all(stdin).ok();
    child.wait_with_output().unwrap()
}

fn explain(feed: &str, more: &[&str], stdin: &[u8]) -> Output {
    let fixed = ["explain", "--config", "tests/mapping/pinrelay.yaml", "--feed", feed, "--at", AT];
    run(&[&fixed, more].concat(), stdin)
}

fn sample(feed: &str) -> PathBuf {
    let shipped = project().join(format!("schemas/samples/{feed}.json"));
    if shipped.is_file() { shipped } else { project().join(format!("schemas/examples/samples/{feed}.json")) }
}

/// The lines of `--json`.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn event_of(feed: &str) -> Value {
    let sample = sample(feed);
    let output = explain(feed, &["--json", sample.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(0), "{feed}: {}", text(&output.stderr));
    let [line] = &lines(&output)[..] else { panic!("{feed}: more than one line") };
    assert_eq!(line["outcome"], "send", "{feed}: {line:#}");
    line["event"].clone()
}

#[test]
fn every_sample_becomes_an_event_that_pinterest_takes() {
    for feed in ["order", "install", "in_store_purchase", "debezium_order", "mmp_install", "pos_receipt"] {
        let event = event_of(feed);
        assert_eq!(check_event(event.to_string().as_bytes()), Ok(()), "{feed}");
    }
}

#[test]
fn a_table_of_orders_as_debezium_writes_it_maps_by_annotations_alone() {
    insta::assert_json_snapshot!(event_of("debezium_order"));
}

#[test]
fn installs_as_a_measurement_partner_exports_them_map_by_annotations_alone() {
    insta::assert_json_snapshot!(event_of("mmp_install"));
}

#[test]
fn receipts_as_tills_close_them_map_by_annotations_alone() {
    insta::assert_json_snapshot!(event_of("pos_receipt"));
}

#[test]
fn values_are_masked_unless_they_are_asked_for() {
    let sample = sample("order");
    let sample = sample.to_str().unwrap();
    for form in [&[][..], &["--json"]] {
        let masked = text(&explain("order", &[form, &[sample]].concat(), b"").stdout);
        let revealed = text(&explain("order", &[form, &["--reveal", sample]].concat(), b"").stdout);
        for personal in ["Marlow", "7946", "SW1A", "C-20931"] {
            assert!(!masked.contains(personal), "{personal}: {masked}");
            assert!(revealed.contains(personal), "{personal}: {revealed}");
        }
        assert!(masked.contains("customer.email") && masked.contains("text of 23 characters"), "{masked}");
    }
}

#[test]
fn every_record_of_the_input_gets_a_line_with_its_end() {
    let records =
        br#"{"op": "c", "after": {"state": "new", "created_at": "2026-11-24T06:00:00Z", "customer_dob": "1981-03-14"}}
        {"op": "d"}
        [{"op": "c", "after": {"state": "new", "created_at": "2026-11-24T06:00:00Z", "grand_total": 1.5}}]"#;
    let output = explain("debezium_order", &["--json"], records);
    let lines = lines(&output);
    let ends: Vec<_> = lines.iter().map(|line| (line["outcome"].as_str().unwrap(), line["reason"].as_str())).collect();
    assert_eq!(ends, [("unreadable", None), ("skipped", Some("no_consent")), ("skipped", Some("no_consent"))]);
    assert_eq!(
        lines[0]["problem"], "after.customer_dob: expected null or long, found text",
        "a plain long is a count, whatever the annotation says"
    );
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("error: 1 of the records are none of"), "{}", text(&output.stderr));
}

#[test]
fn notes_tell_where_values_came_from_what_was_left_out_and_why() {
    let mut record: Value = serde_json::from_slice(&std::fs::read(sample("order")).unwrap()).unwrap();
    record["customer"]["phone"] = "n/a".into();
    record["tag_event_id"] = " ".into();
    record["total_minor"] = 0.into();
    let output = explain("order", &["--json"], record.to_string().as_bytes());
    let notes = lines(&output)[0]["notes"].as_array().unwrap().clone();
    let note = |kind: &str, target: &str| {
        notes.iter().find(|note| note["kind"] == kind && (note["target"] == target || note["why"] == target)).unwrap()
    };
    assert_eq!(note("fed", "event_id")["from"], "order_id");
    assert_eq!(note("fed", "custom_data.contents[1].item_price")["from"], "items[].unit_price_minor");
    assert_eq!(note("passed_over", "event_id")["from"], "tag_event_id");
    assert_eq!(note("left_out", "user_data.ph")["why"], "malformed");
    assert_eq!(note("derived", "custom_data.num_items")["from"], "custom_data.contents");
    assert_eq!(note("empty", "user_data.st")["from"], "customer.address.state");
    assert!(note("warning", "value_not_positive")["meaning"].is_string());
}

#[test]
fn a_message_in_avro_is_understood_bare_and_framed() {
    // An install as an older release wrote it, byte by byte.
    let writer = project().join("tests/mapping/short_install.avsc");
    let bare = b"\x06i-1\x80\xe0\x8d\xbb\xed\xbf\xb0\x06\x00\x00\x06app\x02\x0e\x24ines.m@example.com";
    let confluent = [&[0, 0, 0, 0, 7][..], bare].concat();
    for message in [&bare[..], &confluent] {
        let output = explain("install", &["--json", "--avro", "--writer", writer.to_str().unwrap()], message);
        let lines = lines(&output);
        assert_eq!(lines[0]["event"]["event_id"], "i-1", "{:#} {}", lines[0], text(&output.stderr));
    }
    let output = explain("install", &["--json", "--avro"], b"\x06i-");
    assert_eq!(lines(&output)[0]["outcome"], "undecodable");
    assert_eq!(output.status.code(), Some(0), "the command did what it was asked for");
}

#[test]
fn what_cannot_be_explained_ends_with_64_and_says_what_to_do() {
    for (feed, more, stdin, problem) in [
        ("ordre", &[][..], &b"{}"[..], "has no feed \"ordre\""),
        ("order", &[], b"{", "the input is not JSON: line 1"),
        ("order", &["no-such-file.json"], b"", "no-such-file.json cannot be read"),
    ] {
        let output = explain(feed, more, stdin);
        assert_eq!(output.status.code(), Some(64), "{feed}");
        assert!(text(&output.stderr).contains(problem), "{}", text(&output.stderr));
    }
}

#[test]
fn schemas_are_checked_without_a_configuration() {
    let address = "schemas/examples/postal_address.avsc";
    let receipt = "schemas/examples/pos_receipt.avsc";
    let output = run(&["schema", "check", "--reference", address, receipt, "schemas/order.avsc"], b"");
    assert_eq!(text(&output.stdout), format!("{receipt}: maps\nschemas/order.avsc: maps\n"));
    assert_eq!(output.status.code(), Some(0));

    let output = run(&["schema", "check", receipt], b"");
    assert_eq!(output.status.code(), Some(64));
    let shown = text(&output.stderr);
    assert!(shown.contains(&format!("{receipt}: com.squareup.Address is not defined")), "{shown}");

    let output = run(&["schema", "check", "--constant", "event_nam=x", "schemas/order.avsc"], b"");
    assert!(text(&output.stderr).contains("did you mean `event_name`?"), "{}", text(&output.stderr));

    let output = run(&["schema", "check", "--targets", "schemas/order.avsc"], b"");
    let shown = text(&output.stdout);
    for line in [
        "user_data.hashed_maids",
        "  sent as  decimal text",
        "  fed by   schemas/order.avsc: total_minor (scale 2)",
        "  fed by   schemas/order.avsc: tag_event_id (order 1)",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
}

#[test]
fn an_id_that_comes_from_an_address_is_warned_of_and_maps_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lead.avsc");
    let constants = r#"{"event_name": "lead", "action_source": "web", "event_time": "2026-11-24T06:00:00Z", "user_data.em": "a@example.com"}"#;
    let fields = r#"{"name": "customerMail", "type": "string", "pinterest": "event_id"}"#;
    let schema = format!(r#"{{"type": "record", "name": "Lead", "pinterest": {constants}, "fields": [{fields}]}}"#);
    std::fs::write(&file, schema).unwrap();
    let name = file.to_str().unwrap();
    let output = run(&["schema", "check", name], b"");
    let warning = format!("{name}: warning: customerMail: event_id is fed by what looks like an e-mail address");
    assert!(text(&output.stdout).contains(&warning), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_value_that_no_record_could_have_sent_is_a_fault_before_any_record_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let fields = r#"{"name": "id", "type": "string", "pinterest": "event_id"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "pinterest": "event_time"},
        {"name": "email", "type": "string", "pinterest": "user_data.em"},
        {"name": "market", "type": "string", "pinterest": {"to": "lane", "values": {"AT": "nolane", "DE": "main"}}}"#;
    let constants = r#"{"event_name": "checkout", "action_source": "web"}"#;
    let schema = format!(r#"{{"type": "record", "name": "Order", "pinterest": {constants}, "fields": [{fields}]}}"#);
    std::fs::write(folder.path().join("order.avsc"), &schema).unwrap();
    std::fs::write(folder.path().join("misspelt.avsc"), schema.replace(r#""checkout""#, r#""add to cart""#)).unwrap();
    let config = folder.path().join("pinrelay.yaml");
    let text = r#"
kafka: {bootstrap: "localhost:9092", group_id: pinrelay, instance_id: pinrelay-0}
audit: {topic: pinterest.audit}
lanes:
  - {name: main, ad_account_id: "549755885175", token: {env: NO_SUCH_TOKEN}}
feeds:
  - name: order
    topic: shop.orders
    schema: order.avsc
    framing: single_object
    lane: main
    missing_consent: skip
"#;
    let check = |text: &str| {
        std::fs::write(&config, text).unwrap();
        run(&["config", "check", "--offline", "--config", config.to_str().unwrap()], b"")
    };

    let output = check(text);
    let shown = self::text(&output.stdout);
    for fault in [
        "order.avsc: market: `values` for `AT`: lane does not take `nolane`: no lane has this name or this ad account; the lanes are main",
        "order.avsc: feed configuration: missing_consent: skip, and nothing feeds consent: every record would be skipped; annotate the field that holds it, or remove the key",
    ] {
        assert!(shown.contains(fault), "{fault} is not in {shown}");
    }
    assert_eq!(output.status.code(), Some(64));

    let constants = "    constants: {custom_data.currency: EURO, custom_data.num_items: -5, opt_out: maybe}\n";
    let output = check(&format!("{text}{constants}"));
    let shown = self::text(&output.stdout);
    for target in [
        "custom_data.currency does not take `EURO`",
        "custom_data.num_items does not take `-5`",
        "opt_out does not take `maybe`",
    ] {
        assert!(shown.contains(&format!("order.avsc: feed configuration: {target}")), "{target} is not in {shown}");
    }

    let output = run(&["explain", "--config", config.to_str().unwrap(), "--feed", "order"], b"{}");
    assert_eq!(output.status.code(), Some(64));
    assert!(self::text(&output.stderr).contains("does not take `EURO`"), "{}", self::text(&output.stderr));

    let misspelt = folder.path().join("misspelt.avsc");
    let output = run(&["schema", "check", misspelt.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(64));
    assert!(
        self::text(&output.stderr).contains("event_name does not take `add to cart`"),
        "{}",
        self::text(&output.stderr)
    );
}

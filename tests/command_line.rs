//! The binary as its users meet it: exit codes, and what goes to stdout and what to stderr.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn pinrelay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pinrelay"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config"))
        .env_remove("PINRELAY_LOG")
        .output()
        .expect("the binary is built before its tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_broken_configuration_ends_with_64_and_names_every_fault_on_stderr() {
    let output = pinrelay(&["run", "--config", "broken/many.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    let shown = text(&output.stderr);
    assert!(shown.starts_with("error: broken/many.yaml has 11 faults\n"), "{shown}");
    assert!(shown.contains("feeds[0].lane, line 28: there is no lane \"other\""), "{shown}");
    assert!(shown.trim_end().ends_with("next: mend the file; docs/configuration.md describes every key"), "{shown}");
}

#[test]
fn where_logs_are_json_what_ends_the_process_is_a_line_of_them() {
    let output = pinrelay(&["--log-format", "json", "run", "--config", "broken/many.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    let shown = text(&output.stderr);
    let lines: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = lines.last().expect("the end is told");
    assert_eq!((&last["level"], &last["exit_code"]), (&json!("ERROR"), &json!(64)), "{last}");
    assert_eq!(last["message"], "the command has failed");
    assert!(last["cause"].as_str().unwrap().starts_with("broken/many.yaml has 11 faults\n"), "{last}");
    assert_eq!(last["next"], "mend the file; docs/configuration.md describes every key");
    assert!(last["timestamp"].is_string(), "{last}");
}

#[test]
fn a_checked_configuration_says_every_fault_with_its_key_and_what_to_write_instead() {
    let output = pinrelay(&["config", "check", "--config", "broken/many.yaml", "--json"]);
    assert_eq!(output.status.code(), Some(64));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = found["faults"].as_array().unwrap();
    assert_eq!((&found["valid"], faults.len(), &found["would_run"]), (&json!(false), 11, &Value::Null));
    let lane = faults.iter().find(|fault| fault["key"] == "feeds[0].lane").unwrap();
    assert_eq!((&lane["line"], &lane["rule"]), (&json!(28), &json!("unknown_lane")));
    assert!(faults.iter().all(|fault| !fault["mend"].as_str().unwrap().is_empty()), "{found}");

    let output = pinrelay(&["config", "check", "--config", "broken/many.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    let shown = text(&output.stdout);
    assert!(shown.contains("feeds[0].lane, line 28: there is no lane \"other\" [unknown_lane]\n"), "{shown}");
    assert!(shown.ends_with("broken/many.yaml has 11 faults\n"), "{shown}");
}

#[test]
fn a_checked_configuration_names_what_is_wrong_with_its_schemas() {
    let output = pinrelay(&["config", "check", "--config", "good/minimal.yaml", "--json"]);
    assert_eq!(output.status.code(), Some(64), "the schema maps nothing");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["faults"][0]["key"], "feeds[0].schema");
    assert_eq!(found["would_run"]["feeds"][0]["changelog"], "pinrelay.order.changelog");
}

#[test]
fn a_checked_configuration_that_is_whole_says_what_would_run_and_offline_asks_for_no_secret() {
    let arguments = ["config", "check", "--config", "../mapping/pinrelay.yaml"];
    assert_eq!(pinrelay(&arguments).status.code(), Some(64), "its secrets do not exist");
    let output = pinrelay(&[&arguments[..], &["--offline"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{}", text(&output.stdout));
    insta::assert_snapshot!(text(&output.stdout), @r"
    ../mapping/pinrelay.yaml is whole; by it would run, as pinrelay.offline:
      lane main: ad account 549755885175, live, 5000 calls a minute
      lane at: ad account 549755885176, live, 5000 calls a minute
      feed order: shop.orders to lane main, begins at earliest, changelog pinrelay.order.changelog
      feed install: app.installs to lane main, begins at earliest, changelog pinrelay.install.changelog
      feed in_store_purchase: till.receipts to lane main, begins at earliest, changelog pinrelay.in_store_purchase.changelog
      feed debezium_order: shop.magento.sales_order to lane main, begins at earliest, changelog pinrelay.debezium_order.changelog
      feed mmp_install: appsflyer.events to lane main, begins at earliest, changelog pinrelay.mmp_install.changelog
      feed pos_receipt: square.receipts to lane main, begins at earliest, changelog pinrelay.pos_receipt.changelog
      audit rows: pinterest.delivery-results
    ");
}

#[test]
fn a_wrong_command_line_ends_with_64() {
    for arguments in [&["run"][..], &["walk"], &["demo", "--records", "0"], &["sandbox", "--listen", "here"]] {
        let output = pinrelay(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_goes_to_stdout_and_ends_with_0() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["demo", "--help"], &["sandbox", "--help"]]
    {
        let output = pinrelay(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_log_filter_that_cannot_be_read_ends_with_64() {
    let output = Command::new(env!("CARGO_BIN_EXE_pinrelay"))
        .args(["sandbox"])
        .env("PINRELAY_LOG", "pinrelay=loud")
        .output()
        .expect("the binary is built before its tests");
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("PINRELAY_LOG"), "{}", text(&output.stderr));
}

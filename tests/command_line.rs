//! The binary as its users meet it: exit codes, and what goes to stdout and what to stderr.

use std::path::Path;
use std::process::{Command, Output};

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

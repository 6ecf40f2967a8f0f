//! Whole files: two good ones, and broken ones that each say in their first lines which faults they have.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::domain::{AdAccountId, InDoubtPolicy, UnixMillis};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn environment(name: &str) -> Option<String> {
    match name {
        "POD_NAME" => Some("pinrelay-0".to_owned()),
        "KAFKA_PASSWORD" | "TRIAL_TOKEN" | "TOKEN" => Some("from-the-environment".to_owned()),
        _ => None,
    }
}

fn load(file: &str) -> Result<Config, Faults> {
    Config::load(&folder().join(file), &environment)
}

fn good(file: &str) -> Config {
    load(file).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The broken files, by name, with their text.
fn broken() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder().join("broken"))
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

/// What a broken file says of itself: lines such as `# expect: bad_unit kafka.session_timeout 9`.
fn expected(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("# expect: ")).map(str::to_owned).collect()
}

fn found(faults: &Faults) -> Vec<String> {
    let line = |fault: &Fault| fault.place.line.map_or("-".to_owned(), |line| line.to_string());
    let key = |fault: &Fault| if fault.place.key.is_empty() { "-".to_owned() } else { fault.place.key.clone() };
    faults.list.iter().map(|fault| format!("{} {} {}", fault.kind.code(), key(fault), line(fault))).collect()
}

#[test]
fn each_broken_file_has_exactly_the_faults_that_it_names() {
    for (name, text) in broken() {
        let faults = load(&format!("broken/{name}")).expect_err(&name);
        assert_eq!(found(&faults), expected(&text), "{name}\n{faults}");
    }
}

#[test]
fn each_rule_has_a_broken_file() {
    let shown: BTreeSet<String> = broken()
        .iter()
        .flat_map(|(_, text)| expected(text))
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    for kind in FaultKind::ALL {
        // A file that cannot be read cannot stand in the folder; the next test shows it.
        assert!(*kind == FaultKind::Unreadable || shown.contains(kind.code()), "no broken file for {}", kind.code());
    }
}

#[test]
fn a_file_that_is_absent_or_not_utf_8_is_one_fault() {
    let absent = load("nowhere.yaml").expect_err("there is no such file");
    assert_eq!(found(&absent), ["unreadable - -"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let latin = folder.path().join("latin-1.yaml");
    fs::write(&latin, b"kafka: {group_id: b\xfcro}\n").expect("writable");
    let faults = Config::load(&latin, &environment).expect_err("not UTF-8");
    assert_eq!(found(&faults), ["unreadable - -"]);
}

#[test]
fn no_fault_shows_a_secret() {
    for (name, _) in broken() {
        let shown = load(&format!("broken/{name}")).expect_err(&name).to_string();
        assert!(!shown.contains("hunter2"), "{name}: {shown}");
        assert!(!shown.contains("from-the-environment") && !shown.contains("pina_test_file"), "{name}: {shown}");
    }
    let config = format!("{:?}", good("good/full.yaml"));
    assert!(!config.contains("from-the-environment") && !config.contains("pina_test_file"), "{config}");
}

#[test]
fn a_minimal_file_gets_the_documented_defaults() {
    let config = good("good/minimal.yaml");
    assert_eq!(config.kafka.bootstrap, "localhost:9092");
    assert_eq!(config.kafka.identity(), "pinrelay.pinrelay-0");
    assert_eq!(config.kafka.session_timeout, Duration::from_secs(45));
    assert_eq!(config.kafka.drain_deadline, Duration::from_secs(15));
    assert!(config.registry.is_none() && config.admin.is_none());
    let [lane] = config.lanes.as_slice() else { panic!("one lane") };
    assert_eq!((lane.mode, lane.batch_events, lane.concurrency), (LaneMode::Live, 1000, 64));
    assert_eq!(lane.base_url, "https://api.pinterest.com/v5");
    assert_eq!(lane.token.value.expose(), "pina_test_file");
    let [feed] = config.feeds.as_slice() else { panic!("one feed") };
    assert_eq!((feed.start, feed.in_doubt, feed.on_lost, feed.late), (Start::Earliest, None, OnLost::Halt, Late::Send));
    assert_eq!(feed.missing_consent, Choice::Send);
    assert_eq!((feed.private_addresses, feed.derive), (PrivateAddresses::Drop, Derive::Missing));
    assert_eq!(feed.framing, Framing::SingleObject { writer_schemas: vec![feed.schema.clone()] });

    // What the core takes for granted where nobody says otherwise.
    let lanes = vec![LaneSettings::default()];
    let defaults = Settings { shared_limits: vec![CallLimit::TEST_POSTS], lanes, ..Settings::default() };
    assert_eq!(format!("{:?}", config.pipeline_settings()), format!("{defaults:?}"));
}

#[test]
fn the_example_of_the_documentation_lacks_nothing_but_its_files() {
    let text = fs::read_to_string(folder().join("../../docs/configuration.md")).expect("readable");
    let (_, rest) = text.split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let faults = Config::parse(example, Path::new("/nowhere"), &environment).expect_err("the files are not there");
    let kinds: Vec<FaultKind> = faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::SecretUnavailable, FaultKind::FileMissing], "{faults:?}");
}

#[test]
fn a_full_file_is_read_key_by_key() {
    let config = good("good/full.yaml");
    assert_eq!(config.kafka.bootstrap, "kafka-0.example.com:9093,[2001:db8::1]:9093");
    assert_eq!(config.kafka.instance_id, "pinrelay-0");
    assert_eq!(config.kafka.termination_grace, Duration::from_mins(2));
    let Some(Property::Secret(password)) = config.kafka.properties.get("sasl.password") else { panic!("a secret") };
    assert_eq!(password.source, SecretSource::Variable("KAFKA_PASSWORD".to_owned()));
    assert_eq!(password.value.expose(), "from-the-environment");
    let Some(Property::Plain(alive)) = config.kafka.properties.get("socket.keepalive.enable") else { panic!("text") };
    assert_eq!(alive, "true");

    let registry = config.registry.as_ref().expect("given");
    assert_eq!(registry.url, "https://registry.example.com");
    assert!(matches!(&registry.auth, Some(RegistryAuth::Basic { user, .. }) if user == "pinrelay"));

    let [main, trial] = config.lanes.as_slice() else { panic!("two lanes") };
    assert_eq!((main.batch_events, main.batch_bytes, main.concurrency), (500, 1 << 20, 8));
    assert!(main.ca_file.as_ref().is_some_and(|path| path.ends_with("files/authority.pem")));
    assert_eq!((main.partner_name.as_deref(), &trial.ca_file, &trial.partner_name), (Some("ss-example"), &None, &None));
    assert_eq!((trial.mode, trial.batch_events), (LaneMode::Test, 20));
    assert_eq!(Some(&trial.ad_account_id), AdAccountId::try_new("549755885176").as_ref());

    let [order, in_store] = config.feeds.as_slice() else { panic!("two feeds") };
    assert_eq!(order.framing, Framing::Confluent);
    assert_eq!(order.start, Start::At(UnixMillis(1_772_323_200_000)));
    assert_eq!(order.in_doubt, Some(InDoubtPolicy::Resend));
    assert_eq!((order.on_lost, order.late), (OnLost::Continue, Late::Skip));
    assert_eq!(order.missing_consent, Choice::Skip);
    assert_eq!((order.private_addresses, order.derive), (PrivateAddresses::Keep, Derive::Nothing));
    assert_eq!(order.phone_region.as_deref(), Some("DE"));
    let constants: Vec<_> = order.constants.iter().map(|(target, value)| (target.as_str(), value.as_str())).collect();
    assert_eq!(constants, [("custom_data.num_items", "1"), ("event_name", "checkout"), ("opt_out", "false"),]);
    assert_eq!((in_store.start, in_store.in_doubt), (Start::Latest, Some(InDoubtPolicy::Hold)));
    assert!(matches!(&in_store.framing, Framing::SingleObject { writer_schemas } if writer_schemas.len() == 2));

    let settings = config.pipeline_settings();
    assert_eq!((settings.span, settings.window_keys), (50_000, 1_000_000));
    assert_eq!(settings.drain_deadline, Duration::from_secs(20));
    let calls: Vec<_> = settings.lanes.iter().map(|lane| (lane.calls.calls.get(), lane.shares)).collect();
    assert_eq!((settings.processes.get(), calls), (3, vec![(120_000, None), (5000, Some(0))]));
    assert_eq!(settings.lanes.iter().map(|lane| lane.batch_events).collect::<Vec<_>>(), [500, 20]);
    assert_eq!(config.admin.expect("given").listen.port(), 9600);
}

#[test]
fn secrets_and_the_name_of_the_process_may_be_missing_where_nothing_is_connected_to() {
    let nothing = |_: &str| None;
    assert!(Config::load(&folder().join("good/full.yaml"), &nothing).is_err());
    let config = Config::load_offline(&folder().join("good/full.yaml"), &nothing).expect("nothing else is wrong");
    assert!(config.lanes[1].token.value.expose().is_empty());
    let faults = Config::load_offline(&folder().join("broken/secret_unavailable.yaml"), &nothing).map(|_| ());
    assert!(faults.is_ok(), "{faults:?}");
    assert!(Config::load_offline(&folder().join("broken/unknown_lane.yaml"), &nothing).is_err());
}

#[test]
fn the_full_file_uses_every_key() {
    let text = fs::read_to_string(folder().join("good/full.yaml")).expect("readable");
    for spec in docs::SPECS {
        // Bearer and basic exclude each other; both forms of a secret stand in the file.
        for key in spec.keys.iter().filter(|key| key.name != "bearer") {
            assert!(text.contains(&format!("{}:", key.name)), "{}.{} is not in the full file", spec.title, key.name);
        }
    }
}

#[test]
fn a_bare_document_is_no_configuration() {
    for (text, kind) in [
        ("", FaultKind::NotYaml),
        ("--- {}\n--- {}\n", FaultKind::NotYaml),
        ("kafka", FaultKind::WrongType),
        ("{}", FaultKind::MissingKey),
    ] {
        let faults = Config::parse(text, Path::new(""), &environment).expect_err(text);
        assert_eq!(faults.first().map(|fault| fault.kind), Some(kind), "{text:?}: {faults:?}");
    }
}

#[test]
fn every_fault_tells_where_what_and_how_to_mend_it() {
    let mut shown = String::new();
    for (name, _) in broken() {
        let mut faults = load(&format!("broken/{name}")).expect_err(&name);
        faults.file = PathBuf::from(name);
        let root = folder().display().to_string();
        writeln!(shown, "{}\n", faults.to_string().replace(&root, "tests/config")).expect("a string takes everything");
    }
    insta::assert_snapshot!("faults", shown);
}

//! The configuration file that pods get is read by the program's own reader, from folders laid out as the pod's mounts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pinrelay::config::{Config, Faults, Framing, OnStop, Property, RegistryAuth, SecretSource};
use pinrelay::run::FeedMapping;
use tempfile::TempDir;

use super::helm::{self, Rendered, container, items, value_set, value_sets};

/// The mounts of a pod under a folder of their own, with a text in every file of a Secret that the configuration names.
struct Pod {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Pod {
    fn of(rendered: &Rendered, index: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pod = rendered.pods()[index];
        let mounts: BTreeMap<_, _> = items(&container(pod)["volumeMounts"])
            .iter()
            .map(|mount| (mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap()))
            .collect();
        for volume in items(&pod["volumes"]) {
            let at = folder.path().join(mounts[volume["name"].as_str().unwrap()].trim_start_matches('/'));
            fs::create_dir_all(&at).unwrap();
            let Some(map) = volume["configMap"]["name"].as_str() else { continue };
            let found = rendered.kind("ConfigMap").into_iter().find(|resource| resource["metadata"]["name"] == map);
            for (name, text) in found.into_iter().flat_map(|map| map["data"].as_object().unwrap()) {
                fs::write(at.join(name), under(folder.path(), text.as_str().unwrap())).unwrap();
            }
        }
        let arguments = items(&container(pod)["args"]).iter();
        let arguments = arguments.map(|argument| under(folder.path(), argument.as_str().unwrap())).collect();
        Self { folder, arguments }
    }

    /// The file that the command line names.
    fn config_file(&self) -> &Path {
        let at = self.arguments.iter().position(|argument| argument == "--config").expect("the command takes a file");
        Path::new(&self.arguments[at + 1])
    }

    fn load(&self) -> Result<Config, Faults> {
        // The shell's own rules: an identity that the pod has, and nothing else.
        let environment = |name: &str| (name == "PINRELAY_INSTANCE").then(|| "conv.rel-pinrelay-0".to_owned());
        Config::load(self.config_file(), &environment)
    }

    /// Writes what the Secrets of a real cluster hold: every file that the configuration misses.
    fn fill_secrets(&self) {
        let text = fs::read_to_string(self.config_file()).unwrap();
        let secrets = under(self.folder.path(), "/etc/pinrelay/secrets/");
        for (at, _) in text.match_indices(&secrets) {
            let path: String = text[at..].chars().take_while(|c| !c.is_whitespace()).collect();
            let path = Path::new(&path);
            assert!(path.parent().unwrap().is_dir(), "{} is in no folder that is mounted", path.display());
            fs::write(path, "secret").unwrap();
        }
    }
}

/// A path or a text of the pod, with its folders under another root.
fn under(root: &Path, text: &str) -> String {
    let schemas = helm::root().join("schemas");
    text.replace("/usr/share/pinrelay/schemas", schemas.to_str().unwrap())
        .replace("/etc/pinrelay", &format!("{}/etc/pinrelay", root.display()))
}

fn load(name: &str) -> (Config, Pod) {
    let pod = Pod::of(&Rendered::of(&value_set(name)), 0);
    pod.fill_secrets();
    let config = pod.load().unwrap_or_else(|faults| panic!("{name}: {faults}"));
    (config, pod)
}

#[test]
fn the_program_takes_the_configuration_of_every_set_of_values_and_of_every_pod() {
    for values in value_sets() {
        let rendered = Rendered::of(&values);
        for index in 0..rendered.pods().len() {
            let pod = Pod::of(&rendered, index);
            if values.ends_with("existing-schemas-values.yaml") {
                // Somebody else's ConfigMap.
                let schemas = pod.folder.path().join("etc/pinrelay/schemas");
                fs::copy(helm::root().join("schemas/order.avsc"), schemas.join("order.avsc")).unwrap();
            }
            pod.fill_secrets();
            let config = pod.load().unwrap_or_else(|faults| panic!("{}: {faults}", values.display()));
            for feed in &config.feeds {
                FeedMapping::prepare(&config, feed).unwrap_or_else(|faults| panic!("{}: {faults:?}", values.display()));
            }
        }
    }
}

#[test]
fn the_command_line_of_every_pod_is_one_that_the_program_understands() {
    use clap::Parser;
    for values in value_sets() {
        let rendered = Rendered::of(&values);
        for index in 0..rendered.pods().len() {
            let pod = Pod::of(&rendered, index);
            let words = std::iter::once("pinrelay".to_owned()).chain(pod.arguments.clone());
            let parsed = pinrelay::commands::Arguments::try_parse_from(words);
            assert!(parsed.is_ok(), "{}: {:?}: {:?}", values.display(), pod.arguments, parsed.err());
        }
    }
}

#[test]
fn a_secret_that_is_not_there_is_a_fault_that_names_its_file() {
    let pod = Pod::of(&Rendered::of(&value_set("minimal")), 0);
    let faults = pod.load().expect_err("the Secret is not mounted").to_string();
    assert!(faults.contains("secrets/lane-main/token cannot be read"), "{faults}");
}

#[test]
fn the_group_is_the_releases_own_unless_it_is_named() {
    let (config, _pod) = load("minimal");
    assert_eq!(config.kafka.group_id, "conv.rel-pinrelay");
    assert_eq!(config.kafka.identity(), "conv.rel-pinrelay.conv.rel-pinrelay-0");
    let (config, _pod) = load("sasl-plain");
    assert_eq!(config.kafka.group_id, "conversions");
    // Two releases that share a group still have identities of their own.
    assert_eq!(config.kafka.identity(), "conversions.conv.rel-pinrelay-0");
}

#[test]
fn the_grace_of_the_configuration_is_the_grace_of_the_pod() {
    for (name, seconds) in [("minimal", 60), ("placement", 120)] {
        let rendered = Rendered::of(&value_set(name));
        assert_eq!(rendered.pod()["spec"]["terminationGracePeriodSeconds"], seconds);
        let (config, _pod) = load(name);
        assert_eq!(config.kafka.termination_grace.as_secs(), seconds);
        assert!(config.kafka.drain_deadline + config.kafka.transaction_timeout < config.kafka.termination_grace);
    }
}

/// Each property with its text, or the end of the path of its file.
fn properties(config: &Config) -> BTreeMap<&str, String> {
    let shown = |property: &Property| match property {
        Property::Plain(text) => text.rsplit_once("/etc/pinrelay/").map_or(text.as_str(), |(_, path)| path).to_owned(),
        Property::Secret(secret) => {
            let SecretSource::File(path) = &secret.source else { panic!("a secret that is no file") };
            let path = path.to_str().unwrap();
            format!("file {}", path.rsplit_once("/etc/pinrelay/").unwrap().1)
        }
    };
    config.kafka.properties.iter().map(|(name, property)| (name.as_str(), shown(property))).collect()
}

#[test]
fn brokers_are_spoken_to_by_every_means_that_the_values_know() {
    let expected = |entries: &[(&'static str, &str)]| {
        entries.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let (config, _pod) = load("minimal");
    assert_eq!(properties(&config), BTreeMap::new());
    let (config, _pod) = load("sasl-plain");
    let plain = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "file secrets/kafka-sasl/user"),
        ("sasl.password", "file secrets/kafka-sasl/pass"),
    ];
    assert_eq!(properties(&config), expected(&plain));
    let (config, _pod) = load("sasl-scram");
    let scram = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", "secrets/kafka-ca/ca.crt"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "file secrets/kafka-sasl/username"),
        ("sasl.password", "file secrets/kafka-sasl/password"),
        ("socket.keepalive.enable", "true"),
        ("reconnect.backoff.max.ms", "5000"),
    ];
    assert_eq!(properties(&config), expected(&scram));
    for (set, token) in [("sasl-oauth", "kafka-sasl/jwt"), ("service-account-token", "kafka-sasl/token")] {
        let (config, _pod) = load(set);
        let oauth = [
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", "secrets/kafka-ca/ca.crt"),
            ("sasl.mechanisms", "OAUTHBEARER"),
        ];
        assert_eq!(properties(&config), expected(&oauth));
        let source = config.kafka.oauth_token.as_ref().map(|secret| &secret.source);
        assert!(matches!(source, Some(SecretSource::File(path)) if path.ends_with(token)), "{source:?}");
    }
    let (config, _pod) = load("mutual-tls");
    let mutual = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", "secrets/kafka-ca/ca.pem"),
        ("ssl.certificate.location", "secrets/kafka-client/user.crt"),
        ("ssl.key.location", "secrets/kafka-client/user.key"),
        ("ssl.key.password", "file secrets/kafka-client/user.password"),
    ];
    assert_eq!(properties(&config), expected(&mutual));
}

#[test]
fn registry_and_lanes_take_their_secrets_from_the_folders_that_are_mounted() {
    let (config, _pod) = load("sasl-scram");
    let Some(RegistryAuth::Basic { user, password }) = config.registry.unwrap().auth else { panic!("basic") };
    assert_eq!(user, "pinrelay");
    assert!(matches!(&password.source, SecretSource::File(path) if path.ends_with("secrets/registry/password")));
    let (config, _pod) = load("sasl-plain");
    assert!(matches!(config.registry.unwrap().auth, Some(RegistryAuth::Bearer(_))));
    let (config, _pod) = load("lanes");
    for (lane, file) in config.lanes.iter().zip(["lane-EU.main/eu", "lane-us_main/us", "lane-trial/token"]) {
        assert!(
            matches!(&lane.token.source, SecretSource::File(path) if path.ends_with(file)),
            "{:?}",
            lane.token.source
        );
    }
}

#[test]
fn numbers_of_any_size_and_schemas_of_any_place_arrive() {
    let (config, _pod) = load("sasl-scram");
    assert_eq!(config.pipeline.window_keys, 20_000_000);
    let (config, pod) = load("custom-schemas");
    let feed = &config.feeds[0];
    assert_eq!(feed.schema, pod.folder.path().join("etc/pinrelay/schemas/receipt.avsc"));
    assert_eq!(config.feeds[1].references, [pod.folder.path().join("etc/pinrelay/schemas/money.avsc")]);
    assert_eq!(feed.constants["custom_data.num_items"], "1");
    let Framing::SingleObject { writer_schemas } = &feed.framing else { panic!("single_object") };
    assert_eq!(writer_schemas.len(), 2);
}

#[test]
fn the_processes_that_divide_the_budget_of_calls_are_those_that_the_chart_makes() {
    for (name, processes) in [("minimal", 2), ("sasl-scram", 3), ("bare", 1), ("monitored", 6)] {
        let (config, _pod) = load(name);
        assert_eq!(config.pipeline.processes, processes, "{name}");
    }
}

#[test]
fn a_stop_keeps_the_partitions_unless_processes_come_and_go() {
    for (name, arguments, on_stop) in [
        ("minimal", &[][..], OnStop::Stay),
        ("monitored", &[], OnStop::Leave),
        ("minimal", &["--set", "kafka.onStop=leave"], OnStop::Leave),
        ("monitored", &["--set", "kafka.onStop=stay"], OnStop::Stay),
    ] {
        let pod = Pod::of(&Rendered::with(&value_set(name), arguments), 0);
        pod.fill_secrets();
        let found = pod.load().expect("it is valid").kafka.on_stop;
        assert_eq!(found, on_stop, "{name} {arguments:?}");
    }
}

#[test]
fn a_collector_of_telemetry_is_told() {
    let (config, _pod) = load("monitored");
    assert!(config.telemetry.is_some());
    let (config, _pod) = load("minimal");
    assert!(config.telemetry.is_none());
}

#[test]
fn what_the_chart_has_no_value_for_is_laid_over_the_file() {
    let arguments = ["--set", "extraConfig.pipeline.span=50000", "--set", "extraConfig.kafka.restore_patience=20m"];
    let pod = Pod::of(&Rendered::with(&value_set("minimal"), &arguments), 0);
    pod.fill_secrets();
    let config = pod.load().unwrap();
    assert_eq!((config.pipeline.span, config.kafka.restore_patience.as_secs()), (50_000, 1_200));
}

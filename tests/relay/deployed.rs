//! What the chart renders, run: the image with the pod's command line, environment, mounts and rights, against a broker.
//!
//! The test does what Kubernetes does between a manifest and a process: it lays out configuration and secrets as folders,
//! resolves fields and references in variables, and passes the security context on. Containers share this machine's
//! network, so each pod has an admin port of its own instead of an address of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use pinrelay::commands::demo::scenario::DemoFeed;
use pinrelay::kafka::audit;
use pinrelay::pinterest::sandbox::{Fault, Stage, When};
use rdkafka::Message;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::desk::{AD_ACCOUNT, TOKEN};
use super::helm::{NAMESPACE, Rendered, container, items, root};
use super::process::{run, text};
use super::shop::{PATIENCE, Shop, Terms};
use super::support::{Broker, Reaper, free_port};

/// Between two looks at a probe.
const AGAIN: Duration = Duration::from_millis(20);

/// The image around the binary under test, built once, and what removes it when the tests have ended.
static IMAGE: LazyLock<(String, Reaper)> = LazyLock::new(|| {
    let tag = format!("pinrelay-test:{}", std::process::id());
    let reaper = Reaper::watch_image(&tag);
    let mut build = Command::new(root().join("scripts/image"));
    let output = build.args(["--binary", env!("CARGO_BIN_EXE_pinrelay"), &tag]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (tag, reaper)
});

fn image_tag() -> &'static str {
    &IMAGE.0
}

/// Values of a release that relays the shop's feeds.
fn values(shop: &Shop<'_>, admin_port: u16) -> String {
    let feeds = DemoFeed::ALL.map(|feed| {
        let (name, topic) = (feed.name(), shop.topic(feed));
        format!(
            "  - {{name: {name}, topic: {topic}, schema: /usr/share/pinrelay/schemas/{name}.avsc, \
             framing: single_object, lane: main, phone_region: US}}\n"
        )
    });
    format!(
        "kafka: {{bootstrap: [\"{bootstrap}\"], groupId: {name}, properties: {{reconnect.backoff.max.ms: 250}}}}\n\
         audit: {{topic: {audit}}}\n\
         admin: {{port: {admin_port}}}\n\
         topics: {{replication: 1, auditPartitions: 4}}\n\
         replicaCount: 3\n\
         image: {{repository: pinrelay-test, tag: \"{tag}\"}}\n\
         lanes: [{{name: main, ad_account_id: \"{AD_ACCOUNT}\", base_url: \"{url}\", batch_events: 200, \
         tokenSecret: {{secretName: pinterest, key: token}}}}]\n\
         feeds:\n{feeds}",
        bootstrap = shop.broker.bootstrap(),
        name = shop.name,
        audit = shop.audit_topic(),
        tag = image_tag().split(':').nth(1).unwrap(),
        url = shop.desk.base_url(),
        feeds = feeds.concat(),
    )
}

fn render(shop: &Shop<'_>, admin_port: u16) -> Rendered {
    let file = shop.folder().join(format!("values-{admin_port}.yaml"));
    fs::write(&file, values(shop, admin_port)).unwrap();
    Rendered::of(&file)
}

/// A pod as a container of the engine; killed and removed when it is dropped.
struct Pod {
    name: String,
    _mounts: TempDir,
    _reaper: Reaper,
}

impl Pod {
    /// Starts it as the kubelet would. `name` is the pod's.
    fn start(rendered: &Rendered, spec: &Value, name: &str) -> Self {
        let mounts = tempfile::tempdir().unwrap();
        let unique = format!("{name}-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let reaper = Reaper::watch(&unique);
        let container = container(spec);
        let mut docker = Command::new("docker");
        docker.args(["run", "--detach", "--network", "host", "--name", &unique]);
        for (key, value) in environment(container, name) {
            docker.args(["--env", &format!("{key}={value}")]);
        }
        for mount in items(&container["volumeMounts"]) {
            let volume = items(&spec["volumes"]).iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            let folder = mounts.path().join(volume["name"].as_str().unwrap());
            fill(&folder, volume, rendered);
            assert_eq!(mount["readOnly"], true);
            docker.args(["--volume", &format!("{}:{}:ro", folder.display(), mount["mountPath"].as_str().unwrap())]);
        }
        docker.args(rights(&spec["securityContext"], &container["securityContext"]));
        docker.args(["--memory", &container["resources"]["limits"]["memory"].as_str().unwrap().replace("Gi", "g")]);
        docker.arg(container["image"].as_str().unwrap());
        docker.args(items(&container["args"]).iter().map(|argument| argument.as_str().unwrap()));
        let output = docker.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        Self { name: unique, _mounts: mounts, _reaper: reaper }
    }

    /// SIGTERM, then SIGKILL after the pod's grace; the exit code.
    async fn stop(&self, spec: &Value) -> i64 {
        let grace = spec["terminationGracePeriodSeconds"].to_string();
        docker(&["stop", "--time", &grace, &self.name]).await;
        self.ended().await
    }

    /// Waits for its end; the exit code.
    async fn ended(&self) -> i64 {
        docker(&["wait", &self.name]).await.trim().parse().unwrap()
    }

    async fn logs(&self) -> String {
        docker(&["logs", &self.name]).await
    }

    /// Returns when the readiness probe of the manifest succeeds, as the kubelet asks it.
    async fn becomes_ready(&self, container: &Value) {
        let port =
            items(&container["ports"]).iter().find(|port| port["name"] == "admin").unwrap()["containerPort"].clone();
        let url = |probe: &str| {
            let path = container[probe]["httpGet"]["path"].as_str().unwrap();
            format!("http://127.0.0.1:{port}{path}")
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = reqwest::get(url("readinessProbe")).await.is_ok_and(|answer| answer.status() == 200);
            if ready {
                break;
            }
            let log = if deadline < Instant::now() { self.logs().await } else { String::new() };
            assert!(Instant::now() < deadline, "{} is not ready: {log}", self.name);
            sleep(AGAIN).await;
        }
        assert_eq!(reqwest::get(url("livenessProbe")).await.unwrap().status(), 200);
    }
}

async fn docker(arguments: &[&str]) -> String {
    let mut command = Command::new("docker");
    command.args(arguments);
    let output = run(command).await;
    assert!(output.status.success(), "docker {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

/// Variables in the order of the manifest: fields of the pod, and `$(NAME)` of earlier ones.
fn environment(container: &Value, pod: &str) -> Vec<(String, String)> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let variables = items(&container["env"]).iter().map(|variable| {
        let name = variable["name"].as_str().unwrap().to_owned();
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("metadata.name") => pod.to_owned(),
            Some("metadata.namespace") => NAMESPACE.to_owned(),
            Some(other) => panic!("the field {other}"),
            None => known.iter().fold(variable["value"].as_str().unwrap().to_owned(), |value, (name, of_name)| {
                value.replace(&format!("$({name})"), of_name)
            }),
        };
        known.insert(name.clone(), value.clone());
        (name, value)
    });
    variables.collect()
}

/// What a volume holds, under `folder`.
fn fill(folder: &Path, volume: &Value, rendered: &Rendered) {
    fs::create_dir(folder).unwrap();
    if let Some(map) = volume["configMap"]["name"].as_str() {
        let map = rendered.named("ConfigMap", map);
        for (name, text) in map["data"].as_object().unwrap() {
            fs::write(folder.join(name), text.as_str().unwrap()).unwrap();
        }
    } else {
        assert_eq!(volume["secret"]["secretName"], "pinterest");
        fs::write(folder.join("token"), TOKEN).unwrap();
    }
}

/// The security contexts, in the engine's words.
fn rights(pod: &Value, container: &Value) -> Vec<String> {
    let mut rights = vec![format!("--user={}:{}", pod["runAsUser"], pod["runAsGroup"])];
    assert_eq!(container["readOnlyRootFilesystem"], true);
    rights.push("--read-only".to_owned());
    assert_eq!(container["allowPrivilegeEscalation"], false);
    rights.push("--security-opt=no-new-privileges".to_owned());
    let dropped = items(&container["capabilities"]["drop"]).iter();
    rights.extend(dropped.map(|capability| format!("--cap-drop={}", capability.as_str().unwrap())));
    rights
}

/// The input topics, and by the chart's hook the others.
async fn make_topics(shop: &Shop<'_>, rendered: &Rendered) {
    shop.create_inputs().await;
    let hook = Pod::start(rendered, &rendered.only("Job")["spec"]["template"]["spec"], "rel-pinrelay-topics");
    assert_eq!(hook.ended().await, 0, "{}", hook.logs().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_image_says_its_version_and_explains_a_record_without_a_shell_and_without_rights() {
    let restricted = ["--rm", "--read-only", "--user=65532", "--cap-drop=ALL", "--network=none"];
    let run = |arguments: &'static [&'static str]| async move {
        docker(&[&["run"], &restricted[..], &[image_tag()], arguments].concat()).await
    };
    assert_eq!(run(&["--version"]).await.trim(), format!("pinrelay {}", env!("CARGO_PKG_VERSION")));
    let checked = run(&["schema", "check", "/usr/share/pinrelay/schemas/order.avsc"]).await;
    assert_eq!(checked.trim(), "/usr/share/pinrelay/schemas/order.avsc: maps");
    let inspected = docker(&["image", "inspect", image_tag()]).await;
    let [image] = serde_json::from_str::<Vec<Value>>(&inspected).unwrap().try_into().unwrap();
    let config = &image["Config"];
    assert_eq!(config["User"], "65532:65532");
    for (label, expected) in [("title", "pinrelay"), ("version", env!("CARGO_PKG_VERSION")), ("licenses", "Apache-2.0")]
    {
        assert_eq!(config["Labels"][format!("org.opencontainers.image.{label}")], expected);
    }
    let asks = ["CMD", "/usr/local/bin/pinrelay", "health", "--config", "/etc/pinrelay/config/pinrelay.yaml"];
    assert_eq!(config["Healthcheck"]["Test"], serde_json::json!(asks));
    // Nothing in it runs a command for somebody else.
    let shell = Command::new("docker").args(["run", "--rm", "--entrypoint", "/bin/sh", image_tag()]).output().unwrap();
    assert_eq!(shell.status.code(), Some(127));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rendered_hook_and_the_rendered_pod_run_as_they_are_and_deliver() {
    let mut shop = Shop::without_topics(Broker::shared().await, "deployed", 91, Terms::default()).await;
    let rendered = render(&shop, free_port());
    make_topics(&shop, &rendered).await;

    let spec = &rendered.pod()["spec"];
    let pod = Pod::start(&rendered, spec, "rel-pinrelay-0");
    pod.becomes_ready(container(spec)).await;
    // The image's own check of its health, in the running container.
    docker(&["exec", &pod.name, "/usr/local/bin/pinrelay", "health", "--config", "/etc/pinrelay/config/pinrelay.yaml"])
        .await;
    shop.sell(2_000).await;
    shop.settled().await;
    assert_eq!(pod.stop(spec).await, 0, "{}", pod.logs().await);
    let log = pod.logs().await;
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "lines are JSON: {log}");
    Account::of(&shop).await.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_three_pods_under_load_leaves_no_doubt_and_posts_nothing_twice() {
    let mut shop = Shop::without_topics(Broker::shared().await, "rolling", 92, Terms::default()).await;
    shop.desk.faults([(When::Always, Fault::Delay { ms: 20, spread_ms: 0, at: Stage::AfterTaking })]);
    let releases: Vec<_> = (0..3).map(|_| render(&shop, free_port())).collect();
    make_topics(&shop, &releases[0]).await;
    let start = |ordinal: usize| {
        Pod::start(&releases[ordinal], &releases[ordinal].pod()["spec"], &format!("rel-pinrelay-{ordinal}"))
    };
    let mut pods: Vec<Pod> = (0..3).map(start).collect();
    for (pod, release) in pods.iter().zip(&releases) {
        pod.becomes_ready(container(&release.pod()["spec"])).await;
    }

    // As the controller of a StatefulSet does it: the highest ordinal first, the next one when that is ready.
    let restarts = async {
        for ordinal in [2, 1, 0] {
            let spec = &releases[ordinal].pod()["spec"];
            assert_eq!(pods[ordinal].stop(spec).await, 0, "{}", pods[ordinal].logs().await);
            pods[ordinal] = start(ordinal);
            pods[ordinal].becomes_ready(container(spec)).await;
        }
        pods
    };
    tokio::pin!(restarts);
    // Records come all the time, and for a while after the last restart.
    let pods = loop {
        shop.sell(300).await;
        tokio::select! {
            pods = &mut restarts => break pods,
            () = sleep(Duration::from_millis(100)) => {}
        }
    };
    shop.sell(1_000).await;
    shop.settled().await;
    for (pod, release) in pods.iter().zip(&releases) {
        assert_eq!(pod.stop(&release.pod()["spec"]).await, 0);
    }
    Account::of(&shop).await.assert_calm();
    assert_eq!(shop.desk.posted_again(), [].into(), "an id was posted twice");
    let longest = longest_stall(&shop).await;
    println!(
        "measured: {} records through a rolling restart of three processes; the longest stall of a partition: {:.1} s",
        shop.planned.len(),
        longest.as_secs_f64()
    );
    assert!(1_000 + 3 * 300 <= shop.planned.len(), "too little load to show anything");
}

/// The longest time between two rows of one input partition that follow each other. Records come several times a second.
async fn longest_stall(shop: &Shop<'_>) -> Duration {
    let mut rows: BTreeMap<(String, i32), Vec<i64>> = BTreeMap::new();
    for message in shop.broker.read_all(&shop.audit_topic()).await {
        let row = audit::read(message.payload().unwrap()).unwrap();
        let partition = (row.feed.to_owned(), row.source_partition);
        rows.entry(partition).or_default().push(message.timestamp().to_millis().unwrap());
    }
    let gaps = rows.into_values().flat_map(|mut times| {
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    });
    Duration::from_millis(gaps.max().unwrap().unsigned_abs())
}

//! What Helm renders is what Kubernetes takes, and holds what a platform team asks for.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::helm::{self, Rendered, container, items, value_set, value_sets};

/// Kubernetes' versions whose schemas judge the resources: the oldest that the chart takes, the newest, and between.
const VERSIONS: [&str; 5] = ["1.25", "1.28", "1.31", "1.34", "1.37"];

#[test]
fn helm_lint_finds_nothing_in_any_set_of_values() {
    for values in value_sets() {
        let mut lint = helm::tool("helm");
        lint.args(["lint", "--strict"]).arg(helm::chart()).arg("--values").arg(&values);
        let output = helm::output(lint);
        assert!(output.status.success(), "{}: {}", values.display(), helm::text(&output.stdout));
    }
}

#[test]
fn every_version_of_kubernetes_takes_what_every_set_of_values_renders() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for values in value_sets() {
        let file = folder.path().join(values.file_name().unwrap());
        fs::write(&file, helm::rendered_text(&values, &[])).unwrap();
        files.push(file);
    }
    for version in VERSIONS {
        let mut validate = helm::tool("kubernetes-validate");
        validate.args(["--kubernetes-version", version, "--strict", "--no-warn"]).args(&files);
        let output = helm::output(validate);
        let said = helm::text(&output.stdout) + &helm::text(&output.stderr);
        assert!(output.status.success(), "{version}: {said}");
        // It says so of each resource, so that a file which it did not read does not pass.
        assert!(files.len() * 5 < said.matches("passed for resource").count(), "{version}: {said}");
    }
}

#[test]
fn a_resource_that_kubernetes_does_not_know_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.yaml");
    fs::write(&file, helm::rendered_text(&value_set("minimal"), &[]).replace("podManagementPolicy", "podPolicy"))
        .unwrap();
    let mut validate = helm::tool("kubernetes-validate");
    validate.args(["--kubernetes-version", "1.31", "--strict"]).arg(&file);
    assert!(!helm::output(validate).status.success());
}

#[test]
fn nothing_that_needs_a_crd_is_made_unless_it_is_asked_for() {
    let built_in = ["v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1"];
    for values in value_sets() {
        let name = values.file_name().unwrap().to_str().unwrap();
        let rendered = Rendered::of(&values);
        let foreign = rendered.0.iter().filter(|r| !built_in.contains(&r["apiVersion"].as_str().unwrap()));
        let foreign: BTreeSet<_> = foreign.map(|r| r["kind"].as_str().unwrap()).collect();
        let asked: &[&str] = match name {
            "monitored-values.yaml" => &["PodMonitor", "PrometheusRule", "ScaledObject"],
            "service-monitor-values.yaml" => &["ServiceMonitor"],
            _ => &[],
        };
        assert_eq!(foreign.into_iter().collect::<Vec<_>>(), asked, "{name}");
    }
}

#[test]
fn the_least_values_make_these_resources_and_no_others() {
    let mut kinds = Rendered::of(&value_set("minimal")).kinds().iter().map(ToString::to_string).collect::<Vec<_>>();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "ConfigMap",
            "ConfigMap",
            "Job",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "Service",
            "ServiceAccount",
            "StatefulSet"
        ]
    );
    let mut bare = Rendered::of(&value_set("bare")).kinds().iter().map(ToString::to_string).collect::<Vec<_>>();
    bare.sort();
    assert_eq!(bare, ["ConfigMap", "Service", "StatefulSet"]);
}

#[test]
fn identities_hold_namespace_release_and_ordinal_and_need_no_storage() {
    let rendered = Rendered::of(&value_set("minimal"));
    let set = rendered.only("StatefulSet");
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
    assert_eq!(set["spec"]["volumeClaimTemplates"], Value::Null);
    assert_eq!(set["spec"]["serviceName"], rendered.only("Service")["metadata"]["name"]);
    assert_eq!(rendered.only("Service")["spec"]["clusterIP"], "None");
    // A StatefulSet's pod is named by the set and its ordinal, and the set by the release.
    assert_eq!(set["metadata"]["name"], "rel-pinrelay");
    let env = items(&container(&rendered.pod()["spec"])["env"]);
    let of = |name: &str| env.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(of("POD_NAME")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
    assert_eq!(of("POD_NAMESPACE")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.namespace");
    assert_eq!(of("PINRELAY_INSTANCE")["value"], "$(POD_NAMESPACE).$(POD_NAME)");
}

/// Kubernetes never updates what is mounted by `subPath`.
#[test]
fn secrets_and_schemas_are_mounted_as_whole_folders_and_never_as_single_files() {
    for values in value_sets() {
        for pod in Rendered::of(&values).pods() {
            let mounts = items(&container(pod)["volumeMounts"]);
            for mount in mounts {
                assert_eq!(mount["subPath"], Value::Null, "{}: {mount}", values.display());
            }
            let volumes = items(&pod["volumes"]).iter().map(|volume| &volume["name"]).collect::<Vec<_>>();
            let mounted = mounts.iter().map(|mount| &mount["name"]).collect::<Vec<_>>();
            assert_eq!(volumes, mounted, "{}", values.display());
            let distinct: BTreeSet<_> = volumes.iter().map(ToString::to_string).collect();
            assert_eq!(distinct.len(), volumes.len(), "{}: two volumes have one name", values.display());
        }
    }
}

#[test]
fn secrets_exist_already_and_none_stands_in_the_release() {
    let rendered = Rendered::of(&value_set("sasl-scram"));
    assert!(rendered.kind("Secret").is_empty());
    let volumes = items(&rendered.pod()["spec"]["volumes"]);
    let secrets: Vec<_> = volumes.iter().filter_map(|volume| volume["secret"]["secretName"].as_str()).collect();
    assert_eq!(secrets, ["kafka-cluster-ca", "kafka-user", "pinterest", "registry"]);
}

/// A token that Kubernetes renews must be its own file in a folder, and the hook's must be of the same account.
#[test]
fn a_token_for_the_brokers_is_of_the_account_of_the_pods_and_for_nobody_else() {
    let rendered = Rendered::of(&value_set("service-account-token"));
    for pod in rendered.pods() {
        assert_eq!(pod["serviceAccountName"], "relay");
        let volumes = items(&pod["volumes"]).iter();
        let tokens: Vec<_> = volumes.filter(|volume| volume["projected"].is_object()).collect();
        let [token] = tokens[..] else { panic!("{tokens:?}") };
        let source = json!({"audience": "kafka", "expirationSeconds": 1200, "path": "token"});
        assert_eq!(token["projected"]["sources"], json!([{ "serviceAccountToken": source }]));
    }
    assert_eq!(rendered.pods().len(), 2, "the process and the hook");
}

#[test]
fn a_changed_configuration_rolls_the_pods_and_a_changed_label_does_not() {
    let checksum = |arguments: &[&str]| {
        let rendered = Rendered::with(&value_set("custom-schemas"), arguments);
        rendered.pod()["metadata"]["annotations"]["checksum/config"].as_str().unwrap().to_owned()
    };
    let before = checksum(&[]);
    assert_ne!(before, checksum(&["--set", "pipeline.window=24h"]));
    assert_ne!(before, checksum(&["--set", "schemas.files.receipt\\.avsc=changed"]));
    assert_eq!(before, checksum(&["--set", "podLabels.team=data", "--set", "topics.auditDays=30"]));
}

#[test]
fn the_hook_makes_topics_before_the_pods_start_with_the_configuration_that_they_get() {
    let rendered = Rendered::of(&value_set("custom-schemas"));
    let job = rendered.only("Job");
    let annotation =
        |resource: &Value, name: &str| resource["metadata"]["annotations"][name].as_str().unwrap().to_owned();
    assert_eq!(annotation(job, "helm.sh/hook"), "pre-install,pre-upgrade");
    let arguments = &container(&job["spec"]["template"]["spec"])["args"];
    assert!(items(arguments).contains(&json!("topics")) && items(arguments).contains(&json!("--apply")), "{arguments}");
    let (own, copy) = (rendered.named("ConfigMap", "rel-pinrelay"), rendered.named("ConfigMap", "rel-pinrelay-topics"));
    assert_eq!(own["data"], copy["data"]);
    let weight = |resource| annotation(resource, "helm.sh/hook-weight").parse::<i32>().unwrap();
    for map in ["rel-pinrelay-topics", "rel-pinrelay-schemas-topics"] {
        assert!(weight(rendered.named("ConfigMap", map)) < weight(job), "{map} must be there before the Job");
    }
    // What is no hook does not exist yet when the Job runs.
    let hooks = rendered.0.iter().filter(|r| r["metadata"]["annotations"]["helm.sh/hook"].is_string());
    let hooks: Vec<_> = hooks.map(|resource| resource["metadata"]["name"].clone()).collect();
    for volume in items(&job["spec"]["template"]["spec"]["volumes"]) {
        let map = &volume["configMap"]["name"];
        assert!(map.is_null() || hooks.contains(map), "{map} does not exist yet");
    }
    assert_eq!(job["spec"]["template"]["spec"]["serviceAccountName"], "default");
}

#[test]
fn probes_ask_whether_the_loop_turns_and_whether_partitions_are_restored() {
    let rendered = Rendered::of(&value_set("minimal"));
    let container = container(&rendered.pod()["spec"]).clone();
    assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/livez", "port": "admin"}));
    assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "admin"}));
    assert_eq!(container["ports"], json!([{"name": "admin", "containerPort": 9600}]));
    let config = rendered.named("ConfigMap", "rel-pinrelay")["data"]["pinrelay.yaml"].as_str().unwrap().to_owned();
    assert!(config.contains("listen: '[::]:9600'"), "{config}");
}

#[test]
fn one_process_is_away_at_a_time_and_replicas_are_spread() {
    let rendered = Rendered::of(&value_set("minimal"));
    assert_eq!(rendered.only("PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    let labels = &rendered.only("StatefulSet")["spec"]["selector"]["matchLabels"];
    let spread = items(&rendered.pod()["spec"]["topologySpreadConstraints"]);
    let keys: Vec<_> = spread.iter().map(|one| one["topologyKey"].as_str().unwrap()).collect();
    assert_eq!(keys, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
    for one in spread {
        assert_eq!(&one["labelSelector"]["matchLabels"], labels);
    }
    for (resource, selector) in [("PodDisruptionBudget", "/spec/selector/matchLabels"), ("Service", "/spec/selector")] {
        assert_eq!(rendered.only(resource).pointer(selector).unwrap(), labels, "{resource}");
    }
}

#[test]
fn traffic_goes_to_name_service_brokers_registry_and_pinterest_alone() {
    let ports = |name: &str| {
        let rendered = Rendered::of(&value_set(name));
        let egress = items(&rendered.only("NetworkPolicy")["spec"]["egress"]).to_vec();
        let ports = egress.iter().flat_map(|rule| items(&rule["ports"]).to_vec());
        ports.map(|port| format!("{}/{}", port["port"], port["protocol"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(ports("minimal"), ["53/UDP", "53/TCP", "443/TCP", "9092/TCP"]);
    assert_eq!(ports("sasl-scram"), ["53/UDP", "53/TCP", "443/TCP", "8443/TCP", "9094/TCP", "9095/TCP"]);
    assert_eq!(ports("lanes"), ["53/UDP", "53/TCP", "443/TCP", "8443/TCP", "9092/TCP"]);
    assert_eq!(ports("placement"), ["53/UDP", "53/TCP", "443/TCP", "9092/TCP", "9192/TCP", "3128/TCP"]);
}

#[test]
fn the_network_policy_covers_the_pods_of_the_release_and_of_its_hook() {
    let rendered = Rendered::of(&value_set("minimal"));
    let selector = &rendered.only("NetworkPolicy")["spec"]["podSelector"];
    let names = items(&selector["matchExpressions"][0]["values"]);
    for pod in [rendered.pod(), &rendered.only("Job")["spec"]["template"]] {
        let labels = &pod["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/instance"], selector["matchLabels"]["app.kubernetes.io/instance"]);
        assert!(names.contains(&labels["app.kubernetes.io/name"]), "{labels}");
    }
    // A Job's pod must not be taken for one of the StatefulSet's.
    let of_set = &rendered.only("StatefulSet")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"];
    assert_ne!(&rendered.only("Job")["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"], of_set);
}

#[test]
fn every_way_out_of_the_charts_own_ideas_arrives() {
    let rendered = Rendered::of(&value_set("placement"));
    let set = rendered.only("StatefulSet");
    let (metadata, pod) = (&rendered.pod()["metadata"], &rendered.pod()["spec"]);
    for (place, expected) in [
        (&set["metadata"]["name"], json!("conversions")),
        (&set["metadata"]["annotations"]["owner"], json!("data@example.com")),
        (&set["metadata"]["labels"]["team"], json!("data")),
        (&set["spec"]["updateStrategy"]["rollingUpdate"]["partition"], json!(1)),
        (&metadata["labels"]["mesh"], json!("off")),
        (&metadata["annotations"]["example.com/scrape"], json!("true")),
        (&pod["serviceAccountName"], json!("shared")),
        (&pod["nodeSelector"]["kubernetes.io/arch"], json!("arm64")),
        (&pod["tolerations"][0]["key"], json!("streams")),
        (&pod["priorityClassName"], json!("important")),
        (&pod["runtimeClassName"], json!("sandboxed")),
        (&pod["dnsPolicy"], json!("ClusterFirst")),
        (&pod["dnsConfig"]["options"][0]["name"], json!("ndots")),
        (&pod["hostAliases"][0]["ip"], json!("10.0.0.7")),
        (&pod["terminationGracePeriodSeconds"], json!(120)),
        (&pod["initContainers"][0]["name"], json!("wait")),
        (&pod["containers"][1]["name"], json!("proxy")),
        (&container(pod)["envFrom"][0]["configMapRef"]["name"], json!("proxies")),
    ] {
        assert_eq!(*place, expected);
    }
    assert!(items(&container(pod)["env"]).iter().any(|variable| variable["name"] == "HTTPS_PROXY"));
    assert!(items(&container(pod)["volumeMounts"]).iter().any(|mount| mount["mountPath"] == "/tmp"));
    assert_eq!(rendered.named("ConfigMap", "conversions-extra")["data"]["release"], helm::RELEASE);
    rendered.named("ConfigMap", "more");
    let image = Rendered::of(&value_set("mutual-tls"));
    let image = &container(&image.pod()["spec"])["image"];
    assert!(image.as_str().unwrap().starts_with("registry.example.com/pinrelay@sha256:"), "{image}");
}

#[test]
fn a_monitor_finds_the_admin_port_of_the_releases_pods() {
    let rendered = Rendered::of(&value_set("monitored"));
    let monitor = rendered.only("PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(
        monitor["spec"]["podMetricsEndpoints"],
        json!([{"port": "admin", "path": "/metrics", "interval": "15s"}])
    );
    assert_eq!(monitor["spec"]["selector"], rendered.only("StatefulSet")["spec"]["selector"]);
    let rendered = Rendered::of(&value_set("service-monitor"));
    assert_eq!(rendered.only("ServiceMonitor")["spec"]["endpoints"][0]["port"], "admin");
}

/// Values that contradict each other, and a word of what Helm says then.
#[test]
fn values_that_cannot_work_are_refused_with_the_reason() {
    for (set, arguments, reason) in [
        ("minimal", &["--set", "terminationGracePeriodSeconds=30"][..], "SIGKILL would come into the last transaction"),
        ("minimal", &["--set", "kafka.settings.drain_deadline=45s"], "must be longer than drain_deadline"),
        ("minimal", &["--set", "extraConfig.kafka.termination_grace=10m"], "of terminationGracePeriodSeconds"),
        ("minimal", &["--set", "extraConfig.kafka.drain_deadline=50s"], "of kafka.settings.drain_deadline"),
        ("minimal", &["--set", "extraConfig.kafka.group_id=other"], "of kafka.groupId"),
        ("minimal", &["--set", "extraConfig.kafka.instance_id=a"], "of the pod's name"),
        ("minimal", &["--set", "extraConfig.admin.listen=0.0.0.0:1"], "of admin.port"),
        ("minimal", &["--set-json", "extraConfig.lanes=[]"], "of lanes"),
        ("minimal", &["--set", "inputPartitions=1"], "a process without a partition has no work"),
        ("monitored", &["--set", "serviceMonitor.enabled=true"], "scrape everything twice"),
        ("custom-schemas", &["--set", "schemas.existingConfigMap=x"], "exclude each other"),
        ("sasl-plain", &["--set", "kafka.sasl.secretName="], "kafka.sasl.secretName is needed"),
        ("sasl-oauth", &["--set", "kafka.sasl.secretName="], "kafka.sasl.secretName is needed"),
        ("service-account-token", &["--set", "kafka.sasl.secretName=x"], "exclude each other"),
        ("service-account-token", &["--set", "serviceAccount.create=true"], "exists before the hook that makes topics"),
        ("sasl-plain", &["--set", "registry.auth.secretName="], "registry.auth.secretName is needed"),
        ("minimal", &["--set", "keda.enabled=true"], "keda.enabled needs inputPartitions"),
        ("monitored", &["--set", "keda.serverAddress="], "keda.enabled needs keda.serverAddress"),
        (
            "monitored",
            &["--set", "keda.enabled=true,keda.serverAddress=http://p,keda.maxReplicas=13"],
            "at most inputPartitions",
        ),
        ("minimal", &["--set", "kafka.bootstrap=null"], "bootstrap"),
        ("minimal", &["--set", "lanes=null"], "lanes"),
        ("minimal", &["--set", "lanes[0].ad_account_id=549755885175"], "ad_account_id"),
        ("minimal", &["--set", "lanes[0].token=secret"], "token"),
        ("minimal", &["--set", "kafka.sasl.mechanism=GSSAPI"], "mechanism"),
        ("minimal", &["--set", "replicas=3"], "replicas"),
    ] {
        let output = helm::template(&value_set(set), arguments);
        let said = helm::text(&output.stderr);
        assert!(!output.status.success(), "{arguments:?} is taken");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
}

//! Alarms and dashboard: Prometheus takes them, each alarm fires when it should, has its page, and every metric exists.
//!
//! `files/alerts.yaml` is the one source: the plain rules file is that file, and the chart's `PrometheusRule` is made of
//! it, for the pods of one release. `alerts_test.yaml` holds the histories that `promtool` plays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use super::helm::{self, Rendered, chart, items, root, value_set, yaml};

/// What the operator's labels say of the pods of the release that the tests render, and of no others.
const PODS: &str = r#"namespace="conv",pod=~"rel-pinrelay-[0-9]+""#;

fn rules() -> Vec<Value> {
    let [source] = yaml::documents(&fs::read_to_string(chart().join("files/alerts.yaml")).unwrap()).try_into().unwrap();
    let groups = items(&source["groups"]).iter();
    groups.flat_map(|group| items(&group["rules"]).to_vec()).collect()
}

fn name(rule: &Value) -> &str {
    rule["alert"].as_str().expect("every rule is an alarm")
}

#[test]
fn prometheus_takes_the_rules_and_each_alarm_fires_in_its_history() {
    promtool(["check", "rules", "helm/pinrelay/files/alerts.yaml"]);
    promtool(["test", "rules", "tests/chart/alerts_test.yaml"]);
}

fn promtool<const N: usize>(arguments: [&str; N]) {
    let mut promtool = helm::tool("promtool");
    promtool.args(arguments).current_dir(root());
    let output = helm::output(promtool);
    let said = helm::text(&output.stdout) + &helm::text(&output.stderr);
    assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
}

/// Plays a history before rules that the chart made. All that is written is JSON, which is YAML.
fn play(rule: &Value, history: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let (rules, tests) = (folder.path().join("rules.yaml"), folder.path().join("tests.yaml"));
    fs::write(&rules, rule["spec"].to_string()).unwrap();
    let tested = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": [history]});
    fs::write(&tests, tested.to_string()).unwrap();
    promtool(["test", "rules", tests.to_str().unwrap()]);
}

/// The histories themselves: that none of the alarms was forgotten in them.
#[test]
fn each_alarm_has_a_history_in_which_it_fires_and_is_silent_in_the_calm_ones() {
    let [tests] =
        yaml::documents(&fs::read_to_string(root().join("tests/chart/alerts_test.yaml")).unwrap()).try_into().unwrap();
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for test in items(&tests["tests"]) {
        for expected in items(&test["alert_rule_test"]) {
            let alarm = expected["alertname"].as_str().unwrap();
            if items(&expected["exp_alerts"]).is_empty() {
                silent.entry(test["name"].as_str().unwrap()).or_default().insert(alarm);
            } else {
                fires.insert(alarm);
            }
        }
    }
    let rules = rules();
    let all: BTreeSet<_> = rules.iter().map(name).collect();
    assert_eq!(fires, all);
    assert_eq!(silent["calm"], all);
    assert_eq!(silent["nobody buys"], all);
}

#[test]
fn each_alarm_has_a_section_of_its_own_in_the_operations_guide() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for rule in rules() {
        let (alarm, annotations) = (name(&rule), &rule["annotations"]);
        assert_eq!(annotations["runbook"], format!("docs/operations.md#{}", alarm.to_lowercase()));
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{alarm}");
        let section =
            page.split(&format!("\n### {alarm}\n")).nth(1).unwrap_or_else(|| panic!("{alarm} has no section"));
        let section = section.split("\n#").next().unwrap();
        assert!(section.contains("**Means.**") && section.contains("**Do.**"), "{alarm}: {section}");
    }
    let sections = page.lines().filter_map(|line| line.strip_prefix("### Pinrelay")).count();
    assert_eq!(sections, rules().len(), "a section is of no alarm");
}

/// What kube-state-metrics says of pods, where a cluster has it.
const OF_KUBERNETES: [&str; 2] =
    ["kube_pod_container_status_last_terminated_exitcode", "kube_pod_container_status_restarts_total"];

/// Names of metrics in an expression: what Prometheus adds to a histogram's name is left out.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("pinrelay_") || word.starts_with("kube_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

fn assert_known(expression: &str) {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let found = metrics(expression);
    assert!(!found.is_empty(), "{expression}");
    for metric in found {
        let known = OF_KUBERNETES.contains(&metric.as_str()) || page.contains(&format!("| `{metric}` |"));
        assert!(known, "{metric} is no metric of docs/metrics.md");
    }
}

#[test]
fn every_metric_of_the_alarms_the_dashboard_and_the_scaling_exists() {
    for rule in rules() {
        assert_known(rule["expr"].as_str().unwrap());
    }
    let dashboard: Value = serde_json::from_slice(&fs::read(chart().join("files/dashboard.json")).unwrap()).unwrap();
    let panels = items(&dashboard["panels"]);
    assert!(12 <= panels.len(), "found {} panels", panels.len());
    for target in panels.iter().flat_map(|panel| items(&panel["targets"])) {
        assert_known(target["expr"].as_str().unwrap());
    }
    for trigger in items(&Rendered::of(&value_set("monitored")).only("ScaledObject")["spec"]["triggers"]) {
        assert_known(trigger["metadata"]["query"].as_str().unwrap());
    }
}

#[test]
fn the_prometheus_rule_holds_the_rules_of_the_file_but_those_left_out() {
    let rendered = Rendered::of(&value_set("monitored"));
    let rule = rendered.only("PrometheusRule");
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    let found = items(&rule["spec"]["groups"][0]["rules"]);
    let (own, made) = found.split_last().unwrap();
    assert_eq!(*own, json!({"alert": "OurOwn", "expr": "vector(1) > 2"}));
    let expected: Vec<_> = rules().into_iter().filter(|rule| name(rule) != "PinrelayAbsent").collect();
    assert_eq!(made.len(), expected.len());
    for (made, mut expected) in made.iter().zip(expected) {
        let expression = made["expr"].as_str().unwrap();
        let metrics = expression.matches("pinrelay_").count() + expression.matches("kube_pod_").count();
        assert_eq!(expression.matches(PODS).count(), metrics, "{expression}");
        let of_all = expression.replace(&format!("{PODS},"), "").replace(&format!("{{{PODS}}}"), "");
        assert_eq!(of_all, expected["expr"].as_str().unwrap());
        expected["expr"] = expression.into();
        expected["labels"]["release"] = helm::RELEASE.into();
        assert_eq!(*made, expected);
    }
}

#[test]
fn a_release_beside_another_one_has_its_own_alarms_and_scales_by_its_own_records() {
    let rendered = Rendered::with(&value_set("monitored"), &["--set-json", "prometheusRule.disabled=[]"]);
    let series = |metric: &str, pod: &str, labels: &str, values: &str| {
        let labels = format!("namespace=\"conv\",pod=\"{pod}\",instance=\"{pod}\"{labels}");
        json!({"series": format!("{metric}{{{labels}}}"), "values": values})
    };
    let (doubt, halted) = (",feed=\"order\",outcome=\"in_doubt\"", ",lane=\"main\",cause=\"unauthorized\"");
    let history = json!([
        series("pinrelay_build_info", "rel-pinrelay-0", "", "1x10 _x30"),
        series("pinrelay_build_info", "rel-pinrelay-2-0", "", "1x40"),
        series("pinrelay_records_total", "rel-pinrelay-0", doubt, "0x5 5x35"),
        series("pinrelay_records_total", "rel-pinrelay-2-0", doubt, "0x5 100x35"),
        series("pinrelay_lane_halted", "rel-pinrelay-0", halted, "0x30 1x10"),
        series("pinrelay_lane_halted", "rel-pinrelay-2-0", halted, "1x40"),
        series("pinrelay_records_behind", "rel-pinrelay-0", ",feed=\"order\",partition=\"0\"", "7x40"),
        series("pinrelay_records_behind", "rel-pinrelay-1", ",feed=\"order\",partition=\"1\"", "4x40"),
        series("pinrelay_records_behind", "rel-pinrelay-2-0", ",feed=\"order\",partition=\"0\"", "900000x40"),
        series("pinrelay_records_oldest_age_seconds", "rel-pinrelay-1", ",feed=\"order\",partition=\"1\"", "60x40"),
        series("pinrelay_records_oldest_age_seconds", "rel-pinrelay-2-0", ",feed=\"order\",partition=\"0\"", "9000x40"),
    ]);
    let alarm = |severity: &str, labels: Value, alarm: &str, summary: &str| {
        let mut all = json!({"severity": severity, "namespace": "conv", "release": "rel"});
        all.as_object_mut().unwrap().extend(labels.as_object().unwrap().clone());
        let runbook = format!("docs/operations.md#{}", alarm.to_lowercase());
        let fired = json!([{"exp_labels": all, "exp_annotations": {"summary": summary, "runbook": runbook}}]);
        json!({"eval_time": "25m", "alertname": alarm, "exp_alerts": fired})
    };
    let alarms = json!([
        alarm("critical", json!({}), "PinrelayAbsent", "no process of pinrelay is scraped"),
        alarm("warning", json!({"feed": "order"}), "PinrelayInDoubt", "5 records of order ended in doubt within the last hour"),
        {"eval_time": "25m", "alertname": "PinrelayLaneHalted", "exp_alerts": []},
        {"eval_time": "25m", "alertname": "PinrelayPartitionStuck", "exp_alerts": []},
    ]);
    let triggers = items(&rendered.only("ScaledObject")["spec"]["triggers"]);
    let query = |n: usize| triggers[n]["metadata"]["query"].as_str().unwrap();
    // While the lane is halted, more processes would not make anything younger.
    let answers = [(0, "20m", Some(11)), (0, "35m", Some(11)), (1, "20m", Some(60)), (1, "35m", None)];
    let answers = answers.map(|(trigger, at, value)| {
        let samples: Vec<_> = value.iter().map(|value| json!({"labels": "{}", "value": value})).collect();
        json!({"expr": query(trigger), "eval_time": at, "exp_samples": samples})
    });
    let history =
        json!({"interval": "1m", "input_series": history, "alert_rule_test": alarms, "promql_expr_test": answers});
    play(rendered.only("PrometheusRule"), &history);
}

#[test]
fn grafana_finds_the_dashboard_by_its_label() {
    let rendered = Rendered::of(&value_set("monitored"));
    let map = rendered.named("ConfigMap", "rel-pinrelay-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(map["metadata"]["annotations"]["folder"], "Marketing");
    let dashboard: Value = serde_json::from_str(map["data"]["pinrelay.json"].as_str().unwrap()).unwrap();
    assert_eq!(dashboard["title"], "pinrelay");
    assert!(
        Rendered::of(&value_set("minimal")).kind("ConfigMap").iter().all(|map| map["data"]["pinrelay.json"].is_null())
    );
}

/// What each query of the dashboard selects by. Where Prometheus knows no pods, both variables are empty.
const CHOSEN: &str = r#"namespace="$namespace",pod=~"$release(-[0-9]+)?""#;

#[test]
fn the_dashboard_shows_one_release_at_a_time() {
    let dashboard: Value = serde_json::from_slice(&fs::read(chart().join("files/dashboard.json")).unwrap()).unwrap();
    let [source, variables @ ..] = items(&dashboard["templating"]["list"]) else { panic!("no variables") };
    assert_eq!(source["type"], "datasource");
    for (variable, name) in variables.iter().zip(["namespace", "release"]) {
        assert_eq!(
            (&variable["name"], &variable["multi"], &variable["includeAll"]),
            (&json!(name), &json!(false), &json!(false))
        );
        assert_known(variable["query"]["query"].as_str().unwrap());
    }
    let targets = items(&dashboard["panels"]).iter().flat_map(|panel| items(&panel["targets"]));
    let expressions: Vec<&str> =
        targets.chain(items(&dashboard["annotations"]["list"])).map(|query| query["expr"].as_str().unwrap()).collect();
    for expression in &expressions {
        assert_eq!(expression.matches(CHOSEN).count(), expression.matches("pinrelay_").count(), "{expression}");
    }

    let shown = expressions.iter().find(|expression| expression.contains("pinrelay_records_behind")).unwrap();
    let series = |labels: &str, value: u64| {
        let labels = format!("{labels}feed=\"order\",partition=\"0\"");
        json!({"series": format!("pinrelay_records_behind{{{labels}}}"), "values": format!("{value}x2")})
    };
    let history = json!([
        series("namespace=\"conv\",pod=\"rel-pinrelay-0\",", 1),
        series("namespace=\"conv\",pod=\"rel-pinrelay-12\",", 2),
        series("namespace=\"conv\",pod=\"rel-pinrelay-2-0\",", 40),
        series("namespace=\"other\",pod=\"rel-pinrelay-0\",", 800),
        series("", 16_000),
    ]);
    let answers = [
        ("conv", "rel-pinrelay", 3),
        ("conv", "rel-pinrelay-2", 40),
        ("other", "rel-pinrelay", 800),
        // Without Kubernetes around it.
        ("", "", 16_000),
    ];
    let answers = answers.map(|(namespace, release, value)| {
        let query = shown.replace("$namespace", namespace).replace("$release", release);
        json!({"expr": query, "eval_time": "1m", "exp_samples": [{"labels": "{feed=\"order\"}", "value": value}]})
    });
    let nothing = json!({"spec": {"groups": []}});
    play(&nothing, &json!({"interval": "1m", "input_series": history, "promql_expr_test": answers}));
}

#[test]
fn keda_scales_by_our_own_metrics_within_the_partitions_and_down_slowly() {
    let rendered = Rendered::of(&value_set("monitored"));
    let object = &rendered.only("ScaledObject")["spec"];
    assert_eq!(object["scaleTargetRef"]["name"], rendered.only("StatefulSet")["metadata"]["name"]);
    assert_eq!((&object["minReplicaCount"], &object["maxReplicaCount"]), (&json!(1), &json!(6)));
    let down = &object["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"];
    assert_eq!(down["stabilizationWindowSeconds"], 3600);
    assert_eq!(down["policies"], json!([{"type": "Pods", "value": 1, "periodSeconds": 600}]));
    let triggers = items(&object["triggers"]);
    assert_eq!(triggers.iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), ["lag", "age"]);
    for trigger in triggers {
        // Else no answer, as of the age while a lane is halted, would stop KEDA altogether.
        assert_eq!(trigger["metadata"]["ignoreNullValues"], "true");
        assert_eq!(trigger["authenticationRef"]["name"], "prometheus");
    }
    // An upgrade must not set back what KEDA has scaled.
    assert_eq!(rendered.only("StatefulSet")["spec"]["replicas"], Value::Null);
    let most = Rendered::with(&value_set("monitored"), &["--set", "keda.maxReplicas=0"]);
    assert_eq!(most.only("ScaledObject")["spec"]["maxReplicaCount"], 12);
}

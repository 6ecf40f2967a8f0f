//! Alarms and dashboard: Prometheus takes them, each alarm fires when it should, has its page, and every metric exists.
//!
//! `files/alerts.yaml` is the one source: the plain rules file is that file, and the chart's `PrometheusRule` is made of
//! it. `alerts_test.yaml` holds the histories that `promtool` plays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use super::helm::{self, Rendered, chart, items, root, value_set, yaml};

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
    for arguments in
        [["check", "rules", "helm/pinrelay/files/alerts.yaml"], ["test", "rules", "tests/chart/alerts_test.yaml"]]
    {
        let mut promtool = helm::tool("promtool");
        promtool.args(arguments).current_dir(root());
        let output = helm::output(promtool);
        let said = helm::text(&output.stdout) + &helm::text(&output.stderr);
        assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
    }
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

/// Names of metrics in an expression: what Prometheus adds to a histogram's name is left out.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("pinrelay_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

fn assert_known(expression: &str) {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let found = metrics(expression);
    assert!(!found.is_empty(), "{expression}");
    for metric in found {
        assert!(page.contains(&format!("| `{metric}` |")), "{metric} is no metric of docs/metrics.md");
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
    let mut expected: Vec<_> = rules().into_iter().filter(|rule| name(rule) != "PinrelayAbsent").collect();
    expected.push(json!({"alert": "OurOwn", "expr": "vector(1) > 2"}));
    assert_eq!(rule["spec"]["groups"][0]["rules"], json!(expected));
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
        let query = trigger["metadata"]["query"].as_str().unwrap();
        assert!(query.contains("namespace=\"conv\""), "{query}");
        assert_eq!(trigger["authenticationRef"]["name"], "prometheus");
    }
    // An upgrade must not set back what KEDA has scaled.
    assert_eq!(rendered.only("StatefulSet")["spec"]["replicas"], Value::Null);
    let most = Rendered::with(&value_set("monitored"), &["--set", "keda.maxReplicas=0"]);
    assert_eq!(most.only("ScaledObject")["spec"]["maxReplicaCount"], 12);
}

//! The restricted profile of Kubernetes' Pod Security Standards, rule by rule, for every pod that the chart makes.

use serde_json::Value;

use super::helm::{Rendered, container, items, value_set, value_sets};

/// What is against the profile, as Kubernetes' documentation of the standards states it (read for version 1.31).
fn objections(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |holds: bool, rule: String| {
        if !holds {
            found.push(rule);
        }
    };
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        expect(pod[key].is_null() || pod[key] == false, format!("{key} is not set"));
    }
    let allowed =
        ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
    for volume in items(&pod["volumes"]) {
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        expect(
            kinds.clone().all(|kind| allowed.contains(&kind.as_str())),
            format!("volumes are of allowed kinds: {volume}"),
        );
    }
    let of_pod = &pod["securityContext"];
    expect(of_pod["sysctls"].is_null(), "no sysctls".to_owned());
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    for one in containers.iter().flat_map(|key| items(&pod[*key])) {
        let (name, own) = (&one["name"], &one["securityContext"]);
        let either = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
        expect(own["allowPrivilegeEscalation"] == false, format!("{name} does not escalate privileges"));
        expect(own["privileged"].is_null() || own["privileged"] == false, format!("{name} is not privileged"));
        expect(
            items(&own["capabilities"]["drop"]).iter().any(|one| one == "ALL"),
            format!("{name} drops all capabilities"),
        );
        let added = items(&own["capabilities"]["add"]);
        expect(added.iter().all(|one| one == "NET_BIND_SERVICE"), format!("{name} adds no capabilities"));
        expect(*either("runAsNonRoot") == true, format!("{name} runs as non-root"));
        expect(*either("runAsUser") != 0, format!("{name} is not user 0"));
        let seccomp = either("seccompProfile")["type"].as_str().unwrap_or_default();
        expect(["RuntimeDefault", "Localhost"].contains(&seccomp), format!("{name} has a seccomp profile"));
        expect(own["procMount"].is_null() || own["procMount"] == "Default", format!("{name} has the usual /proc"));
        for port in items(&one["ports"]) {
            expect(port["hostPort"].is_null() || port["hostPort"] == 0, format!("{name} has no port of the host"));
        }
    }
    found
}

#[test]
fn every_pod_of_every_set_of_values_is_within_the_restricted_profile() {
    for values in value_sets() {
        for pod in Rendered::of(&values).pods() {
            assert_eq!(objections(pod), Vec::<String>::new(), "{}", values.display());
        }
    }
}

#[test]
fn beyond_the_profile_the_root_is_read_only_and_no_token_of_kubernetes_is_mounted() {
    for values in value_sets() {
        let rendered = Rendered::of(&values);
        for pod in rendered.pods() {
            assert_eq!(container(pod)["securityContext"]["readOnlyRootFilesystem"], true, "{}", values.display());
            assert_eq!(pod["automountServiceAccountToken"], false, "{}", values.display());
        }
        for account in rendered.kind("ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false);
        }
    }
}

#[test]
fn a_pod_outside_of_the_profile_is_noticed() {
    for (setting, rule) in [
        ("securityContext.allowPrivilegeEscalation=true", "\"pinrelay\" does not escalate privileges"),
        ("securityContext.capabilities.drop=null", "\"pinrelay\" drops all capabilities"),
        ("securityContext.capabilities.add[0]=NET_RAW", "\"pinrelay\" adds no capabilities"),
        ("podSecurityContext.runAsNonRoot=false", "\"pinrelay\" runs as non-root"),
        ("podSecurityContext.runAsUser=0", "\"pinrelay\" is not user 0"),
        ("podSecurityContext.seccompProfile.type=Unconfined", "\"pinrelay\" has a seccomp profile"),
        ("extraVolumes[0].name=x,extraVolumes[0].hostPath.path=/", "volumes are of allowed kinds"),
    ] {
        let rendered = Rendered::with(&value_set("minimal"), &["--set", setting]);
        let found = objections(&rendered.pod()["spec"]);
        assert!(matches!(found.as_slice(), [one] if one.starts_with(rule)), "{setting}: {found:?}");
    }
}

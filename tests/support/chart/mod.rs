//! Helm as a process, and what it renders.
//!
//! A test binary uses it by `#[path = "../support/chart/mod.rs"] mod helm;`. `scripts/setup test` brings Helm.

#![allow(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Release and namespace of every rendering.
pub(crate) const RELEASE: &str = "rel";
pub(crate) const NAMESPACE: &str = "conv";

/// A version that the chart asks for, so that Helm does not compare with its own.
const KUBERNETES: &str = "1.31.0";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn chart() -> PathBuf {
    root().join("helm/pinrelay")
}

/// A tool that `scripts/setup test` has put beside the build, or one on the PATH.
pub(crate) fn tool(name: &str) -> Command {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools");
    let found =
        [tools.join("bin").join(name), tools.join("python/bin").join(name)].into_iter().find(|tool| tool.exists());
    Command::new(found.unwrap_or_else(|| PathBuf::from(name)))
}

pub(crate) fn output(mut command: Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error} (run scripts/setup test)"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every set of values that the chart is tested with.
pub(crate) fn value_sets() -> Vec<PathBuf> {
    let entries = fs::read_dir(chart().join("ci")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(8 <= files.len(), "found {} sets of values", files.len());
    files
}

/// One set by the beginning of its file's name.
pub(crate) fn value_set(name: &str) -> PathBuf {
    chart().join(format!("ci/{name}-values.yaml"))
}

pub(crate) fn template(values: &Path, arguments: &[&str]) -> Output {
    let mut command = tool("helm");
    command.arg("template").args([RELEASE, "--namespace", NAMESPACE, "--kube-version", KUBERNETES]);
    command.arg(chart()).arg("--values").arg(values).args(arguments);
    output(command)
}

/// What Helm makes of the chart, as text.
pub(crate) fn rendered_text(values: &Path, arguments: &[&str]) -> String {
    let output = template(values, arguments);
    assert!(output.status.success(), "{}: {}", values.display(), text(&output.stderr));
    text(&output.stdout)
}

/// The resources.
pub(crate) struct Rendered(pub(crate) Vec<Value>);

impl Rendered {
    pub(crate) fn of(values: &Path) -> Self {
        Self::with(values, &[])
    }

    pub(crate) fn with(values: &Path, arguments: &[&str]) -> Self {
        Self(yaml::documents(&rendered_text(values, arguments)))
    }

    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|resource| resource["kind"] == kind).collect()
    }

    /// The one resource of its kind.
    pub(crate) fn only(&self, kind: &str) -> &Value {
        let found = self.kind(kind);
        let [one] = found.as_slice() else { panic!("expected one {kind}, found {}", found.len()) };
        one
    }

    pub(crate) fn named(&self, kind: &str, name: &str) -> &Value {
        let found = self.kind(kind).into_iter().find(|resource| resource["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The pod of the `StatefulSet`.
    pub(crate) fn pod(&self) -> &Value {
        &self.only("StatefulSet")["spec"]["template"]
    }

    /// Every pod that any resource makes.
    pub(crate) fn pods(&self) -> Vec<&Value> {
        let of_kind = |kind: &str| self.kind(kind).into_iter().map(|resource| &resource["spec"]["template"]["spec"]);
        of_kind("StatefulSet").chain(of_kind("Job")).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.0.iter().map(|resource| resource["kind"].as_str().unwrap()).collect()
    }
}

/// pinrelay's container of a pod.
pub(crate) fn container(pod: &Value) -> &Value {
    &pod["containers"][0]
}

/// The items of a list; none where there is no list.
pub(crate) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

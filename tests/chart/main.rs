//! The Helm chart: rendered by Helm itself, for every set of values in `helm/pinrelay/ci`, and judged as Kubernetes and
//! the program judge it.
//!
//! `alarms` is what Prometheus makes of rules and dashboard, `rendering` what Kubernetes takes, `restricted` what the strictest pod security allows, `configuration` what the
//! program's own reader says of the file that pods get, `documentation` that values, schema and pages agree.
//! `scripts/setup test` brings Helm and Kubernetes' schemas; nothing is connected to.

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod documentation;
#[cfg(test)]
#[path = "../support/chart/mod.rs"]
mod helm;
#[cfg(test)]
mod rendering;
#[cfg(test)]
mod restricted;

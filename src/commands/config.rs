//! `pinrelay config`: whether a configuration is whole, and what would run by it; nothing is connected to.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output;
use crate::config::{Config, Start, changelog_topic, process_environment};
use crate::domain::LaneMode;
use crate::run::check_files;

/// Look at a configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay config check --config pinrelay.yaml")]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Action,
}

/// What is to be done with a configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    Check(CheckArguments),
}

/// Say everything that is wrong with a configuration and its schemas, each with its key and how to mend it; or what would run
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay config check --config pinrelay.yaml
  pinrelay config check --config pinrelay.yaml --offline --json")]
pub struct CheckArguments {
    /// Configuration, a YAML file; docs/configuration.md describes its keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Do not ask for secrets, nor for the variable that names the process: for a machine that has neither
    #[arg(long)]
    pub offline: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Findings {
    file: String,
    valid: bool,
    faults: Vec<Fault>,
    /// Absent where the file alone has faults already.
    would_run: Option<Plan>,
}

#[derive(Debug, Serialize)]
struct Fault {
    key: String,
    line: Option<usize>,
    /// The broken rule, as in docs/configuration.md; absent for what is wrong with a file that the configuration names.
    rule: Option<&'static str>,
    problem: String,
    mend: String,
}

#[derive(Debug, Serialize)]
struct Plan {
    group_id: String,
    identity: String,
    audit_topic: String,
    lanes: Vec<Lane>,
    feeds: Vec<Feed>,
}

#[derive(Debug, Serialize)]
struct Lane {
    name: String,
    ad_account_id: String,
    mode: &'static str,
    calls_per_minute: u32,
}

#[derive(Debug, Serialize)]
struct Feed {
    name: String,
    topic: String,
    changelog: String,
    lane: String,
    start: String,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let Action::Check(arguments) = &arguments.action;
    let findings = check(arguments);
    let printed = if arguments.json { print_json(&findings) } else { print(&findings) };
    printed.map_err(|error| output::not_written(&error))?;
    Ok(if findings.valid { Exit::Drained } else { Exit::Configuration })
}

fn check(arguments: &CheckArguments) -> Findings {
    let file = arguments.config.display().to_string();
    let load = if arguments.offline { Config::load_offline } else { Config::load };
    let config = match load(&arguments.config, &process_environment) {
        Ok(config) => config,
        Err(found) => {
            let faults = found.list.into_iter().map(|fault| Fault {
                key: fault.place.key,
                line: fault.place.line,
                rule: Some(fault.kind.code()),
                problem: fault.problem,
                mend: fault.remedy,
            });
            return Findings { file, valid: false, faults: faults.collect(), would_run: None };
        }
    };
    let faults: Vec<Fault> = check_files(&config)
        .into_iter()
        .map(|(key, problem)| Fault {
            key,
            line: None,
            rule: None,
            problem,
            mend: "mend what the key names; docs/mapping.md says how".to_owned(),
        })
        .collect();
    Findings { file, valid: faults.is_empty(), faults, would_run: Some(plan(&config)) }
}

fn plan(config: &Config) -> Plan {
    let group = &config.kafka.group_id;
    let lanes = config.lanes.iter().map(|lane| Lane {
        name: lane.name.clone(),
        ad_account_id: lane.ad_account_id.to_string(),
        mode: match lane.mode {
            LaneMode::Live => "live",
            LaneMode::Test => "test",
            LaneMode::Shadow => "shadow",
        },
        calls_per_minute: lane.calls_per_minute,
    });
    let feeds = config.feeds.iter().map(|feed| Feed {
        name: feed.name.clone(),
        topic: feed.topic.clone(),
        changelog: changelog_topic(group, &feed.name),
        lane: feed.lane.clone(),
        start: match feed.start {
            Start::Earliest => "earliest".to_owned(),
            Start::Latest => "latest".to_owned(),
            Start::At(at) => format!("at {} ms since 1970", at.0),
        },
    });
    Plan {
        group_id: group.clone(),
        identity: config.kafka.identity(),
        audit_topic: config.audit.topic.clone(),
        lanes: lanes.collect(),
        feeds: feeds.collect(),
    }
}

fn print_json(findings: &Findings) -> io::Result<()> {
    let mut out = output::stdout();
    writeln!(out, "{}", serde_json::to_string_pretty(findings)?)?;
    out.flush()
}

fn print(findings: &Findings) -> io::Result<()> {
    let mut out = output::stdout();
    for Fault { key, line, rule, problem, mend } in &findings.faults {
        let line = line.map_or_else(String::new, |line| format!(", line {line}"));
        let rule = rule.map_or_else(String::new, |rule| format!(" [{rule}]"));
        writeln!(out, "{key}{line}: {problem}{rule}\n    {mend}")?;
    }
    let n_faults = findings.faults.len();
    match &findings.would_run {
        Some(plan) if findings.valid => {
            writeln!(out, "{} is whole; by it would run, as {}:", findings.file, plan.identity)?;
            for Lane { name, ad_account_id, mode, calls_per_minute } in &plan.lanes {
                writeln!(out, "  lane {name}: ad account {ad_account_id}, {mode}, {calls_per_minute} calls a minute")?;
            }
            for Feed { name, topic, changelog, lane, start } in &plan.feeds {
                writeln!(out, "  feed {name}: {topic} to lane {lane}, begins at {start}, changelog {changelog}")?;
            }
            writeln!(out, "  audit rows: {}", plan.audit_topic)?;
        }
        _ if n_faults == 1 => writeln!(out, "{} has 1 fault", findings.file)?,
        _ => writeln!(out, "{} has {n_faults} faults", findings.file)?,
    }
    out.flush()
}

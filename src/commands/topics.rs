//! `pinrelay topics`: shows what is wrong with the topics of a configuration and with the registry's subject of the audit
//! rows; makes topics that are missing, and registers the schema of the rows.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::{self, not_written};
use super::run;
use crate::config::Config;
use crate::kafka::subject::{COMPATIBILITY, Subject, Told};
use crate::kafka::topics::{NewTopics, check, create_missing};
use crate::run::{RegisteredAudit, StartFault, kafka_settings, look_at_audit, register_audit};

/// Show what the topics of a configuration and the registry's subject of the audit rows lack; with --apply, make it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay topics --config pinrelay.yaml --json
  pinrelay topics --config pinrelay.yaml --apply")]
pub struct Arguments {
    /// Configuration, a YAML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Make the audit topic and the changelogs that are missing, register the schema of the audit rows, and set the
    /// compatibility of its subject; no topic that exists is changed
    #[arg(long)]
    pub apply: bool,
    /// Copies of each partition; 3 with min.insync.replicas=2 survives the loss of a broker
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub replication: i32,
    /// Partitions of the audit topic
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub audit_partitions: i32,
    /// Days for which the audit topic keeps its rows
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    pub audit_days: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is printed.
#[derive(Debug, Default, Serialize)]
struct Findings {
    as_needed: bool,
    /// Topics that `--apply` has made.
    created: Vec<String>,
    feeds: Vec<Feed>,
    /// Absent without a registry, and where it does not answer.
    audit_subject: Option<AuditSubject>,
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Feed {
    name: String,
    topic: String,
    partitions: i32,
}

#[derive(Debug, Serialize)]
struct AuditSubject {
    subject: String,
    /// Absent where the registry does not tell.
    compatibility: Option<String>,
    /// Absent where the subject does not have the schema of this release, and where the registry does not tell.
    schema_id: Option<i32>,
    /// Why the registry does not tell.
    withheld: Vec<String>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = run::load(&arguments.config)?;
    run::runtime()?.block_on(async {
        let created = if arguments.apply { apply(arguments, &config).await? } else { Vec::new() };
        let findings = Findings { created, ..look(&config).await };
        if arguments.json {
            let text = serde_json::to_string_pretty(&findings).expect("it has no keys but text");
            writeln!(output::stdout(), "{text}").map_err(|error| not_written(&error))?;
            return Ok(if findings.as_needed { Exit::Drained } else { Exit::StartFailed });
        }
        print(&findings).map_err(|error| not_written(&error))?;
        if findings.as_needed {
            return Ok(Exit::Drained);
        }
        Err(Failure {
            exit: Exit::StartFailed,
            problem: findings.faults.join("\n       "),
            next: "make what is missing with --apply; change settings of topics with Kafka's own tools".to_owned(),
        })
    })
}

/// The topics that were missing.
async fn apply(arguments: &Arguments, config: &Config) -> Result<Vec<String>, Failure> {
    let say = |line: String| {
        if arguments.json {
            return Ok(());
        }
        writeln!(output::stdout(), "{line}").map_err(|error| not_written(&error))
    };
    let new = NewTopics {
        replication: arguments.replication,
        audit_partitions: arguments.audit_partitions,
        audit_retention: Duration::from_hours(24) * arguments.audit_days,
    };
    let created = create_missing(kafka_settings(config), new).await.map_err(|fault| Failure {
        exit: Exit::StartFailed,
        problem: fault.to_string(),
        next: "mend it and run the command again".to_owned(),
    })?;
    for topic in &created {
        say(format!("created {topic}"))?;
    }
    if let Some(RegisteredAudit { subject, schema_id }) = register_audit(config).await.map_err(run::not_started)? {
        say(format!("registered {subject}, {COMPATIBILITY}: schema {schema_id}"))?;
    }
    Ok(created)
}

/// Looks at the topics and at the registry; changes nothing.
async fn look(config: &Config) -> Findings {
    let (topics, subject) = tokio::join!(check(kafka_settings(config)), look_at_audit(config));
    let mut findings = Findings::default();
    match topics {
        Ok(inputs) => {
            let feeds = config.feeds.iter().zip(inputs.partitions);
            findings.feeds = feeds
                .map(|(feed, partitions)| Feed { name: feed.name.clone(), topic: feed.topic.clone(), partitions })
                .collect();
        }
        Err(faults) => findings.faults.extend(faults.iter().map(ToString::to_string)),
    }
    match subject {
        Ok(None) => {}
        Ok(Some(subject)) => {
            findings.faults.extend(subject.faults().iter().map(ToString::to_string));
            findings.audit_subject = Some(subject.into());
        }
        Err(StartFault::Mend(lines) | StartFault::Surroundings(lines)) => findings.faults.extend(lines),
    }
    findings.as_needed = findings.faults.is_empty();
    findings
}

fn print(findings: &Findings) -> io::Result<()> {
    let mut out = output::stdout();
    if !findings.feeds.is_empty() {
        let partitions: Vec<i32> = findings.feeds.iter().map(|feed| feed.partitions).collect();
        writeln!(out, "all topics are as they must be; the feeds have {partitions:?} partitions")?;
    }
    if let Some(AuditSubject { subject, compatibility, schema_id, withheld }) = &findings.audit_subject {
        let compatibility = compatibility.as_deref().unwrap_or("not told");
        let schema = schema_id.map_or_else(|| "not there".to_owned(), |id| id.to_string());
        writeln!(out, "audit rows: subject {subject}, compatibility {compatibility}, schema {schema}")?;
        for cause in withheld {
            writeln!(out, "    the registry does not tell all: it {cause}")?;
        }
    }
    out.flush()
}

impl From<Subject> for AuditSubject {
    fn from(subject: Subject) -> Self {
        let mut withheld = Vec::new();
        let compatibility = open(subject.compatibility, &mut withheld);
        let schema_id = open(subject.schema_id, &mut withheld).flatten();
        Self { subject: subject.name, compatibility, schema_id, withheld }
    }
}

fn open<T>(told: Told<T>, withheld: &mut Vec<String>) -> Option<T> {
    match told {
        Told::Told(told) => Some(told),
        Told::Withheld { cause } => {
            withheld.push(cause);
            None
        }
    }
}

//! `pinrelay topics`: shows what is wrong with the topics of a configuration, and makes those that are missing; where
//! there is a registry it also registers the schema of the audit rows.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::output::{self, not_written};
use super::run;
use crate::kafka::registry::COMPATIBILITY;
use crate::kafka::topics::{NewTopics, check, create_missing};
use crate::run::{RegisteredAudit, kafka_settings, register_audit};

/// Show what the topics of a configuration lack; with --apply, make those that are missing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay topics --config pinrelay.yaml --apply")]
pub struct Arguments {
    /// Configuration, a YAML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Make the audit topic and the changelogs that are missing, and register the schema of the audit rows; no topic
    /// that exists is changed
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
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = run::load(&arguments.config)?;
    let settings = kafka_settings(&config);
    run::runtime()?.block_on(async {
        if arguments.apply {
            let new = NewTopics {
                replication: arguments.replication,
                audit_partitions: arguments.audit_partitions,
                audit_retention: Duration::from_hours(24) * arguments.audit_days,
            };
            let created = create_missing(Arc::clone(&settings), new).await.map_err(|fault| Failure {
                exit: Exit::StartFailed,
                problem: fault.to_string(),
                next: "mend it and run the command again".to_owned(),
            })?;
            for topic in &created {
                writeln!(output::stdout(), "created {topic}").map_err(|error| not_written(&error))?;
            }
            if let Some(audit) = register_audit(&config).await.map_err(run::not_started)? {
                let RegisteredAudit { subject, schema_id } = audit;
                writeln!(output::stdout(), "registered {subject}, {COMPATIBILITY}: schema {schema_id}")
                    .map_err(|error| not_written(&error))?;
            }
        }
        match check(settings).await {
            Ok(topics) => {
                let partitions = topics.partitions;
                writeln!(output::stdout(), "all topics are as they must be; the feeds have {partitions:?} partitions")
                    .map_err(|error| not_written(&error))?;
                Ok(Exit::Drained)
            }
            Err(faults) => Err(Failure {
                exit: Exit::StartFailed,
                problem: faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n       "),
                next: "make missing topics with --apply; change settings with Kafka's own tools".to_owned(),
            }),
        }
    })
}

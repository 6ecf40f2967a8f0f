//! `pinrelay schema`: looks at annotated schemas, without a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use crate::mapping::{Plan, TargetRow, target_rows};

/// Look at annotated schemas
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay schema check schemas/order.avsc schemas/install.avsc")]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Action,
}

/// What is to be done with schemas.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    Check(CheckArguments),
}

/// Say what is wrong with annotated schemas: each fault with its schema, its field and how to mend it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay schema check schemas/order.avsc
  pinrelay schema check --reference schemas/address.avsc --constant event_name=checkout order.avsc
  pinrelay schema check --targets")]
pub struct CheckArguments {
    /// Annotated Avro reader schemas
    #[arg(value_name = "FILE", required_unless_present = "targets")]
    pub files: Vec<PathBuf>,
    /// Show every target with what it takes, its rule, where the rule comes from, and what feeds it
    #[arg(long)]
    pub targets: bool,
    /// Schema whose named types the others use; may be repeated
    #[arg(long = "reference", value_name = "FILE")]
    pub references: Vec<PathBuf>,
    /// Constant that the feed's configuration will set; may be repeated
    #[arg(long = "constant", value_name = "TARGET=VALUE", value_parser = constant)]
    pub constants: Vec<(String, String)>,
}

fn constant(text: &str) -> Result<(String, String), String> {
    let (target, value) = text.split_once('=').ok_or("expected TARGET=VALUE, as in event_name=checkout")?;
    Ok((target.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let Action::Check(arguments) = &arguments.action;
    let references: Vec<String> = arguments.references.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let constants: BTreeMap<String, String> = arguments.constants.iter().cloned().collect();
    let mut out = BufWriter::new(super::output::stdout());
    let mut faults = Vec::new();
    let mut plans = Vec::new();
    for file in &arguments.files {
        let name = file.display().to_string();
        match Plan::compile(&name, &read(file)?, &references, &constants) {
            Ok(plan) => plans.push(plan),
            Err(found) => faults.extend(found.iter().map(ToString::to_string)),
        }
    }
    show(&plans, arguments.targets, &mut out).and_then(|()| out.flush()).map_err(|error| Failure {
        exit: Exit::StartFailed,
        problem: format!("the output cannot be written: {error}"),
        next: "see what reads it".to_owned(),
    })?;
    if faults.is_empty() {
        return Ok(Exit::Drained);
    }
    Err(Failure {
        exit: Exit::Configuration,
        problem: faults.join("\n       "),
        next: "mend the schemas; docs/mapping.md says how".to_owned(),
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure {
        exit: Exit::Configuration,
        problem: format!("{} cannot be read: {}", file.display(), error.kind()),
        next: "name a readable file".to_owned(),
    })
}

fn show(plans: &[Plan], targets: bool, out: &mut impl Write) -> io::Result<()> {
    for plan in plans {
        writeln!(out, "{}: maps", plan.name())?;
        for caution in plan.cautions() {
            writeln!(out, "{}: warning: {caution}", plan.name())?;
        }
    }
    if !targets {
        return Ok(());
    }
    for row in target_rows() {
        target(&row, plans, out)?;
    }
    Ok(())
}

fn target(row: &TargetRow, plans: &[Plan], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}\n  sent as  {}\n  takes    {}", row.name, row.form, row.takes)?;
    writeln!(out, "  rule     {}\n  source   {}", row.rule, row.source)?;
    let name = row.name.strip_prefix("contents[].");
    for plan in plans {
        let feeding = plan.sources().into_iter().filter(|told| match name {
            Some(field) => told.target.is_none() && told.name == field,
            None => told.target.is_some() && told.name == row.name,
        });
        for told in feeding {
            let reading = if told.reading.is_empty() { String::new() } else { format!(" ({})", told.reading) };
            writeln!(out, "  fed by   {}: {}{reading}", plan.name(), told.path)?;
        }
    }
    Ok(())
}

//! `pinrelay explain`: shows what becomes of records, without Kafka, registry or Pinterest.

mod input;
mod show;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use jiff::Timestamp;

use super::exit::{Exit, Failure};
use super::output::{self, not_written};
use super::run;
use crate::config::{self, Config};
use crate::domain::UnixMillis;
use crate::mapping::{Decoder, Reveal};
use crate::run::{FeedMapping, clock};
use input::Payload;
use show::{Form, Shown};

/// Show what becomes of records: the event that would be sent, or why there is none, and where each value came from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay explain --config pinrelay.yaml --feed order order.json
  pinrelay explain --config pinrelay.yaml --feed order --json --at 2026-11-24T06:01:00Z < orders.jsonl | jq .outcome

In a record a timestamp may be a time as in 2026-11-24T06:00:00Z, a date a day as in 2026-11-24, a decimal a number
without quotes, and a fixed type hex digits. Bytes are as Avro's JSON has them, a character for each byte, or plain text.

Nothing is connected to, and secrets may be missing. The event is shown as Pinterest would get it: with hashes, and
with IP address, user agent and click id in the clear. The values of the record are masked unless --reveal is given.")]
pub struct Arguments {
    /// Configuration, a YAML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Feed whose schema and choices apply
    #[arg(long, value_name = "NAME")]
    pub feed: String,
    /// Records: plain JSON with untagged unions, one, a list or one a line; stdin if absent or `-`
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// The input is one message in Avro's binary encoding, bare or framed as the topic has it
    #[arg(long)]
    pub avro: bool,
    /// Schema that the message was written with, if it is not the feed's reader schema
    #[arg(long, value_name = "FILE", requires = "avro")]
    pub writer: Option<PathBuf>,
    /// Show the values that events are made of, which may be personal
    #[arg(long)]
    pub reveal: bool,
    /// Print one JSON object a line: {"outcome":"send","event":{…},"notes":[…]}
    #[arg(long)]
    pub json: bool,
    /// Do as if it were this time, as in 2026-11-24T06:01:00Z; else it is now
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load_offline(&arguments.config, &config::process_environment).map_err(|f| run::refuse(&f))?;
    let Some(feed) = config.feeds.iter().find(|feed| feed.name == arguments.feed) else {
        let names: Vec<_> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
        return Err(wrong(
            format!("{} has no feed {:?}", arguments.config.display(), arguments.feed),
            format!("name one of {}", names.join(", ")),
        ));
    };
    let mapping = FeedMapping::prepare(&config, feed)
        .map_err(|faults| wrong(faults.join("\n       "), "mend the schema; docs/mapping.md says how".to_owned()))?;
    let lanes: Vec<&str> = config.lanes.iter().map(|lane| lane.name.as_str()).collect();
    let explainer = Explainer {
        now: arguments.at.map_or_else(clock::wall, |at| UnixMillis(at.as_millisecond())),
        reveal: if arguments.reveal { Reveal::Values } else { Reveal::Masked },
        form: if arguments.json { Form::Json } else { Form::Text },
        decoder: decoder(&mapping.schema, &mapping)?,
        mapping: &mapping,
        lanes: &lanes,
    };
    let mut out = BufWriter::new(output::stdout());
    let input = input::open(arguments.input.as_deref())?;
    let n_unreadable = if arguments.avro {
        explainer.avro(arguments, input, &mut out)?;
        0
    } else {
        explainer.json(input, &mut out)?
    };
    match n_unreadable {
        0 => Ok(Exit::Drained),
        n => Err(wrong(
            format!("{n} of the records are none of {}", feed.schema.display()),
            "mend the records, or the schema; each is said above".to_owned(),
        )),
    }
}

struct Explainer<'c> {
    now: UnixMillis,
    reveal: Reveal,
    form: Form,
    /// For records in JSON, which are encoded by the reader schema.
    decoder: Decoder,
    mapping: &'c FeedMapping,
    lanes: &'c [&'c str],
}

impl Explainer<'_> {
    /// Explains every record of JSON input; gives the number of those that do not fit the schema.
    fn json(&self, input: impl io::Read, out: &mut impl Write) -> Result<usize, Failure> {
        let mut n_unreadable = 0;
        for (n, record) in input::records(input).enumerate() {
            let record = record.map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                wrong(format!("the input is not JSON: {place}"), "mend it; is it Avro? Then add --avro".to_owned())
            })?;
            let shown = match self.mapping.plan.encode(&record) {
                Ok(payload) => self.payload(&self.decoder, &payload),
                Err(misfit) => {
                    n_unreadable += 1;
                    Shown::Unreadable { problem: misfit.to_string() }
                }
            };
            show::write(&shown, n + 1, self.form, self.lanes, out).map_err(|error| not_written(&error))?;
        }
        out.flush().map_err(|error| not_written(&error))?;
        Ok(n_unreadable)
    }

    fn avro(&self, arguments: &Arguments, mut input: impl io::Read, out: &mut impl Write) -> Result<(), Failure> {
        let mut message = Vec::new();
        input.read_to_end(&mut message).map_err(|error| input::unreadable(arguments.input.as_deref(), &error))?;
        if input::is_container(&message) {
            let problem = "the input is an Avro container file, and no message of a topic".to_owned();
            return Err(wrong(problem, "write its records as JSON, and leave --avro out".to_owned()));
        }
        let writer = match &arguments.writer {
            None => None,
            Some(file) => Some(fs::read_to_string(file).map_err(|error| input::unreadable(Some(file), &error))?),
        };
        let Payload { schema, bytes } = input::payload(&message, self.mapping, writer.as_deref());
        let decoder = decoder(schema, self.mapping)?;
        let mut shown = self.payload(&decoder, bytes);
        // A message of a topic in Confluent's framing has a schema id before what the schema describes.
        if shown.is_undecodable()
            && let [0, _, _, _, _, bare @ ..] = bytes
        {
            let unframed = self.payload(&decoder, bare);
            shown = if unframed.is_undecodable() { shown } else { unframed };
        }
        show::write(&shown, 1, self.form, self.lanes, out)
            .and_then(|()| out.flush())
            .map_err(|error| not_written(&error))
    }

    fn payload(&self, decoder: &Decoder, payload: &[u8]) -> Shown {
        let FeedMapping { plan, mapper, .. } = self.mapping;
        Shown::Explained(Box::new(mapper.tell(plan, decoder, payload, self.now, self.reveal)))
    }
}

fn decoder(writer: &str, mapping: &FeedMapping) -> Result<Decoder, Failure> {
    let references: Vec<&str> = mapping.references.iter().map(String::as_str).collect();
    Decoder::compile(writer, &references, &mapping.plan).map_err(|fault| {
        wrong(format!("the writer schema cannot be read as the feed's: {fault}"), "mend one of the two".to_owned())
    })
}

/// The command line, or what it names, is wrong.
fn wrong(problem: String, next: String) -> Failure {
    Failure { exit: Exit::Configuration, problem, next }
}

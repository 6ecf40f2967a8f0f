//! What maps the records of a feed, made of the files that its configuration names. No network.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::config::{Choice, Late as ConfiguredLate};
use crate::config::{Config, CustomerType as ConfiguredType, Derive as ConfiguredDerive, Feed, Framing};
use crate::config::{OddUserAgents as ConfiguredAgents, PrivateAddresses as ConfiguredAddresses};
use crate::domain::LaneId;
use crate::mapping::{
    CustomerType, Derive, EventRules, LaneRule, Late, Mapper, MissingConsent, OddUserAgents, PhoneRegion, Plan,
    PrivateAddresses, fingerprint_with,
};

/// The compiled schema of a feed, and what else its files say.
#[derive(Debug)]
pub struct FeedMapping {
    pub plan: Plan,
    pub mapper: Mapper,
    /// The reader schema, as its file has it.
    pub schema: String,
    /// Schemas whose named types the others use.
    pub references: Vec<String>,
    /// Writer schemas of single-object framing, by fingerprint.
    pub writers: HashMap<[u8; 8], String>,
}

impl FeedMapping {
    /// Reads and compiles the files of `feed`.
    ///
    /// # Errors
    /// Every fault of the schema, or of its files, each a line.
    pub fn prepare(config: &Config, feed: &Feed) -> Result<Self, Vec<String>> {
        let schema = read(&feed.schema).map_err(|fault| vec![fault])?;
        let references: Vec<String> = read_all(&feed.references)?;
        let borrowed: Vec<&str> = references.iter().map(String::as_str).collect();
        let name = feed.schema.display().to_string();
        let plan = Plan::compile(&name, &schema, &borrowed, &feed.constants)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let mut rules = event_rules(config, feed);
        rules.phone_region = rules.phone_region.or(plan.phone_region());
        let faults = plan.faults_under(&rules);
        if !faults.is_empty() {
            return Err(faults.iter().map(ToString::to_string).collect());
        }
        let mapper = Mapper::new(rules);
        let writers = match &feed.framing {
            Framing::Confluent | Framing::ConfluentHeader => HashMap::new(),
            Framing::SingleObject { writer_schemas } => by_fingerprint(writer_schemas, &borrowed)?,
        };
        Ok(Self { plan, mapper, schema, references, writers })
    }
}

fn by_fingerprint(files: &[impl AsRef<Path>], references: &[&str]) -> Result<HashMap<[u8; 8], String>, Vec<String>> {
    let (mut schemas, mut faults) = (HashMap::new(), Vec::new());
    for file in files {
        let file = file.as_ref();
        let schema = read(file).and_then(|text| match fingerprint_with(&text, references) {
            Ok(fingerprint) => Ok((fingerprint, text)),
            Err(fault) => Err(format!("{}: {fault}", file.display())),
        });
        match schema {
            Ok((fingerprint, text)) => {
                schemas.insert(fingerprint, text);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(schemas) } else { Err(faults) }
}

fn read_all(files: &[impl AsRef<Path>]) -> Result<Vec<String>, Vec<String>> {
    let (texts, faults): (Vec<_>, Vec<_>) = files.iter().map(|file| read(file.as_ref())).partition(Result::is_ok);
    let faults: Vec<String> = faults.into_iter().filter_map(Result::err).collect();
    if faults.is_empty() { Ok(texts.into_iter().flatten().collect()) } else { Err(faults) }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {}", file.display(), error.kind()))
}

/// How the records of `feed` become events.
fn event_rules(config: &Config, feed: &Feed) -> EventRules {
    let lanes: Vec<_> = config
        .lanes
        .iter()
        .zip(0..)
        .map(|(lane, number)| LaneRule {
            id: LaneId(number),
            name: lane.name.as_str().into(),
            ad_account: lane.ad_account_id.clone(),
            mode: lane.mode,
            partner_name: lane.partner_name.as_deref().map(Box::from),
        })
        .collect();
    let default_lane = lanes.iter().find(|lane| *lane.name == *feed.lane).expect("config checks that it exists");
    let mut rules = EventRules::new(default_lane.clone());
    rules.lanes = lanes;
    rules.in_doubt = feed.in_doubt;
    rules.clock_tolerance = feed.clock_tolerance;
    rules.max_age = feed.max_age;
    rules.late = match feed.late {
        ConfiguredLate::Send => Late::Send,
        ConfiguredLate::Skip => Late::Skip,
        ConfiguredLate::Hold => Late::Hold,
    };
    rules.missing_consent = match feed.missing_consent {
        Choice::Send => MissingConsent::Send,
        Choice::Skip => MissingConsent::Skip,
    };
    rules.private_addresses = match feed.private_addresses {
        ConfiguredAddresses::Drop => PrivateAddresses::Drop,
        ConfiguredAddresses::Keep => PrivateAddresses::Keep,
    };
    rules.odd_user_agents = match feed.odd_user_agents {
        ConfiguredAgents::Drop => OddUserAgents::Drop,
        ConfiguredAgents::Keep => OddUserAgents::Keep,
    };
    rules.customer_type = match feed.customer_type {
        ConfiguredType::Drop => CustomerType::Drop,
        ConfiguredType::Send => CustomerType::Send,
    };
    rules.derive = match feed.derive {
        ConfiguredDerive::Missing => Derive::Missing,
        ConfiguredDerive::Nothing => Derive::Nothing,
    };
    rules.phone_region = feed.phone_region.as_deref().and_then(PhoneRegion::try_new);
    rules
}

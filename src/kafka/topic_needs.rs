//! What pinrelay demands of the topics that it writes (P4, P5, K5 of `docs/argument.md`). Pure.

use std::collections::HashMap;

use super::settings::KafkaSettings;
use super::topics::TopicFault;

/// A setting of a topic, and what is demanded of it.
pub(super) struct Need {
    name: &'static str,
    demand: Demand,
    unsaid: Unsaid,
}

enum Demand {
    Equals(&'static str),
    AtLeast(u128),
}

/// What it means if the brokers do not tell of a setting.
enum Unsaid {
    Refused,
    /// They have no such setting: not every service that speaks Kafka's protocol keeps copies as Kafka does.
    Accepted,
}

impl Need {
    const fn new(name: &'static str, demand: Demand) -> Self {
        Self { name, demand, unsaid: Unsaid::Refused }
    }

    const fn if_known(name: &'static str, demand: Demand) -> Self {
        Self { name, demand, unsaid: Unsaid::Accepted }
    }

    fn is_met(&self, found: Option<&str>) -> bool {
        let Some(found) = found else { return matches!(self.unsaid, Unsaid::Accepted) };
        match self.demand {
            Demand::Equals(needed) => found == needed,
            // -1 is without end.
            Demand::AtLeast(needed) => found == "-1" || found.parse().is_ok_and(|found: u128| needed <= found),
        }
    }

    fn words(&self) -> String {
        match self.demand {
            Demand::Equals(needed) => needed.to_owned(),
            Demand::AtLeast(needed) => format!("{needed} or more"),
        }
    }
}

/// Copies that must have a record before it counts as written, of so many: two, if one of them may then be away.
pub(super) const fn min_in_sync(copies: i32) -> u8 {
    if 3 <= copies { 2 } else { 1 }
}

/// `copies`: of each partition.
pub(super) fn of_changelog(settings: &KafkaSettings, copies: i32) -> Vec<Need> {
    let mut needs = of_audit(settings, copies);
    needs.extend([
        Need::new("message.timestamp.type", Demand::Equals("LogAppendTime")),
        Need::new("retention.ms", Demand::AtLeast(settings.retention.changelog.as_millis())),
        // Retention by size would delete what the ledger needs, whatever its age.
        Need::new("retention.bytes", Demand::Equals("-1")),
    ]);
    needs
}

/// `copies`: of each partition.
pub(super) fn of_audit(settings: &KafkaSettings, copies: i32) -> Vec<Need> {
    let max_bytes = u128::try_from(settings.max_message_bytes).unwrap_or(u128::MAX);
    vec![
        // Compaction would leave one row of all that share an event key.
        Need::new("cleanup.policy", Demand::Equals("delete")),
        Need::new("max.message.bytes", Demand::AtLeast(max_bytes)),
        // What is acknowledged survives the loss of a broker.
        Need::if_known("min.insync.replicas", Demand::AtLeast(min_in_sync(copies).into())),
        Need::if_known("unclean.leader.election.enable", Demand::Equals("false")),
    ]
}

/// `found`: what the brokers tell of the topic.
pub(super) fn unmet(topic: &str, needs: &[Need], found: &HashMap<&str, &str>) -> Vec<TopicFault> {
    let unmet = needs.iter().filter(|need| !need.is_met(found.get(need.name).copied()));
    unmet
        .map(|need| TopicFault::Setting {
            topic: topic.to_owned(),
            name: need.name,
            needed: need.words(),
            found: found.get(need.name).copied().unwrap_or("nothing").to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_does_not_meet_its_demand_is_named_with_both_values() {
        let needs = [
            Need::new("cleanup.policy", Demand::Equals("delete")),
            Need::new("retention.ms", Demand::AtLeast(1000)),
            Need::new("max.message.bytes", Demand::AtLeast(1000)),
            Need::if_known("min.insync.replicas", Demand::AtLeast(2)),
            Need::if_known("unclean.leader.election.enable", Demand::Equals("false")),
        ];
        let good = HashMap::from([("cleanup.policy", "delete"), ("retention.ms", "-1"), ("max.message.bytes", "1000")]);
        assert_eq!(unmet("t", &needs, &good), []);
        let bad = HashMap::from([
            ("cleanup.policy", "compact"),
            ("retention.ms", "999"),
            ("min.insync.replicas", "1"),
            ("unclean.leader.election.enable", "true"),
        ]);
        let words: Vec<String> = unmet("t", &needs, &bad).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        topic t has cleanup.policy=compact; needed is delete
        topic t has retention.ms=999; needed is 1000 or more
        topic t has max.message.bytes=nothing; needed is 1000 or more
        topic t has min.insync.replicas=1; needed is 2 or more
        topic t has unclean.leader.election.enable=true; needed is false
        ");
    }

    #[test]
    fn a_record_has_two_copies_before_it_counts_where_there_are_three() {
        assert_eq!([1, 2, 3, 4].map(min_in_sync), [1, 1, 2, 2]);
    }
}

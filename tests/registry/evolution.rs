//! Writers that change their schema while the relay runs.

use reqwest::Method;
use serde_json::{Value, json};

use super::apicurio::Reference;
use super::leads::{lead, long, text, writer};
use super::stage::{PATIENCE, Stage, outcomes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_versions_in_one_topic_are_read_and_one_that_does_not_resolve_ends_its_records_alone() {
    let stage = Stage::open("versions", "confluent").await.with_topics().await;
    let mut records = Vec::new();
    for version in 0..60 {
        // Each version adds a field behind the others, as producers do that may only add optional ones.
        let more: Vec<Value> =
            (0..version).map(|n| json!({"name": format!("extra_{n}"), "type": "int", "default": 0})).collect();
        let id = stage.apicurio.register("versions.leads-value", &writer(&more)).await;
        for copy in 0..3 {
            let extra = (0..version).flat_map(|n| long(i64::from(n)));
            let payload = [lead(&format!("{version}-{copy}")), extra.collect()].concat();
            records.push((id, payload));
        }
    }
    let ids: std::collections::HashSet<i32> = records.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), 60, "every version is a schema of its own");
    // Apicurio takes it where Confluent's registry would refuse it: its compatibility is NONE unless told otherwise.
    let without_mail = json!({"type": "record", "name": "shop.Lead", "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "mail", "type": "int"}
    ]});
    let incompatible = stage.apicurio.register("versions.leads-value", &without_mail).await;
    records.insert(90, (incompatible, vec![2, b'x', 2, 2]));

    let relay = stage.spawn("");
    stage.write_framed(0, &records).await;
    let rows = stage.rows(records.len()).await;
    relay.leave(PATIENCE).await;

    assert_eq!(outcomes(&rows, 0), [("delivered", 90), ("undecodable", 1), ("delivered", 90)]);
    let unread = rows.iter().find(|row| row.outcome == "undecodable").unwrap();
    assert_eq!((unread.offset, unread.reason.as_str()), (90, "unresolvable_schema"));
    assert_eq!(unread.detail, "mail: the writer's int cannot be read as string");
    for id in ids {
        assert_eq!(stage.proxy.count(&format!("GET /schemas/ids/{id}")), 1, "a schema is asked for once");
    }
    assert_eq!(stage.desk.stats().keys_posted, 180);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_several_subjects_and_one_whose_version_was_deleted_are_read() {
    let stage = Stage::open("subjects", "confluent").await.with_topics().await;
    let apicurio = stage.apicurio;
    // Two levels: a lead refers to a source and to a campaign, and the source refers to the same campaign.
    let campaign = json!({"type": "record", "name": "shop.Campaign", "fields": [{"name": "code", "type": "string"}]});
    let source = json!({"type": "record", "name": "shop.Source", "fields": [
        {"name": "first", "type": "shop.Campaign"}, {"name": "last", "type": "shop.Campaign"}]});
    let lead_schema = writer(&[
        json!({"name": "origin", "type": "shop.Source"}),
        json!({"name": "paid_by", "type": ["null", "shop.Campaign"]}),
        json!({"name": "source", "type": ["null", "string"]}),
    ]);
    apicurio.register("subjects.campaign", &campaign).await;
    let to_campaign = Reference { name: "shop.Campaign", subject: "subjects.campaign", version: 1 };
    let to_source = Reference { name: "shop.Source", subject: "subjects.source", version: 1 };
    apicurio.try_register("subjects.source", &source, &[to_campaign]).await.unwrap();
    let referring =
        apicurio.try_register("subjects.leads-value", &lead_schema, &[to_source, to_campaign]).await.unwrap();
    let tail = [text("a"), text("b"), long(1), text("c"), long(1), text("spring")].concat();

    // Soft-deleted: gone from its subject, and still there by its id, in Apicurio as in Confluent's registry.
    let old = writer(&[json!({"name": "old", "type": "int"})]);
    let deleted = apicurio.register("subjects.leads-old", &old).await;
    let (status, _) = apicurio.ask(Method::DELETE, "subjects/subjects.leads-old/versions/1", None).await;
    assert!(status.is_success(), "{status}");
    let (status, _) = apicurio.ask(Method::GET, "subjects/subjects.leads-old/versions/1", None).await;
    assert_eq!(status, 404);

    let relay = stage.spawn("");
    let records = [(referring, [lead("r"), tail].concat()), (deleted, [lead("d"), long(7)].concat())];
    stage.write_framed(0, &records).await;
    let rows = stage.rows(2).await;
    relay.leave(PATIENCE).await;

    assert_eq!(outcomes(&rows, 0), [("delivered", 2)], "{rows:?}");
    assert_eq!(stage.proxy.count("GET /subjects/subjects.campaign/versions/1"), 1, "what is shared is read once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_appears_late_costs_waiting_and_one_that_never_appears_ends_its_records() {
    let stage = Stage::open("late-id", "confluent").await.with_topics().await;
    let known = stage.apicurio.register("late-id.leads-value", &writer(&[])).await;
    // The registry gives its ids in order: these are far beyond what the tests register.
    let (late, never) = (known + 5_000, known + 6_000);
    let relay = stage.spawn("");

    // Partition 0 waits for the schema that comes late, and keeps its order; partition 1 waits for nothing of it.
    stage.write_framed(0, &[(known, lead("before")), (late, lead("late")), (known, lead("behind"))]).await;
    stage.proxy.asked(&format!("GET /schemas/ids/{late}"), 2).await;
    stage.write_framed(1, &[(known, lead("beside"))]).await;
    let rows = stage.rows(2).await;
    assert_eq!((outcomes(&rows, 0), outcomes(&rows, 1)), (vec![("delivered", 1)], vec![("delivered", 1)]));
    stage.proxy.name_by_id(late, known);
    let rows = stage.rows(4).await;
    assert_eq!(outcomes(&rows, 0), [("delivered", 3)], "{rows:?}");

    // The registry says for ten seconds that there is no such id: then the record is settled, and what follows goes on.
    stage.write_framed(1, &[(never, lead("never")), (never, lead("again")), (known, lead("after"))]).await;
    let rows = stage.rows(7).await;
    relay.leave(PATIENCE).await;
    assert_eq!(outcomes(&rows, 1), [("delivered", 1), ("undecodable", 2), ("delivered", 1)]);
    let unread: Vec<_> = rows.iter().filter(|row| row.outcome == "undecodable").collect();
    for row in unread {
        assert_eq!(row.reason, "unknown_schema");
        assert_eq!(row.detail, format!("schema {never}: answered 404 Not Found Schema {never} not found."));
    }
    let asked = stage.proxy.count(&format!("GET /schemas/ids/{never}"));
    // Fewer of a registry that is slow to answer.
    assert!((2..=12).contains(&asked), "once a second, and not again for the second record: {asked}");
}

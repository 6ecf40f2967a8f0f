//! The third framing: the schema is named in the header `__value_schema_id`, and the value is bare.

use super::leads::{framed, lead, writer};
use super::stage::{PATIENCE, Stage, outcomes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_header_names_the_schema_by_id_or_guid_and_a_record_without_it_is_in_the_older_format() {
    let stage = Stage::open("headers", "confluent_header").await.with_topics().await;
    let id = stage.apicurio.register("headers.leads-value", &writer(&[])).await;
    let guid = "89791762-2336-4186-9674-299b90a802e2";
    stage.proxy.name_by_guid(guid, id);
    let guid_bytes = [&[1][..], uuid::Uuid::parse_str(guid).unwrap().as_bytes()].concat();
    let id_bytes = [&[0][..], &id.to_be_bytes()].concat();

    let relay = stage.spawn("");
    let records = vec![
        (Some(id_bytes), lead("id")),
        (Some(guid_bytes), lead("guid")),
        (None, framed(id, &lead("older"))),
        (Some(vec![9; 17]), lead("strange")),
        (None, lead("bare")),
    ];
    stage.write(0, records).await;
    let rows = stage.rows(5).await;
    relay.leave(PATIENCE).await;

    assert_eq!(outcomes(&rows, 0), [("delivered", 3), ("undecodable", 2)], "{rows:?}");
    let unread: Vec<_> = rows.iter().skip(3).map(|row| (row.reason.as_str(), row.detail.as_str())).collect();
    assert_eq!(
        unread,
        [
            ("bad_framing", "expected the byte 01 in front, found 09"),
            ("bad_framing", "expected the byte 00 in front, found 08"),
        ]
    );
    assert_eq!(stage.proxy.count(&format!("GET /schemas/guids/{guid}")), 1);
}

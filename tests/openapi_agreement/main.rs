//! Whether `domain::body` and Pinterest's OpenAPI file judge bodies alike.
//!
//! The file is Pinterest's own and no part of this repository: the variable `PINTEREST_OPENAPI` names it.
//! `PINTEREST_OPENAPI=openapi.json cargo test --features openapi-check --test openapi_agreement -- --nocapture`

#![expect(clippy::panic, clippy::indexing_slicing, reason = "in a test a panic is the failure")]

mod bodies;
mod samples;
mod schema;

use std::collections::BTreeMap;

use pinrelay::domain::body::{EVENT, MAX_EVENTS, check_event, check_request};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use bodies::{BREAKS, RefusedBy, from_schema, from_table};
use schema::OpenApi;

const CASES: u64 = 20_000;

fn open_api() -> OpenApi {
    let path = std::env::var_os("PINTEREST_OPENAPI").expect("PINTEREST_OPENAPI names Pinterest's OpenAPI file");
    let text = std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    OpenApi::new(serde_json::from_slice(&text).expect("the file is JSON"))
}

fn event_schema(api: &OpenApi) -> &Value {
    &api.schema("ConversionEvents")["properties"]["data"]["items"]
}

fn good_event(api: &OpenApi, rng: &mut StdRng) -> Value {
    from_schema(api, event_schema(api), "", rng)
}

#[test]
fn what_comes_of_every_sample_satisfies_pinterests_schema() {
    let api = open_api();
    for (schema, event) in samples::events() {
        assert!(api.accepts(event_schema(&api), &event), "{schema}: Pinterest's refuses {event:#}");
    }
}

#[test]
fn good_events_of_either_description_satisfy_both() {
    let api = open_api();
    for seed in 0..CASES {
        let rng = &mut StdRng::seed_from_u64(seed);
        for event in [good_event(&api, rng), from_table(&EVENT, rng)] {
            assert_eq!(check_event(event.to_string().as_bytes()), Ok(()), "seed {seed}: ours refuses {event:#}");
            assert!(api.accepts(event_schema(&api), &event), "seed {seed}: Pinterest's refuses {event:#}");
        }
    }
    println!("good events: {CASES} of Pinterest's schema, {CASES} of our table, all accepted by both");
}

#[test]
fn a_broken_event_is_refused_by_both_or_where_ours_is_stricter_by_ours() {
    let api = open_api();
    let mut counts: BTreeMap<(RefusedBy, &str), u64> = BTreeMap::new();
    for seed in 0..CASES {
        let rng = &mut StdRng::seed_from_u64(seed);
        let broken = &BREAKS[rng.random_range(0..BREAKS.len())];
        let mut event = good_event(&api, rng);
        (broken.apply)(&mut event, rng);
        let refused = (check_event(event.to_string().as_bytes()).is_err(), !api.accepts(event_schema(&api), &event));
        let expected = (true, broken.refused_by == RefusedBy::Both);
        assert_eq!(refused, expected, "seed {seed}, {}: refused by (ours, Pinterest's): {event:#}", broken.name);
        *counts.entry((broken.refused_by, broken.name)).or_default() += 1;
    }
    for ((refused_by, name), count) in &counts {
        println!("{count:6} refused by {refused_by:?}: {name}");
    }
    assert_eq!(counts.len(), BREAKS.len(), "every way to break an event was tried");
}

#[test]
fn whole_bodies_are_judged_alike() {
    let api = open_api();
    let request = api.schema("ConversionEvents");
    let mut verdicts = [0_u64; 2];
    for seed in 0..CASES / 50 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let n = *[0, 1, 2, 20, MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1].get(rng.random_range(0..7)).expect("seven");
        let mut events = vec![good_event(&api, rng); n];
        let broken = &BREAKS[rng.random_range(0..BREAKS.len())];
        if broken.refused_by == RefusedBy::Both
            && rng.random_bool(0.3)
            && let Some(last) = events.last_mut()
        {
            (broken.apply)(last, rng);
        }
        let body = match rng.random_range(0..10) {
            0 => json!({"data": events, "test": true}),
            1 => json!({"events": events}),
            2 => json!(events),
            3 => json!({"data": {"0": events}}),
            _ => json!({"data": events}),
        };
        let ours = check_request(body.to_string().as_bytes()).is_ok();
        assert_eq!(ours, api.accepts(request, &body), "seed {seed}, {n} events, {}", broken.name);
        verdicts[usize::from(ours)] += 1;
    }
    let [refused, accepted] = verdicts;
    println!("whole bodies: {accepted} accepted by both, {refused} refused by both");
    assert!(0 < refused && 0 < accepted);
}

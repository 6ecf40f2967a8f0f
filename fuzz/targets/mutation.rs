//! Damage to valid inputs, drawn from a seeded source.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::MAX_BYTES;

/// Numbers that decide about lengths, counts and signs, as Avro's longs and plain bytes.
const TELLING: [&[u8]; 10] = [
    &[0],
    &[1],
    &[2],
    &[0x7f],
    &[0xff],
    &[0x80, 0x80, 0x04],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// Pieces of texts, so that JSON and YAML are met beyond their first character.
const WORDS: [&str; 16] = [
    "null",
    "{}",
    "[]",
    "\"\"",
    "\"type\"",
    "\"record\"",
    "{\"type\":\"array\",\"items\":",
    "-1",
    "1e400",
    "\\u0000",
    "*a",
    "&a ",
    "\n  - ",
    ": ",
    "\u{301}",
    "\u{1f600}",
];

/// One of the seeds with one to eight pieces of damage, in rare cases noise.
pub(crate) fn mutated(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    if random.random_ratio(1, 64) {
        let mut noise = vec![0; random.random_range(0..256)];
        random.fill_bytes(&mut noise);
        return noise;
    }
    let mut input = seeds.choose(random).expect("each target has seeds").clone();
    for _ in 0..random.random_range(1..=8) {
        damage(&mut input, seeds, random);
    }
    input.truncate(MAX_BYTES);
    input
}

fn damage(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut StdRng) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(0..16)).min(input.len());
    match random.random_range(0..9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.random();
            }
        }
        2 => replace(input, at, end, TELLING.choose(random).expect("it has some")),
        3 => replace(input, at, (at + 1).min(input.len()), TELLING.choose(random).expect("it has some")),
        4 => replace(input, at, at, WORDS.choose(random).expect("it has some").as_bytes()),
        5 => input.truncate(at),
        6 => replace(input, at, end, &[]),
        7 => {
            let piece = input[at..end].to_vec();
            for _ in 0..random.random_range(1..64) {
                replace(input, at, at, &piece);
            }
        }
        _ => {
            let other = seeds.choose(random).expect("each target has seeds");
            let from = random.random_range(0..=other.len());
            replace(input, at, input.len(), &other[from..]);
        }
    }
}

fn replace(input: &mut Vec<u8>, from: usize, to: usize, piece: &[u8]) {
    input.splice(from..to, piece.iter().copied());
}

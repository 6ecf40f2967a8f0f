//! Where the records come from.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde_json::{Deserializer, Value};

use super::super::exit::{Exit, Failure};
use crate::run::FeedMapping;

/// What stands before a value in Avro's single-object encoding: two bytes and a fingerprint.
const SINGLE_OBJECT: [u8; 2] = [0xc3, 0x01];

/// What an Avro container file begins with, and what its header then names.
const CONTAINER: (&[u8], &[u8]) = (b"Obj\x01", b"avro.schema");

/// The file, or stdin.
pub(super) fn open(input: Option<&Path>) -> Result<Box<dyn Read>, Failure> {
    match input.filter(|path| *path != Path::new("-")) {
        None => Ok(Box::new(BufReader::new(io::stdin()))),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(BufReader::new(file))),
            Err(error) => Err(unreadable(Some(path), &error)),
        },
    }
}

pub(super) fn unreadable(path: Option<&Path>, error: &io::Error) -> Failure {
    let name = path.map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    Failure {
        exit: Exit::Configuration,
        problem: format!("{name} cannot be read: {}", error.kind()),
        next: "name a readable file".to_owned(),
    }
}

/// The values of the input one after the other; the elements of lists, each by itself. Ends behind the first fault.
pub(super) fn records(input: impl Read) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
    let mut is_faulty = false;
    let values = Deserializer::from_reader(input).into_iter::<Value>();
    let values = values.take_while(move |value| !std::mem::replace(&mut is_faulty, value.is_err()));
    values.flat_map(|value| match value {
        Ok(Value::Array(list)) => list.into_iter().map(Ok).collect(),
        value => vec![value],
    })
}

/// Avro bytes without framing, and the schema that they were written with.
pub(super) struct Payload<'m> {
    pub(super) schema: &'m str,
    pub(super) bytes: &'m [u8],
}

/// Takes single-object framing off a message whose schema the feed knows; else the message is bare and written with
/// `writer`, or with the reader schema.
pub(super) fn payload<'m>(message: &'m [u8], mapping: &'m FeedMapping, writer: Option<&'m str>) -> Payload<'m> {
    if let Some((marker, rest)) = message.split_first_chunk()
        && *marker == SINGLE_OBJECT
        && let Some((fingerprint, bytes)) = rest.split_first_chunk()
        && let Some(schema) = mapping.writers.get(fingerprint)
    {
        return Payload { schema: writer.unwrap_or(schema), bytes };
    }
    Payload { schema: writer.unwrap_or(&mapping.schema), bytes: message }
}

/// Whether the bytes are a file of records with their schema before them, which no topic holds.
pub(super) fn is_container(message: &[u8]) -> bool {
    let (magic, names) = CONTAINER;
    message.starts_with(magic) && message.windows(names.len()).any(|window| window == names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_file_is_told_from_a_message() {
        for (bytes, container) in [
            (&b"Obj\x01\x04\x16avro.schema\xb2\x01{}"[..], true),
            (b"Obj\x01\x04", false),
            (b"\x16avro.schema", false),
            (b"", false),
        ] {
            assert_eq!(is_container(bytes), container, "{bytes:?}");
        }
    }

    #[test]
    fn records_are_values_and_elements_of_lists_up_to_the_first_fault() {
        for (text, expected) in [
            ("1\n2", &[Some(1), Some(2)][..]),
            ("[1, 2] 3", &[Some(1), Some(2), Some(3)]),
            ("", &[]),
            ("1 x 2", &[Some(1), None]),
        ] {
            let found: Vec<_> =
                records(text.as_bytes()).map(|value| value.ok().as_ref().and_then(Value::as_i64)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

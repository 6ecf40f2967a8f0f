//! What is wrong with a body: where, what was expected, what kind of thing was found. Never a value.

use std::fmt;

use crate::domain::ForeignText;

/// One fault of a body or an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct BodyFault {
    /// Such as `data[3].user_data.em[0]`; `(whole)` for the body or event itself.
    pub path: String,
    pub expected: String,
    pub found: Found,
}

/// What stood there, without saying its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key is absent.
    Missing,
    Null,
    Flag,
    /// A whole number of 64 bits.
    Whole,
    /// Any other number.
    Number,
    /// Text of so many characters.
    Text(usize),
    /// A list of so many elements.
    List(usize),
    Object,
    /// A key that the table does not have; its name is cut and masked.
    UnknownKey(ForeignText),
    /// A key that stood in the object before.
    Again,
    /// Identity parameters, but not enough of them.
    TooFewIdentities,
    /// Bytes that are no JSON document.
    NotJson {
        line: usize,
        column: usize,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nothing"),
            Self::Null => f.write_str("null"),
            Self::Flag => f.write_str("true or false"),
            Self::Whole => f.write_str("a whole number"),
            Self::Number => f.write_str("a number"),
            Self::Text(chars) => write!(f, "text of {chars} characters"),
            Self::List(length) => write!(f, "a list of {length}"),
            Self::Object => f.write_str("an object"),
            Self::UnknownKey(key) => write!(f, "the unknown key '{key}'"),
            Self::Again => f.write_str("it again"),
            Self::TooFewIdentities => f.write_str("none of them"),
            Self::NotJson { line, column } => write!(f, "other bytes at line {line}, column {column}"),
        }
    }
}

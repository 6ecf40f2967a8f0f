//! From bytes to events: an annotated reader schema is the mapping.

mod schema;

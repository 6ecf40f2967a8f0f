//! JSON, straight into one buffer.

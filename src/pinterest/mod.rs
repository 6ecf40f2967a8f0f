//! The world of Pinterest: the client, the reading of its answers, and a Pinterest to run on a desk.

pub mod answer;

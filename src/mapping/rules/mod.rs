//! Pinterest's rules, one function for each kind of value: text in, normalised text or the reason to drop it out.
//!
//! Nothing here hashes, encodes or decides about a record; that is `finish`.
//! Where Pinterest's own examples contradict its words, the words hold.

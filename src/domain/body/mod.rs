//! What a request body of `POST /v5/ad_accounts/{id}/events` may look like.
//!
//! The project's own strict description, in one table ([`REQUEST`], [`EVENT`]), and its one checker. An event is made of
//! an [`EventBody`], which only the checker lets come to be, and the sandbox checks what arrives: both mean the same by
//! "valid". The checker reads the bytes as they are sent; only the sandbox builds values of them afterwards.
//! It decides about shape alone: whether an event is late, a duplicate or well normalised is decided elsewhere.
//!
//! Everything that Pinterest's OpenAPI 5.23.0 refuses is refused here. On purpose, more is:
//!
//! | field | also refused here | why |
//! |---|---|---|
//! | hashed `user_data` lists | an empty list; anything but 64 lower-case hex digits | a plain value makes Pinterest refuse the event (422), and must not leave |
//! | `user_data` | unknown keys, which the schema allows there | they are silently ignored, so they are mistakes: `opt_out_type` put there takes no effect |
//! | `user_data.customer_type` | anything but `new` and `returning` | documented with version 5.31 only |
//! | `client_ip_address` | what is no IPv4 or IPv6 address; `0.0.0.0`; `::` | documented as invalid |
//! | `action_source` | anything but the four documented words | the schema has a free string |
//! | `event_name`, `event_id` | the empty string | such an event cannot be deduplicated |
//! | `event_time` | negative numbers | before 1970 |
//! | `value`, `item_price`, `predicted_ltv` | text that is no plain decimal number | parsed as a double by Pinterest |
//! | `currency`, `language` | anything but three upper-case, two lower-case ASCII letters | ISO 4217, ISO 639-1 |
//! | every object | a key that stands twice | parsers differ in which of the two they take |
//! | every whole number | `1.0`, `1e3`, and numbers beyond 64 bits | `format: int64` |
//!
//! Any `event_name` passes, because Pinterest judges names event by event; [`EVENT_NAMES`] has the documented ones.

mod check;
mod event_body;
mod fault;
mod scan;
mod table;

pub use check::{CheckedRequest, check_event, check_request};
pub use event_body::EventBody;
pub use fault::{BodyFault, Found};
pub use table::{Also, EVENT, EVENT_NAMES, Field, Kind, Object, Presence, REQUEST, TextRule, field};

/// Most events in one request (OpenAPI 5.23.0, `ConversionEvents.data.maxItems`).
pub const MAX_EVENTS: usize = 1000;

/// Most faults that are reported of one body: enough to see what is wrong with it, bounded for a hostile one.
pub const MAX_FAULTS: usize = 64;

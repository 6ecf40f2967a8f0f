//! What the process tells about itself to other systems: metrics and traces.
//!
//! It decides how measurements are named and written down, and takes none itself: the loop counts in plain numbers and
//! hands over a [`Reading`] when somebody asks for one.
//!
//! | file | what it decides |
//! |---|---|
//! | `metric` | which metrics there are: name, kind, unit, labels, meaning |
//! | `label` | which dimensions they have, and which values those take |
//! | `histogram` | how durations are counted in buckets |
//! | `reading` | what was measured at one moment |
//! | `span` | what is told of a record and of a post whose trace somebody watches |
//! | `otlp` | how both are written down for a collector, and sent |
//! | `text` | how a reading looks at `/metrics` |

pub mod histogram;
pub mod label;
pub mod metric;
pub mod otlp;
pub mod reading;
pub mod span;
pub mod text;

#[cfg(test)]
mod docs;

pub use histogram::Histogram;
pub use label::Label;
pub use metric::{Kind, Metric, Unit};
pub use reading::{Reading, Value};

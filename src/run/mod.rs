//! The one loop: effects of the core go out, inputs come in.

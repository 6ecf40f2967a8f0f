//! What the demo shows at its end, as a table and as JSON.

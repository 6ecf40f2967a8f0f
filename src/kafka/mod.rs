//! The world of Kafka: consumer, transactions, restore, schema registry, and what is written to topics.

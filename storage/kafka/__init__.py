"""Kafka: topics, and the settings of our clients."""

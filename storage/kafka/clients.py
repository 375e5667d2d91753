"""Settings of every Kafka client of ours, in one place."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer

from storage.kafka.topics import RECORD_BYTES

PARTITIONER = "murmur2"
"""Java's partitioner. librdkafka's default differs, and a run's records must meet on one partition."""

Config = dict[str, str | int | float | bool]


def producer_config(bootstrap: str, *, linger_ms: float = 0) -> Config:
    """An idempotent producer that loses nothing it has confirmed."""
    return {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": linger_ms,
        "partitioner": PARTITIONER,
        "message.max.bytes": RECORD_BYTES,
        "queue.buffering.max.messages": 1_000_000,
        "log.connection.close": False,
        "socket.nagle.disable": True,
    }


IDLE_FETCH_MS = 250
"""How long a fetch stays with the broker when there is nothing; it is answered as soon as there is something.

Partitions that are resumed while one is under way wait for the next.
"""


def consumer_config(bootstrap: str, group: str, *, instance: str | None = None) -> Config:
    """A consumer that hears of a record as soon as it is there, and commits by hand."""
    config: Config = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": IDLE_FETCH_MS,
        "fetch.queue.backoff.ms": 5,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
        "log.connection.close": False,
        "socket.nagle.disable": True,
    }
    if instance is not None:
        config["group.instance.id"] = instance
    return config


def producer(bootstrap: str, *, linger_ms: float = 0) -> Producer:
    """A producer with our settings."""
    return Producer(producer_config(bootstrap, linger_ms=linger_ms))


def tail(bootstrap: str, name: str) -> Consumer:
    """A consumer for reading by hand (`assign`), outside any group's rebalancing."""
    return Consumer(consumer_config(bootstrap, name))

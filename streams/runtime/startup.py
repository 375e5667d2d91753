"""What must hold before a processor reads its first record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, TopicPartition

from storage.kafka.admin import TopicsError, check_topics
from storage.kafka.changelogs import CHANGELOGS, group_of
from storage.kafka.clients import consumer_config
from streams.runtime.local_state import discard_stale_state

if TYPE_CHECKING:
    from storage.kafka.changelogs import Changelog
    from streams.runtime.settings import StreamSettings

REQUEST_TIMEOUT_S = 15.0
_READ_TIMEOUT_S = 30.0


class StartupError(Exception):
    """The processor must not start; the message says why and what to do."""


def check(settings: StreamSettings, processor: str) -> None:
    """StartupError unless `processor` can start without losing or inventing anything."""
    try:
        check_topics(settings)
    except TopicsError as error:
        raise StartupError(str(error)) from error
    for changelog in CHANGELOGS:
        if changelog.processor == processor:
            _check_offsets(settings, changelog)
    discard_stale_state(settings, processor)


def _check_offsets(settings: StreamSettings, changelog: Changelog) -> None:
    """A changelog with data needs its group's offsets: without them its records are passed by at recovery."""
    group = group_of(changelog.processor)
    config = consumer_config(settings.kafka_bootstrap, group) | {"enable.partition.eof": True}
    consumer = Consumer(config)
    try:
        sources = [TopicPartition(changelog.source, number) for number in range(settings.partitions)]
        committed = consumer.committed(sources, timeout=REQUEST_TIMEOUT_S)
        without = [tp.partition for tp in committed if tp.offset < 0]
        orphans = [number for number in without if _holds_data(consumer, changelog.topic, number)]
    finally:
        consumer.close()
    if orphans:
        raise StartupError(
            f"{changelog.topic} holds state for partitions {orphans}, but the group {group} has no offsets "
            f"of {changelog.source} there. Restore the group's offsets; or delete the changelog and run "
            f"`aob topics create`, to build the state again from the start of {changelog.source}."
        )


def _holds_data(consumer: Consumer, topic: str, partition: int) -> bool:
    """Whether a committed record stands there; an aborted transaction leaves offsets but no record."""
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=REQUEST_TIMEOUT_S)
    if high <= low:
        return False
    consumer.assign([TopicPartition(topic, partition, low)])
    deadline = time.monotonic() + _READ_TIMEOUT_S
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's own codes begin with _)
            return False
        raise StartupError(f"{topic}[{partition}] cannot be read: {error.str()}")
    raise StartupError(f"{topic}[{partition}] was not read within {_READ_TIMEOUT_S} s")

"""The tail: a thread that reads all partitions of the live topics from their end, outside any group."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from fanout.hub import LiveRecord
from storage.kafka.clients import consumer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

log = structlog.get_logger(__name__)

_POLL_S = 0.5
_META_S = 10.0
_RETRY_S = 1.0
_RECORDS_AT_ONCE = 1000
_GATHERED_BYTES = 64 * 1024
_GATHER_MS = 25
_BATCHES_AHEAD = 4
"""Batches that may wait for the event loop: a loop that is behind slows the reading down."""

_PREFETCH_KB = 8 * 1024


class Tail:
    """Delivers live records to `publish`, on the event loop that `start` was called on."""

    def __init__(
        self, bootstrap: str, topics: Sequence[str], publish: Callable[[list[LiveRecord]], None]
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._publish = publish
        self._ahead = threading.Semaphore(_BATCHES_AHEAD)
        self._stopping = threading.Event()
        self._following = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def following(self) -> bool:
        """Whether the end of every partition is known and read on from."""
        return self._following.is_set()

    def start(self) -> None:
        """Begin to read; what is produced from when `following` is true will be delivered."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="tail", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            # In its own group only by name: nothing is joined and nothing is committed.
            config = consumer_config(self._bootstrap, "aob-fanout") | {
                "auto.offset.reset": "latest",
                "queued.max.messages.kbytes": _PREFETCH_KB,
                # Nobody sees 25 ms; a fetch for each record would cost the broker more than all of ours.
                "fetch.min.bytes": _GATHERED_BYTES,
                "fetch.wait.max.ms": _GATHER_MS,
            }
            consumer = Consumer(config)
            try:
                self._assign(consumer)
                self._following.set()
                self._follow(consumer, loop)
            except KafkaException as error:
                # What is missed meanwhile, readers find in the history.
                log.warning("tail.failed", error=str(error), retry_s=_RETRY_S)
            finally:
                self._following.clear()
                consumer.close()
            self._stopping.wait(_RETRY_S)

    def _assign(self, consumer: Consumer) -> None:
        """Pin the end of each partition now, so that nothing is missed between here and the first poll."""
        ends = []
        for topic in self._topics:
            found = consumer.list_topics(topic, timeout=_META_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            for number in found.partitions:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_META_S)
                ends.append(TopicPartition(topic, number, end))
        consumer.assign(ends)

    def _follow(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            # `consume` with a time-out waits until it has them all: wait for one, then take what is there.
            first = consumer.poll(_POLL_S)
            if first is None:
                continue
            messages = [first, *consumer.consume(_RECORDS_AT_ONCE, 0)]
            records = [record for message in messages if (record := _record(message)) is not None]
            if records and self._acquire():
                loop.call_soon_threadsafe(self._deliver, records)

    def _acquire(self) -> bool:
        while not self._stopping.is_set():
            if self._ahead.acquire(timeout=_POLL_S):
                return True
        return False

    def _deliver(self, records: list[LiveRecord]) -> None:
        self._ahead.release()
        self._publish(records)


def _record(message: Message) -> LiveRecord | None:
    """The record of a run; None for an error that librdkafka retries, and for what is no run's."""
    error = message.error()
    if error is not None:
        if error.fatal():
            raise KafkaException(error)
        log.warning("tail.read_failed", error=str(error))
        return None
    key, value = message.key(), message.value()
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        return None
    return LiveRecord(key.decode("utf-8", "replace"), value)

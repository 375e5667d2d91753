"""The `CancelFeed` from Kafka: every runner reads all of `node.cancels`, outside of any group."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from engine.effects import CancelJobs
from storage.kafka import clients
from storage.kafka.topics import NODE_CANCELS
from storage.wire import WireError, decode

if TYPE_CHECKING:
    from workers.broker.ports import Listener

_log = structlog.get_logger(__name__)

POLL_S = 0.2
BROKER_TIMEOUT_S = 10.0

LOOK_BACK = 10_000
"""Cancels before the start that are read too: their jobs may wait in the job topics still."""


class KafkaCancels:
    """Reads in a thread, and tells the loop."""

    def __init__(self, bootstrap: str, instance: str) -> None:
        self._consumer = clients.tail(bootstrap, f"aob.cancels.{instance}")
        self._thread: threading.Thread | None = None
        self._closing = False

    def start(self, listener: Listener) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, args=(loop, listener), name="cancels", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop reading."""
        self._closing = True
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, BROKER_TIMEOUT_S)

    def _work(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> None:
        try:
            self._consumer.assign(_starts(self._consumer))
            while not self._closing:
                cancel = self._next()
                if cancel is not None:
                    loop.call_soon_threadsafe(listener.cancelled, cancel)
        except Exception as error:  # noqa: BLE001 (the loop decides what the end of the feed means)
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener.failed, error)
        finally:
            self._consumer.close()

    def _next(self) -> CancelJobs | None:
        message = self._consumer.poll(POLL_S)
        if message is None:
            return None
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            _log.warning("kafka", error=str(error))
            return None
        try:
            record = decode(message.value())
        except WireError as problem:
            _log.warning("no_cancel", offset=message.offset(), reason=str(problem))
            return None
        return record if isinstance(record, CancelJobs) else None


def _starts(consumer: Consumer) -> list[TopicPartition]:
    topic = consumer.list_topics(NODE_CANCELS, timeout=BROKER_TIMEOUT_S).topics[NODE_CANCELS]
    starts = []
    for number in topic.partitions:
        partition = TopicPartition(NODE_CANCELS, number)
        low, high = consumer.get_watermark_offsets(partition, timeout=BROKER_TIMEOUT_S)
        partition.offset = max(low, high - LOOK_BACK)
        starts.append(partition)
    return starts

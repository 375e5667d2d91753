"""The `JobSource` from Kafka: a consumer in a thread of its own, which hands batches to the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from operator import methodcaller
from queue import SimpleQueue
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from storage.kafka import clients
from storage.kafka.topics import PRIORITIES, job_topic
from workers.broker.ports import Assigned, Listener, Partition, Position, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_log = structlog.get_logger(__name__)

BATCH = 500
POLL_S = 0.05
"""How long a thread waits for a record before it looks at what else there is to do (commits, pauses)."""

BATCHES_AHEAD = 2
"""Batches that the loop has not looked at yet; the thread waits before it takes more."""

BROKER_TIMEOUT_S = 10.0


class KafkaSource:
    """The three topics of a queue, in the group `aob.runner.QUEUE`.

    `instance` is a static member's name: a restart under the same name goes on at once.
    """

    def __init__(self, bootstrap: str, queue: str, instance: str) -> None:
        self._queue = queue
        self._topics = {job_topic(queue, name): rank for rank, name in enumerate(PRIORITIES)}
        self._consumer = Consumer(
            {
                **clients.consumer_config(bootstrap, f"aob.runner.{queue}", instance=f"runner.{instance}"),
                # Each topic is spread evenly; cooperative-sticky may give one runner all of a priority.
                "partition.assignment.strategy": "range",
                "socket.nagle.disable": True,
                # A pause throws away what was fetched ahead: keep that small.
                "queued.min.messages": 2000,
                "queued.max.messages.kbytes": 16 * 1024,
                "on_commit": self._on_commit,
                "error_cb": self._on_error,
            }
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._ahead = threading.Semaphore(BATCHES_AHEAD)
        self._to_commit: SimpleQueue[list[TopicPartition]] = SimpleQueue()
        self._last: list[TopicPartition] = []
        self._paused: set[int] = set()
        self._pause_changed = False
        self._taken_away: set[tuple[str | None, int | None]] = set()
        self._closing = False

    def start(self, listener: Listener) -> None:
        """Join the group."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._thread = threading.Thread(target=self._work, name=f"jobs-{self._queue}", daemon=True)
        self._thread.start()

    def pause(self, priority: int) -> None:
        """Bring no more of a priority, from the thread's next turn on."""
        self._paused.add(priority)
        self._pause_changed = True

    def resume(self, priority: int) -> None:
        """Bring it again."""
        self._paused.discard(priority)
        self._pause_changed = True

    def commit(self, positions: Sequence[Position]) -> None:
        """Commit at the thread's next turn."""
        self._to_commit.put(self._own(positions))

    async def close(self, positions: Sequence[Position]) -> None:
        """Commit, and leave the group."""
        if self._thread is None:
            return
        self._last = self._own(positions)
        self._closing = True
        await asyncio.to_thread(self._thread.join, BROKER_TIMEOUT_S)

    def _own(self, positions: Sequence[Position]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number, offset, metadata)
            for (topic, number), offset, metadata in positions
            if topic in self._topics
        ]

    # From here on: the thread.

    def _work(self) -> None:
        try:
            self._consumer.subscribe(
                list(self._topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._closing:
                self._turn()
            self._commit_last(self._last)
        except Exception as error:  # noqa: BLE001 (the loop decides what the end of its source means)
            self._tell(methodcaller("failed", error))
        finally:
            # While it closes it hears of the revocation of its partitions, which it has committed already.
            self._closing = True
            self._consumer.close()

    def _turn(self) -> None:
        while not self._to_commit.empty():
            self._consumer.commit(offsets=self._to_commit.get(), asynchronous=True)
        if self._pause_changed:
            self._apply_pauses()
        if not self._ahead.acquire(timeout=POLL_S):
            return
        records = self._poll()
        if records:
            self._tell(lambda listener: self._hand_over(listener, records))
        else:
            self._ahead.release()

    def _poll(self) -> list[Record]:
        # `consume` waits until a batch is full; `poll` returns with the first record.
        first = self._consumer.poll(POLL_S)
        if first is None:
            return []
        self._taken_away.clear()
        messages = self._consumer.consume(BATCH - 1, 0)
        # A rebalance in between: the record comes again, after those that were committed to come before it.
        if (first.topic(), first.partition()) not in self._taken_away:
            messages.insert(0, first)
        topics = self._topics
        return [
            Record(
                (topic, message.partition()),
                message.offset(),
                topics[topic],
                message.key(),
                message.value(),
                _headers(message),
            )
            for message in messages
            if (topic := message.topic()) is not None and _is_record(message)
        ]

    def _hand_over(self, listener: Listener, records: list[Record]) -> None:
        self._ahead.release()
        listener.received(records)

    def _apply_pauses(self) -> None:
        self._pause_changed = False
        paused = set(self._paused)
        held: list[TopicPartition] = []
        free: list[TopicPartition] = []
        for partition in self._consumer.assignment():
            (held if self._topics[partition.topic] in paused else free).append(partition)
        self._consumer.pause(held)
        self._consumer.resume(free)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        committed = consumer.committed(partitions, timeout=BROKER_TIMEOUT_S) if partitions else []
        assigned = [
            Assigned(name, p.offset if p.offset >= 0 else None, p.metadata)
            for name, p in zip(_names(committed), committed, strict=True)
        ]
        self._tell(methodcaller("assigned", assigned))
        self._pause_changed = True

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._closing:
            return
        answer: concurrent.futures.Future[list[Position]] = concurrent.futures.Future()
        names = _names(partitions)
        self._taken_away.update(names)
        self._tell(lambda listener: answer.set_result(listener.revoked(names)))
        try:
            self._commit_last(self._own(answer.result(BROKER_TIMEOUT_S)))
        except concurrent.futures.TimeoutError:
            _log.warning("revoked_without_commit", partitions=names)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        names = _names(partitions)
        self._taken_away.update(names)
        _log.warning("partitions_lost", partitions=names)
        self._tell(methodcaller("revoked", names))

    def _commit_last(self, positions: list[TopicPartition]) -> None:
        """Commit and wait; without it the next owner repeats what is not committed, which is harmless."""
        if not positions:
            return
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            _log.warning("commit_failed", error=str(error))

    def _on_commit(self, error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
        if error is not None:
            _log.warning("commit_failed", error=str(error))
            self._tell(methodcaller("commit_failed"))

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        _log.warning("kafka", error=str(error))

    def _tell(self, say: Callable[[Listener], None]) -> None:
        loop, listener = self._loop, self._listener
        if loop is None or listener is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(say, listener)


def _names(partitions: list[TopicPartition]) -> list[Partition]:
    return [(p.topic, p.partition) for p in partitions]


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    _log.warning("kafka", error=str(error))
    return False


def _headers(message: Message) -> dict[str, bytes]:
    headers = message.headers()
    if not headers:
        return {}
    return {name: value if isinstance(value, bytes) else str(value).encode() for name, value in headers}

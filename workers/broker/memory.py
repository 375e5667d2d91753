"""The broker in memory: the twin of the Kafka adapter, for tests of everything above it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from storage.kafka.topics import PRIORITIES, job_topic
from workers.broker.ports import Assigned, Listener, Partition, Position, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.effects import CancelJobs

Stored = tuple[bytes | None, bytes | None]


class MemoryBroker:
    """Topics of `partitions` partitions, and the commits of one group. Only for one event loop."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.records: dict[Partition, list[Stored]] = {}
        self.commits: dict[Partition, tuple[int, str]] = {}
        self.sources: list[MemorySource] = []
        self.cancels: list[CancelJobs] = []
        self.cancel_feeds: list[MemoryCancels] = []

    def append(self, topic: str, key: bytes | None, value: bytes | None, partition: int = 0) -> int:
        """Store a record and bring it to whoever owns its partition; returns its offset."""
        log = self.records.setdefault((topic, partition), [])
        log.append((key, value))
        for source in self.sources:
            source.wake()
        return len(log) - 1

    def values(self, topic: str) -> list[bytes]:
        """All values of a topic."""
        return [v for (name, _), log in sorted(self.records.items()) if name == topic for _, v in log if v]

    def cancel(self, cancel: CancelJobs) -> None:
        """Tell every runner, and those that start later."""
        self.cancels.append(cancel)
        for feed in self.cancel_feeds:
            feed.tell(cancel)


class MemorySource:
    """A `JobSource` on a `MemoryBroker`. It owns all partitions until `lose` takes some away."""

    def __init__(self, broker: MemoryBroker, queue: str = "default") -> None:
        self._broker = broker
        self._priorities = {job_topic(queue, name): rank for rank, name in enumerate(PRIORITIES)}
        self._next: dict[Partition, int] = {}
        self._paused: set[int] = set()
        self._listener: Listener | None = None
        self._woken = False

    def start(self, listener: Listener) -> None:
        """Own all partitions of the queue."""
        self._listener = listener
        self._broker.sources.append(self)
        self.gain([(topic, n) for topic in self._priorities for n in range(self._broker.partitions)])

    def gain(self, partitions: Sequence[Partition]) -> None:
        """Own these partitions from now on."""
        commits = {p: self._broker.commits.get(p) for p in partitions}
        self._next.update({p: commit[0] if commit else 0 for p, commit in commits.items()})
        assigned = [Assigned(p, *(commit or (None, None))) for p, commit in commits.items()]
        self._heard().assigned(assigned)
        self.wake()

    def lose(self, partitions: Sequence[Partition]) -> None:
        """Give these partitions away."""
        for partition in partitions:
            del self._next[partition]
        self.commit(self._heard().revoked(partitions))

    def crash(self) -> None:
        """Vanish without a word."""
        self._broker.sources.remove(self)
        self._next.clear()

    def wake(self) -> None:
        """Bring what there is, once the loop comes round."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._bring)

    def pause(self, priority: int) -> None:
        """Bring no more of a priority."""
        self._paused.add(priority)

    def resume(self, priority: int) -> None:
        """Bring it again."""
        self._paused.discard(priority)
        self.wake()

    def commit(self, positions: Sequence[Position]) -> None:
        """Commit."""
        for partition, offset, metadata in positions:
            self._broker.commits[partition] = (offset, metadata)

    async def close(self, positions: Sequence[Position]) -> None:
        """Commit and leave."""
        self.commit(positions)
        self.crash()

    def _heard(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("the source is not started")
        return self._listener

    def _bring(self) -> None:
        self._woken = False
        for partition, offset in list(self._next.items()):
            priority = self._priorities[partition[0]]
            if priority in self._paused:
                continue
            log = self._broker.records.get(partition, [])
            self._next[partition] = len(log)
            records = [
                Record(partition, n, priority, key, value, {})
                for n, (key, value) in enumerate(log[offset:], offset)
            ]
            if records:
                self._heard().received(records)


class MemoryCancels:
    """A `CancelFeed` of a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        """Hear what the broker was told, and is told from now on."""
        self._listener = listener
        self._broker.cancel_feeds.append(self)
        for cancel in self._broker.cancels:
            asyncio.get_running_loop().call_soon(self.tell, cancel)

    def tell(self, cancel: CancelJobs) -> None:
        """Pass the word on."""
        if self._listener is not None:
            self._listener.cancelled(cancel)

    async def close(self) -> None:
        """Hear no more."""
        self._listener = None
        self._broker.cancel_feeds.remove(self)


class MemoryOutlet:
    """An `Outlet` into a `MemoryBroker`. With `holding`, confirmations wait for `release`."""

    def __init__(self, broker: MemoryBroker, *, holding: bool = False) -> None:
        self._broker = broker
        self.holding = holding
        self._waiting: list[Callable[[], None]] = []

    @property
    def undelivered(self) -> int:
        """How many confirmations are withheld."""
        return len(self._waiting)

    def start(self, failed: Callable[[Exception], None]) -> None:
        """Nothing fails here."""

    def send(self, topic: str, key: bytes | None, value: bytes, delivered: Callable[[], None]) -> None:
        """Store the record and confirm it once the loop comes round."""
        self._broker.append(topic, key, value)
        self._waiting.append(delivered)
        if not self.holding:
            asyncio.get_running_loop().call_soon(self.release)

    def expect(self, jobs: int) -> None:
        """Nothing to save here."""

    def send_unconfirmed(self, topic: str, key: bytes, value: bytes) -> None:
        """Store the record."""
        self._broker.records.setdefault((topic, 0), []).append((key, value))

    def release(self) -> None:
        """Confirm everything that is withheld."""
        waiting, self._waiting = self._waiting, []
        for delivered in waiting:
            delivered()

    async def close(self, timeout_s: float) -> None:  # noqa: ARG002 (nothing here takes time)
        """Confirm the rest."""
        if not self.holding:
            self.release()

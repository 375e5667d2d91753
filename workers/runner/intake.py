"""The side of the runner that faces the sources: what came in, what waits, what is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from storage.kafka.topics import PRIORITIES
from workers.broker import Position, Record
from workers.runner.backlog import Backlog
from workers.runner.ledger import PartitionLedger, decode_stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workers.broker import Assigned, JobSource, Partition
    from workers.runner.limits import Limits


class Waiting(NamedTuple):
    """A record whose job is not begun, and the ledger that wants to know when it is finished."""

    ledger: PartitionLedger
    record: Record


class Intake:
    """Ledgers of the partitions that are ours, and a bounded backlog: a full priority pauses its topics."""

    def __init__(self, sources: Sequence[JobSource], limits: Limits) -> None:
        self._sources = sources
        self._ledgers: dict[Partition, PartitionLedger] = {}
        self._backlog: Backlog[Waiting] = Backlog(limits.backlog, limits.backlog_bytes)
        self._paused: set[int] = set()
        self._stopped = False

    def assigned(self, partitions: Iterable[Assigned]) -> None:
        """Begin a ledger for each partition, with what an earlier owner finished."""
        for partition, offset, metadata in partitions:
            finished = [] if offset is None else decode_stretches(offset, metadata)
            self._ledgers[partition] = PartitionLedger(offset, finished)

    def received(self, records: Iterable[Record]) -> None:
        """Queue what is not finished yet."""
        ledgers = self._ledgers
        for record in records:
            ledger = ledgers.get(record.partition)
            if ledger is not None and ledger.take(record.offset):
                self._backlog.push(record.priority, Waiting(ledger, record), len(record.value or b""))
        for priority in range(len(PRIORITIES)):
            if priority not in self._paused and self._backlog.is_full(priority):
                self._pause(priority)

    def revoked(self, partitions: Sequence[Partition]) -> list[Position]:
        """Forget partitions; the answer is what to commit for them."""
        positions = self._positions(partitions)
        for partition in partitions:
            ledger = self._ledgers.pop(partition, None)
            if ledger is not None:
                ledger.revoked = True
        self._backlog.discard(lambda waiting: waiting.ledger.revoked)
        return positions

    def next(self) -> tuple[int, Waiting] | None:
        """The record whose turn it is, with its priority."""
        entry = self._backlog.pop()
        if self._paused and not self._stopped:
            for priority in [p for p in self._paused if self._backlog.is_drained(p)]:
                self._paused.discard(priority)
                for source in self._sources:
                    source.resume(priority)
        return entry

    def commit(self) -> None:
        """Commit what changed since the last time."""
        changed = self._positions(list(self._ledgers))
        if changed:
            for source in self._sources:
                source.commit(changed)

    def commit_failed(self) -> None:
        """Commit everything again the next time."""
        for ledger in self._ledgers.values():
            ledger.committed = None

    def stop(self) -> None:
        """Bring nothing more in."""
        self._stopped = True
        for priority in range(len(PRIORITIES)):
            self._pause(priority)

    async def close(self) -> None:
        """Commit and leave; what waits here goes to others."""
        self.commit_failed()
        positions = self._positions(list(self._ledgers))
        for source in self._sources:
            await source.close(positions)

    def _pause(self, priority: int) -> None:
        self._paused.add(priority)
        for source in self._sources:
            source.pause(priority)

    def _positions(self, partitions: Sequence[Partition]) -> list[Position]:
        """Positions of `partitions` that are not committed yet; they count as committed from now on."""
        changed: list[Position] = []
        for partition in partitions:
            ledger = self._ledgers.get(partition)
            position = None if ledger is None else ledger.position()
            if ledger is None or position is None or position == ledger.committed:
                continue
            ledger.committed = position
            changed.append(Position(partition, *position))
        return changed

"""The hub: live records in, to the readers of their run out. Lives on the event loop's thread."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog

from engine.log_line import LogLine
from fanout.feed_event import event_of, event_of_line
from fanout.subscription import Batch, Item, Line, Subscription
from storage.postgres.timeline import events_of
from storage.wire import WireError
from storage.wire.peek import RawDecision, peek

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger(__name__)

# One bad record must not end the feeds of all: what its bytes may do to a decoder.
_UNDECODABLE = (WireError, msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """A record of a live topic, not decoded: most belong to runs that nobody watches."""

    run_id: str
    value: bytes


class Ring:
    """The newest records by run, bounded in bytes: a late reader need not wait for the projection."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._order: deque[str] = deque()
        self._runs: OrderedDict[str, deque[bytes]] = OrderedDict()

    def add(self, record: LiveRecord) -> None:
        """Keep a record; the oldest leave when the bound is met."""
        self._runs.setdefault(record.run_id, deque()).append(record.value)
        self._order.append(record.run_id)
        self._bytes += len(record.value)
        while self._bytes > self._limit:
            self._drop_oldest()

    def of(self, run_id: str) -> list[LiveRecord]:
        """What is left of a run, oldest first."""
        return [LiveRecord(run_id, value) for value in self._runs.get(run_id, ())]

    def _drop_oldest(self) -> None:
        run_id = self._order.popleft()
        values = self._runs[run_id]
        self._bytes -= len(values.popleft())
        if not values:
            del self._runs[run_id]


class Hub:
    """Dispatches live records to subscriptions; only records of watched runs are decoded."""

    def __init__(self, *, ring_bytes: int, buffer_bytes: int) -> None:
        self._ring = Ring(ring_bytes)
        self._buffer_bytes = buffer_bytes
        self._readers: dict[str, list[Subscription]] = {}
        self._closed = False

    @property
    def readers(self) -> int:
        """How many subscriptions there are."""
        return sum(map(len, self._readers.values()))

    def publish(self, records: list[LiveRecord]) -> None:
        """Keep records and hand them to the readers of their runs."""
        for record in records:
            self._ring.add(record)
            readers = self._readers.get(record.run_id)
            if readers and (item := _item(record)) is not None:
                for reader in readers:
                    reader.offer(item)

    def is_of(self, workspace: str, run_id: str) -> bool:
        """Whether a recent live event says so of the run, though the projection may not yet."""
        items = (_item(record) for record in self._ring.of(run_id))
        return any(item is not None and item.workspace == workspace for item in items)

    @contextmanager
    def subscribe(self, workspace: str, run_id: str) -> Iterator[Subscription]:
        """Listen to a run; what the ring has of it is offered first."""
        reader = Subscription(workspace, run_id, self._buffer_bytes)
        for record in self._ring.of(run_id):
            if (item := _item(record)) is not None:
                reader.offer(item)
        self._readers.setdefault(run_id, []).append(reader)
        if self._closed:
            reader.close()
        try:
            yield reader
        finally:
            left = self._readers[run_id]
            left.remove(reader)
            if not left:
                del self._readers[run_id]

    def close(self) -> None:
        """End every stream: readers resume elsewhere, where they stopped."""
        self._closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.close()


def _item(record: LiveRecord) -> Item | None:
    """The decoded record; None for what is no decision and no line (the outbox tells of those).

    A decision that cannot be decoded is None too: its readers find the gap and take it from the history.
    """
    try:
        value = peek(record.value)
        size = len(record.value)
        if isinstance(value, RawDecision):
            return Batch(value.workspace, [event_of(value.run_id, event) for event in events_of(value)], size)
        if isinstance(value, LogLine):
            return Line(value.workspace, event_of_line(value), value.n, size)
    except _UNDECODABLE as error:
        log.warning("undecodable record in the live feed", run_id=record.run_id, reason=str(error))
    return None

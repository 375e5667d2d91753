"""Ended runs of every partition in the order of their ends, so that their markers are removed one day.

A marker (the header that is left of a run) answers late duplicates. A partition's queue stands in the same
store as its runs, under a prefix that no run id can have: one small key a run, and one for where it begins
and ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.state import State

PREFIX: Final = b"~ended"
MARKER: Final = "h"
"""The key of a run that is left when all others are removed (engine/appliers/sweep.py)."""

_BOUNDS: Final = "q"


class _End(msgspec.Struct, array_like=True):
    run_id: str
    at: int


class _Queue(msgspec.Struct, array_like=True):
    head: int = 0
    tail: int = 0


class _Known(msgspec.Struct):
    """What is remembered of a partition: `now` is the time of its last end, `first` the end at its head."""

    store: object
    queue: _Queue
    now: int
    first: _End | None = None


_encode: Final = msgspec.json.Encoder().encode
_end: Final = msgspec.json.Decoder(_End)
_queue: Final = msgspec.json.Decoder(_Queue)


class EndedRuns:
    """Removes markers that are `keep_ms` old.

    Age is counted in the log's own time, to the last end of the partition: a coordinator that catches up with
    old facts must not forget a run whose duplicates it has yet to read. `store_of` gives the open store of a
    partition, `state_of` the keys of a prefix in the open transaction of a partition.
    """

    def __init__(
        self,
        store_of: Callable[[int], object],
        state_of: Callable[[int, bytes], State[str, bytes]],
        keep_ms: int,
    ) -> None:
        self._store_of = store_of
        self._state_of = state_of
        self._keep_ms = keep_ms
        self._partitions: dict[int, _Known] = {}

    def add(self, partition: int, run_id: str, at: int) -> None:
        """Note that a run ended (Unix ms)."""
        state = self._state_of(partition, PREFIX)
        known = self._known(partition, state)
        queue = known.queue
        state.set_bytes(str(queue.tail), _encode(_End(run_id, at)))
        queue.tail += 1
        state.set_bytes(_BOUNDS, _encode(queue))
        known.now = max(known.now, at)

    def expire(self, most: int) -> None:
        """Remove what is due, up to `most` markers a partition."""
        for partition, known in list(self._partitions.items()):
            if self._store_of(partition) is not known.store:
                del self._partitions[partition]
            elif known.queue.head < known.queue.tail:
                self._expire(partition, known, most)

    def _expire(self, partition: int, known: _Known, most: int) -> None:
        queue, due = known.queue, known.now - self._keep_ms
        if known.first is not None and known.first.at > due:
            return
        state, before = self._state_of(partition, PREFIX), queue.head
        while queue.head < queue.tail:
            data = state.get_bytes(str(queue.head))
            known.first = end = None if data is None else _end.decode(data)
            if queue.head - before >= most or (end is not None and end.at > due):
                break
            if end is not None:
                self._state_of(partition, end.run_id.encode()).delete(MARKER)
                state.delete(str(queue.head))
            queue.head += 1
        if queue.head != before:
            state.set_bytes(_BOUNDS, _encode(queue))

    def _known(self, partition: int, state: State[str, bytes]) -> _Known:
        store = self._store_of(partition)
        known = self._partitions.get(partition)
        if known is None or known.store is not store:
            data = state.get_bytes(_BOUNDS)
            queue = _Queue() if data is None else _queue.decode(data)
            known = self._partitions[partition] = _Known(store, queue, 0)
        return known

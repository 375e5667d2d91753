"""Pending timers of every partition that this instance holds, ordered by the time at which they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from quixstreams.models import TopicManager
from quixstreams.state.rocksdb.timestamped import TimestampedPartitionTransaction
from quixstreams.state.serialization import int_to_bytes

from engine.effects import ArmTimer

if TYPE_CHECKING:
    from quixstreams.dataframe import StreamingDataFrame
    from quixstreams.state.base import StorePartition

STORE = "timers"
FAR = 1 << 62
"""Later than any timer, Unix ms."""

_PREFIX = b"q"


class TimerQueues:
    """A timestamped store used as a queue: keys begin with the due time, so what is due stands in front.

    A timer is its whole content: one that is added twice is pending once.
    """

    def __init__(self, dataframe: StreamingDataFrame) -> None:
        self._context = dataframe.processing_context
        self._stream_id = dataframe.stream_id
        # Partition -> its store and the earliest time at which a timer may be due there. Searches begin at
        # that time: in front of it stand the tombstones of what has fired.
        self._earliest: dict[int, tuple[StorePartition, int]] = {}
        self._context.state_manager.register_timestamped_store(
            stream_id=self._stream_id,
            store_name=STORE,
            grace_ms=0,
            keep_duplicates=False,
            changelog_config=TopicManager.derive_topic_config(dataframe.topics),
        )

    def add(self, partition: int, timer: ArmTimer) -> None:
        """Keep a timer; its `due_at` is from 0 up to `FAR`."""
        self._transaction(partition).set(_key(timer), msgspec.to_builtins(timer), prefix=_PREFIX)
        known = self._earliest.get(partition)
        if known is not None and timer.due_at < known[1]:
            self._earliest[partition] = (known[0], timer.due_at)

    def take_due(self, now: int, most: int) -> list[ArmTimer]:
        """Remove and return what is due at `now` (Unix ms): up to `most` a partition, earliest first."""
        due: list[ArmTimer] = []
        for partition, earliest in self._assigned():
            if earliest <= now:
                due += self._take(partition, earliest, now, most)
        return due

    def _assigned(self) -> list[tuple[int, int]]:
        """Partition and earliest due time; 0 where a store is new to us and was not looked into."""
        stores = self._context.state_manager.get_store(self._stream_id, STORE).partitions
        known = self._earliest
        if len(known) != len(stores) or any(
            known.get(p, (None,))[0] is not store for p, store in stores.items()
        ):
            kept = {p: earliest for p, (store, earliest) in known.items() if stores.get(p) is store}
            self._earliest = {p: (store, kept.get(p, 0)) for p, store in stores.items()}
        return [(partition, earliest) for partition, (_, earliest) in self._earliest.items()]

    def _take(self, partition: int, earliest: int, now: int, most: int) -> list[ArmTimer]:
        transaction = self._transaction(partition)
        rows: list[Any] = transaction.get_interval(earliest, now + 1, _PREFIX, limit=most)
        timers = [msgspec.convert(row, ArmTimer) for row in rows]
        for timer in timers:
            transaction.delete(_key(timer), prefix=_PREFIX)
        if len(timers) == most:
            following = timers[-1].due_at
        else:
            rest: list[Any] = transaction.get_interval(now + 1, FAR, _PREFIX, limit=1)
            following = msgspec.convert(rest[0], ArmTimer).due_at if rest else FAR
        self._earliest[partition] = (self._earliest[partition][0], following)
        return timers

    def _transaction(self, partition: int) -> TimestampedPartitionTransaction:
        """The partition's open transaction: another one after each commit, so it is never kept."""
        transaction = self._context.checkpoint.get_store_transaction(self._stream_id, partition, STORE)
        if not isinstance(transaction, TimestampedPartitionTransaction):
            raise TypeError(f"the store {STORE} is no timestamped store")
        return transaction


def _key(timer: ArmTimer) -> bytes:
    identity = f"{timer.run_id}|{timer.path}|{timer.attempt}|{timer.purpose}"
    return int_to_bytes(timer.due_at) + b"|" + identity.encode()

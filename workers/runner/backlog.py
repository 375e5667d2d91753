"""What waits to run, by priority: high before medium before low, and none of them starves."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from storage.kafka.topics import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")

WEIGHTS = (16, 4, 1)
"""Of 21 turns in which all priorities wait, high has 16, medium 4, low 1."""


class Backlog(Generic[Item]):
    """Three first-in-first-out queues that say when they are full.

    A priority is full from `high_water` items or `high_bytes` on, and drained below a third of both: the
    distance spares the source from being paused and resumed all the time.
    """

    def __init__(self, high_water: int = 16_000, high_bytes: int = 32 * 1024 * 1024) -> None:
        self._high_water = high_water
        self._high_bytes = high_bytes
        self._queues: tuple[deque[tuple[Item, int]], ...] = tuple(deque() for _ in PRIORITIES)
        self._bytes = [0] * len(PRIORITIES)
        self._credit = list(WEIGHTS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, priority: int, item: Item, size: int = 0) -> None:
        """Put `item` behind those of its priority (0 is high, 1 medium, 2 low)."""
        self._queues[priority].append((item, size))
        self._bytes[priority] += size
        self._count += 1

    def pop(self) -> tuple[int, Item] | None:
        """Take the item whose turn it is, with its priority; None when nothing waits."""
        if self._count == 0:
            return None
        credit = self._credit
        queues = self._queues
        while True:
            for priority, queue in enumerate(queues):
                if queue and credit[priority] > 0:
                    credit[priority] -= 1
                    item, size = queue.popleft()
                    self._bytes[priority] -= size
                    self._count -= 1
                    return priority, item
            # A round is over: everybody who waits has used up its turns.
            credit[:] = WEIGHTS

    def is_full(self, priority: int) -> bool:
        """Whether no more should come in."""
        return len(self._queues[priority]) >= self._high_water or self._bytes[priority] >= self._high_bytes

    def is_drained(self, priority: int) -> bool:
        """Whether more may come in again."""
        return (
            len(self._queues[priority]) * 3 <= self._high_water
            and self._bytes[priority] * 3 <= self._high_bytes
        )

    def discard(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Take out all items that are `unwanted`."""
        gone: list[Item] = []
        for priority, queue in enumerate(self._queues):
            kept = [(item, size) for item, size in queue if not unwanted(item)]
            if len(kept) == len(queue):
                continue
            gone += [item for item, _ in queue if unwanted(item)]
            queue.clear()
            queue.extend(kept)
            self._bytes[priority] = sum(size for _, size in kept)
        self._count -= len(gone)
        return gone

    def __iter__(self) -> Iterator[Item]:
        for queue in self._queues:
            for item, _ in queue:
                yield item

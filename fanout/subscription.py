"""What waits for one reader of a run: live items in the order of their arrival, bounded by bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout.feed_event import FeedEvent


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one decision; `size` is its size on the wire in bytes."""

    workspace: str
    events: list[FeedEvent]
    size: int

    @property
    def last_seq(self) -> int:
        """Number of the last event; 0 when there is none."""
        return self.events[-1].seq if self.events else 0


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, number `n` of its attempt."""

    workspace: str
    event: FeedEvent
    n: int
    size: int


Item = Batch | Line


class Subscription:
    """One reader's buffer. What does not fit is left out: events come from the history, lines are lost."""

    def __init__(self, workspace: str, run_id: str, limit_bytes: int) -> None:
        self.workspace = workspace
        self.run_id = run_id
        self.latest = 0
        """Greatest event number that was seen live, kept or not."""
        self.lost_lines = 0
        self.closed = False
        self._limit = limit_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()

    def offer(self, item: Item) -> None:
        """Add a live item; one of another workspace (a made-up run id) is none of this reader's."""
        if item.workspace != self.workspace:
            return
        if isinstance(item, Batch):
            self.latest = max(self.latest, item.last_seq)
        if self._bytes + item.size > self._limit and self._items:
            self.lost_lines += isinstance(item, Line)
        else:
            self._items.append(item)
            self._bytes += item.size
        self._arrived.set()

    def first(self) -> Item | None:
        """The oldest item, left in place."""
        return self._items[0] if self._items else None

    def drop_first(self) -> None:
        """Remove the oldest item."""
        self._bytes -= self._items.popleft().size

    def take_lines(self) -> list[Line]:
        """Remove and return every log line that waits; the events stay."""
        lines = [item for item in self._items if isinstance(item, Line)]
        self._items = deque(item for item in self._items if not isinstance(item, Line))
        self._bytes -= sum(line.size for line in lines)
        return lines

    def close(self) -> None:
        """End the reader's stream: the process stops."""
        self.closed = True
        self._arrived.set()

    async def arrival(self, timeout_s: float) -> bool:
        """Wait until something is offered; False when the time is over."""
        self._arrived.clear()
        if self._items or self.closed:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return True

"""The feed of one run: history and live records merged into one sequence without hole and without duplicate.

Live records come at once, but from wherever the tail stands, twice after a crash of the coordinator, and not
at all when a reader is slow. The history is whole but late. Numbers decide: what is not above the last number
sent is dropped, and a gap before the next live event is read from the history until it is there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from fanout.feed_event import event_frame, line_frame
from fanout.history import HistoryUnavailable
from fanout.subscription import Batch, Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fanout.feed_event import FeedEvent
    from fanout.history import History
    from fanout.subscription import Item, Subscription

log = structlog.get_logger(__name__)

PAGE = 1000
"""Events of one read of the history."""

_CHUNK = 256 * 1024
"""Bytes that are put together before they are sent."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the history is read again, in seconds, doubling from least to most.

    `gap`: when something is known to be missing. `idle`: when nothing came live, in case the tail missed it.
    """

    gap: tuple[float, float] = (0.01, 1.0)
    idle: tuple[float, float] = (0.25, 15.0)


class Feed:
    """One reader's stream, behind event `after`; `node` leaves a node's events and the run's last."""

    def __init__(
        self,
        reader: Subscription,
        history: History,
        *,
        after: int = 0,
        node: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.last = after
        self.ended = False
        self._reader = reader
        self._history = history
        self._node = node
        self._pace = pace or Pace()
        self._out: list[bytes] = []

    async def chunks(self) -> AsyncIterator[bytes]:
        """Frames, as many as are ready put together; ends behind the run's last event."""
        wait = self._pace.idle[0]
        unread = True
        while not self.ended and not self._reader.closed:
            more = await self._read_history() if unread else False
            unread = self._take_live() or more
            if self._out:
                yield self._taken()
                wait = self._pace.idle[0]
                continue
            if not unread and not self.ended and not await self._reader.arrival(wait):
                wait = min(wait * 2, self._pace.idle[1])
                unread = True
        if self._out:
            yield self._taken()

    def _take_live(self) -> bool:
        """Move live items that follow to the output; whether events are missing that only the history has."""
        size = 0
        while not self.ended and size < _CHUNK and not self._is_gap(item := self._reader.first()):
            if item is None:
                return False
            if isinstance(item, Line):
                self._put_line(item)
            else:
                self._put_events(item.events)
            self._reader.drop_first()
            size += item.size
        return not self.ended and self._is_gap(self._reader.first())

    def _is_gap(self, item: Item | None) -> bool:
        """Whether events are missing before this live item; without one, whether some did not fit."""
        if item is None:
            return self.last < self._reader.latest
        return isinstance(item, Batch) and bool(item.events) and item.events[0].seq > self.last + 1

    async def _read_history(self) -> bool:
        """Read on behind the last event, until there is progress or nothing is known to be missing.

        Returns whether the history surely has more.
        """
        delay = self._pace.gap[0]
        while not self._reader.closed:
            try:
                # The head first: were it last, the run could end in between and look whole without its end.
                head = await self._history.head(self._reader.workspace, self._reader.run_id)
                page = await self._history.after(self._reader.workspace, self._reader.run_id, self.last, PAGE)
            except HistoryUnavailable as error:
                log.warning(
                    "the history is not there, trying again", run_id=self._reader.run_id, reason=str(error)
                )
            else:
                self._put_events(page)
                self.ended = self.ended or (not page and head is not None and head.ended)
                if page or self.ended or not self._is_gap(self._reader.first()):
                    return len(page) >= PAGE
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._pace.gap[1])
        return False

    def _put_events(self, events: list[FeedEvent]) -> None:
        for event in events:
            if event.seq > self.last + 1:
                return
            if event.ends_run:
                # Lines that came while the last event was on its way are shown before it.
                for line in self._reader.take_lines():
                    self._put_line(line)
                self.ended = True
            if event.seq == self.last + 1:
                self.last = event.seq
                if event.ends_run or event.concerns(self._node):
                    self._out.append(event_frame(event))

    def _put_line(self, line: Line) -> None:
        if line.event.concerns(self._node):
            self._out.append(line_frame(line.event, line.n, self.last))

    def _taken(self) -> bytes:
        if self._reader.lost_lines:
            self._out.append(
                b": %d log lines were lost: the reader is too slow\n\n" % self._reader.lost_lines
            )
            self._reader.lost_lines = 0
        chunk = b"".join(self._out)
        self._out.clear()
        return chunk

"""What the feed needs of the past: the events that the projection holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fanout.feed_event import FeedEvent


@dataclass(frozen=True, slots=True)
class Head:
    """What the projection knows of a run: whose it is, and whether its last event is there."""

    workspace: str
    ended: bool


class HistoryUnavailable(Exception):  # noqa: N818 (a state of the store, told to the reader)
    """The projection cannot be read now."""


class History(Protocol):
    """The projection's view of a run. It lags behind the live feed, and shows whole decisions only."""

    async def head(self, workspace: str, run_id: str) -> Head | None:
        """The run, or None when the projection has not seen it in this workspace; HistoryUnavailable."""
        ...

    async def after(self, workspace: str, run_id: str, seq: int, limit: int) -> list[FeedEvent]:
        """Up to `limit` events behind `seq`, in order and without holes; HistoryUnavailable."""
        ...

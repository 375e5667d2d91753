"""The projection in Postgres, as the feed needs it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING

from engine.state.status import ENDED
from fanout.feed_event import FeedEvent, event_of
from fanout.history import Head, HistoryUnavailable
from storage.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.postgres.api_store import ApiStore
    from storage.postgres.read_model import ReadModel

_REMEMBERED = 10_000


class ProjectionHistory:
    """`History` through the read model."""

    def __init__(self, reads: ReadModel) -> None:
        self._reads = reads

    async def head(self, workspace: str, run_id: str) -> Head | None:
        """The run, or None when the projection has not seen it in this workspace; HistoryUnavailable."""
        try:
            status = await self._reads.run_status(workspace, run_id)
        except DatabaseUnavailable as error:
            raise HistoryUnavailable(str(error)) from error
        return None if status is None else Head(workspace, status in ENDED)

    async def after(self, workspace: str, run_id: str, seq: int, limit: int) -> list[FeedEvent]:
        """Up to `limit` events behind `seq`, in order and without holes; HistoryUnavailable."""
        try:
            events = await self._reads.timeline(workspace, run_id, after_seq=seq, limit=limit)
        except DatabaseUnavailable as error:
            raise HistoryUnavailable(str(error)) from error
        return [event_of(run_id, event) for event in events]


class StoredKeys:
    """The api's keys, its bootstrap key among them; what was found (or not) is trusted for a few seconds."""

    def __init__(
        self,
        store: ApiStore,
        *,
        trusted_s: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._trusted_s = trusted_s
        self._clock = clock
        self._known: OrderedDict[str, tuple[str | None, float]] = OrderedDict()

    async def workspace(self, key: str) -> str | None:
        """The workspace that a key opens, None for an unknown or revoked one; HistoryUnavailable."""
        digest = _digest(key)
        known = self._known.get(digest)
        if known is not None and known[1] > self._clock():
            return known[0]
        try:
            found = await self._store.find_key(digest)
        except DatabaseUnavailable as error:
            raise HistoryUnavailable(str(error)) from error
        workspace = None if found is None or found.revoked_at is not None else found.workspace
        self._known[digest] = (workspace, self._clock() + self._trusted_s)
        self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return workspace


def _digest(key: str) -> str:
    """How keys are stored: long and random, so that one round of SHA-256 keeps them."""
    return hashlib.sha256(key.encode()).hexdigest()

"""Definitions by their hash: read from the CAS once, compiled once."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

import stamina

from engine.graph import Graph, load_graph
from storage.cas import CasUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.cas import ContentStore

REMEMBERED = 512
WAIT_S = 30.0
"""How long the CAS may be out of reach before a caller that waits hears of it."""

REST_S = 1.0
"""For callers that must not wait: so long after a failure nothing is asked of the CAS."""


class Definitions:
    """`engine.state.GraphSource` over a content store.

    Raises BlobMissing for a hash that nobody stored, and CasUnavailable: after `WAIT_S`, or with
    `patient=False` at once. A store that is away may take its time to say so, so it is then asked again after
    `REST_S` at the earliest, whoever asks.
    """

    def __init__(
        self, store: ContentStore, *, patient: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._ask_at = clock()
        self.load = lru_cache(maxsize=REMEMBERED)(self._wait if patient else self._try)

    @stamina.retry(on=CasUnavailable, timeout=WAIT_S, attempts=None, wait_max=1.0)
    def _wait(self, digest: str) -> Graph:
        return load_graph(self._store.get(digest), digest)

    def _try(self, digest: str) -> Graph:
        if self._clock() < self._ask_at:
            raise CasUnavailable("the blob store did not answer a moment ago")
        try:
            text = self._store.get(digest)
        except CasUnavailable:
            self._ask_at = self._clock() + REST_S
            raise
        return load_graph(text, digest)

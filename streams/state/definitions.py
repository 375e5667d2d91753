"""Definitions by their hash: read from the CAS once, compiled once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import stamina

from engine.graph import Graph, load_graph
from storage.cas import CasUnavailable

if TYPE_CHECKING:
    from storage.cas import ContentStore

REMEMBERED = 512
WAIT_S = 30.0
"""How long the CAS may be out of reach before the process ends, uncommitted, and starts again."""


class Definitions:
    """`engine.state.GraphSource` over a content store. Raises BlobMissing for a hash that nobody stored."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self.load = lru_cache(maxsize=REMEMBERED)(self._load)

    @stamina.retry(on=CasUnavailable, timeout=WAIT_S, attempts=None, wait_max=1.0)
    def _load(self, digest: str) -> Graph:
        return load_graph(self._store.get(digest), digest)

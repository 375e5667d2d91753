"""The numbers that runs have reached, for the runs seen last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 50_000
"""Runs that are remembered; any other one costs a look into the database."""


class Recent:
    """Run id -> number of its last event, least recently used first out."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._seqs: OrderedDict[str, int] = OrderedDict()

    def get(self, run_id: str) -> int | None:
        """The number that a run has reached, if it is remembered."""
        return self._seqs.get(run_id)

    def update(self, seqs: Mapping[str, int]) -> None:
        """Remember, and forget what was used longest ago."""
        for run_id, seq in seqs.items():
            self._seqs[run_id] = seq
            self._seqs.move_to_end(run_id)
        while len(self._seqs) > self._limit:
            self._seqs.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._seqs.clear()

"""Runs that were decided on lately, decoded: reading a key through RocksDB costs more than deciding on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.state import ENDED, RunState
from streams.state.run_store import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.state import State

    from engine.state import GraphSource

RUNS: Final = 2000
"""Runs remembered, a partition."""

KEYS: Final = 256
"""Keys of a run that is remembered; a wider one is read anew, so that memory stays bounded."""


class RunCache:
    """Hands out runs for one decision each.

    What is remembered is right as long as this process alone writes the partition's store. `store_of` gives
    the open store of a partition: with another one than before (the partition came back to us) its runs are
    forgotten. A run that was taken and not kept, because its decision failed, is forgotten too.
    """

    def __init__(self, graphs: GraphSource, store_of: Callable[[int], object]) -> None:
        self._graphs = graphs
        self._store_of = store_of
        self._partitions: dict[int, tuple[object, dict[str, RunState]]] = {}

    def take(self, partition: int, run_id: str, state: State[str, bytes]) -> RunState:
        """The run, with what is remembered of it."""
        run = self._runs(partition).pop(run_id, None)
        if run is None:
            return RunState(run_id, RunStore(state), self._graphs)
        run.rebind(RunStore(state))
        return run

    def keep(self, partition: int, run: RunState) -> None:
        """Remember a run whose changes are written."""
        if not run.known or run.size > KEYS or run.header.status in ENDED:
            return
        runs = self._runs(partition)
        runs[run.run_id] = run
        if len(runs) > RUNS:
            del runs[next(iter(runs))]

    def _runs(self, partition: int) -> dict[str, RunState]:
        store = self._store_of(partition)
        known = self._partitions.get(partition)
        if known is None or known[0] is not store:
            known = self._partitions[partition] = (store, {})
        return known[1]

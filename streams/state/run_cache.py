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

BYTES: Final = 32 * 1024 * 1024
"""What remembered runs weigh together as they are stored, a partition."""

KEYS_OF_RUN: Final = 256
BYTES_OF_RUN: Final = 1024 * 1024
"""What is remembered of one run: of a wider or a heavier one, a part."""


class _Partition:
    """The runs of one partition, the one kept last at the end; right for `store` alone."""

    def __init__(self, store: object) -> None:
        self.store = store
        self._runs: dict[str, RunState] = {}
        self._weight = 0

    def take(self, run_id: str) -> RunState | None:
        run = self._runs.pop(run_id, None)
        if run is not None:
            self._weight -= run.weight
        return run

    def keep(self, run: RunState) -> None:
        run.trim(KEYS_OF_RUN, BYTES_OF_RUN)
        self._runs[run.run_id] = run
        self._weight += run.weight
        while len(self._runs) > RUNS or self._weight > BYTES:
            self.take(next(iter(self._runs)))


class RunCache:
    """Hands out runs for one decision each.

    What is remembered is right as long as this process alone writes the partition's store. `store_of` gives
    the open store of a partition: with another one than before (the partition came back to us) its runs are
    forgotten. A run that was taken and not kept, because its decision failed, is forgotten too.
    """

    def __init__(self, graphs: GraphSource, store_of: Callable[[int], object]) -> None:
        self._graphs = graphs
        self._store_of = store_of
        self._partitions: dict[int, _Partition] = {}

    def take(self, partition: int, run_id: str, state: State[str, bytes]) -> RunState:
        """The run, with what is remembered of it."""
        run = self._of(partition).take(run_id)
        if run is None:
            return RunState(run_id, RunStore(state), self._graphs)
        run.rebind(RunStore(state))
        return run

    def keep(self, partition: int, run: RunState) -> None:
        """Remember a run whose changes are written."""
        if run.known and run.header.status not in ENDED:
            self._of(partition).keep(run)

    def _of(self, partition: int) -> _Partition:
        store = self._store_of(partition)
        known = self._partitions.get(partition)
        if known is None or known.store is not store:
            known = self._partitions[partition] = _Partition(store)
        return known

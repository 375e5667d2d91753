"""The projection's twin in memory: the same rules, dictionaries instead of tables."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import msgspec

from engine.workflow_versioned import WorkflowVersioned
from storage.postgres.batch import LayAside, Partition, Written, pass_by, sort_out
from storage.postgres.errors import Fenced, Hole
from storage.postgres.fold import fold
from storage.postgres.folded import Folded
from storage.postgres.salvage import breaks_off
from storage.postgres.sequence import Admitted, Place, admit, compare_repeated
from storage.postgres.workflows import is_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.postgres.batch import Arrival, Batch
    from storage.postgres.salvage import Numbered


class MemoryWorkflow(msgspec.Struct):
    """A workflow: the records that made its versions (by version) and that last moved its tags."""

    last_seq: int = 0
    created_at: int = 0
    updated_at: int = 0
    versions: dict[int, WorkflowVersioned] = {}
    tags: dict[str, WorkflowVersioned] = {}


class MemoryTables:
    """What Postgres is to `Projection`: shared by all writers and readers of a test."""

    def __init__(self) -> None:
        self.offsets: dict[tuple[str, str, int], int] = {}
        self.log: dict[Place, Numbered] = {}
        self.folded = Folded()
        self.workflows: dict[tuple[str, str], MemoryWorkflow] = {}


class MemoryProjection:
    """`Projecting` over `MemoryTables`."""

    def __init__(self, tables: MemoryTables, group: str) -> None:
        """Write to `tables` with the positions of `group`."""
        self._tables = tables
        self._group = group
        self._positions: dict[Partition, int] = {}

    def next_offset(self, topic: str, partition: int) -> int:
        """Take a partition: the offset to go on from."""
        position = self._tables.offsets.setdefault((self._group, topic, partition), 0)
        self._positions[topic, partition] = position
        return position

    def write(self, arrivals: Sequence[Arrival], lay_aside: LayAside = pass_by) -> Written:
        """Write a batch: see `Projecting.write`."""
        try:
            batch = sort_out(arrivals, self._positions)
            self._check_positions(batch)
            admitted = self._admit(batch)
            workflows, written = self._workflows(batch.workflows)
            for arrival, reason in batch.laid_aside:
                lay_aside(arrival, reason)
        except BaseException:
            self._positions.clear()
            raise
        self._tables.workflows.update(workflows)
        for decision in admitted.fresh:
            self._tables.log[decision.raw.run_id, decision.raw.first_seq] = decision
        fold(admitted.fresh, self._tables.folded)
        for (topic, partition), position in batch.moved.items():
            self._tables.offsets[self._group, topic, partition] = position
        self._positions.update(batch.moved)
        events = sum(len(decision.events) for decision in admitted.fresh)
        return Written(len(admitted.fresh), events, len(admitted.repeated), written)

    def close(self) -> None:
        """Forget the positions."""
        self._positions.clear()

    def _check_positions(self, batch: Batch) -> None:
        lost = [
            place
            for place in batch.moved
            if self._tables.offsets[self._group, *place] != self._positions[place]
        ]
        if lost:
            raise Fenced(
                f"{len(lost)} of {len(batch.moved)} partitions were moved by another writer of {self._group}"
            )

    def _admit(self, batch: Batch) -> Admitted:
        runs = self._tables.folded.runs
        wanted = {decision.raw.run_id for decision in batch.decisions}
        last_seqs = {run_id: runs[run_id].last_seq for run_id in wanted & runs.keys()}
        try:
            admitted = admit(batch.decisions, last_seqs)
        except Hole:
            log = self._tables.log.values()
            broken_off = {known.raw.run_id for known in log if breaks_off(known.raw.events)}
            admitted = admit(batch.decisions, last_seqs, broken_off)
        compare_repeated(admitted, {place: known.raw.events for place, known in self._tables.log.items()})
        return admitted

    def _workflows(
        self, records: Iterable[WorkflowVersioned]
    ) -> tuple[dict[tuple[str, str], MemoryWorkflow], int]:
        """The workflows as they will be, and how many of the records are new."""
        changed: dict[tuple[str, str], MemoryWorkflow] = {}
        written = 0
        for record in records:
            place = record.workspace, record.name
            if place not in changed:
                known = self._tables.workflows.get(place, MemoryWorkflow(created_at=record.at))
                changed[place] = copy.deepcopy(known)
            workflow = changed[place]
            version = workflow.versions.get(record.version or 0)
            if not is_new(record, workflow.last_seq, version.definition_hash if version else None):
                continue
            written += 1
            workflow.last_seq, workflow.updated_at = record.seq, record.at
            workflow.tags[record.tag] = record
            if record.version is not None:
                workflow.versions[record.version] = record
        return changed, written

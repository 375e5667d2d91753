"""What the outbox hands over, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from storage.postgres.errors import Fenced
from storage.postgres.salvage import Numbered, number, refuse
from storage.wire.peek import RawDecision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.workflow_versioned import WorkflowVersioned

Partition = tuple[str, int]
"""Topic and partition."""


class Arrival(NamedTuple):
    """A record and where it stood; `record` is None for one that is none of ours, which is passed by."""

    topic: str
    partition: int
    offset: int
    record: RawDecision | WorkflowVersioned | None
    value: bytes | None = None


def pass_by(arrival: Arrival, reason: str) -> None:
    """Tell nobody."""
    del arrival, reason


LayAside = Callable[[Arrival, str], None]
"""Told, before the batch is in, of a record that is written marked or not at all, and why."""


class Written(NamedTuple):
    """Counts of a batch: new decisions and their events, repeated decisions, new workflow records."""

    decisions: int = 0
    events: int = 0
    repeated: int = 0
    workflows: int = 0


class Projecting(Protocol):
    """Writes a group's batches, exactly once. One thread at a time."""

    def next_offset(self, topic: str, partition: int) -> int:
        """Take a partition: the offset to go on from (0 if it was never written). DatabaseUnavailable."""
        ...

    def write(self, arrivals: Sequence[Arrival], lay_aside: LayAside = pass_by) -> Written:
        """Write a batch in order; what is before a partition's position is skipped.

        A decision that cannot be read, or that Postgres refuses, stops nobody: its events are written as
        marks (see `salvage`), and `lay_aside` hears of it. Offsets ascend in each partition.

        Fenced, Conflict, Hole, DatabaseUnavailable: after any of them the positions are forgotten, so ask for
        `next_offset` of every partition again.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Batch(NamedTuple):
    """A batch without what was seen before: its records by kind, and the new positions."""

    decisions: list[Numbered]
    workflows: list[WorkflowVersioned]
    moved: dict[Partition, int]
    laid_aside: list[tuple[Arrival, str]]


def sort_out(
    arrivals: Sequence[Arrival], positions: Mapping[Partition, int], refused: str | None = None
) -> Batch:
    """Skip what is before the positions and sort the rest. Fenced for a partition without a position.

    `refused`: why Postgres did not take these arrivals as they are; of each only the least is kept.
    """
    batch = Batch([], [], {}, [])
    for arrival in arrivals:
        topic, partition, offset, record = arrival[:4]
        place = topic, partition
        position = batch.moved.get(place)
        if position is None:
            position = positions.get(place)
            if position is None:
                raise Fenced(
                    f"partition {partition} of {topic} is written without having asked for its position"
                )
        if offset < position:
            continue
        batch.moved[place] = offset + 1
        if isinstance(record, RawDecision):
            numbered = number(record) if refused is None else refuse(record, refused)
            batch.decisions.append(numbered)
            if numbered.problem is not None:
                batch.laid_aside.append((arrival, numbered.problem))
        elif record is not None and refused is not None:
            batch.workflows.append(msgspec.structs.replace(record, definition=None))
            batch.laid_aside.append((arrival, refused))
        elif record is not None:
            batch.workflows.append(record)
    return batch

"""What the outbox hands over, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from storage.postgres.errors import Fenced
from storage.postgres.fold import Numbered, number
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

    def write(self, arrivals: Sequence[Arrival]) -> Written:
        """Write a batch, whole or not at all; what is before a partition's position is skipped.

        Offsets ascend in each partition. Fenced, Conflict, Hole, DatabaseUnavailable; WireError for a kind of
        event that this code does not know, InvalidText for JSON that is no UTF-8. After any of them the
        positions are forgotten: ask for `next_offset` of every partition again.
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


def sort_out(arrivals: Sequence[Arrival], positions: Mapping[Partition, int]) -> Batch:
    """Skip what is before the positions and sort the rest. Fenced for a partition without a position."""
    batch = Batch([], [], {})
    for topic, partition, offset, record in arrivals:
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
            batch.decisions.append(number(record))
        elif record is not None:
            batch.workflows.append(record)
    return batch

"""Markers go when they are old by the log's own time, a few at a time, whoever holds the partition."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, cast

from storage.kafka.topics import NODE_RESULTS, RUN_COMMANDS, all_topics
from streams.admission.bounds import START_MAX_AGE_MS
from streams.runtime.settings import StreamSettings
from streams.state.ended_runs import MARKER, PREFIX, EndedRuns
from tests.unit.streams.keys import Keys

if TYPE_CHECKING:
    from quixstreams.state import State

KEEP_MS = 1000


class Partitions:
    """Stores of partitions by prefix; `move` gives one a new owner with the same content."""

    def __init__(self) -> None:
        self.states: defaultdict[tuple[int, bytes], Keys] = defaultdict(Keys)
        self.stores: defaultdict[int, object] = defaultdict(object)
        self.reads = 0
        self.ended = EndedRuns(self.stores.__getitem__, self._state_of, KEEP_MS)

    def _state_of(self, partition: int, prefix: bytes) -> State[str, bytes]:
        self.reads += 1
        return cast("State[str, bytes]", self.states[partition, prefix])

    def end(self, partition: int, run_id: str, at: int) -> None:
        self.states[partition, run_id.encode()][MARKER] = b"marker"
        self.ended.add(partition, run_id, at)

    def marked(self, partition: int) -> list[str]:
        return [
            prefix.decode()
            for (number, prefix), keys in self.states.items()
            if number == partition and MARKER in keys
        ]


def test_a_marker_goes_when_the_log_has_gone_on_for_long_enough() -> None:
    partitions = Partitions()
    for number in range(5):
        partitions.end(0, f"r0_{number}", 100 * number)
    partitions.ended.expire(10)
    assert len(partitions.marked(0)) == 5
    partitions.end(0, "r0_late", KEEP_MS + 200)
    partitions.ended.expire(10)
    assert partitions.marked(0) == ["r0_3", "r0_4", "r0_late"]
    assert set(partitions.states[0, PREFIX]) == {"3", "4", "5", "q"}


def test_nothing_is_read_before_something_is_due() -> None:
    partitions = Partitions()
    partitions.end(0, "r0_a", 0)
    partitions.ended.expire(10)
    before = partitions.reads
    for _ in range(5):
        partitions.ended.expire(10)
    assert partitions.reads == before


def test_so_many_go_at_a_time() -> None:
    partitions = Partitions()
    for number in range(10):
        partitions.end(0, f"r0_{number}", 0)
    partitions.end(0, "r0_late", 2 * KEEP_MS)
    left = []
    for _ in range(5):
        partitions.ended.expire(4)
        left.append(len(partitions.marked(0)))
    assert left == [7, 3, 1, 1, 1]


def test_partitions_have_their_own_time() -> None:
    partitions = Partitions()
    partitions.end(0, "r0_a", 0)
    partitions.end(1, "r0_b", 0)
    partitions.end(1, "r0_c", 2 * KEEP_MS)
    partitions.ended.expire(10)
    assert partitions.marked(0) == ["r0_a"]
    assert partitions.marked(1) == ["r0_c"]


def test_another_owner_goes_on_where_the_last_one_was() -> None:
    partitions = Partitions()
    for number in range(4):
        partitions.end(0, f"r0_{number}", 0)
    partitions.end(0, "r0_late", 2 * KEEP_MS)
    partitions.ended.expire(2)
    partitions.stores[0] = object()
    partitions.ended.expire(2)
    assert len(partitions.marked(0)) == 3, "it holds the partition no longer, as far as it knows"
    partitions.end(0, "r0_later", 2 * KEEP_MS)
    partitions.ended.expire(10)
    assert partitions.marked(0) == ["r0_late", "r0_later"]


def test_markers_outlive_the_oldest_start_and_the_log() -> None:
    kept = {topic.name: topic.retention_ms for topic in all_topics()}
    least = START_MAX_AGE_MS + max(kept[NODE_RESULTS], kept[RUN_COMMANDS])
    (bound,) = [
        limit.ge
        for limit in StreamSettings.model_fields["ended_run_marker_hours"].metadata
        if hasattr(limit, "ge")
    ]
    assert bound * 3_600_000 >= least

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from confluent_kafka import TopicPartition
from quixstreams.dataframe import DataFrameRegistry

from streams.runtime.progress import Progress

if TYPE_CHECKING:
    from quixstreams.dataframe import StreamingDataFrame

T = ("node.results", 0)


class FakeConsumer:
    def __init__(self) -> None:
        self.assigned: list[TopicPartition] = []
        self.at = 0
        self.end = 0

    def assignment(self) -> list[TopicPartition]:
        return [*self.assigned, TopicPartition("changelog", 0)]

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(tp.topic, tp.partition, self.at) for tp in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, self.end


class Loop:
    def __init__(self) -> None:
        self.now = 0.0
        self.consumer = FakeConsumer()
        self.state = SimpleNamespace(recovery_required=False)
        self.registry = DataFrameRegistry()
        context = SimpleNamespace(
            dataframe_registry=self.registry, state_manager=self.state, consumer=self.consumer
        )
        frame = SimpleNamespace(processing_context=context, topics=[SimpleNamespace(name=T[0])])
        self.progress = Progress(cast("StreamingDataFrame", frame), 60, lambda: self.now)

    def turn(self, at: float) -> None:
        self.now = at
        self.registry.run_periodic_tasks()


def test_ready_needs_partitions_and_their_state() -> None:
    loop = Loop()
    assert loop.progress.unready() == "no partition is assigned"
    loop.turn(1)
    assert loop.progress.unready() == "no partition is assigned"
    loop.consumer.assigned = [TopicPartition(*T)]
    loop.turn(2)
    assert loop.progress.unready() is None
    loop.state.recovery_required = True
    assert loop.progress.unready() == "state is being restored"


def test_a_loop_that_no_longer_turns_is_not_ready() -> None:
    loop = Loop()
    loop.consumer.assigned = [TopicPartition(*T)]
    loop.turn(1)
    loop.now = 41
    assert loop.progress.unready() == "the loop has not turned for 40 s"


def test_a_stalled_partition_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    loop.consumer.assigned, loop.consumer.at, loop.consumer.end = [TopicPartition(*T)], 5, 10
    for at in range(0, 200, 6):
        loop.turn(at)
    (record,) = caplog.records
    assert "node.results[0] does not move: at offset 5" in record.getMessage()
    assert "5 records behind" in record.getMessage()


@pytest.mark.parametrize(("step", "end"), [(1, 1000), (0, 5), (0, 6)])
def test_what_moves_or_has_nothing_to_do_is_not_logged(
    caplog: pytest.LogCaptureFixture, step: int, end: int
) -> None:
    loop = Loop()
    loop.consumer.assigned, loop.consumer.at, loop.consumer.end = [TopicPartition(*T)], 5, end
    for at in range(0, 200, 6):
        loop.consumer.at += step
        loop.turn(at)
    assert caplog.records == []

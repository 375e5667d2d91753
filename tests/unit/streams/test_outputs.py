from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from streams.runtime.outputs import Output, Outputs
from streams.runtime.settings import StreamSettings

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition
    from quixstreams.processing import ProcessingContext


class FakeProducer:
    def __init__(self) -> None:
        self.produced = 0
        self.flushes = 0

    def produce(self, *_: object, headers: object) -> None:
        self.produced += 1

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        self.flushes += 1
        return 0


class Waiting:
    """A consumer whose partitions end where the test says."""

    def __init__(self, ends: dict[int, int]) -> None:
        self.ends = ends

    def get_watermark_offsets(self, partition: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, self.ends[partition.partition]


def test_outputs_wait_for_company_only_while_input_does() -> None:
    outputs, producer = Outputs(StreamSettings(jwt_secret="0" * 32)), FakeProducer()
    outputs._producer = producer
    consumer = Waiting({0: 3, 1: 8})
    context = cast("ProcessingContext", SimpleNamespace(consumer=consumer))
    outputs.hurry(context)
    assert producer.flushes == 0

    for partition, offset in ((0, 1), (1, 7)):
        outputs.add([Output("t", b"k", b"v")], None, 0, [], "source", partition, offset)
    outputs.hurry(context)
    assert producer.flushes == 0
    outputs.add([Output("t", b"k", b"v")], None, 0, [], "source", 0, 2)
    outputs.hurry(context)
    assert (producer.produced, producer.flushes) == (3, 1)
    outputs.hurry(context)
    assert producer.flushes == 1

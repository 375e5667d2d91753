"""A run's records must meet on one partition, whichever of our producers sends them (design rule 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.kafka.topics import NODE_RESULTS, TIMERS
from streams.runtime.application import make_application
from streams.runtime.outputs import Output, Outputs
from streams.runtime.settings import StreamSettings
from tests.support.kafka import PARTITIONS, produce, read_until

if TYPE_CHECKING:
    from confluent_kafka import Message

    from tests.support.kafka import Installation

# Key -> murmur2 of org.apache.kafka.common.utils.Utils, from Kafka's own UtilsTest.
JAVA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
RUNS = [f"r0_{number:032x}".encode() for number in range(50)]


def java_partition(digest: int) -> int:
    return (digest & 0x7FFFFFFF) % PARTITIONS


def partitions(messages: list[Message]) -> dict[bytes, int]:
    return {message.key(): message.partition() for message in messages}


def test_our_clients_partition_as_java_does(installation: Installation) -> None:
    produce(installation.bootstrap, NODE_RESULTS, [(key, b"") for key in JAVA_VECTORS])
    messages = read_until(installation.bootstrap, NODE_RESULTS, lambda found: len(found) == len(JAVA_VECTORS))
    assert partitions(messages) == {key: java_partition(digest) for key, digest in JAVA_VECTORS.items()}


@pytest.mark.parametrize("transactional", [False, True])
def test_every_producer_of_ours_agrees(installation: Installation, *, transactional: bool) -> None:
    settings = StreamSettings(kafka_bootstrap=installation.bootstrap, jwt_secret="0" * 32)
    produce(installation.bootstrap, NODE_RESULTS, [(run, b"") for run in RUNS])

    outputs = Outputs(settings)
    for run in RUNS:
        outputs.send(Output(TIMERS, run, b""))
    outputs.flush()

    application = make_application(settings, "tests", transactional=transactional, commit_interval=1)
    with application.get_producer(transactional=transactional) as own:
        if transactional:
            own.begin_transaction()
        for run in RUNS:
            own.produce("workflow.events", b"", run)
        if transactional:
            own.commit_transaction()

    def all_runs(found: list[Message]) -> bool:
        return len(found) == len(RUNS)

    by_topic = [
        partitions(read_until(installation.bootstrap, topic, all_runs))
        for topic in (NODE_RESULTS, TIMERS, "workflow.events")
    ]
    assert by_topic[0] == by_topic[1] == by_topic[2]
    assert set(by_topic[0].values()) == set(range(PARTITIONS))

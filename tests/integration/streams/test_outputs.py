from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.kafka.topics import NODE_RESULTS, RECORD_BYTES
from streams.runtime.outputs import Output, Outputs, UndeliveredError
from streams.runtime.settings import StreamSettings
from tests.support.kafka import read_until

if TYPE_CHECKING:
    from tests.support.kafka import Installation

SECRET = "0" * 32


def outputs_of(bootstrap: str, delivery_timeout_s: float = 30) -> Outputs:
    settings = StreamSettings(
        kafka_bootstrap=bootstrap, jwt_secret=SECRET, delivery_timeout_s=delivery_timeout_s
    )
    return Outputs(settings)


def test_what_was_sent_is_there_after_a_flush(installation: Installation) -> None:
    outputs = outputs_of(installation.bootstrap)
    outputs.add([Output(NODE_RESULTS, b"k", b"1", [("h", b"x")])], None, 0, [], "source", 0, 0)
    outputs.add([Output(NODE_RESULTS, b"k", b"2")], None, 0, [], "source", 0, 0)
    outputs.send(Output(NODE_RESULTS, None, None, partition=3))
    outputs.flush()
    messages = read_until(installation.bootstrap, NODE_RESULTS, lambda found: len(found) == 3)
    keyed = [message for message in messages if message.key() == b"k"]
    assert [message.value() for message in keyed] == [b"1", b"2"]
    assert keyed[0].headers() == [("h", b"x")]
    assert [message.partition() for message in messages if message.key() is None] == [3]


def test_a_flush_raises_when_something_was_not_delivered(installation: Installation) -> None:
    outputs = outputs_of(installation.bootstrap)
    with pytest.raises(UndeliveredError, match=r"node\.results: "):  # noqa: PT012 (either call may say so)
        outputs.send(Output(NODE_RESULTS, b"k", b"v", partition=99))
        outputs.flush()


def test_a_record_that_is_too_large_raises_at_once(installation: Installation) -> None:
    outputs = outputs_of(installation.bootstrap)
    with pytest.raises(UndeliveredError, match=r"node\.results: .*large"):
        outputs.send(Output(NODE_RESULTS, b"k", bytes(RECORD_BYTES + 1)))


def test_a_flush_without_a_broker_gives_up() -> None:
    outputs = outputs_of("127.0.0.1:1", delivery_timeout_s=0.2)
    outputs.send(Output(NODE_RESULTS, b"k", b"v"))
    with pytest.raises(UndeliveredError, match=r"1 outputs were not delivered within 0\.2 s"):
        outputs.flush()


def test_a_full_queue_is_waited_for(installation: Installation) -> None:
    outputs = outputs_of(installation.bootstrap)
    outputs._config["queue.buffering.max.messages"] = 10
    for number in range(500):
        outputs.send(Output(NODE_RESULTS, b"k", str(number).encode()))
    outputs.flush()
    messages = read_until(installation.bootstrap, NODE_RESULTS, lambda found: len(found) == 500)
    assert [int(message.value()) for message in messages] == list(range(500))

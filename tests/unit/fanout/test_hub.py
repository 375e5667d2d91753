"""One record that cannot be decoded ends nobody's feed."""

from __future__ import annotations

import pytest

from engine.decision import Decision
from engine.payload import inline_json
from fanout.hub import Hub, LiveRecord
from storage.wire import encode
from tests.support.decisions import started, succeeded

RUN = "r0_a"


def decision(output: bytes) -> bytes:
    return encode(
        Decision(
            workspace="default",
            run_id=RUN,
            first_seq=1,
            at=1,
            cause=b"",
            partition=0,
            offset=0,
            events=[started(), succeeded("a", inline_json(output))],
        )
    )


@pytest.mark.parametrize("output", [b"[" * 5000 + b"]" * 5000, b'{"a":', b'"\xff"', b"1}]"])
def test_a_decision_that_cannot_be_decoded_is_passed_by(output: bytes) -> None:
    hub = Hub(ring_bytes=1 << 20, buffer_bytes=1 << 20)
    with hub.subscribe("default", RUN) as reader:
        hub.publish([LiveRecord(RUN, decision(output)), LiveRecord(RUN, decision(b"1"))])
        assert reader.latest == 2
    assert hub.is_of("default", RUN)
    with hub.subscribe("default", RUN) as late:
        assert late.latest == 2

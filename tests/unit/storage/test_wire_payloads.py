"""Payloads go through the wire format and then into JSON: events hold what facts brought."""

from __future__ import annotations

import msgspec
import pytest

from engine.facts import JobSucceeded
from engine.payload import NULL, Payload, Ref, inline
from storage.wire import decode, encode


@pytest.mark.parametrize("output", [Payload(ref=Ref("a" * 64, 20_000)), inline({"x": 1}), NULL])
def test_a_payload_that_was_decoded_is_still_json(output: Payload) -> None:
    fact = JobSucceeded(
        workspace="w",
        run_id="r0_1",
        path="a",
        attempt=1,
        output=output,
        started_at=1,
        finished_at=2,
        worker="x",
    )
    decoded = decode(encode(fact))

    assert decoded == fact
    assert isinstance(decoded, JobSucceeded)
    text = msgspec.json.encode(decoded.output)
    assert msgspec.json.decode(text, type=Payload) == output

"""`Decision` on the wire: its events are one JSON array, so that a reader can pass them on undecoded."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.decision import Decision
from engine.events import Event

_decode = msgspec.json.Decoder(list[Event]).decode
_encode = msgspec.json.Encoder().encode


def decision_to_avro(decision: Decision) -> dict[str, object]:
    """What fastavro writes for a decision."""
    return {
        "workspace": decision.workspace,
        "run_id": decision.run_id,
        "first_seq": decision.first_seq,
        "at": decision.at,
        "cause": decision.cause,
        "partition": decision.partition,
        "offset": decision.offset,
        "events": _encode(decision.events),
    }


def decision_from_avro(value: dict[str, Any]) -> Decision:
    """A decision of what fastavro read."""
    value["events"] = _decode(value["events"])
    return Decision(**value)

"""`Decision` on the wire: its events are enveloped, so that a reader can pass one by without decoding it."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.decision import Decision
from engine.events import Event

_events = msgspec.json.Decoder(Event)
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
        "events": [
            {"type": type(event).__struct_config__.tag, "path": getattr(event, "path", None), "data": _encode(event)}
            for event in decision.events
        ],
    }


def decision_from_avro(value: dict[str, Any]) -> Decision:
    """A decision of what fastavro read."""
    value["events"] = [_events.decode(event["data"]) for event in value["events"]]
    return Decision(**value)

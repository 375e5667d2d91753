"""Time-outs of what the coordinator itself keeps open: maps, loops, composites, waits for a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.flow.loops import exhaust
from engine.flow.places import body_at
from engine.flow.settle import attempt_failed, fail
from engine.flow.stopping import cancel_child

if TYPE_CHECKING:
    from engine.flow.turn import Turn


def time_out(turn: Turn, path: str, attempt: int) -> None:
    """What is inside is cancelled; the node fails, is tried again, or leaves by its time-out path."""
    body = body_at(turn.run.graph, path)
    if body is None:
        return
    message = f"`{path}` took longer than its {body.timeout_ms} ms"
    if body.type == "composite":
        cancel_child(turn, path)
        attempt_failed(turn, path, attempt, NodeError("TIMEOUT", message, path), retryable=True)
        return
    if body.type in {"map", "loop"}:
        turn.push("cancel_inside", path)
    if body.type == "loop":
        exhaust(turn, turn.run.graph.node(path), "TIMEOUT", message)
    else:
        fail(turn, path, attempt, NodeError("TIMEOUT", message, path))

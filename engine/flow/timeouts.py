"""Time-outs of what the coordinator itself keeps open: maps, loops, composites, waits for a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.events import NodeStarted
from engine.flow.loops import exhaust
from engine.flow.places import body_at
from engine.flow.settle import attempt_failed, fail
from engine.flow.stopping import cancel_child, is_stopped
from engine.ids import aux_path

if TYPE_CHECKING:
    from engine.flow.turn import Turn


def time_out(turn: Turn, path: str, attempt: int) -> None:
    """What is inside is cancelled; the node fails, is tried again, or leaves by its time-out path."""
    body = body_at(turn.run.graph, path)
    if body is None:
        return
    message = f"`{path}` took longer than its {body.timeout_ms} ms"
    if body.type == "composite":
        if is_stopped(turn, path):
            turn.ignore("the child run is told to stop anyway")
            return
        _leave_child(turn, path, attempt)
        attempt_failed(turn, path, attempt, NodeError("TIMEOUT", message, path), retryable=True)
        return
    if body.type in {"map", "loop"}:
        turn.push("cancel_inside", path)
    if body.type == "loop":
        exhaust(turn, turn.run.graph.node(path), "TIMEOUT", message)
    else:
        fail(turn, path, attempt, NodeError("TIMEOUT", message, path))


def _leave_child(turn: Turn, path: str, attempt: int) -> None:
    """The node goes on without its child, but the run does not end before the child has."""
    state = turn.run.node(path)
    if state.box is not None and cancel_child(turn, path, state):
        child = aux_path(path, f"child.{attempt}")
        turn.emit(
            NodeStarted(
                path=child, attempt=attempt, node_type="composite", child_run_id=state.box.child_run_id
            )
        )

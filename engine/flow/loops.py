"""Loops: an iteration, then the question whether to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.effects import ScopeEntry
from engine.errors import NodeError
from engine.events import NodeStarted
from engine.expressions import ExpressionError
from engine.flow.begin import begin
from engine.flow.inputs import Remote, run
from engine.flow.jobs import schedule_work
from engine.flow.scope import entries_for
from engine.flow.settle import arm, fail, succeed
from engine.ids import aux_path, visit_path
from engine.payload import INLINE_LIMIT, NULL, inline
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import GraphNode
    from engine.payload import Payload
    from engine.state import Box


def open_loop(turn: Turn, path: str, _attempt: int) -> None:
    """Step `open_loop`: begin with iteration 0, unless the run has come to stop in between."""
    if turn.run.node(path).status is not NodeStatus.PENDING or turn.run.header.stopping:
        return
    node = turn.run.graph.node(path)
    turn.emit(NodeStarted(path=path, attempt=1, node_type="loop", total=node.max_iterations))
    if node.body.timeout_ms is not None:
        arm(turn, path, 1, "timeout", turn.at + node.body.timeout_ms)
    begin(turn, visit_path(path, 0), 1)


def iterate(turn: Turn, path: str, _cursor: int) -> None:
    """Step `iterate`: an iteration ended well; ask the condition."""
    state = turn.run.node(path)
    node = turn.run.graph.node(path)
    if not state.status.live or state.box is None or node.condition is None or state.box.live:
        return
    latest = state.box.next - 1
    output = turn.run.node(visit_path(path, latest)).output or NULL
    extra = [
        ScopeEntry(name="iteration", payload=inline(latest)),
        ScopeEntry(name="output", payload=output),
    ]
    try:
        verdict = run(turn, node.condition, entries_for(turn, node.condition, extra), INLINE_LIMIT)
    except ExpressionError as error:
        fail(turn, path, 1, NodeError(error.code, error.message, path))
        return
    if isinstance(verdict, Remote):
        # Every iteration asks anew: as an attempt of its own, or its job would pass for the one before.
        schedule_work(turn, aux_path(path, "condition"), state.box.next, verdict)
    else:
        go_on(turn, path, again=verdict.value() is True)


def go_on(turn: Turn, path: str, *, again: bool) -> None:
    """Begin the next iteration, or leave the loop by the way that fits."""
    node = turn.run.graph.node(path)
    box = turn.run.node(path).box
    if box is None:
        return
    if again and box.next < node.max_iterations:
        begin(turn, visit_path(path, box.next), 1)
    elif again:
        exhaust(turn, node, "LOOP_EXHAUSTED", f"`{path}` still wants to go on after {box.next} iterations")
    else:
        succeed(turn, path, 1, _latest(turn, path, box), exit_kind="break")


def exhaust(turn: Turn, node: GraphNode, code: str, message: str) -> None:
    """Too many iterations, or too long: leave by `timeout_path`, or fail when there is none."""
    box = turn.run.node(node.id).box
    if box is not None and any(edge.kind == "timeout" for edge in node.out):
        succeed(turn, node.id, 1, _latest(turn, node.id, box), exit_kind="timeout")
    else:
        fail(turn, node.id, 1, NodeError(code, message, node.id))


def _latest(turn: Turn, path: str, box: Box) -> Payload:
    """The output of the last iteration that ended; one that is under way as the time is over has none."""
    last, before = (turn.run.node(visit_path(path, box.next - back)).output for back in (1, 2))
    return last or before or NULL

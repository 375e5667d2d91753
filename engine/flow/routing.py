"""Which outgoing edges of a node are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.effects import ScopeEntry
from engine.expressions import Meter, OverBudgetError
from engine.flow.inputs import LOCAL_WORK, Remote
from engine.flow.scope import Entries, entries_for, is_local, local_scope
from engine.flow.storing import fitted

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import GraphNode
    from engine.graph.graph import EdgeKind
    from engine.operations import Operation
    from engine.payload import Payload

_TRUE = b"true"


def decide_edges(
    turn: Turn, node: GraphNode, output: Payload, exit_kind: EdgeKind = "normal"
) -> list[bool] | Remote:
    """Taken or not, for each outgoing edge of a node that succeeded with `output`.

    `exit_kind` tells how a loop was left. Conditions over large payloads are an operation for a runner.
    Raises ExpressionError.
    """
    if node.plain:
        return [True] * len(node.out)
    if node.routes is None or exit_kind == "timeout":
        return combine(node, output, [None] * len(node.out), exit_kind)
    entries = _entries(turn, node.routes, output)
    if is_local(entries):
        try:
            values = node.routes.run(local_scope(entries), Meter(LOCAL_WORK))
        except OverBudgetError:
            pass
        else:
            return combine(node, output, values, exit_kind)
    return Remote(node.routes.name, _encoded(node.routes), fitted(turn, entries))


def _entries(turn: Turn, routes: Operation, output: Payload) -> Entries:
    return entries_for(turn, routes, [ScopeEntry(name="output", payload=output)])


def _encoded(work: Operation) -> bytes:
    from msgspec import json  # noqa: PLC0415 (rare: only over large payloads)

    return json.encode(work.source)


def combine(node: GraphNode, output: Payload, values: list[bool | None], exit_kind: EdgeKind) -> list[bool]:
    """Edges of the values of their conditions: `if` follows the output, `else` is taken if none holds."""
    held = output.ref is None and bytes(output.raw) == _TRUE
    normal = [edge for edge in node.out if edge.kind == "normal"]
    conditioned = [
        held if edge.condition == "if" else bool(value)
        for edge, value in zip(normal, values, strict=False)
        if edge.condition in {"if", "cel"}
    ]
    any_held = any(conditioned)
    taken = iter(conditioned)
    edges = []
    for edge in node.out:
        if edge.kind != "normal":
            edges.append(edge.kind == exit_kind)
        elif exit_kind == "timeout":
            edges.append(False)
        elif edge.condition is None:
            edges.append(True)
        elif edge.condition == "else":
            edges.append(not any_held)
        else:
            edges.append(next(taken))
    return edges


def error_edges(node: GraphNode) -> list[bool]:
    """Edges of a node that failed and goes to another one."""
    return [edge.kind == "error" for edge in node.out]


def dead_edges(node: GraphNode) -> list[bool]:
    """Edges of a node that does not run."""
    return [False] * len(node.out)

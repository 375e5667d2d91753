"""Following decided edges: which nodes begin, which are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import EDGE_WINDOW
from engine.errors import NodeError
from engine.events import NodeRouted
from engine.expressions import ExpressionError
from engine.flow.inputs import Remote
from engine.flow.jobs import schedule_work
from engine.flow.routing import decide_edges
from engine.flow.settle import fail, fail_edges, skip
from engine.flow.turn import EDGE_SIZE, Turn
from engine.ids import aux_path
from engine.state import NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.graph import GraphNode
    from engine.graph.graph import EdgeKind


def route(turn: Turn, path: str, _attempt: int) -> None:
    """Step `route`: have a runner work out the conditions behind a node, over large payloads."""
    state = turn.run.node(path)
    if turn.run.header.stopping or state.resolving or state.edges or state.output is None:
        return
    work_out_edges(turn, path)


def work_out_edges(turn: Turn, path: str) -> None:
    """Decide the edges of a node that succeeded, or have a runner decide them."""
    output = turn.run.node(path).output
    if turn.run.header.stopping or output is None:
        return
    node = turn.run.graph.node(path)
    exit_kind: EdgeKind = "break" if node.body.type == "loop" else "normal"
    try:
        edges = decide_edges(turn, node, output, exit_kind)
    except ExpressionError as error:
        fail_edges(turn, path, NodeError(error.code, error.message, path))
        return
    if isinstance(edges, Remote):
        schedule_work(turn, aux_path(path, "edges"), 1, edges)
    else:
        turn.emit(NodeRouted(path=path, start=0, edges=edges), EDGE_SIZE * len(edges))
        turn.push("out", path)


def follow(turn: Turn, path: str, cursor: int) -> None:
    """Step `out`: look at the targets of the next window of edges. Later windows are delivered first."""
    graph = turn.run.graph
    source = graph.node(path)
    edges = turn.run.node(path).edges
    last = min(cursor + EDGE_WINDOW, len(edges))
    if cursor > 0:
        turn.emit(NodeRouted(path=path, start=cursor, edges=edges[cursor:last]), EDGE_SIZE * (last - cursor))
    if last < len(edges):
        turn.push("out", path, last)
    for position in range(cursor, last):
        _look_at(turn, graph.nodes[source.out[position].target])


def _look_at(turn: Turn, node: GraphNode) -> None:
    match _verdict(turn, node):
        case "begin":
            turn.push("begin", node.id, 1)
        case "skip" | "unsatisfiable":
            turn.push("consider", node.id)


def consider(turn: Turn, path: str, _cursor: int) -> None:
    """Step `consider`: skip a node, or fail one whose join cannot be met any more."""
    node = turn.run.graph.node(path)
    match _verdict(turn, node):
        case "skip":
            skip(turn, node, "not taken")
        case "unsatisfiable":
            left = node.in_degree - turn.run.node(path).dead
            message = f"`{path}` waits for {node.joins} taken edges, and only {left} are left"
            fail(turn, path, 1, NodeError("JOIN_UNSATISFIABLE", message, path))


def _verdict(turn: Turn, node: GraphNode) -> str:
    """What the incoming edges say: `begin`, `skip`, `unsatisfiable` or `wait`."""
    if turn.run.header.stopping:
        return "wait"
    state = turn.run.node(node.id)
    if state.status is not NodeStatus.PENDING or state.resolving:
        return "wait"
    if state.dead == node.in_degree:
        return "skip"
    return _join(node, state)


def _join(node: GraphNode, state: NodeState) -> str:
    if not node.joins:
        return "begin" if state.taken + state.dead == node.in_degree else "wait"
    if state.taken >= node.joins:
        return "begin"
    # While nothing was taken, everything may yet turn out dead, which skips the node.
    short = node.in_degree - state.dead < node.joins
    return "unsatisfiable" if short and state.taken else "wait"

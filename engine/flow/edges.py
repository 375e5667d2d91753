"""Following decided edges: which nodes begin, which are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import EDGE_WINDOW
from engine.errors import NodeError
from engine.events import NodeRouted
from engine.flow.settle import fail, skip
from engine.state import NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import GraphNode


def follow(turn: Turn, path: str, cursor: int) -> None:
    """Step `out`: look at the targets of the next window of edges. Later windows are delivered first."""
    graph = turn.run.graph
    source = graph.node(path)
    edges = turn.run.node(path).edges
    last = min(cursor + EDGE_WINDOW, len(edges))
    if cursor > 0:
        turn.emit(NodeRouted(path=path, start=cursor, edges=edges[cursor:last]))
    if last < len(edges):
        turn.push("out", path, last)
    for position in range(cursor, last):
        consider(turn, graph.nodes[source.out[position].target])


def consider(turn: Turn, node: GraphNode) -> None:
    """Begin or skip a node if its incoming edges say so."""
    if turn.run.header.stopping:
        return
    state = turn.run.node(node.id)
    if state.status is not NodeStatus.PENDING or state.resolving:
        return
    match _verdict(node, state):
        case "begin":
            turn.push("begin", node.id, 1)
        case "skip":
            skip(turn, node, "not taken")
        case "unsatisfiable":
            left = node.in_degree - state.dead
            message = f"`{node.id}` waits for {node.joins} taken edges, and only {left} are left"
            fail(turn, node.id, 1, NodeError("JOIN_UNSATISFIABLE", message, node.id))


def _verdict(node: GraphNode, state: NodeState) -> str:
    if state.dead == node.in_degree:
        return "skip"
    if node.joins:
        if state.taken >= node.joins:
            return "begin"
        # While nothing was taken, everything may yet turn out dead, which skips the node.
        short = node.in_degree - state.dead < node.joins
        return "unsatisfiable" if short and state.taken else "wait"
    return "begin" if state.taken + state.dead == node.in_degree else "wait"

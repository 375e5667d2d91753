"""Changes that several appliers make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state import MutableRun, NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.graph import GraphNode

EDGE_WINDOW = 50
"""Outgoing edges that one event delivers; a wider fan-out goes on with `node.routed`."""


def move(run: MutableRun, path: str, node: NodeState, status: NodeStatus) -> None:
    """Change a node's status and keep count of the live ones. What waits no longer hears no signal."""
    was, node.status = node.status, status
    if was is NodeStatus.WAITING and node.box is not None and node.box.signal is not None:
        signals = run.edit_signals(node.box.signal)
        if path in signals.waiting:
            signals.waiting.remove(path)
    change = int(status.live) - int(was.live)
    if change:
        run.edit_header().active += change


def graph_node(run: MutableRun, path: str) -> GraphNode | None:
    """The graph node at `path`, or None for an item, an iteration or an auxiliary job."""
    graph = run.graph
    index = graph.by_id.get(path)
    return None if index is None else graph.nodes[index]


def deliver(run: MutableRun, source: GraphNode, edges: list[bool], start: int) -> None:
    """Count the next window of decided edges at their targets."""
    nodes = run.graph.nodes
    for position in range(start, min(start + EDGE_WINDOW, len(edges))):
        target = run.edit_node(nodes[source.out[position].target].id)
        if edges[position]:
            target.taken += 1
        else:
            target.dead += 1


def end_graph_node(run: MutableRun, path: str, edges: list[bool]) -> None:
    """What the end of a graph node means for the nodes behind it."""
    source = graph_node(run, path)
    if source is not None and edges:
        run.edit_node(path).edges = edges
        deliver(run, source, edges, 0)


def take_compensation(run: MutableRun, path: str) -> None:
    """A node begins; when it compensates another one, that one is off the stack."""
    node = graph_node(run, path)
    if node is not None and node.detached:
        run.edit_header().compensations.pop()

"""What `NodeSucceeded` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import end_graph_node, graph_node, move
from engine.appliers.insides import close_inside, open_inside
from engine.ids import Place, place
from engine.state import MutableRun, NodeStatus, Stored

if TYPE_CHECKING:
    from engine.events import NodeSucceeded
    from engine.payload import Payload


def apply(run: MutableRun, event: NodeSucceeded) -> None:
    """The output is kept; edges, a map, a loop or the stack of compensations learn of it."""
    node = run.edit_node(event.path)
    began = node.status != NodeStatus.PENDING or node.resolving
    move(run, event.path, node, NodeStatus.SUCCEEDED)
    node.attempt, node.output, node.error, node.resolving = event.attempt, event.output, None, False
    of_graph = graph_node(run, event.path)
    if of_graph is None:
        _inside(run, place(event.path), event, began=began)
        return
    if of_graph.compensate is not None:
        run.edit_header().compensations.append(of_graph.index)
    end_graph_node(run, event.path, event.edges)


def _inside(run: MutableRun, where: Place, event: NodeSucceeded, *, began: bool) -> None:
    if where.aux is None:
        if not began:
            open_inside(run, where)
        close_inside(run, where, event.output, None)
        return
    stored = run.node(event.path).stored
    if stored is not None:
        _keep_places(run, stored.nodes, event.output)
    elif where.aux.startswith("gather."):
        _keep_part(run, where.owner, int(where.aux.removeprefix("gather.")), event.output)
    run.drop_node(event.path)


def _keep_places(run: MutableRun, nodes: list[str], output: Payload) -> None:
    if output.ref is None:
        return
    for index, node_id in enumerate(nodes):
        run.edit_node(node_id).stored = Stored(output, index)


def _keep_part(run: MutableRun, path: str, part: int, output: Payload) -> None:
    box = run.edit_node(path).box
    if box is not None:
        box.parts[part] = output
        box.gathered += 1

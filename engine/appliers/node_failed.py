"""What `NodeFailed` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import end_graph_node, move, take_compensation
from engine.appliers.insides import close_inside, open_inside
from engine.ids import place
from engine.state import MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeFailed


def apply(run: MutableRun, event: NodeFailed) -> None:
    """The instance is over; with `handled` the run goes on along its error edge, or past a collected item."""
    node = run.edit_node(event.path)
    first = node.status is NodeStatus.PENDING
    began = not first or node.resolving
    move(run, event.path, node, NodeStatus.FAILED)
    node.attempt, node.error, node.resolving = event.attempt, event.error, False
    if event.path in run.graph.by_id:
        if first:
            take_compensation(run, event.path)
        end_graph_node(run, event.path, event.edges)
        return
    where = place(event.path)
    if where.aux is not None:
        run.drop_node(event.path)
        return
    if not began:
        open_inside(run, where)
    close_inside(run, where, None, event.error)

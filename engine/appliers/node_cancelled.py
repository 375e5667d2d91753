"""What `NodeCancelled` changes."""

from __future__ import annotations

from engine.appliers.changes import move
from engine.events import NodeCancelled
from engine.ids import place
from engine.state import MutableRun, NodeStatus


def apply(run: MutableRun, event: NodeCancelled) -> None:
    """The instance is over; its result will be ignored."""
    node = run.edit_node(event.path)
    move(run, event.path, node, NodeStatus.CANCELLED)
    node.resolving = False
    if event.path in run.graph.by_id:
        return
    where = place(event.path)
    if where.aux is not None:
        run.drop_node(event.path)
        return
    box = run.edit_node(where.owner).box
    if box is not None:
        box.live -= 1

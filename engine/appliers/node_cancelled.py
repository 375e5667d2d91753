"""What `NodeCancelled` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import move
from engine.ids import place
from engine.state import MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeCancelled


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

"""What `NodeScheduled` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import move, take_compensation
from engine.appliers.insides import open_inside
from engine.ids import base_path, place
from engine.state import MutableRun, NodeStatus, Stored

if TYPE_CHECKING:
    from engine.events import NodeScheduled


def apply(run: MutableRun, event: NodeScheduled) -> None:
    """An attempt is queued. With an auxiliary job its owner begins to resolve."""
    node = run.edit_node(event.path)
    first = node.status is NodeStatus.PENDING
    began = not first or node.resolving
    move(run, event.path, node, NodeStatus.QUEUED)
    node.attempt, node.resolving = event.attempt, False
    if event.path in run.graph.by_id:
        if first:
            take_compensation(run, event.path)
        return
    if began:
        return
    if event.stores:
        node.stored = Stored(nodes=event.stores)
    where = place(event.path)
    if where.aux is None:
        open_inside(run, where)
    elif where.aux.startswith("gather"):
        _cover(run, where.owner, event.covers)
    elif where.owner:
        owner = run.edit_node(base_path(event.path))
        inside = where.item is not None or where.visit is not None
        # A later attempt is open already, and so is one that had something stored.
        if inside and owner.status is NodeStatus.PENDING and not owner.resolving:
            open_inside(run, where)
        owner.resolving = owner.status is not NodeStatus.RUNNING


def _cover(run: MutableRun, path: str, covers: int | None) -> None:
    box = run.edit_node(path).box
    if box is not None and covers is not None:
        box.covered += covers
        box.parts.append(None)

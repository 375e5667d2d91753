"""What `NodeScheduled` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import move, take_compensation
from engine.appliers.insides import open_inside
from engine.ids import base_path, place
from engine.state import MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeScheduled


def apply(run: MutableRun, event: NodeScheduled) -> None:
    """An attempt is queued. With an auxiliary job its owner begins to resolve."""
    node = run.edit_node(event.path)
    began = node.status != NodeStatus.PENDING or node.resolving
    move(run, event.path, node, NodeStatus.QUEUED)
    node.attempt, node.resolving = event.attempt, False
    if began:
        return
    if event.path in run.graph.by_id:
        take_compensation(run, event.path)
        return
    where = place(event.path)
    if where.aux is None:
        open_inside(run, where)
    elif where.aux.startswith("gather"):
        _cover(run, where.owner, event.covers)
    elif where.owner:
        owner = run.edit_node(base_path(event.path))
        if where.item is not None or where.visit is not None:
            open_inside(run, where)
        owner.resolving = owner.status is not NodeStatus.RUNNING


def _cover(run: MutableRun, path: str, covers: int | None) -> None:
    box = run.edit_node(path).box
    if box is not None and covers is not None:
        box.covered += covers
        box.parts.append(None)

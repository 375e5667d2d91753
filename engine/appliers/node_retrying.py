"""What `NodeRetrying` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import move
from engine.state import MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeRetrying


def apply(run: MutableRun, event: NodeRetrying) -> None:
    """An attempt failed; the instance waits for its next one."""
    node = run.edit_node(event.path)
    move(run, event.path, node, NodeStatus.RETRYING)
    node.error = event.error

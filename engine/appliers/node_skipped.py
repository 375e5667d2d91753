"""What `NodeSkipped` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import end_graph_node, move
from engine.state import MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeSkipped


def apply(run: MutableRun, event: NodeSkipped) -> None:
    """The node will not run, and so its edges are dead."""
    node = run.edit_node(event.path)
    move(run, event.path, node, NodeStatus.SKIPPED)
    node.error, node.resolving = event.error, False
    end_graph_node(run, event.path, event.edges)

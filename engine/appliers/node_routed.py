"""What `NodeRouted` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.appliers.changes import deliver, graph_node

if TYPE_CHECKING:
    from engine.events import NodeRouted
    from engine.state import MutableRun


def apply(run: MutableRun, event: NodeRouted) -> None:
    """More outgoing edges are decided: all of them at first, when a job had to work them out."""
    source = graph_node(run, event.path)
    if source is None:
        return
    node = run.edit_node(event.path)
    if event.start == 0:
        node.edges = event.edges
    node.resolving = False
    deliver(run, source, node.edges, event.start)

"""What stands at a node path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.ids import place

if TYPE_CHECKING:
    from engine.graph import Body, Graph


def body_at(graph: Graph, path: str) -> Body | None:
    """What the instance at `path` does; None for an auxiliary job, or when the graph has no such node."""
    index = graph.by_id.get(path)
    if index is not None:
        return graph.nodes[index].body
    where = place(path)
    if where.aux is not None or where.owner not in graph.by_id:
        return None
    return graph.node(where.owner).inner

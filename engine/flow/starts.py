"""Step `starts`: begin the nodes that nothing leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.flow.turn import Turn

STARTS_IN_STEP: Final = 40


def begin_starts(turn: Turn, _path: str, cursor: int) -> None:
    """Begin the next of them, from `cursor` on."""
    graph = turn.run.graph
    last = min(cursor + STARTS_IN_STEP, len(graph.starts))
    for index in graph.starts[cursor:last]:
        turn.push("begin", graph.nodes[index].id, 1)
    if last < len(graph.starts):
        turn.push("starts", "", last)

"""What follows from `JobStarted`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.deciders.current import current
from engine.events import NodeStarted
from engine.flow.places import body_at
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.facts import JobStarted
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: JobStarted) -> None:
    """A long job is under way."""
    state = current(turn, fact.path, fact.attempt)
    if state is None or state.status is not NodeStatus.QUEUED:
        return
    body = body_at(turn.run.graph, fact.path)
    turn.emit(
        NodeStarted(
            path=fact.path,
            attempt=fact.attempt,
            node_type="evaluate" if body is None else body.type,
            started_at=fact.started_at,
            worker=fact.worker,
        )
    )

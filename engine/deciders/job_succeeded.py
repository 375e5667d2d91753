"""What follows from `JobSucceeded`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.deciders.current import current
from engine.events import NodeSucceeded
from engine.flow.settle import succeed

if TYPE_CHECKING:
    from engine.facts import JobSucceeded
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: JobSucceeded) -> None:
    """A node is done, or what it needed first."""
    if current(turn, fact.path, fact.attempt) is None:
        return
    times = (fact.started_at, fact.finished_at)
    if "$" not in fact.path:
        succeed(turn, fact.path, fact.attempt, fact.output, times=times)
        return
    size = 0 if fact.output.ref else fact.output.size
    turn.emit(
        NodeSucceeded(
            path=fact.path,
            attempt=fact.attempt,
            output=fact.output,
            started_at=times[0],
            finished_at=times[1],
        ),
        size,
    )
    turn.push("use", fact.path, fact.attempt, fact.output)

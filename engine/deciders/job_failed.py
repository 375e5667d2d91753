"""What follows from `JobFailed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.deciders.current import current
from engine.flow.settle import attempt_failed

if TYPE_CHECKING:
    from engine.facts import JobFailed
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: JobFailed) -> None:
    """An attempt failed: again, or for good."""
    if current(turn, fact.path, fact.attempt) is None:
        return
    times = (fact.started_at, fact.finished_at)
    attempt_failed(turn, fact.path, fact.attempt, fact.error, retryable=fact.retryable, times=times)

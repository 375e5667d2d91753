"""What follows from `TimerFired`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.flow.settle import succeed
from engine.flow.timeouts import time_out
from engine.ids import base_path
from engine.payload import NULL
from engine.state import NodeStatus
from engine.step import Step

if TYPE_CHECKING:
    from engine.facts import TimerFired
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: TimerFired) -> None:
    """A wait is over, an attempt is due, or something took too long; a stale timer says nothing."""
    state = turn.run.node(fact.path)
    if state.attempt != fact.attempt or not state.status.live:
        turn.ignore("the timer is stale")
    elif fact.purpose == "retry" and state.status is NodeStatus.RETRYING:
        _try_again(turn, fact)
    elif fact.purpose == "wait" and state.status is NodeStatus.WAITING:
        succeed(turn, fact.path, fact.attempt, NULL)
    elif fact.purpose == "timeout" and state.status in {NodeStatus.RUNNING, NodeStatus.WAITING}:
        time_out(turn, fact.path, fact.attempt)
    else:
        turn.ignore("the timer is stale")


def _try_again(turn: Turn, fact: TimerFired) -> None:
    """Begin the next attempt, unless a timer told twice has left that to a later decision already."""
    header = turn.run.header
    deferred = (step for chunk in range(header.head, header.tail) for step in turn.run.steps(chunk))
    if any(base_path(step.path) == fact.path for step in deferred):
        turn.ignore("the timer was told before")
        return
    turn.take([Step("begin", fact.path, fact.attempt + 1)])

"""What follows from `WorkContinued`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.flow.steps import take_up
from engine.state.status import RUNNING

if TYPE_CHECKING:
    from engine.facts import WorkContinued
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: WorkContinued) -> None:
    """Take up what an earlier decision left over; a reminder told twice says nothing."""
    header = turn.run.header
    if fact.position != header.head or header.head == header.tail or header.status != RUNNING:
        turn.ignore("nothing is left over at this position")
        return
    take_up(turn)
    turn.continuing = True

"""What follows from `ResumeRequested`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import RunResumed
from engine.state.status import PAUSED

if TYPE_CHECKING:
    from engine.facts import ResumeRequested
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: ResumeRequested) -> None:
    """Go on with what was left over."""
    header = turn.run.header
    if header.status == PAUSED:
        turn.emit(RunResumed(author=fact.author, reason=fact.reason))
    turn.answer(fact.command_id, fact.reply_to, body=b'{"status":"RUNNING"}')

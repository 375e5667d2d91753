"""What follows from `PauseRequested`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import RunPaused
from engine.state.status import PAUSED

if TYPE_CHECKING:
    from engine.facts import PauseRequested
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: PauseRequested) -> None:
    """Dispatch nothing more; what is stopping cannot be paused."""
    header = turn.run.header
    if header.stopping:
        message = "the run is stopping and cannot be paused"
        turn.answer(fact.command_id, fact.reply_to, refused=("RUN_STOPPING", message))
        turn.ignore(message)
        return
    if header.status != PAUSED:
        turn.emit(RunPaused(author=fact.author, reason=fact.reason))
    turn.answer(fact.command_id, fact.reply_to, body=b'{"status":"PAUSED"}')
